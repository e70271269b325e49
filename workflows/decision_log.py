"""The log's entries that are about no ticket; those about one are made by `tools.decision_log`."""

from __future__ import annotations

from core.decision import Decision, Facts
from core.decision_log import DecisionEntry
from core.ids import new_id


def activation_entry(*, facts: Facts, decision: Decision, microseconds: int) -> DecisionEntry:
    """The entry of a decision whether a bundle may go live.

    Nothing in it can be masked, for there is no ticket: the facts may name bundles and counts, never people.
    """
    return DecisionEntry(
        id=new_id("dec"),
        ticket_id=None,
        proposal_id=None,
        door="activation",
        tool=facts.tool,
        facts=facts.as_json(),
        sealed=None,
        decision=decision,
        microseconds=microseconds,
    )
