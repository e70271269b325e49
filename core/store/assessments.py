"""Assessments and the conversations behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.assessment import Assessment, ConfidenceBy
from core.audit import AuditEvent
from core.canonical import JsonObject
from core.clock import Clock
from core.store.audit import AuditTrail
from core.store.schema import AssessmentRow, TicketRow, TurnRow

#: Key beside an answer's own under which its row holds what the guardrails altered.
_GUARDRAILS = "guardrails"


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One run of one team on one ticket."""

    id: str
    ticket_id: str
    framework: str
    team: str
    model: str
    bundle_hash: str
    assessment: Assessment
    #: Whose number the assessment's confidence is.
    confidence_by: ConfidenceBy = "model"
    #: Why the team's answer is less than it should be; None when all went well.
    note: str | None
    #: What the guardrails altered: check, action, where and count of each.
    guardrails: tuple[JsonObject, ...] = ()
    model_requests: int
    tokens_in: int
    tokens_out: int
    seconds: float


class Assessments:
    """Append-only; the newest of a ticket counts."""

    def __init__(self, session: Session, clock: Clock, audit: AuditTrail) -> None:
        self._session = session
        self._clock = clock
        self._audit = audit

    def add(self, run: Run, turns: Sequence[tuple[str, str, str]], audit: AuditEvent) -> None:
        """Keep a run and its turns, each (agent, role, masked content)."""
        self._audit.take(audit)
        now = self._clock.now()
        came = self._session.scalar(select(TicketRow.created_at).where(TicketRow.id == run.ticket_id))
        self._session.add(
            AssessmentRow(
                id=run.id,
                ticket_id=run.ticket_id,
                framework=run.framework,
                team=run.team,
                model=run.model,
                bundle_hash=run.bundle_hash,
                data={**run.assessment.model_dump(mode="json"), _GUARDRAILS: list(run.guardrails)},
                confidence_by=run.confidence_by,
                note=run.note,
                model_requests=run.model_requests,
                tokens_in=run.tokens_in,
                tokens_out=run.tokens_out,
                seconds=run.seconds,
                after_seconds=(now - came).total_seconds() if came is not None else None,
                created_at=now,
            )
        )
        self._session.flush()
        for number, (agent, role, content) in enumerate(turns, 1):
            self._session.add(TurnRow(assessment_id=run.id, number=number, agent=agent, role=role, content=content))

    def latest(self, ticket_id: str) -> Run | None:
        """The newest run of a ticket."""
        row = self._session.scalar(
            select(AssessmentRow)
            .where(AssessmentRow.ticket_id == ticket_id)
            .order_by(AssessmentRow.created_at.desc(), AssessmentRow.id.desc())
            .limit(1)
        )
        if row is None:
            return None
        return Run(
            id=row.id,
            ticket_id=row.ticket_id,
            framework=row.framework,
            team=row.team,
            model=row.model,
            bundle_hash=row.bundle_hash,
            assessment=Assessment.model_validate({name: row.data[name] for name in row.data if name != _GUARDRAILS}),
            confidence_by=row.confidence_by,
            note=row.note,
            guardrails=tuple(row.data.get(_GUARDRAILS, ())),
            model_requests=row.model_requests,
            tokens_in=row.tokens_in,
            tokens_out=row.tokens_out,
            seconds=row.seconds,
        )

    def kept_at(self, ticket_id: str) -> datetime | None:
        """When the newest run of a ticket was kept."""
        return self._session.scalar(
            select(func.max(AssessmentRow.created_at)).where(AssessmentRow.ticket_id == ticket_id)
        )

    def turns(self, run_id: str) -> list[JsonObject]:
        """The conversation of a run."""
        rows = self._session.scalars(select(TurnRow).where(TurnRow.assessment_id == run_id).order_by(TurnRow.number))
        return [{"number": r.number, "agent": r.agent, "role": r.role, "content": r.content} for r in rows]
