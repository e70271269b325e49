"""Ticket rows: intake, leases, and moves through the `TRANSITIONS` table."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import Select, and_, delete, func, or_, select, update
from sqlalchemy.orm import Session

from core.audit import AuditEvent
from core.canonical import JsonObject
from core.clock import Clock
from core.errors import LeaseLost, NotFound, TriageError
from core.ids import new_id
from core.store.audit import AuditTrail
from core.store.console_schema import HeadlineRow
from core.store.schema import SightingRow, TicketRow, TokenRow
from core.store.vault import Vault
from core.ticket import (
    RESTING,
    TRANSITIONS,
    Attachment,
    Lease,
    MaskedTicket,
    Original,
    Ticket,
    TicketIn,
    TicketState,
)
from core.vault import seal, unseal
from core.worklist import headline

#: Seconds after which a sweep rings again for a ticket that is still idle: by then the last bell is lost.
RING_AGAIN_SECONDS = 60.0
#: Starts a content digest that is keyed by the ticket's data key; the first release wrote none.
KEYED = "hmac-sha256:"
#: The purpose of the secret that indicators are hashed with.
FINGERPRINTS = "indicator-fingerprints"
#: States that a sweep never rings for.
_RESTING = [state.value for state in RESTING]


class Tickets:
    """Tickets, their sealed originals and masked copies."""

    def __init__(self, session: Session, clock: Clock, vault: Vault, audit: AuditTrail) -> None:
        self._session = session
        self._clock = clock
        self._vault = vault
        self._audit = audit

    # --- intake

    def find(self, source: str, external_id: str, version: int) -> Ticket | None:
        """The ticket of this identity."""
        row = self._session.scalar(
            select(TicketRow).where(
                TicketRow.source == source, TicketRow.external_id == external_id, TicketRow.version == version
            )
        )
        return _ticket(row) if row else None

    def holds(self, ticket_id: str, sent: TicketIn) -> bool:
        """Whether a ticket is the very one that was `sent`. Of a shredded one nobody can tell, so it is."""
        row = self._row(ticket_id)
        if row.shredded_at is not None:
            return True
        if row.content_digest.startswith(KEYED):
            return hmac.compare_digest(row.content_digest, _keyed(self._vault.data_key(ticket_id), sent))
        return row.content_digest == sent.content_digest

    def versions(self, source: str, external_id: str) -> list[Ticket]:
        """All versions of a ticket, oldest first."""
        rows = self._session.scalars(
            select(TicketRow)
            .where(TicketRow.source == source, TicketRow.external_id == external_id)
            .order_by(TicketRow.version)
        )
        return [_ticket(row) for row in rows]

    def add(self, ticket: TicketIn, *, kind: str, framework: str, audit: AuditEvent) -> Ticket:
        """Store a new ticket, sealed under a data key of its own.

        Raises:
            Duplicate (when the transaction ends): the same identity arrived at the same moment; read it instead.
        """
        self._one_at_a_time(f"{ticket.source}/{ticket.external_id}")
        ticket_id = new_id("tkt")
        key, wrapped = self._vault.new_key(ticket_id)
        now = self._clock.now()
        row = TicketRow(
            id=ticket_id,
            source=ticket.source,
            external_id=ticket.external_id,
            version=ticket.version,
            content_digest=_keyed(key, ticket),
            kind=kind,
            state=TicketState.RECEIVED.value,
            framework=framework,
            sealed=seal(key, ticket.model_dump_json().encode(), context=f"ticket:{ticket_id}"),
            masked=None,
            created_at=now,
            updated_at=now,
        )
        self._session.add(row)
        self._session.flush()
        self._vault.keep_key(ticket_id, wrapped)
        self._audit.take(
            AuditEvent(
                action=audit.action,
                actor=audit.actor,
                ticket_id=ticket_id,
                data={**audit.data, "kind": kind, "content": row.content_digest},
            )
        )
        return _ticket(row)

    def assign_framework(self, ticket_id: str, framework: str) -> None:
        """Settle which framework hosts the team (only before the first step)."""
        self._row(ticket_id).framework = framework

    # --- reading

    def get(self, ticket_id: str, *, lock: bool = False) -> Ticket:
        """The ticket; with `lock`, nobody else changes it until this transaction ends.

        Raises:
            NotFound: there is no such ticket.
        """
        return _ticket(self._row(ticket_id, lock=lock))

    def recent(
        self, *, states: Iterable[TicketState] | None = None, before: int | None = None, limit: int = 100
    ) -> list[Ticket]:
        """Newest first; `before` is the sequence to go on from."""
        query = select(TicketRow).order_by(TicketRow.sequence.desc()).limit(limit)
        if states is not None:
            query = query.where(TicketRow.state.in_([state.value for state in states]))
        if before is not None:
            query = query.where(TicketRow.sequence < before)
        return [_ticket(row) for row in self._session.scalars(query)]

    def counts(self) -> dict[str, int]:
        """Tickets by state."""
        rows = self._session.execute(select(TicketRow.state, func.count()).group_by(TicketRow.state))
        return {state: count for state, count in rows}  # noqa: C416 — rows are not plain tuples to mypy

    def original(self, ticket_id: str) -> Original:
        """The ticket as it came. Trusted zone only.

        Raises:
            Shredded: it was shredded.
            VaultError: the master key is missing.
        """
        row = self._row(ticket_id)
        key = self._vault.data_key(ticket_id)
        sent = TicketIn.model_validate_json(unseal(key, row.sealed, context=f"ticket:{ticket_id}"))
        return Original(
            source=sent.source,
            external_id=sent.external_id,
            version=sent.version,
            kind=sent.kind,
            title=sent.title,
            body=sent.body,
            fields=sent.fields,
            reporter=sent.reporter,
            occurred_at=sent.occurred_at,
            attachments=tuple(Attachment(name=a.name, content=a.content) for a in sent.attachments),
        )

    def masked(self, ticket_id: str) -> MaskedTicket | None:
        """The ticket as teams see it, once it has been masked."""
        row = self._row(ticket_id)
        if row.masked is None:
            return None
        return MaskedTicket(**{**row.masked, "attachments": tuple(row.masked["attachments"])})

    # --- working

    def due(self, *, limit: int = 500) -> list[str]:
        """Tickets somebody should work on and nobody does, oldest first."""
        return list(self._session.scalars(self._due(limit)))

    def ring_for(self, *, limit: int = 500, again_after: float = RING_AGAIN_SECONDS) -> list[str]:
        """Due tickets that no sweep has rung for in the last `again_after` seconds; notes that one does now."""
        now = self._clock.now()
        quiet = or_(TicketRow.rung_at.is_(None), TicketRow.rung_at <= now - timedelta(seconds=again_after))
        ids = list(self._session.scalars(self._due(limit).where(quiet)))
        if ids:
            self._session.execute(update(TicketRow).where(TicketRow.id.in_(ids)).values(rung_at=now))
        return ids

    def _due(self, limit: int) -> Select[str]:
        now = self._clock.now()
        return (
            select(TicketRow.id)
            .where(
                TicketRow.state.not_in(_RESTING),
                or_(TicketRow.lease_until.is_(None), TicketRow.lease_until <= now),
                or_(TicketRow.not_before.is_(None), TicketRow.not_before <= now),
            )
            .order_by(TicketRow.sequence)
            .limit(limit)
        )

    def lease(self, ticket_id: str, *, owner: str, seconds: float) -> Lease | None:
        """Take the ticket, unless someone has it, it must wait, or nothing is left to do. Counts the delivery."""
        now = self._clock.now()
        until = now + timedelta(seconds=seconds)
        taken = self._session.execute(
            update(TicketRow)
            .where(
                TicketRow.id == ticket_id,
                TicketRow.state.not_in(_RESTING),
                or_(TicketRow.lease_until.is_(None), TicketRow.lease_until <= now),
                or_(TicketRow.not_before.is_(None), TicketRow.not_before <= now),
            )
            .values(
                lease_owner=owner,
                lease_until=until,
                fence=TicketRow.fence + 1,
                deliveries=TicketRow.deliveries + 1,
                rung_at=None,
            )
            .returning(TicketRow.fence, TicketRow.state)
        ).first()
        if taken is None:
            return None
        return Lease(ticket_id=ticket_id, owner=owner, fence=taken.fence, state=TicketState(taken.state), until=until)

    def renew(self, lease: Lease, *, seconds: float) -> bool:
        """Hold on for longer; False when the lease is lost."""
        renewed = self._session.execute(
            update(TicketRow)
            .where(self._held(lease))
            .values(lease_until=self._clock.now() + timedelta(seconds=seconds))
            .returning(TicketRow.fence)
        ).first()
        return renewed is not None

    def release(self, lease: Lease, *, not_before: datetime | None = None, trouble: str | None = None) -> None:
        """Let go without moving: the step will run again, not before `not_before`. Does not count as a delivery."""
        row = self._fenced(lease)
        row.lease_owner = row.lease_until = None
        row.deliveries = 0
        row.not_before = not_before
        if trouble is not None:
            row.retries += 1
            row.trouble = trouble
            row.trouble_since = row.trouble_since or self._clock.now()

    def stumble(self, lease: Lease, *, not_before: datetime) -> None:
        """Let go after a crash inside the step; the delivery stays counted."""
        row = self._fenced(lease)
        row.lease_owner = row.lease_until = None
        row.not_before = not_before

    def check(self, lease: Lease) -> Ticket:
        """The ticket, locked for the rest of this transaction.

        Raises:
            LeaseLost: another worker holds it now.
        """
        return _ticket(self._fenced(lease))

    def move(self, lease: Lease, to: TicketState, *, audit: AuditEvent, trouble: str | None = None) -> Ticket:
        """End a step: check the fence, go to `to`, give the lease back.

        Raises:
            LeaseLost: another worker holds the ticket now; this step's transaction must not commit.
            TriageError: the table does not permit the move.
        """
        row = self._fenced(lease)
        row.lease_owner = row.lease_until = row.not_before = None
        row.deliveries = row.retries = 0
        row.trouble, row.trouble_since = trouble, self._clock.now() if trouble else None
        self._go(row, to, audit)
        return _ticket(row)

    def set_state(self, ticket_id: str, to: TicketState, *, audit: AuditEvent, trouble: str | None = None) -> Ticket:
        """Move a ticket from outside a step (a person's answer, a newer version, a retry); voids any lease."""
        row = self._row(ticket_id, lock=True)
        row.fence += 1
        row.lease_owner = row.lease_until = row.not_before = None
        row.deliveries = row.retries = 0
        row.trouble, row.trouble_since = trouble, self._clock.now() if trouble else None
        self._go(row, to, audit)
        return _ticket(row)

    def supersede(self, ticket_id: str, *, by: str, audit: AuditEvent) -> None:
        """A newer version took this one's place."""
        self._row(ticket_id).superseded_by = by
        self.set_state(ticket_id, TicketState.SUPERSEDED, audit=audit)

    def keep_masked(self, lease: Lease, masked: MaskedTicket, *, kind: str, team: str, framework: str) -> None:
        """Store the masked copy and who will work on it."""
        row = self._fenced(lease)
        row.masked = masked.as_json()
        row.kind, row.team, row.framework = kind, team, framework
        self._session.merge(HeadlineRow(sequence=row.sequence, title=headline(masked.title)))

    def keep_verdict(self, lease: Lease, *, verdict: str, severity: str, confidence: float) -> None:
        """Copy the verdict to the ticket, for lists."""
        row = self._fenced(lease)
        row.verdict, row.severity, row.confidence = verdict, severity, confidence

    def forget_run(self, ticket_id: str) -> None:
        """Make a ticket ready to start over: drop its masked copy and tokens, keep its evidence and history."""
        row = self._row(ticket_id)
        row.masked = row.verdict = row.severity = row.confidence = None
        self._session.execute(delete(HeadlineRow).where(HeadlineRow.sequence == row.sequence))
        for token in self._session.scalars(select(TokenRow).where(TokenRow.ticket_id == ticket_id)):
            self._session.delete(token)

    def remember_indicators(self, ticket_id: str, values: Iterable[str]) -> None:
        """Note which indicators a ticket mentions, as keyed hashes."""
        key = self._vault.secret(FINGERPRINTS)
        said = {value.strip().lower().encode() for value in values}
        for fingerprint in sorted(hmac.new(key, value, hashlib.sha256).hexdigest() for value in said):
            self._session.merge(SightingRow(ticket_id=ticket_id, fingerprint=fingerprint))

    def similar(self, ticket_id: str, *, limit: int = 10) -> list[JsonObject]:
        """Decided tickets that share indicators with this one, most shared first."""
        mine = select(SightingRow.fingerprint).where(SightingRow.ticket_id == ticket_id)
        shared = func.count().label("shared")
        rows = self._session.execute(
            select(TicketRow, shared)
            .join(SightingRow, SightingRow.ticket_id == TicketRow.id)
            .where(
                SightingRow.fingerprint.in_(mine),
                TicketRow.id != ticket_id,
                TicketRow.verdict.is_not(None),
                TicketRow.state != TicketState.SUPERSEDED.value,
            )
            .group_by(TicketRow.sequence)
            .order_by(shared.desc(), TicketRow.sequence.desc())
            .limit(limit)
        )
        now = self._clock.now()
        return [
            {
                "ticket_id": row.id,
                "kind": row.kind,
                "verdict": row.verdict,
                "severity": row.severity,
                "shared": count,
                "age_days": (now - row.created_at).days,
            }
            for row, count in rows
        ]

    # --- inside

    def _one_at_a_time(self, identity: str) -> None:
        """Let versions of one ticket in one after the other; on SQLite every writer waits for the last anyway."""
        if self._session.get_bind().dialect.name == "postgresql":
            number = int.from_bytes(hashlib.sha256(identity.encode()).digest()[:8], signed=True)
            self._session.execute(select(func.pg_advisory_xact_lock(number)))

    def _row(self, ticket_id: str, *, lock: bool = False) -> TicketRow:
        query = select(TicketRow).where(TicketRow.id == ticket_id)
        row = self._session.scalar(query.with_for_update() if lock else query)
        if row is None:
            raise NotFound(f"There is no ticket {ticket_id}; `casemate ticket list` shows those there are.")
        return row

    @staticmethod
    def _held(lease: Lease):  # type: ignore[no-untyped-def]  # SQLAlchemy's condition type is private
        return and_(
            TicketRow.id == lease.ticket_id, TicketRow.fence == lease.fence, TicketRow.lease_owner == lease.owner
        )

    def _fenced(self, lease: Lease) -> TicketRow:
        row = self._session.scalar(select(TicketRow).where(self._held(lease)).with_for_update())
        if row is None:
            raise LeaseLost(f"Ticket {lease.ticket_id} was taken over; this worker's result is dropped.")
        return row

    def _go(self, row: TicketRow, to: TicketState, audit: AuditEvent) -> None:
        now = TicketState(row.state)
        if to not in TRANSITIONS[now]:
            raise TriageError(f"Ticket {row.id} cannot go from {now.value} to {to.value}.")
        row.state = to.value
        row.updated_at = self._clock.now()
        self._audit.take(
            AuditEvent(
                action=audit.action,
                actor=audit.actor,
                ticket_id=row.id,
                data={**audit.data, "from": now.value, "to": to.value},
            )
        )


def _ticket(row: TicketRow) -> Ticket:
    return Ticket(
        id=row.id,
        sequence=row.sequence,
        source=row.source,
        external_id=row.external_id,
        version=row.version,
        kind=row.kind,
        state=TicketState(row.state),
        framework=row.framework,
        team=row.team,
        fence=row.fence,
        deliveries=row.deliveries,
        retries=row.retries,
        trouble=row.trouble,
        trouble_since=row.trouble_since,
        not_before=row.not_before,
        superseded_by=row.superseded_by,
        verdict=row.verdict,
        severity=row.severity,
        confidence=row.confidence,
        created_at=row.created_at,
        updated_at=row.updated_at,
        shredded_at=row.shredded_at,
    )


def _keyed(key: bytes, ticket: TicketIn) -> str:
    """Commits to a ticket's content; without its data key nobody can tell whether a guess is right."""
    return KEYED + hmac.new(key, b"content|" + ticket.content_digest.encode(), hashlib.sha256).hexdigest()


def as_json(ticket: Ticket) -> JsonObject:
    """A ticket for APIs and the command line."""
    return {
        "id": ticket.id,
        "source": ticket.source,
        "external_id": ticket.external_id,
        "version": ticket.version,
        "kind": ticket.kind,
        "state": ticket.state.value,
        "framework": ticket.framework,
        "team": ticket.team,
        "verdict": ticket.verdict,
        "severity": ticket.severity,
        "confidence": ticket.confidence,
        "trouble": ticket.trouble,
        "superseded_by": ticket.superseded_by,
        "created_at": ticket.created_at.isoformat(),
        "updated_at": ticket.updated_at.isoformat(),
        "shredded_at": ticket.shredded_at.isoformat() if ticket.shredded_at else None,
    }
