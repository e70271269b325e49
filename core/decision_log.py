"""One line of the decision log: what policy was asked, what it was given, what it answered and how long that took."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from core.canonical import JsonObject
from core.decision import Decision

#: Where policy was asked: an agent called a tool; a proposed action; the same action again when it is carried out;
#: an action that a person changed; what waits, after the policy changed; a bundle that is to go live.
Door = Literal["tool", "proposal", "execution", "edit", "revalidation", "activation"]


@dataclass(frozen=True, kw_only=True, slots=True)
class DecisionEntry:
    """A decision as it is written to the log."""

    id: str
    #: None for a decision that is about no ticket.
    ticket_id: str | None
    proposal_id: str | None
    door: Door
    tool: str
    #: Masked. Empty when there were none: a token was refused before policy could be asked.
    facts: JsonObject
    #: The facts as policy saw them, under the ticket's data key. None when the masked ones are exact; empty when the
    #: ticket was shredded, and then nobody can tell any more.
    sealed: bytes | None
    decision: Decision
    #: What deciding took, without collecting facts or masking them.
    microseconds: int


@dataclass(frozen=True, kw_only=True, slots=True)
class LoggedDecision(DecisionEntry):
    """A decision as it is read from the log."""

    #: Counts up; newer is greater.
    sequence: int
    created_at: datetime

    def as_json(self) -> JsonObject:
        """All of it but what is sealed."""
        return {
            "id": self.id,
            "sequence": self.sequence,
            "at": self.created_at.isoformat(),
            "ticket": self.ticket_id,
            "proposal": self.proposal_id,
            "door": self.door,
            "tool": self.tool,
            **self.decision.as_json(),
            "facts": self.facts,
            "exact": self.sealed is None,
            "microseconds": self.microseconds,
        }


class PastDecision(NamedTuple):
    """A logged decision in the shape a replay reads a hundred thousand of: JSON as text, parsed where it is needed."""

    id: str
    ticket_id: str | None
    proposal_id: str | None
    door: Door
    tool: str
    facts: str
    sealed: bytes | None
    decision: str
    bundle_hash: str
    created_at: datetime


def seal_context(decision_id: str, ticket_id: str) -> str:
    """What ties sealed facts to their place: moved to another decision they do not open."""
    return f"decision:{ticket_id}:{decision_id}"
