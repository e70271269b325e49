"""Passwords: Argon2id (RFC 9106), the second recommended parameter set of argon2-cffi."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

from core.errors import Temporary

if TYPE_CHECKING:
    from argon2 import PasswordHasher

#: Characters of the shortest password (NIST SP 800-63B-4 asks 15 where it stands alone).
MIN_PASSWORD = 15
#: Characters of the longest; more would only cost time.
MAX_PASSWORD = 256

#: Passwords that are looked at together: each takes 64 MiB and four threads, and strangers may ask for as many as
#: they like …
AT_ONCE = 2
#: … how many more may wait for that, each in a thread that pages need too …
WAITING = 8
#: … and seconds that one waits.
WAIT_SECONDS = 3.0

CROWDED = "Too many passwords are being looked at just now; try again in a few seconds."


class Turns:
    """Lets a few in at once and a few wait a little; whoever else comes is told to come back."""

    def __init__(self, *, at_once: int = AT_ONCE, waiting: int = WAITING, seconds: float = WAIT_SECONDS) -> None:
        self._here = BoundedSemaphore(at_once + waiting)
        self._inside = BoundedSemaphore(at_once)
        self._seconds = seconds

    @contextmanager
    def turn(self) -> Iterator[None]:
        """One's turn.

        Raises:
            Temporary: too many are before this one.
        """
        if not self._here.acquire(blocking=False):
            raise Temporary(CROWDED)
        try:
            if not self._inside.acquire(timeout=self._seconds):
                raise Temporary(CROWDED)
            try:
                yield
            finally:
                self._inside.release()
        finally:
            self._here.release()


#: Of this process, whose processors they are.
TURNS = Turns()


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher

    return PasswordHasher()


def hashed(password: str) -> str:
    """The hash to keep, in PHC format.

    Raises:
        Temporary: too many passwords are being looked at.
    """
    with TURNS.turn():
        return _hasher().hash(password)


def matches(kept: str | None, password: str) -> bool:
    """Whether `password` is the one that was kept. Takes as long where none was, so that time tells no names.

    Raises:
        Temporary: too many passwords are being looked at.
    """
    from argon2.exceptions import InvalidHashError, VerificationError

    nobodys = _nobodys()  # made by whoever comes first, for whichever name
    with TURNS.turn():
        try:
            return _hasher().verify(kept or nobodys, password) and kept is not None
        except (VerificationError, InvalidHashError):
            return False


@cache
def _nobodys() -> str:
    return hashed("a password that no account has")
