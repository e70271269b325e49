"""Evidence rows."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.audit import AuditEvent
from core.evidence import Evidence, Trust
from core.store.audit import AuditTrail
from core.store.schema import EvidenceRow


class EvidenceLog:
    """Append-only: evidence is never changed."""

    def __init__(self, session: Session, audit: AuditTrail) -> None:
        self._session = session
        self._audit = audit

    def add(self, evidence: Evidence, audit: AuditEvent) -> None:
        """Keep one result. Its id must be the ticket's next (`E1`, `E2`, …)."""
        self._audit.take(audit)
        self._session.add(
            EvidenceRow(
                ticket_id=evidence.ticket_id,
                number=int(evidence.id.removeprefix("E")),
                tool=evidence.tool,
                agent=evidence.agent,
                arguments=evidence.arguments,
                trust=evidence.trust.value,
                summary=evidence.summary,
                facts=dict(evidence.facts),
                detail=evidence.detail,
                error=evidence.error,
                sandbox=evidence.sandbox,
                duration_ms=evidence.duration_ms,
                digest=evidence.digest,
                created_at=evidence.created_at,
            )
        )
        self._session.flush()

    def of(self, ticket_id: str) -> list[Evidence]:
        """A ticket's evidence in the order it was found."""
        rows = self._session.scalars(
            select(EvidenceRow).where(EvidenceRow.ticket_id == ticket_id).order_by(EvidenceRow.number)
        )
        return [_evidence(row) for row in rows]

    def newest(self, ticket_id: str) -> Evidence | None:
        """The last result of a ticket; its id says how many there are."""
        newest = (
            select(EvidenceRow).where(EvidenceRow.ticket_id == ticket_id).order_by(EvidenceRow.number.desc()).limit(1)
        )
        row = self._session.scalar(newest)
        return _evidence(row) if row is not None else None


def _evidence(row: EvidenceRow) -> Evidence:
    return Evidence(
        ticket_id=row.ticket_id,
        id=f"E{row.number}",
        tool=row.tool,
        agent=row.agent,
        arguments=row.arguments,
        trust=Trust(row.trust),
        summary=row.summary,
        facts=row.facts,
        detail=row.detail,
        error=row.error,
        sandbox=row.sandbox,
        duration_ms=row.duration_ms,
        digest=row.digest,
        created_at=row.created_at,
    )
