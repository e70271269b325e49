"""Keeps a process's leases alive while their steps run, so that only a dead worker loses one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from core.errors import CasemateError
from core.log import logger
from core.store.engine import Store
from core.ticket import Lease

log = logger(__name__)


class LeaseKeeper:
    """One thread that renews every held lease three times in its life."""

    def __init__(self, store: Store, *, seconds: float) -> None:
        self._store = store
        self._seconds = seconds
        self._held: dict[str, Lease] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._renew_for_ever, name="lease-keeper", daemon=True)
        self._thread.start()

    @contextmanager
    def keep(self, lease: Lease) -> Iterator[None]:
        """Renew `lease` until the block ends."""
        with self._lock:
            self._held[lease.ticket_id] = lease
        try:
            yield
        finally:
            with self._lock:
                self._held.pop(lease.ticket_id, None)

    def close(self) -> None:
        """Stop renewing."""
        self._stop.set()
        self._thread.join(timeout=5)

    def _renew_for_ever(self) -> None:
        while not self._stop.wait(self._seconds / 3):
            self.renew()

    def renew(self) -> None:
        """Renew all held leases once."""
        with self._lock:
            leases = list(self._held.values())
        for lease in leases:
            try:
                with self._store.begin() as tx:
                    if not tx.tickets.renew(lease, seconds=self._seconds):
                        log.warning("lease_lost", ticket_id=lease.ticket_id)
            except CasemateError as error:  # the step finds out by its fence
                log.warning("lease_not_renewed", ticket_id=lease.ticket_id, error=type(error).__name__)
