"""Real casemate processes on real servers, started and killed by tests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from celery import Celery

from core.clock import SystemClock
from core.store.engine import Store
from core.ticket import RESTING, Ticket
from core.vault import Keyring
from tests.servers import until


@dataclass
class Fleet:
    """Settings shared by a set of processes, and the processes."""

    home: Path
    env: dict[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        """Start `casemate COMMAND` as its own process."""
        log = self.home / f"{name}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "cli", *command],
                env={**os.environ, **self.env},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.processes[name] = process
        return process

    def kill(self, name: str) -> None:
        """SIGKILL a process and everything it started."""
        process = self.processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def store(self) -> Store:
        """The fleet's store, from this process."""
        opened = Store.open(
            self.env["CASEMATE_DATABASE_URL"],
            clock=SystemClock(),
            keyring=Keyring.from_file(self.home / "master.key", create=True),
        )
        opened.migrate()
        return opened

    def client(self) -> Celery:
        """A Celery client that knows the broker and nothing else, as a ticket system would have."""
        return Celery(
            broker=self.env["CASEMATE_BROKER_URL"], backend=self.env["CASEMATE_BROKER_URL"], set_as_current=False
        )

    def wait_until_ready(self, store: Store) -> None:
        """Wait until a worker has shown a sign of life."""

        def alive() -> bool:
            for name, process in self.processes.items():
                assert process.poll() is None, (name, (self.home / f"{name}.log").read_text()[-3000:])
            with store.read() as tx:
                return any(p["kind"] == "worker" for p in tx.operations.alive(since=_LONG_AGO))

        until(alive, seconds=90, what="the worker's first sign of life")

    def rested(self, store: Store, ticket_id: str, *, seconds: float = 120) -> Ticket:
        """The ticket, once nothing but a person can move it."""

        def resting() -> bool:
            with store.read() as tx:
                return tx.tickets.get(ticket_id).state in RESTING

        try:
            until(resting, seconds=seconds, what=f"the end of {ticket_id}")
        except AssertionError as error:
            with store.read() as tx:
                stuck = tx.tickets.get(ticket_id)
            logs = "\n".join(f"{name}: {(self.home / f'{name}.log').read_text()[-2000:]}" for name in self.processes)
            raise AssertionError(f"{error}; {stuck.state} {stuck.trouble}\n{logs}") from None
        with store.read() as tx:
            return tx.tickets.get(ticket_id)


_LONG_AGO = SystemClock().now().replace(year=2000)


@contextmanager
def fleet(home: Path, **settings: str) -> Iterator[Fleet]:
    """Processes that are gone when the block ends."""
    home.mkdir(parents=True, exist_ok=True)
    env = {"CASEMATE_HOME": str(home), **{f"CASEMATE_{name.upper()}": value for name, value in settings.items()}}
    started = Fleet(home=home, env=env)
    try:
        yield started
    finally:
        for name in list(started.processes):
            started.kill(name)
