"""The audit trail: events in one hash chain, written at the end of the transaction they belong to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from core.audit import GENESIS, AuditEvent, link
from core.canonical import JsonObject
from core.clock import Clock
from core.errors import AuditBroken
from core.store.columns import storable
from core.store.schema import AuditRow

#: PostgreSQL advisory lock that orders writers of the chain.
CHAIN_LOCK = 7203515


class AuditTrail:
    """Events taken in one transaction. They are linked at commit, so the chain's lock is held briefly."""

    def __init__(self, session: Session, clock: Clock) -> None:
        self._session = session
        self._clock = clock
        self._pending: list[AuditEvent] = []

    def take(self, event: AuditEvent) -> None:
        """Record `event` with this transaction: both are kept, or neither."""
        self._pending.append(replace(event, data=storable(event.data)))

    def flush(self) -> None:
        """Link and write what was taken. Called by `Store.begin` just before it commits."""
        if not self._pending:
            return
        self._session.flush()
        if self._session.get_bind().dialect.name == "postgresql":
            self._session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": CHAIN_LOCK})
        last = self._session.execute(
            select(AuditRow.sequence, AuditRow.hash).order_by(AuditRow.sequence.desc()).limit(1)
        ).first()
        sequence, previous = (last.sequence, last.hash) if last else (0, GENESIS)
        at = self._clock.now().isoformat()
        for event in self._pending:
            sequence += 1
            try:
                previous = link(previous, sequence=sequence, at=at, event=event)
            except ValueError as error:
                raise AuditBroken(f"An audit event ({event.action}) cannot be written: {error}.") from None
            self._session.add(
                AuditRow(
                    sequence=sequence,
                    at=at,
                    action=event.action,
                    actor=event.actor,
                    ticket_id=event.ticket_id,
                    data=event.data,
                    hash=previous,
                )
            )
        self._pending.clear()
        self._session.flush()

    def of(self, ticket_id: str) -> list[JsonObject]:
        """A ticket's events, oldest first."""
        rows = self._session.scalars(
            select(AuditRow).where(AuditRow.ticket_id == ticket_id).order_by(AuditRow.sequence)
        )
        return [_as_json(row) for row in rows]

    def newest(self) -> int:
        """The number of the newest event; 0 when there is none."""
        return self._session.scalar(select(func.max(AuditRow.sequence))) or 0

    def newest_of(self, ticket_id: str, *, besides: str = "") -> int:
        """The number of the newest event about a ticket that this actor did not cause; 0 when there is none."""
        mine = (AuditRow.ticket_id == ticket_id, AuditRow.actor != besides)
        return self._session.scalar(select(func.max(AuditRow.sequence)).where(*mine)) or 0

    def tickets_since(self, sequence: int, *, limit: int) -> list[str]:
        """Tickets that later events are about."""
        rows = self._session.scalars(
            select(AuditRow.ticket_id)
            .where(AuditRow.sequence > sequence, AuditRow.ticket_id.is_not(None))
            .distinct()
            .limit(limit)
        )
        return [ticket_id for ticket_id in rows if ticket_id is not None]

    def all(self) -> Iterator[JsonObject]:
        """Every event, oldest first."""
        for row in self._session.scalars(select(AuditRow).order_by(AuditRow.sequence).execution_options(yield_per=500)):
            yield _as_json(row)

    def verify(self) -> int:
        """Recompute the whole chain and return its length.

        Raises:
            AuditBroken: names the first event that was changed, moved, or whose predecessor is gone.
        """
        previous, expected = GENESIS, 0
        for row in self._session.scalars(select(AuditRow).order_by(AuditRow.sequence).execution_options(yield_per=500)):
            expected += 1
            if row.sequence != expected:
                raise AuditBroken(f"Audit event {expected} is missing; restore the trail from a backup and compare.")
            event = AuditEvent(action=row.action, actor=row.actor, ticket_id=row.ticket_id, data=row.data)
            if link(previous, sequence=row.sequence, at=row.at, event=event) != row.hash:
                raise AuditBroken(
                    f"Audit event {row.sequence} was changed after it was written; compare with a backup."
                )
            previous = row.hash
        return expected


def _as_json(row: AuditRow) -> JsonObject:
    return {
        "sequence": row.sequence,
        "at": row.at,
        "action": row.action,
        "actor": row.actor,
        "ticket_id": row.ticket_id,
        "data": row.data,
        "hash": row.hash,
    }
