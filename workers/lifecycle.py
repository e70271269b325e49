"""Starts and stops worker processes, and says that they are alive."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from agents.model import without_login
from core.errors import CasemateError
from core.log import logger
from core.process import settle
from core.settings import Settings
from workers.app import QUEUES, make_app
from workers.tasks import register, ringer
from workers.wiring import open_services
from workflows.services import Services

log = logger(__name__)

#: Seconds between two signs of life.
HEARTBEAT_SECONDS = 5.0


class Heartbeat:
    """A thread that writes this process's sign of life into the store."""

    def __init__(self, services: Services, kind: str) -> None:
        self._services = services
        self._kind = kind
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat_for_ever, name="heartbeat", daemon=True)

    def start(self) -> None:
        self.beat()
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(timeout=5)

    def _beat_for_ever(self) -> None:
        while not self._stop.wait(HEARTBEAT_SECONDS):
            self.beat()

    def beat(self) -> None:
        """Say once that this process lives, and what it runs with."""
        try:
            with self._services.store.begin() as tx:
                tx.operations.beat(self._services.owner, self._kind, self._state())
        except CasemateError as error:
            log.warning("heartbeat_failed", error=type(error).__name__)

    def _state(self) -> dict[str, Any]:
        state: dict[str, Any] = {"model": without_login(self._services.settings.model_url)}
        try:
            state["sandbox"] = self._services.sandbox().tier
            state["bundle"] = self._services.bundle().hash
        except CasemateError as error:
            state["trouble"] = str(error)
        return state


def run_worker(settings: Settings, *, queues: Sequence[str] = tuple(QUEUES.values())) -> None:
    """Work until told to stop (SIGTERM finishes what is in flight)."""
    settle(settings.log_level)
    app = make_app(settings)
    services = open_services(settings, ring=ringer(app))
    register(app, services)
    _warm(services)
    heartbeat = Heartbeat(services, "worker")
    heartbeat.start()
    log.info("worker_ready", owner=services.owner, concurrency=settings.concurrency)
    try:
        app.worker_main(
            [
                "worker",
                "--pool=threads",
                f"--concurrency={settings.concurrency}",
                f"--queues={','.join(queues)}",
                "--loglevel=WARNING",
                "--without-gossip",
                "--without-mingle",
                "--without-heartbeat",
            ]
        )
    finally:
        heartbeat.close()
        services.close()


def run_beat(settings: Settings) -> None:
    """Send the sweep on time until told to stop."""
    settle(settings.log_level)
    settings.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    app = make_app(settings)
    app.Beat(loglevel="WARNING", schedule=str(settings.folder / "beat")).run()


def _warm(services: Services) -> None:
    """Pay for slow imports and the sandbox's self-test before the first ticket; say what is missing, and go on."""
    for name, make in (("bundle", services.bundle), ("masker", services.masker), ("sandbox", services.sandbox)):
        try:
            make()
        except CasemateError as error:
            log.error("not_ready", part=name, trouble=str(error))
