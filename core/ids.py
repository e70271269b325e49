"""Identifiers: a prefix that says what it names, then 26 characters that sort by time."""

from __future__ import annotations

import secrets
import time
from typing import Literal

#: Crockford's alphabet without look-alikes (no I, L, O, U), lower case.
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"

Prefix = Literal["tkt", "run", "prp", "apr", "eff", "obx", "ref", "dec", "chg", "usr", "key", "viw", "fbk"]


def new_id(prefix: Prefix) -> str:
    """A new id such as `tkt_01k3…`: 48 bits of milliseconds, then 80 random bits (ULID layout)."""
    number = (int(time.time() * 1000) << 80) | secrets.randbits(80)
    characters = []
    for _ in range(26):
        number, index = divmod(number, 32)
        characters.append(ALPHABET[index])
    return f"{prefix}_{''.join(reversed(characters))}"
