"""Says that a process is alive, and what it runs with."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from core.canonical import JsonObject
from core.errors import CasemateError
from core.log import logger
from core.store.engine import Store
from workers.live import LOOK_SECONDS
from workflows import candidates
from workflows.services import LiveBundle

log = logger(__name__)

#: Seconds between two signs of life.
HEARTBEAT_SECONDS = 5.0


class Heartbeat:
    """A thread that writes this process's sign of life into the store, and at once when its bundle has changed.

    Looking at the bundle is what makes a process take a new one before work asks for it.
    """

    def __init__(self, store: Store, owner: str, kind: str, live: LiveBundle, state: Callable[[], JsonObject]) -> None:
        """`state` is what this process runs with, besides its bundle."""
        self._store = store
        self._owner = owner
        self._kind = kind
        self._live = live
        self._state = state
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat_for_ever, name="heartbeat", daemon=True)

    def start(self) -> None:
        self.beat()
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(timeout=5)

    def _beat_for_ever(self) -> None:
        told, due = self._bundle(), time.monotonic() + HEARTBEAT_SECONDS
        while not self._stop.wait(LOOK_SECONDS):
            now = self._bundle()
            if now != told or time.monotonic() >= due:
                self.beat()
                told, due = now, time.monotonic() + HEARTBEAT_SECONDS

    def _bundle(self) -> str | None:
        try:
            return self._live.look().bundle.hash
        except CasemateError:
            return None

    def beat(self) -> None:
        """Say once that this process lives, and what it runs with."""
        try:
            data = {**self._state(), "folder": self._live.folder.digest()}
            try:
                data["bundle"] = self._live().hash
                data["policy"] = candidates.trouble(self._live, self._store)
            except CasemateError as error:
                data["trouble"] = str(error)
            with self._store.begin() as tx:
                tx.operations.beat(self._owner, self._kind, data)
        except CasemateError as error:
            log.warning("heartbeat_failed", error=type(error).__name__)
