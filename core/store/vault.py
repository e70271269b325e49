"""The tokens of a ticket, sealed under the ticket's own data key."""

from __future__ import annotations

import json

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from core.errors import VaultError
from core.store.schema import TicketKeyRow, TokenRow
from core.vault import Keyring, TokenEntry, WrappedKey, seal, unseal


class Vault:
    """Data keys and sealed tokens."""

    def __init__(self, session: Session, keyring: Keyring) -> None:
        self._session = session
        self._keyring = keyring

    def data_key(self, ticket_id: str) -> bytes:
        """The ticket's data key.

        Raises:
            VaultError: the ticket was shredded, or its master key is not here.
        """
        row = self._session.get(TicketKeyRow, ticket_id)
        if row is None:
            raise VaultError(f"Ticket {ticket_id} has no data key: it was shredded and its originals are gone.")
        return self._keyring.unwrap(ticket_id, WrappedKey(key_id=row.key_id, wrapped=row.wrapped))

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
        insert = postgres_insert if self._session.get_bind().dialect.name == "postgresql" else sqlite_insert
        self._session.execute(insert(TokenRow).values(values).on_conflict_do_nothing())

    def shred(self, ticket_id: str) -> None:
        """Drop the data key: the ticket's originals can never be opened again."""
        self._session.execute(delete(TicketKeyRow).where(TicketKeyRow.ticket_id == ticket_id))
