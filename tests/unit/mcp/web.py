"""Servers over HTTP for tests, each on a free loopback port."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from tests.servers import START_SECONDS, free_port, until


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """An ASGI application with its lifespan, in a thread of this process; gives its address."""
    port = free_port()
    # Without a configuration of logging, which would outlive the server in this process.
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        until(lambda: server.started, seconds=START_SECONDS, what="the start of the HTTP server")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(timeout=START_SECONDS)
