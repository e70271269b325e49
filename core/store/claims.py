"""Who works on which ticket."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from core.audit import AuditEvent
from core.clock import Clock
from core.store.audit import AuditTrail
from core.store.console_schema import ClaimRow
from core.store.schema import TicketRow
from core.worklist import Claim


class Claims:
    """One claim a ticket at most; one that has run out is none."""

    def __init__(self, session: Session, clock: Clock, audit: AuditTrail) -> None:
        self._session = session
        self._clock = clock
        self._audit = audit

    def of(self, ticket_id: str) -> Claim | None:
        """Who works on a ticket now."""
        return self.among([ticket_id]).get(ticket_id)

    def among(self, ticket_ids: Collection[str]) -> dict[str, Claim]:
        """Who works on these tickets now."""
        if not ticket_ids:
            return {}
        query = select(ClaimRow).where(ClaimRow.ticket_id.in_(ticket_ids), ClaimRow.until > self._clock.now())
        return {row.ticket_id: _claim(row) for row in self._session.scalars(query)}

    def lock(self, ticket_id: str) -> None:
        """Let nobody else claim the ticket until this transaction ends."""
        self._session.execute(select(TicketRow.sequence).where(TicketRow.id == ticket_id).with_for_update())

    def set(self, ticket_id: str, person: str, until: datetime, audit: AuditEvent) -> Claim:
        """Make the ticket this person's, whoever had it; the caller holds the `lock` and has looked."""
        self._audit.take(audit)
        now = self._clock.now()
        row = self._session.merge(ClaimRow(ticket_id=ticket_id, person=person, created_at=now, until=until))
        self._session.flush()
        return _claim(row)

    def extend(self, ticket_id: str, person: str, until: datetime) -> None:
        """Let a claim last longer. No event: pages would wake one another with it."""
        row = self._session.get(ClaimRow, ticket_id)
        if row is not None and row.person == person:
            row.until = until

    def drop(self, ticket_id: str, person: str, audit: AuditEvent) -> bool:
        """End this person's claim; False when it was not theirs."""
        gone = self._session.execute(
            delete(ClaimRow)
            .where(ClaimRow.ticket_id == ticket_id, ClaimRow.person == person)
            .returning(ClaimRow.ticket_id)
        ).first()
        if gone is not None:
            self._audit.take(audit)
        return gone is not None


def _claim(row: ClaimRow) -> Claim:
    return Claim(ticket_id=row.ticket_id, person=row.person, created_at=row.created_at, until=row.until)
