"""Real servers that tests start for themselves, on free loopback ports, in temporary folders."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

#: Seconds a server gets to come up.
START_SECONDS = 30


def free_port() -> int:
    """A TCP port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], bool], *, seconds: float, what: str) -> None:
    """Wait, within bounds, for something another process does."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen within {seconds} seconds")
        time.sleep(0.02)


def answers(port: int) -> bool:
    """Whether something listens on a loopback port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def running(command: list[str], *, port: int, user: str | None = None, cwd: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server process that listens on `port` while the block runs."""
    log = cwd / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=cwd, user=user, group=None
        )
        try:

            def ready() -> bool:
                assert process.poll() is None, f"{command[0]} ended at once: {log.read_text()[-2000:]}"
                return answers(port)

            until(ready, seconds=START_SECONDS, what=f"the start of {command[0]}")
            yield process
        finally:
            process.terminate()
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def http_server(app: Any) -> Iterator[str]:
    """An ASGI application on a loopback port, in a thread of this process; gives its address."""
    import uvicorn

    # Without a configuration of logging, which would outlive the server in this process.
    config = uvicorn.Config(app, log_config=None, lifespan="off", proxy_headers=False)
    server = _at_once()(config)
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        # Whoever knocks from now on is let in as soon as the thread has come so far.
        door.listen(128)
        thread = threading.Thread(target=server.run, args=([door],), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{door.getsockname()[1]}"
        finally:
            server.end()
            thread.join(timeout=10)


@cache
def _at_once() -> type[Any]:
    """uvicorn's server, which ends when it is told to: its own looks ten times a second, and tests start hundreds."""
    import uvicorn

    class AtOnce(uvicorn.Server):
        def __init__(self, config: uvicorn.Config) -> None:
            super().__init__(config)
            self._running = threading.Event()

        def end(self) -> None:
            """From another thread. An application that could not be started is not waited for."""
            if self._running.wait(START_SECONDS):
                self._loop.call_soon_threadsafe(self._told.set)

        async def main_loop(self) -> None:
            self._loop, self._told = asyncio.get_running_loop(), asyncio.Event()
            self._running.set()
            await self.on_tick(0)
            await self._told.wait()

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            for listening in self.servers:
                listening.close()
            for connection in list(self.server_state.connections):
                connection.shutdown()
            # uvicorn keeps sets of them and tells nobody when they change.
            while self.server_state.connections or self.server_state.tasks:  # noqa: ASYNC110
                await asyncio.sleep(0.005)

    return AtOnce


@contextmanager
def redis_server() -> Iterator[str]:
    """A Redis of its own; gives its URL."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="casemate-redis-") as folder:
        command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        with running(command, port=port, cwd=Path(folder)):
            yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def postgres_server() -> Iterator[str]:
    """A PostgreSQL of its own; gives the URL of its maintenance database. PostgreSQL refuses to run as root."""
    port = free_port()
    user = _unprivileged() if os.getuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="casemate-pg-") as folder:
        data = Path(folder) / "data"
        data.mkdir(mode=0o700)
        if user is not None:
            Path(folder).chmod(0o755)
            shutil.chown(folder, user)
            shutil.chown(data, user)
        subprocess.run(
            [_postgres_program("initdb"), "-D", str(data), "-U", "casemate", "-A", "trust", "--no-sync", "-E", "UTF8"],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=folder,
            user=user,
        )
        command = [
            _postgres_program("postgres"), "-D", str(data), "-p", str(port), "-h", "127.0.0.1", "-k", folder,
            "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=200",
        ]  # fmt: skip
        with running(command, port=port, user=user, cwd=Path(folder)):
            yield f"postgresql://casemate@127.0.0.1:{port}/postgres"


def _unprivileged() -> str:
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _postgres_program(name: str) -> str:
    found = shutil.which(name)
    if found:
        return found
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    assert versions, f"{name} is missing: install the Debian package postgresql"
    return str(versions[-1])
