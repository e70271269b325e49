"""Canonical JSON (RFC 8785) and the digests built on it."""

from __future__ import annotations

import hashlib
from typing import Any, TypeAlias

import rfc8785

#: Any JSON value. Its shape is the business of the schema that parsed it, not of the type checker.
Json: TypeAlias = Any
#: A JSON object.
JsonObject: TypeAlias = dict[str, Any]


def canonical_bytes(value: Json) -> bytes:
    """The one byte string that stands for `value`.

    Raises:
        ValueError: NaN, infinities and integers beyond 2^53, which JSON readers disagree on.
    """
    return rfc8785.dumps(value)


def digest(value: Json) -> str:
    """SHA-256 over the canonical form, in hexadecimal."""
    return hashlib.sha256(canonical_bytes(value)).hexdigest()
