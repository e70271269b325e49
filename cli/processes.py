"""Child processes of `casemate up` and `casemate demo`: one log file each, stopped together, never left behind."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from core.errors import CasemateError

#: Seconds a child gets to finish what it has in flight.
GRACE = 15.0
#: Seconds between two looks at the children.
LOOK = 0.1
#: From <sys/prctl.h>: the signal a process gets when its parent dies.
PR_SET_PDEATHSIG = 1


class NotHealthy(CasemateError):
    """A process that ended, or did not get ready in time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Child:
    """One process and its log."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path


#: What opens the vault, and who may use it. A model server has no business with either.
SECRETS = frozenset({"CASEMATE_MASTER_KEY", "CASEMATE_TRANSIT_TOKEN", "CASEMATE_DATABASE_URL", "CASEMATE_BROKER_URL"})


class Crew:
    """Processes that live and end together."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._children: list[Child] = []

    def __enter__(self) -> Crew:
        self._logs.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self

    def __exit__(self, *_error: object) -> None:
        with _undisturbed():
            self.stop()

    def start(self, name: str, *command: str, env: Mapping[str, str], trusted: bool = True) -> None:
        """Start `casemate COMMAND` with these settings added to ours; without `trusted`, none of our secrets."""
        inherited = {key: value for key, value in os.environ.items() if trusted or key not in SECRETS}
        log = self._logs / f"{name}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "cli", *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**inherited, **env},
                start_new_session=True,  # Ctrl-C comes to us alone; we end the children in order
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - runs before any thread of ours exists in the child
            )
        self._children.append(Child(name=name, process=process, log=log))

    def check(self) -> None:
        """Raises:
        NotHealthy: one of them has ended.
        """
        for child in self._children:
            code = child.process.poll()
            if code is not None:
                raise NotHealthy(f"The {child.name} process ended (exit status {code}): {_last_line(child.log)}")

    def wait_for(self, ready: Callable[[], bool], *, what: str, seconds: float) -> None:
        """Wait until `ready` says so.

        Raises:
            NotHealthy: a process ended, or the time is up.
        """
        deadline = time.monotonic() + seconds
        while not ready():
            self.check()
            if time.monotonic() >= deadline:
                raise NotHealthy(f"The {what} did not get ready in {seconds:g} s; see the logs in {self._logs}.")
            time.sleep(LOOK)

    def stop(self) -> None:
        """End them all, last started first; kill what does not end in time, with everything it started."""
        for child in reversed(self._children):
            if child.process.poll() is None:
                child.process.terminate()
        deadline = time.monotonic() + GRACE
        for child in self._children:
            try:
                child.process.wait(timeout=max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(child.process.pid, signal.SIGKILL)
                child.process.wait()
        self._children.clear()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let no second Ctrl-C leave half of the children running; stopping takes `GRACE` at most."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals go to the main thread, which is not here
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return f"{lines[-1][:300]} (see {log})" if lines else f"it said nothing (see {log})"
