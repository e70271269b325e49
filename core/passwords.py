"""Passwords: Argon2id (RFC 9106), the second recommended parameter set of argon2-cffi."""

from __future__ import annotations

from functools import cache
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argon2 import PasswordHasher

#: Characters of the shortest password (NIST SP 800-63B-4 asks 15 where it stands alone).
MIN_PASSWORD = 15
#: Characters of the longest; more would only cost time.
MAX_PASSWORD = 256


#: Hashes that are made at once: each takes 64 MiB and four threads, and strangers may ask for as many as they like.
_AT_ONCE = BoundedSemaphore(4)


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher

    return PasswordHasher()


def hashed(password: str) -> str:
    """The hash to keep, in PHC format."""
    with _AT_ONCE:
        return _hasher().hash(password)


def matches(kept: str | None, password: str) -> bool:
    """Whether `password` is the one that was kept. Takes as long where none was, so that time tells no names."""
    from argon2.exceptions import InvalidHashError, VerificationError

    against = kept or _nobodys()
    with _AT_ONCE:
        try:
            return _hasher().verify(against, password) and kept is not None
        except (VerificationError, InvalidHashError):
            return False


@cache
def _nobodys() -> str:
    return hashed("a password that no account has")
