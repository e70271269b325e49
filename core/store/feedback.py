"""What people say of verdicts: append-only, and the newest of each person on each assessment counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from core.assessment import Verdict
from core.audit import AuditEvent
from core.clock import Clock
from core.ids import new_id
from core.store.audit import AuditTrail
from core.store.console_schema import FeedbackRow


@dataclass(frozen=True, kw_only=True, slots=True)
class Feedback:
    """One person's word on one assessment."""

    id: str
    ticket_id: str
    assessment_id: str
    person: str
    #: What the verdict should have been; the team's own where the person agrees.
    verdict: Verdict
    agrees: bool
    #: Masked; empty where nobody gave one.
    reason: str
    created_at: datetime


class FeedbackLog:
    """People's words on verdicts."""

    def __init__(self, session: Session, clock: Clock, audit: AuditTrail) -> None:
        self._session = session
        self._clock = clock
        self._audit = audit

    def add(
        self,
        *,
        ticket_id: str,
        assessment_id: str,
        person: str,
        verdict: Verdict,
        agrees: bool,
        reason: str,
        audit: AuditEvent,
    ) -> Feedback:
        """Keep one person's word. `reason` must be masked."""
        self._audit.take(audit)
        row = FeedbackRow(
            id=new_id("fbk"),
            ticket_id=ticket_id,
            assessment_id=assessment_id,
            person=person,
            verdict=verdict.value,
            agrees=agrees,
            reason=reason,
            created_at=self._clock.now(),
        )
        self._session.add(row)
        self._session.flush()
        return _feedback(row)

    def of(self, ticket_id: str) -> list[Feedback]:
        """What counts on a ticket, oldest first, on earlier assessments of it too."""
        newest = _newest(FeedbackRow.ticket_id == ticket_id)
        rows = self._session.scalars(select(newest).order_by(newest.created_at, newest.id))
        return [_feedback(row) for row in rows]

    def latest(self, *, since: datetime | None = None, limit: int = 1_000) -> list[Feedback]:
        """What counts, newest first: labels for an evaluation."""
        newest = _newest(*_after(since))
        rows = self._session.scalars(select(newest).order_by(newest.created_at.desc(), newest.id.desc()).limit(limit))
        return [_feedback(row) for row in rows]

    def counts(self, since: datetime | None = None) -> dict[str, int]:
        """How many of the words that count agree with the team, and how many correct it."""
        newest = _newest(*_after(since))
        found = self._session.execute(select(newest.agrees, func.count()).group_by(newest.agrees))
        numbers = {bool(agrees): count for agrees, count in found}
        return {"agreed": numbers.get(True, 0), "corrected": numbers.get(False, 0)}


def _newest(*conditions: Any) -> Any:
    """The newest row of each person on each assessment."""
    rank = func.row_number().over(
        partition_by=(FeedbackRow.assessment_id, FeedbackRow.person),
        order_by=(FeedbackRow.created_at.desc(), FeedbackRow.id.desc()),
    )
    ranked = select(FeedbackRow, rank.label("rank")).where(*conditions).subquery()
    first = select(ranked).where(ranked.c.rank == 1).subquery()
    return aliased(FeedbackRow, first)


def _after(since: datetime | None) -> tuple[Any, ...]:
    return () if since is None else (FeedbackRow.created_at >= since,)


def _feedback(row: FeedbackRow) -> Feedback:
    return Feedback(
        id=row.id,
        ticket_id=row.ticket_id,
        assessment_id=row.assessment_id,
        person=row.person,
        verdict=Verdict(row.verdict),
        agrees=row.agrees,
        reason=row.reason,
        created_at=row.created_at,
    )
