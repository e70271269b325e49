"""Starts and stops worker processes."""

from __future__ import annotations

from collections.abc import Sequence

from core.canonical import JsonObject
from core.errors import CasemateError
from core.log import logger
from core.process import settle
from core.settings import Settings
from workers.app import QUEUES, make_app
from workers.heartbeat import Heartbeat
from workers.tasks import register, ringer
from workers.wiring import open_services
from workflows.endpoints import known_by
from workflows.services import Services

log = logger(__name__)


def run_worker(settings: Settings, *, queues: Sequence[str] = tuple(QUEUES.values())) -> None:
    """Work until told to stop (SIGTERM finishes what is in flight)."""
    settle(settings.log_level)
    app = make_app(settings)
    services = open_services(settings, ring=ringer(app))
    register(app, services)
    _warm(services)
    heartbeat = Heartbeat(services.store, services.owner, "worker", services.bundle, lambda: _state(services))
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


def _state(services: Services) -> JsonObject:
    state: JsonObject = {"models": known_by(services.models)}
    try:
        state["sandbox"] = services.sandbox().tier
    except CasemateError as error:
        state["trouble"] = str(error)
    return state


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
