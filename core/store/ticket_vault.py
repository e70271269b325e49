"""A `TokenVault` over the store: short transactions of its own, with a cache for the life of one step."""

from __future__ import annotations

import threading

from core.masking import Profile
from core.store.engine import Store
from core.vault import TokenEntry


class TicketVault:
    """One ticket's tokens as the masker sees them. Thread-safe."""

    def __init__(self, store: Store, ticket_id: str, *, profile: Profile | None = None) -> None:
        """`profile` is for a ticket that is masked now; any other keeps the one it was masked for."""
        self._store = store
        self._ticket_id = ticket_id
        self._lock = threading.Lock()
        with store.read() as tx:
            known = tx.maskings.of(ticket_id)
            self._key = tx.vault.data_key(ticket_id)
            self._entries = {entry.token: entry for entry in tx.vault.entries(ticket_id)}
        self._profile: Profile = profile or (known.profile if known is not None else "local")

    @property
    def ticket_id(self) -> str:
        return self._ticket_id

    @property
    def profile(self) -> Profile:
        return self._profile

    def key(self) -> bytes:
        return self._key

    def entries(self) -> list[TokenEntry]:
        with self._lock:
            return list(self._entries.values())

    def add(self, entries: list[TokenEntry]) -> None:
        with self._lock:
            fresh = [entry for entry in entries if entry.token not in self._entries]
            if not fresh:
                return
            with self._store.begin() as tx:
                tx.vault.add(self._ticket_id, fresh)
            self._entries.update((entry.token, entry) for entry in fresh)
