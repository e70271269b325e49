"""Decides everything again by a candidate bundle: every past decision and every waiting approval."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from core.decision import Decision, Facts, Outcome
from core.decision_log import PastDecision
from core.store.engine import Store
from core.store.transaction import Transaction
from workflows.replay import Judge, Recall, Unknown
from workflows.simulation import MINUTES, NO_RULE, Flip, Simulation

if TYPE_CHECKING:
    from policies.bundle import Bundle
    from tools.registry import Registry

#: Doors that ask again about something an earlier decision was about; counted apart, so that nothing is told twice.
RECHECKS = frozenset({"execution", "revalidation"})
#: Doors where `ask` means that people are asked. A tool in the room is refused instead.
ASKING = frozenset({"proposal", "edit", "activation"})
#: Decisions between two words on how far a simulation is: a few hundredths of a second.
TELL_EVERY = 500
_Decide = Callable[[PastDecision, Facts], Decision]


def simulate(
    store: Store,
    registry: Registry,
    candidate: Bundle,
    *,
    live: Bundle | None = None,
    since: datetime | None = None,
    minutes: float = MINUTES,
    tell: Callable[[int], None] | None = None,
) -> Simulation:
    """Decide everything again by `candidate`; compared with what was recorded then, or with `live` where it is given.

    Reads only, and holds one read transaction meanwhile. `tell` is given how many were decided, now and then; what it
    raises ends the simulation.

    Raises:
        Temporary: the master key or the database is away.
    """
    found = Simulation(
        candidate=candidate.hash, against=live.hash if live is not None else None, since=since, minutes=minutes
    )
    with store.read() as tx:
        after = Judge(tx, registry, candidate)
        before = Judge(tx, registry, live).decide if live is not None else _Recorded().decide
        recall = Recall(tx)
        for number, (past, facts) in enumerate(recall.each(tx.decisions.all_since(since))):
            if tell is not None and number % TELL_EVERY == 0:
                tell(number)
            _take(found, past, facts, before, after)
        _take_pending(found, tx, recall, before, after)
    return found


class _Recorded:
    """What was decided then. Most decisions say the same in the same words, so few texts are parsed."""

    def __init__(self) -> None:
        self._parsed: dict[str, Decision] = {}

    def decide(self, past: PastDecision, facts: Facts) -> Decision:
        del facts
        known = self._parsed.get(past.decision)
        if known is None:
            known = self._parsed[past.decision] = Decision.from_json(json.loads(past.decision))
        return known


def _take(found: Simulation, past: PastDecision, facts: Facts | Unknown, decide: _Decide, judge: Judge) -> None:
    if isinstance(facts, Unknown):
        found.not_replayable[facts.value] += 1
        return
    before, after = decide(past, facts), judge.decide(past, facts)
    differs = _differs(before, after)
    if past.door in RECHECKS:
        found.rechecks += 1
        found.rechecks_flipped += differs
        return
    found.replayed += 1
    counts = found.tools[past.tool]
    counts["replayed"] += 1
    for when, decision in (("before", before), ("after", after)):
        for rule in decision.rules or (NO_RULE,):
            found.rules[rule][when] += 1
        if decision.outcome is Outcome.ASK and past.door in ASKING:
            found.asked[decision.roles, max(1, decision.approvals)][when] += 1
    if differs:
        flip = _flip(past, before, after)
        found.flips.append(flip)
        counts[flip.kind] += 1


def _take_pending(found: Simulation, tx: Transaction, recall: Recall, decide: _Decide, judge: Judge) -> None:
    """What would become of the questions that wait for people now."""
    for proposal in tx.proposals.waiting():
        found.pending += 1
        past = tx.decisions.past_of_proposal(proposal.id)
        if past is None:
            found.pending_not_replayable[proposal.id] = Unknown.UNLOGGED.value
            continue
        facts = recall.one(past)
        if isinstance(facts, Unknown):
            found.pending_not_replayable[proposal.id] = facts.value
            continue
        before, after = decide(past, facts), judge.decide(past, facts)
        if _differs(before, after):
            found.pending_flips.append(_flip(past, before, after))


def _flip(past: PastDecision, before: Decision, after: Decision) -> Flip:
    return Flip(
        decision_id=past.id,
        ticket_id=past.ticket_id,
        proposal_id=past.proposal_id,
        door=past.door,
        tool=past.tool,
        at=past.created_at,
        before=before,
        after=after,
    )


def _differs(before: Decision, after: Decision) -> bool:
    """Whether the answer, or what it takes from people, is another; other rules alone make no difference."""
    return _answer(before) != _answer(after)


def _answer(decision: Decision) -> tuple[object, ...]:
    return (
        decision.outcome,
        decision.approvals,
        decision.roles,
        decision.expires_seconds,
        decision.lease_seconds,
        decision.on_expiry,
        decision.reauthenticate_seconds,
    )
