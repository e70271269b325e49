"""Runs the gateway process."""

from __future__ import annotations

import os
import socket

import uvicorn

from core.log import logger
from core.process import settle
from core.settings import Settings
from gateway.app import create_app
from workers.app import make_app
from workers.heartbeat import Heartbeat
from workers.live import LiveBundle, LiveMasker
from workers.tasks import ringer
from workers.wiring import open_registry, open_store

log = logger(__name__)


def run(settings: Settings) -> None:
    """Serve until told to stop; requests in flight are finished."""
    settle(settings.log_level)
    store = open_store(settings)
    with store.read() as tx:
        machines = len(settings.api_keys) + sum(not key.is_over(store.clock.now()) for key in tx.api_keys.all())
    if not machines:
        log.warning(
            "no_api_keys", consequence="every request under /api is refused until there is one: casemate key add"
        )
    registry = open_registry(settings, store)
    live = LiveBundle(settings, store, registry)
    app = create_app(
        store=store,
        clock=store.clock,
        ring=ringer(make_app(settings)),
        api_keys=settings.api_keys,
        masker=LiveMasker(live, settings),
        live=live,
        registry=registry,
        chain=settings.model_chain,
        framework=settings.framework,
        settings=settings,
    )
    heartbeat = Heartbeat(store, f"{socket.gethostname()}:{os.getpid()}", "gateway", live, dict)
    heartbeat.start()
    try:
        uvicorn.run(
            app,
            host=settings.http_host,
            port=settings.http_port,
            # Its own handlers would print exceptions with their text.
            log_config=None,
            log_level="warning",
            access_log=False,
            # uvicorn would believe any neighbour's X-Forwarded-For; `gateway.address` believes those of the settings.
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=10,
        )
    finally:
        heartbeat.close()
        app.state.bench.jobs.close()
        store.close()
