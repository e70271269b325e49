"""Any Python value as plain JSON that is small enough to show. Nothing is left out silently."""

from __future__ import annotations

import math
from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any

from tools.investigate.answer import CUT, clip

#: Integers beyond it JSON does not carry exactly.
EXACT = 2**53


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """How much of a value is shown."""

    #: Characters of one text.
    text: int = 1_000
    #: Items of one list, keys of one object.
    items: int = 50
    #: Levels of nesting; what lies deeper is shown as Python would print it.
    depth: int = 12


def plain(value: Any, size: Size = Size(), *, depth: int = 0) -> Any:
    """The value; numbers that JSON cannot carry, dates and everything unknown as text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value) if abs(value) < EXACT else clip(_digits(value), size.text)
    if isinstance(value, float | Decimal):
        return float(value) if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return clip(str(value), size.text)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    if isinstance(value, bytes | bytearray):
        hidden = 2 * len(value) - size.text
        return value[: size.text // 2].hex() + (CUT.format(hidden) if hidden > 0 else "")
    if depth < size.depth and isinstance(value, Mapping):
        pairs = islice(value.items(), size.items)
        shown = {clip(str(key), size.text): plain(child, size, depth=depth + 1) for key, child in pairs}
        return shown | ({"…": _cut(value, size)} if len(value) > size.items else {})
    if depth < size.depth and isinstance(value, list | tuple | Set):
        listed = [plain(item, size, depth=depth + 1) for item in islice(value, size.items)]
        return listed + ([_cut(value, size)] if len(value) > size.items else [])
    return clip(repr(value), size.text)


def _cut(value: Any, size: Size) -> str:
    return f"… [cut: {len(value) - size.items} more]"


def _digits(value: int) -> str:
    """Python refuses to write out very long integers in decimal."""
    return str(value) if value.bit_length() < 10_000 else hex(value)
