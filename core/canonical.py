"""Canonical JSON (RFC 8785) and the digests built on it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
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


def strings_of(value: Json) -> Iterator[str]:
    """Every text in a value, in order, names of fields apart."""
    return (leaf for leaf in _leaves(value) if isinstance(leaf, str))


def scalars_of(value: Json) -> Iterator[str]:
    """Every text and number in a value, in order and as text, names of fields apart."""
    return (str(leaf) for leaf in _leaves(value) if isinstance(leaf, str | int | float) and not isinstance(leaf, bool))


def _leaves(value: Json) -> Iterator[Json]:
    if isinstance(value, dict):
        for child in value.values():
            yield from _leaves(child)
    elif isinstance(value, list):
        for child in value:
            yield from _leaves(child)
    else:
        yield value
