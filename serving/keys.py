"""API keys of a model server, one a line in a file that is read again when it changes: so keys can be rotated."""

from __future__ import annotations

import hashlib
import hmac
from http import HTTPStatus
from pathlib import Path

from core.errors import CasemateError
from core.keyfile import Stamp, stamp
from core.log import logger
from serving.refusals import Refused

#: Characters of the shortest key; `openssl rand -hex 32` gives 64.
MIN_KEY = 16

log = logger(__name__)


class KeysNotUsable(CasemateError):
    """The file of API keys is missing, empty, or has a line that is no key."""


class Keys:
    """The keys in a file, known by their SHA-256 only."""

    def __init__(self, path: Path) -> None:
        """Raises:
        KeysNotUsable: there is no key to be had from it.
        """
        self._path = path
        self._seen: Stamp | None = stamp(path)
        self._digests = _read(path)

    def check(self, authorization: str) -> None:
        """Let a request pass by its `Authorization` header.

        Raises:
            Refused: 401, when it carries no known key.
        """
        self._follow()
        scheme, _, key = authorization.partition(" ")
        digest = hashlib.sha256(key.strip().encode()).digest()
        # All are compared, each in constant time, so that time tells nothing.
        known = sum(hmac.compare_digest(digest, one) for one in self._digests)
        if not known or scheme.lower() != "bearer":
            raise Refused(
                "Send a valid API key as `Authorization: Bearer …`.",
                status=HTTPStatus.UNAUTHORIZED,
                code="invalid_api_key",
            )

    def _follow(self) -> None:
        """Take up a changed file; while it cannot be used, the keys from before go on."""
        now = stamp(self._path)
        if now == self._seen:
            return
        self._seen = now
        try:
            self._digests = _read(self._path)
        except KeysNotUsable as error:
            log.error("api_keys_not_read", trouble=str(error), consequence="the keys from before stay valid")


def _read(path: Path) -> tuple[bytes, ...]:
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except OSError as error:
        raise KeysNotUsable(f"The file of API keys {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise KeysNotUsable(f"The file of API keys {path} is not plain text; write one key a line.") from None
    keys = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if not keys:
        raise KeysNotUsable(
            f"The file of API keys {path} has no key; write one a line, as `openssl rand -hex 32` does."
        )
    for number, key in enumerate(keys, start=1):
        if len(key) < MIN_KEY or len(key.split()) > 1:
            raise KeysNotUsable(f"Key {number} of {path} is not one word of at least {MIN_KEY} characters.")
    return tuple(hashlib.sha256(key.encode()).digest() for key in keys)
