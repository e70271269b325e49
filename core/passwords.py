"""Passwords: Argon2id (RFC 9106), the second recommended parameter set of argon2-cffi."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argon2 import PasswordHasher

#: Characters of the shortest password (NIST SP 800-63B-4 asks 15 where it stands alone).
MIN_PASSWORD = 15
#: Characters of the longest; more would only cost time.
MAX_PASSWORD = 256


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher

    return PasswordHasher()


def hashed(password: str) -> str:
    """The hash to keep, in PHC format."""
    return _hasher().hash(password)


def matches(kept: str | None, password: str) -> bool:
    """Whether `password` is the one that was kept. Takes as long where none was, so that time tells no names."""
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return _hasher().verify(kept or _nobodys(), password) and kept is not None
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobodys() -> str:
    return hashed("a password that no account has")
