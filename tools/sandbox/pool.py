"""Processes that wait for one tool call each, confined and with every tool imported, so that a call need not wait.

One thread of this process starts the nursery, and asks it for a child whenever fewer than `size` of them wait. It
belongs to no event loop: any thread and any loop may take a child.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import threading
from collections import deque

from core.errors import CasemateError, SandboxUnavailable
from tools.sandbox.tiers import INSTALL, Profile

#: Seconds a nursery may take to import every tool; it takes one or two.
START_SECONDS = 120.0
#: Seconds it may take to fork one child; it takes milliseconds.
SPAWN_SECONDS = 30.0
#: Bytes kept of what a nursery that did not start complains about; for the operator, never for a model.
COMPLAINT = 2000


class Child:
    """One confined process that waits for its one call."""

    def __init__(self, channel: socket.socket, pidfd: int) -> None:
        channel.setblocking(False)
        self.channel = channel
        self.pidfd = pidfd

    @property
    def alive(self) -> bool:
        return not select.select([self.pidfd], [], [], 0)[0]

    @property
    def pid(self) -> int:
        """Its pid as this process sees it; -1 when it is gone."""
        with open(f"/proc/self/fdinfo/{self.pidfd}", encoding="ascii") as info:  # noqa: PTH123 - not a file of ours
            return next(int(line.split()[1]) for line in info if line.startswith("Pid:"))

    def kill(self) -> None:
        """End it, and as the first process of its namespace everything in there."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    @property
    def closed(self) -> bool:
        return self.pidfd < 0

    def close(self) -> None:
        """Kill it, and give back both descriptors."""
        self.kill()
        self.channel.close()
        if self.pidfd >= 0:
            os.close(self.pidfd)
            self.pidfd = -1


class Nursery:
    """The process children come from. Made and used by one thread, with whose end it dies."""

    def __init__(self, profile: Profile) -> None:
        """Raises:
        SandboxUnavailable: it did not start; says why and what to do.
        """
        self._profile = profile
        order = json.dumps(profile.order()).encode()
        self._complaints = os.memfd_create("complaints", os.MFD_CLOEXEC)
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._process = subprocess.Popen(
                profile.command,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=self._complaints,
                env={},
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            self._orders.close()
            os.close(self._complaints)
            raise SandboxUnavailable(f"{profile.command[0]} did not start ({error.strerror}): {INSTALL}.") from None
        finally:
            theirs.close()
        try:
            self._orders.settimeout(START_SECONDS)
            self._orders.send(order)
            ready = self._orders.recv(65536)
            if not ready:
                raise OSError("it ended")  # noqa: TRY301 - one way out
            self.missing: tuple[str, ...] = tuple(json.loads(ready)["missing"])
        except OSError:
            raise self._broken() from None

    def spawn(self) -> Child:
        """One more child.

        Raises:
            SandboxUnavailable: the nursery is gone, or the kernel did not give it what it asked for.
        """
        ours, theirs = socket.socketpair()
        try:
            self._orders.settimeout(SPAWN_SECONDS)
            socket.send_fds(self._orders, [b"S"], [theirs.fileno()])
            message, descriptors, _, _ = socket.recv_fds(self._orders, 65536, 1)
        except OSError:
            ours.close()
            raise self._broken() from None
        finally:
            theirs.close()
        if not descriptors:
            ours.close()
            raise self._broken(json.loads(message)["error"] if message else "")
        return Child(ours, descriptors[0])

    def end(self) -> None:
        """Kill it with all its children, and wait until it is gone."""
        self._orders.close()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._complaints >= 0:
            os.close(self._complaints)
            self._complaints = -1

    def _broken(self, why: str = "") -> SandboxUnavailable:
        said = os.pread(self._complaints, COMPLAINT, 0).decode(errors="replace").strip()
        self.end()
        if said.startswith("bwrap:"):
            return SandboxUnavailable(
                f"bubblewrap could not make a sandbox ({said[:200]}): "
                "allow unprivileged user namespaces, then run `casemate sandbox selftest`."
            )
        last = why or said.rpartition("\n")[2] or "it ended without a word"
        return SandboxUnavailable(f"The sandbox tier `{self._profile.tier}` does not start here ({last[:300]}).")


class Pool:
    """Children that wait. Safe for any number of threads."""

    def __init__(self, profile: Profile, size: int) -> None:
        self._profile = profile
        self._size = size
        self._changed = threading.Condition()
        self._ready: deque[Child] = deque()
        self._waiting = 0
        #: Why the last attempt to make a child failed, and how many attempts did.
        self._trouble: CasemateError | None = None
        self._failures = 0
        #: After a failure nothing is tried until somebody asks.
        self._resting = False
        self._closed = False
        #: What the nursery could not load, and why: the tools that need it stop on every input.
        self.missing: tuple[str, ...] = ()
        self._keeper: threading.Thread | None = None

    def take_waiting(self) -> Child | None:
        """A child that waits, or None when none does."""
        with self._changed:
            self._begin()
            return self._next()

    def take(self) -> Child:
        """A child, as soon as there is one.

        Raises:
            SandboxUnavailable: none can be made.
        """
        with self._changed:
            self._begin()
            seen = self._failures
            self._waiting += 1
            self._resting = False
            self._changed.notify_all()
            try:
                while (child := self._next()) is None:
                    if self._closed:
                        raise SandboxUnavailable("The sandbox was closed; start the work again.")
                    if self._failures > seen and self._trouble is not None:
                        raise self._trouble
                    self._changed.wait()
                return child
            finally:
                self._waiting -= 1

    @property
    def waiting(self) -> int:
        """Children that wait for a call."""
        with self._changed:
            return len(self._ready)

    def filled(self, timeout: float | None = None) -> bool:
        """Wait until as many children wait as should; False when they do not within `timeout` seconds."""
        with self._changed:
            self._begin()
            return self._changed.wait_for(lambda: len(self._ready) >= self._size, timeout)

    def close(self) -> None:
        """End the nursery and every child that waits; calls under way end with it."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._keeper is not None:
            self._keeper.join(timeout=START_SECONDS)

    def _begin(self) -> None:
        if self._keeper is None and not self._closed:
            # The nursery dies with the thread that started it, so this one lives as long as the process.
            self._keeper = threading.Thread(target=self._keep, name="sandbox-pool", daemon=True)
            self._keeper.start()

    def _next(self) -> Child | None:
        while self._ready:
            child = self._ready.popleft()
            self._changed.notify_all()
            if child.alive:
                return child
            child.close()
        return None

    def _wanted(self) -> bool:
        return self._closed or (not self._resting and len(self._ready) < max(self._size, self._waiting))

    def _keep(self) -> None:
        nursery: Nursery | None = None
        while True:
            with self._changed:
                self._changed.wait_for(self._wanted)
                if self._closed:
                    break
            fresh = nursery is None
            try:
                if nursery is None:
                    nursery = Nursery(self._profile)
                    self.missing = nursery.missing
                child = nursery.spawn()
            except CasemateError as error:
                nursery = None
                if fresh:  # an old one may have been killed; a new one that does not work is news
                    self._failed(error)
                continue
            except Exception as error:  # noqa: BLE001 - a waiting call must hear of it, whatever it is
                if nursery is not None:
                    nursery.end()
                    nursery = None
                self._failed(SandboxUnavailable(f"The sandbox could not be started ({type(error).__name__})."))
                continue
            with self._changed:
                self._ready.append(child)
                self._changed.notify_all()
        self._empty()
        if nursery is not None:
            nursery.end()

    def _failed(self, error: CasemateError) -> None:
        with self._changed:
            self._trouble, self._resting = error, True
            self._failures += 1
            self._changed.notify_all()

    def _empty(self) -> None:
        with self._changed:
            while self._ready:
                self._ready.popleft().close()
            self._changed.notify_all()
