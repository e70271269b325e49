"""What lists of work show: who works on what, one line of a case, one line of a question, and what may be asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.action import ProposalState
from core.decision import Decision
from core.ticket import TicketState

#: Characters of a masked title in lists.
MAX_HEADLINE = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """That a person works on a ticket for a while. A courtesy to others, not a lock."""

    ticket_id: str
    person: str
    created_at: datetime
    until: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class SavedView:
    """Filters of the queue that a person keeps under a name."""

    id: str
    name: str
    #: The query string of the queue.
    query: str


class Group(StrEnum):
    """States of tickets as people sort their work."""

    WAITING = "waiting"  # an action waits for a person's answer
    WORKING = "working"  # casemate is at it
    PERSON = "person"  # casemate could not finish; a person must take it
    FINISHED = "finished"  # nothing is left to do


S = TicketState
#: Every state belongs to one group.
GROUPS: dict[Group, tuple[TicketState, ...]] = {
    Group.WAITING: (S.AWAITING_APPROVAL,),
    Group.WORKING: (S.RECEIVED, S.MASKED, S.INVESTIGATING, S.DECIDED, S.EXECUTING),
    Group.PERSON: (S.ESCALATED, S.FAILED),
    Group.FINISHED: (S.REPORTED, S.CLOSED, S.SUPERSEDED),
}
del S


@dataclass(frozen=True, kw_only=True, slots=True)
class Filters:
    """What a list of cases is narrowed to; empty fields narrow nothing."""

    group: Group | None = None
    verdict: str = ""
    severity: str = ""
    source: str = ""
    kind: str = ""
    team: str = ""
    #: Only what this person has claimed.
    claimed_by: str = ""
    #: Only what came in from this moment on.
    since: datetime | None = None
    #: Only what came in before this moment.
    until: datetime | None = None
    #: A ticket id, how an external id begins, a source, or words of the masked title.
    search: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseLine:
    """One case in a list; everything in it is masked but the sender's own id for it."""

    sequence: int
    ticket_id: str
    source: str
    external_id: str
    version: int
    kind: str
    team: str
    state: TicketState
    verdict: str | None
    severity: str | None
    confidence: float | None
    #: Masked and short; empty until the ticket was masked.
    title: str
    created_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Cases:
    """One page of cases, newest first."""

    lines: tuple[CaseLine, ...]
    #: The sequence that the next page lies before; None on the last page.
    older: int | None
    #: True when looking stopped before a page was full, because it had looked at enough.
    stopped: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One question to people in a list, without what the action is."""

    proposal_id: str
    ticket_id: str
    state: ProposalState
    digest: str
    proposed_by: str
    decision: Decision
    expires_at: datetime | None
    created_at: datetime


def headline(title: str) -> str:
    """A masked title cut to `MAX_HEADLINE`, between words so that no token is cut."""
    flat = " ".join(title.split())
    if len(flat) <= MAX_HEADLINE:
        return flat
    cut = flat[: MAX_HEADLINE - 1]
    return (cut[: cut.rfind(" ")] if " " in cut[MAX_HEADLINE // 2 :] else cut) + "…"
