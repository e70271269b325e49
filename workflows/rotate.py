"""Wraps every data key anew under the current master key. No ticket is opened, and workers go on meanwhile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from core.audit import AuditEvent
from core.canonical import JsonObject
from core.errors import VaultError
from core.store.engine import Store
from core.store.vault import HeldKey
from core.vault import WrappedKey

#: Data keys that one transaction replaces.
BATCH = 200
#: Passes over the table at most: a worker may have wrapped a new ticket's key the old way meanwhile.
PASSES = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Rotated:
    """What one rotation did."""

    #: The master key that wraps now.
    current: str
    #: Data keys wrapped anew, by the master key they were under.
    rewrapped: dict[str, int]
    #: Data keys that could not be opened, by the master key they are under; they are as they were.
    left: dict[str, int]

    def as_json(self) -> JsonObject:
        return {"current": self.current, "rewrapped": self.rewrapped, "left": self.left}


def rotate(store: Store, *, actor: str, batch: int = BATCH) -> Rotated:
    """Bring every data key and secret under the current master key; run again, it goes on where it was stopped.

    Raises:
        Temporary: the master key or the database is away; what was done stays done.
    """
    current = store.keyring.current()
    rewrapped: Counter[str] = Counter()
    for _ in range(PASSES):
        done, left = _pass(store, current, actor=actor, batch=batch)
        rewrapped += done
        if not done:
            break
    return Rotated(current=current, rewrapped=dict(rewrapped), left=dict(left))


def _pass(store: Store, current: str, *, actor: str, batch: int) -> tuple[Counter[str], Counter[str]]:
    """Every key once, in the order of tickets: what was rewrapped and what could not be."""
    done: Counter[str] = Counter()
    left: Counter[str] = Counter()
    with store.read() as tx:
        held = tx.vault.secrets_not_under(current)
    _replace(store, held, current, done, left, actor=actor)
    after = ""
    while True:
        with store.read() as tx:
            held = tx.vault.keys_not_under(current, after=after, limit=batch)
        if not held:
            return done, left
        _replace(store, held, current, done, left, actor=actor)
        after = held[-1].place


def _replace(
    store: Store, held: Sequence[HeldKey], current: str, done: Counter[str], left: Counter[str], *, actor: str
) -> None:
    """Wrap anew outside of any transaction, for the master key may be far away; then swap all in one."""
    fresh: list[tuple[HeldKey, WrappedKey]] = []
    for key in held:
        try:
            fresh.append((key, store.keyring.rewrap(key.place, key.wrapped)))
        except VaultError:
            left[key.wrapped.key_id] += 1
    if not fresh:
        return
    with store.begin() as tx:
        swapped = Counter(key.wrapped.key_id for key, by in fresh if tx.vault.replace(key, by))
        tx.audit.take(AuditEvent(action="vault.rotated", actor=actor, data={"from": dict(swapped), "to": current}))
    done += swapped
