"""The outbox: what must reach the outside, until it has."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.audit import AuditEvent
from core.canonical import JsonObject
from core.clock import Clock
from core.ids import new_id
from core.store.audit import AuditTrail
from core.store.schema import OutboxRow

#: Seconds between the first two tries; doubles each time.
FIRST_RETRY = 5
#: Longest wait between two tries, in seconds (one hour).
LONGEST_RETRY = 3600
#: Tries before a message is set aside for a person (about a day and a half at the longest wait).
MAX_ATTEMPTS = 40


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One message on its way out; the payload is masked."""

    id: str
    ticket_id: str
    kind: str
    destination: str
    payload: JsonObject
    attempts: int
    created_at: datetime


class Outbox:
    """At-least-once: receivers drop repeats by the message id."""

    def __init__(self, session: Session, clock: Clock, audit: AuditTrail) -> None:
        self._session = session
        self._clock = clock
        self._audit = audit

    def add(self, *, ticket_id: str, kind: str, destination: str, payload: JsonObject) -> str:
        """Queue a message in this transaction; returns its id."""
        message_id = new_id("obx")
        now = self._clock.now()
        self._session.add(
            OutboxRow(
                id=message_id,
                ticket_id=ticket_id,
                kind=kind,
                destination=destination,
                payload=payload,
                due_at=now,
                created_at=now,
            )
        )
        self._session.flush()
        return message_id

    def drop_undelivered(self, ticket_id: str) -> None:
        """Forget what a superseded ticket has not said yet."""
        self._session.execute(
            update(OutboxRow)
            .where(OutboxRow.ticket_id == ticket_id, OutboxRow.delivered_at.is_(None))
            .values(dead=True, error="superseded by a newer version")
        )

    def claim(self, *, seconds: float, limit: int = 20, ticket_id: str | None = None) -> list[Message]:
        """Take due messages; for `seconds` no other process will."""
        now = self._clock.now()
        query = (
            select(OutboxRow)
            .where(OutboxRow.delivered_at.is_(None), OutboxRow.dead.is_(False), OutboxRow.due_at <= now)
            .order_by(OutboxRow.created_at, OutboxRow.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        if ticket_id is not None:
            query = query.where(OutboxRow.ticket_id == ticket_id)
        rows = list(self._session.scalars(query))
        for row in rows:
            row.due_at = now + timedelta(seconds=seconds)
            row.attempts += 1
        return [_message(row) for row in rows]

    def delivered(self, message: Message, audit: AuditEvent) -> None:
        """The receiver has it."""
        self._session.execute(
            update(OutboxRow).where(OutboxRow.id == message.id).values(delivered_at=self._clock.now(), error=None)
        )
        self._audit.take(audit)

    def failed(self, message: Message, *, error: str, audit: AuditEvent) -> bool:
        """Try again later (exponential backoff); True when it is given up and set aside."""
        dead = message.attempts >= MAX_ATTEMPTS
        wait = min(FIRST_RETRY * 2 ** (message.attempts - 1), LONGEST_RETRY)
        self._session.execute(
            update(OutboxRow)
            .where(OutboxRow.id == message.id)
            .values(due_at=self._clock.now() + timedelta(seconds=wait), dead=dead, error=error[:500])
        )
        self._audit.take(audit)
        return dead

    def pending(self, ticket_id: str | None = None) -> int:
        """Messages that are neither delivered nor set aside."""
        query = select(OutboxRow.id).where(OutboxRow.delivered_at.is_(None), OutboxRow.dead.is_(False))
        if ticket_id is not None:
            query = query.where(OutboxRow.ticket_id == ticket_id)
        return len(list(self._session.scalars(query)))

    def of(self, ticket_id: str) -> list[JsonObject]:
        """A ticket's messages, oldest first."""
        rows = self._session.scalars(
            select(OutboxRow).where(OutboxRow.ticket_id == ticket_id).order_by(OutboxRow.created_at, OutboxRow.id)
        )
        return [
            {
                "id": row.id,
                "kind": row.kind,
                "destination": row.destination,
                "attempts": row.attempts,
                "delivered_at": row.delivered_at.isoformat() if row.delivered_at else None,
                "dead": row.dead,
                "error": row.error,
            }
            for row in rows
        ]


def _message(row: OutboxRow) -> Message:
    return Message(
        id=row.id,
        ticket_id=row.ticket_id,
        kind=row.kind,
        destination=row.destination,
        payload=row.payload,
        attempts=row.attempts,
        created_at=row.created_at,
    )
