"""Who may answer a question that policy asks people, and when the answers are enough. The same for every action.

Pure: an action of a ticket (`workflows/approvals.py`) and a change of the policy itself (`workflows/activation.py`)
are answered by one rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.decision import Decision
from core.errors import ApprovalRefused, ReauthenticationNeeded


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What matters of a question for whose answer counts."""

    #: What it is about, for sentences: `proposal`, `change`.
    about: str
    #: What to do when it cannot be answered any more, for sentences.
    again: str
    state: str
    pending: bool
    #: What answers are bound to.
    digest: str
    #: Who wants it done: `user:NAME` for a person.
    asked_by: str
    #: Roles that count.
    roles: Sequence[str]
    expires_at: datetime | None
    #: People who have answered already.
    answered: frozenset[str]


def check(question: Question, *, person: str, roles: Sequence[str], digest: str, now: datetime) -> None:
    """Raises:
    ApprovalRefused: this person may not answer this question now; the sentence says why.
    """
    about = question.about
    if not question.pending:
        raise ApprovalRefused(f"This {about} is {question.state}; only one that is pending takes answers.")
    if question.expires_at is not None and now >= question.expires_at:
        raise ApprovalRefused(f"This {about} expired at {question.expires_at.isoformat()}; {question.again}.")
    if digest != question.digest:
        raise ApprovalRefused(f"The {about} is not the one you saw (its digest differs); look at it again.")
    if question.asked_by == f"user:{person}":
        raise ApprovalRefused(f"You proposed this {about}, so somebody else must answer it.")
    if not set(roles) & set(question.roles):
        wanted = ", ".join(question.roles)
        raise ApprovalRefused(f"This {about} takes one of the roles {wanted}; {person} has none of them.")
    if person in question.answered:
        raise ApprovalRefused(already(person, about))


def check_fresh(decision: Decision | None, *, authenticated_at: datetime | None, now: datetime) -> None:
    """Look at when a person last said who they are, where policy asks for that; after `check`, so that nobody types a
    password for an answer that would not count.

    `authenticated_at` is None for API keys and on the command line, where nobody is asked for a password.

    Raises:
        ReauthenticationNeeded: that is too long ago.
    """
    within = decision.reauthenticate_seconds if decision else 0
    if not within:
        return
    if authenticated_at is None or (now - authenticated_at).total_seconds() > within:
        minutes = max(1, round(within / 60))
        raise ReauthenticationNeeded(
            f"Policy asks for a sign-in that is at most {minutes} min old before this answer; confirm your password in "
            "the console and answer there."
        )


def already(person: str, about: str) -> str:
    """The sentence for a second answer."""
    return f"{person} has answered this {about} already; an answer cannot be changed."


def settled(answers: Iterable[bool], *, needed: int) -> bool | None:
    """True when enough people said yes, False when one said no, None while it waits."""
    given = list(answers)
    if not all(given):
        return False
    return True if len(given) >= max(1, needed) else None
