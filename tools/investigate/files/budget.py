"""How much one look at a file may unpack and compute, counted over everything inside it.

A file never makes a tool fail: what cannot be read within its share is named in the answer, and the rest is read.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TypeVar

#: Bytes unpacked from one file, all archives inside it together.
MAX_UNPACKED = 64 * 1024**2
#: Bytes of one member; a larger one is looked at as far as this.
MAX_MEMBER = 32 * 1024**2
#: Members looked at, all archives inside together.
MAX_MEMBERS = 2_000
#: Archives inside archives that are opened.
MAX_DEPTH = 4
#: Seconds of processor time for one file.
MAX_SECONDS = 8.0
#: Seconds of processor time one reader may use before the next one gets its turn.
MAX_STEP = 3.0
#: Seconds between reminders to a reader that swallows the first one.
REMINDER = 0.05


T = TypeVar("T")


class Spent(Exception):
    """The share is used up; the sentence says of what."""


class _TimeOver(BaseException):
    """Raised into a reader at its deadline; no ordinary `except` in a library holds it up."""


class Budget:
    """One per call. Counts down; nothing is given back."""

    def __init__(
        self, *, unpacked: int = MAX_UNPACKED, members: int = MAX_MEMBERS, seconds: float = MAX_SECONDS
    ) -> None:
        self.unpacked = unpacked
        self.members = members
        self._end = time.process_time() + seconds
        #: Processor time at which the attempt under way ends; 0 when there is none.
        self._until = 0.0

    @property
    def seconds(self) -> float:
        return self._end - time.process_time()

    def take_bytes(self, count: int) -> None:
        """Raises `Spent` when no byte is left afterwards."""
        self.unpacked -= count
        if self.unpacked <= 0:
            raise Spent(f"more than {MAX_UNPACKED // 1024**2} MiB unpacked")

    def take_member(self) -> None:
        """Raises `Spent` when all members, or all the time, are used up."""
        self.members -= 1
        if self.members < 0:
            raise Spent(f"more than {MAX_MEMBERS} members")
        if self.seconds <= 0:
            raise Spent("the time for this file is used up")

    def attempt(self, what: str, unread: list[str], read: Callable[[], T], seconds: float = MAX_STEP) -> T | None:
        """Read a part of the file; what goes wrong becomes a line of `unread` and ends only this part."""
        seconds = min(seconds, self.seconds)
        if seconds <= 0:
            unread.append(f"{what}: not read, because the time for this file is used up")
            return None
        try:
            with self._deadline(seconds):
                return read()
        except _TimeOver:
            unread.append(f"{what}: read only in part, because it took too long")
        except Spent as spent:
            unread.append(f"{what}: read only in part ({spent})")
        except MemoryError:
            unread.append(f"{what}: read only in part, because it took too much memory")
        except Exception as error:  # noqa: BLE001 - readers of hostile bytes raise anything; the answer says so
            unread.append(f"{what}: could not be read ({type(error).__name__})")
        return None

    @contextlib.contextmanager
    def _deadline(self, seconds: float) -> Iterator[None]:
        """Interrupts Python code and regular expressions; other C code here works on bounded pieces."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        outer, now = self._until, time.process_time()
        # It stays installed: a reminder that comes late would end the process if nobody listened.
        signal.signal(signal.SIGPROF, self._remind)
        self._until = min(now + seconds, outer or now + seconds)
        try:
            signal.setitimer(signal.ITIMER_PROF, self._until - now, REMINDER)
            yield
        finally:
            self._until = outer
            if outer:
                signal.setitimer(signal.ITIMER_PROF, max(REMINDER, outer - time.process_time()), REMINDER)
            else:
                signal.setitimer(signal.ITIMER_PROF, 0)

    def _remind(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self._until and time.process_time() >= self._until - REMINDER / 10:
            raise _TimeOver
