"""Data keys, what is sealed under them, and their end: rotation wraps them anew, shredding destroys them."""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, delete, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from core.action import EffectState, ProposalState
from core.audit import AuditEvent
from core.clock import Clock
from core.errors import Shredded, VaultError
from core.store.audit import AuditTrail
from core.store.schema import (
    Base,
    DecisionRow,
    EffectRow,
    ProposalRow,
    SightingRow,
    TicketKeyRow,
    TicketRow,
    TokenRow,
    VaultSecretRow,
)
from core.ticket import FINISHED
from core.vault import KEY_BYTES, MasterKeys, TokenEntry, WrappedKey, seal, unseal

#: Proposals that somebody may still decide on or carry out.
OPEN_PROPOSALS = frozenset({ProposalState.PROPOSED, ProposalState.PENDING, ProposalState.APPROVED})
#: Effects whose outcome is not known: only the originals tell a probe where to look.
UNSETTLED_EFFECTS = frozenset({EffectState.PLANNED, EffectState.DISPATCHED, EffectState.UNKNOWN})
#: What stands before the name of a secret where a ticket's id could stand.
SECRET = "secret:"  # noqa: S105 — a prefix, not a secret


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldKey:
    """A wrapped key and the place it belongs to: a ticket's id, or `secret:` and a purpose."""

    place: str
    wrapped: WrappedKey


class Vault:
    """Data keys and sealed tokens."""

    def __init__(self, session: Session, clock: Clock, keyring: MasterKeys, audit: AuditTrail) -> None:
        self._session = session
        self._clock = clock
        self._keyring = keyring
        self._audit = audit

    # --- one ticket

    def new_key(self, ticket_id: str) -> tuple[bytes, WrappedKey]:
        """A fresh data key, plain and wrapped; `keep_key` follows once the ticket's row is there."""
        return self._keyring.new_key(ticket_id)

    def keep_key(self, ticket_id: str, wrapped: WrappedKey) -> None:
        """Keep the wrapped data key of a ticket that has just been stored."""
        self._session.add(TicketKeyRow(ticket_id=ticket_id, key_id=wrapped.key_id, wrapped=wrapped.wrapped))
        self._session.flush()

    def data_key(self, ticket_id: str) -> bytes:
        """The ticket's data key.

        Raises:
            Shredded: the ticket was shredded.
            VaultError: its master key is not here.
        """
        row = self._session.get(TicketKeyRow, ticket_id)
        if row is None:
            raise Shredded(f"Ticket {ticket_id} has no data key: it was shredded and its originals are gone.")
        return self._keyring.unwrap(ticket_id, WrappedKey(key_id=row.key_id, wrapped=row.wrapped))

    def data_keys(self, ticket_ids: Collection[str]) -> dict[str, bytes]:
        """The data keys of many tickets; without those that were shredded or whose master key is not here."""
        rows = self._session.scalars(select(TicketKeyRow).where(TicketKeyRow.ticket_id.in_(ticket_ids)))
        keys: dict[str, bytes] = {}
        for row in rows:
            with suppress(VaultError):
                keys[row.ticket_id] = self._keyring.unwrap(
                    row.ticket_id, WrappedKey(key_id=row.key_id, wrapped=row.wrapped)
                )
        return keys

    def entries(self, ticket_id: str) -> list[TokenEntry]:
        """The ticket's tokens with their originals."""
        key = self.data_key(ticket_id)
        rows = self._session.scalars(select(TokenRow).where(TokenRow.ticket_id == ticket_id).order_by(TokenRow.token))
        entries = []
        for row in rows:
            opened = json.loads(unseal(key, row.sealed, context=f"token:{ticket_id}:{row.token}"))
            entries.append(TokenEntry(token=row.token, **opened))
        return entries

    def add(self, ticket_id: str, entries: list[TokenEntry]) -> None:
        """Seal and keep new tokens; one already there is left as it is."""
        if not entries:
            return
        key = self.data_key(ticket_id)
        values = [
            {
                "ticket_id": ticket_id,
                "token": entry.token,
                "sealed": seal(
                    key,
                    json.dumps(
                        {"entity": entry.entity, "value": entry.value, "fingerprint": entry.fingerprint}
                    ).encode(),
                    context=f"token:{ticket_id}:{entry.token}",
                ),
            }
            for entry in entries
        ]
        self._insert_new(TokenRow, values)

    # --- shredding

    def shred(self, ticket_id: str, audit: AuditEvent) -> bool:
        """Destroy the data key and all that only it opens; False when that was done before.

        What is masked stays: the ticket as teams saw it, evidence, decisions, reports, the audit trail.
        """
        dropped = self._session.execute(
            delete(TicketKeyRow).where(TicketKeyRow.ticket_id == ticket_id).returning(TicketKeyRow.key_id)
        ).first()
        if dropped is None:
            return False
        tokens = self._session.execute(
            delete(TokenRow).where(TokenRow.ticket_id == ticket_id).returning(TokenRow.token)
        ).all()
        self._session.execute(
            update(DecisionRow)
            .where(DecisionRow.ticket_id == ticket_id, DecisionRow.sealed.is_not(None))
            .values(sealed=b"")
        )
        self._session.execute(
            update(TicketRow)
            .where(TicketRow.id == ticket_id)
            .values(sealed=b"", content_digest="", shredded_at=self._clock.now())
        )
        self._audit.take(
            AuditEvent(
                action=audit.action,
                actor=audit.actor,
                ticket_id=ticket_id,
                data={**audit.data, "master_key": dropped.key_id, "tokens": len(tokens)},
            )
        )
        return True

    def aged(self, *, before: datetime, limit: int) -> list[str]:
        """Finished tickets that have not moved since `before` and that nothing open needs, oldest first."""
        return list(
            self._session.scalars(
                select(TicketRow.id)
                .where(*self._old(before), TicketRow.state.in_([state.value for state in FINISHED]), ~_needed())
                .order_by(TicketRow.updated_at, TicketRow.id)
                .limit(limit)
            )
        )

    def overage(self, *, before: datetime) -> int:
        """Tickets older than that which keep their originals: given up and not closed, or with something open."""
        held_back = or_(TicketRow.state.not_in([state.value for state in FINISHED]), _needed())
        return self._count(TicketRow, *self._old(before), held_back)

    def shredded(self) -> int:
        """How many tickets have no originals any more."""
        return self._count(TicketRow, TicketRow.shredded_at.is_not(None))

    # --- master keys

    def usage(self) -> dict[str, dict[str, int]]:
        """Master key → how many `tickets` and `secrets` it wraps the key of."""
        counted: dict[str, dict[str, int]] = {}
        for what, column in (("tickets", TicketKeyRow.key_id), ("secrets", VaultSecretRow.key_id)):
            for key_id, count in self._session.execute(select(column, func.count()).group_by(column)):
                counted.setdefault(key_id, {"tickets": 0, "secrets": 0})[what] = count
        return counted

    def keys_not_under(self, key_id: str, *, after: str, limit: int) -> list[HeldKey]:
        """Data keys that another master key wraps, in the order of their tickets, from the one after `after`."""
        rows = self._session.scalars(
            select(TicketKeyRow)
            .where(TicketKeyRow.key_id != key_id, TicketKeyRow.ticket_id > after)
            .order_by(TicketKeyRow.ticket_id)
            .limit(limit)
        )
        return [
            HeldKey(place=row.ticket_id, wrapped=WrappedKey(key_id=row.key_id, wrapped=row.wrapped)) for row in rows
        ]

    def secrets_not_under(self, key_id: str) -> list[HeldKey]:
        """Secrets that another master key wraps."""
        rows = self._session.scalars(select(VaultSecretRow).where(VaultSecretRow.key_id != key_id))
        return [
            HeldKey(place=SECRET + row.name, wrapped=WrappedKey(key_id=row.key_id, wrapped=row.wrapped)) for row in rows
        ]

    def replace(self, held: HeldKey, by: WrappedKey) -> bool:
        """Put another wrapping of the same key in its place; False when it was shredded or replaced meanwhile."""
        table: Any = VaultSecretRow if held.place.startswith(SECRET) else TicketKeyRow
        name = table.name if table is VaultSecretRow else table.ticket_id
        replaced = self._session.execute(
            update(table)
            .where(name == held.place.removeprefix(SECRET), table.wrapped == held.wrapped.wrapped)
            .values(key_id=by.key_id, wrapped=by.wrapped)
            .returning(name)
        ).first()
        return replaced is not None

    # --- secrets of the whole house

    def secret(self, purpose: str) -> bytes:
        """32 bytes for one purpose, the same whatever master key wraps them; made at first use, when writing."""
        row = self._session.get(VaultSecretRow, purpose)
        if row is None:
            wrapped = self._keyring.wrap(SECRET + purpose, self._first_secret(purpose))
            values = [{"name": purpose, "key_id": wrapped.key_id, "wrapped": wrapped.wrapped}]
            self._insert_new(VaultSecretRow, values)  # another process may have been first; then its secret counts
            row = self._session.get_one(VaultSecretRow, purpose)
        return self._keyring.unwrap(SECRET + purpose, WrappedKey(key_id=row.key_id, wrapped=row.wrapped))

    def _first_secret(self, purpose: str) -> bytes:
        """The first release derived it from the master key; what was written with that must still be found."""
        written = self._session.scalar(select(SightingRow.ticket_id).limit(1)) is not None
        former = self._keyring.former_secret(purpose) if written else None
        return former or secrets.token_bytes(KEY_BYTES)

    # --- inside

    def _old(self, before: datetime) -> tuple[Any, ...]:
        return (TicketRow.shredded_at.is_(None), TicketRow.updated_at < before)

    def _count(self, table: type[Base], *conditions: Any) -> int:
        return self._session.scalar(select(func.count()).select_from(table).where(*conditions)) or 0

    def _insert_new(self, table: type[Base], values: list[dict[str, Any]]) -> None:
        insert = postgres_insert if self._session.get_bind().dialect.name == "postgresql" else sqlite_insert
        self._session.execute(insert(table).values(values).on_conflict_do_nothing())


def _needed() -> Any:
    """A ticket whose originals something still needs: an answer, an execution, a probe, or an undo."""
    proposal = exists().where(
        ProposalRow.ticket_id == TicketRow.id, ProposalRow.state.in_([state.value for state in OPEN_PROPOSALS])
    )
    effect = exists().where(
        EffectRow.ticket_id == TicketRow.id,
        or_(
            EffectRow.state.in_([state.value for state in UNSETTLED_EFFECTS]),
            and_(EffectRow.state == EffectState.CONFIRMED.value, EffectRow.reverts_at.is_not(None)),
        ),
    )
    return or_(proposal, effect)
