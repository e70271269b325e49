"""Finds values whose characters are written in groups: `4111 1111…`, `4111-1111…`, `41 11 11 11…`."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import compress, pairwise

from policies.masking.phrases import CACHED
from policies.masking.views import shape_of

#: Letters and digits a value needs; a shorter one would be found inside ordinary numbers.
MIN_GROUPED = 7
#: Characters between two of a value.
MAX_GAP = 3
#: Values beyond which all are looked for in one pass.
MAX_VALUES = 200

_BETWEEN = b" \t\r\n\x0b\x0c.:()/-"
_STAYS = bytes(code not in _BETWEEN for code in range(256))
_PLAIN = re.compile(r"[0-9a-z]+")


@dataclass(frozen=True, slots=True)
class _Squeezed:
    """The ASCII shape of a text in lower case without what may stand between groups, and where each byte stood."""

    text: bytes
    places: array[int]


class Groups:
    """A growing set of values, each under its key."""

    def __init__(self) -> None:
        self._keys: dict[bytes, list[str]] = {}
        self._beginnings: dict[bytes, set[bytes]] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, key: str, compact: str) -> bool:
        """Look for one more, given without gaps and in lower case. False if it is not of the kind found here."""
        if len(compact) < MIN_GROUPED or not _PLAIN.fullmatch(compact):
            return False
        value = compact.encode("ascii")
        self._keys.setdefault(value, []).append(key)
        self._beginnings.setdefault(value[:MIN_GROUPED], set()).add(value)
        return True

    def find(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Every occurrence as a whole word: where it starts, where it ends, and its key."""
        if not self._keys:
            return
        squeezed = _squeezed(text)
        for position, value in self._in(squeezed.text):
            start, end = _span(squeezed, text, position, len(value))
            if end:
                for key in self._keys[value]:
                    yield start, end, key

    def _in(self, squeezed: bytes) -> Iterator[tuple[int, bytes]]:
        if len(self._keys) <= MAX_VALUES:
            for value in self._keys:
                position = squeezed.find(value)
                while position >= 0:
                    yield position, value
                    position = squeezed.find(value, position + 1)
            return
        for position in range(len(squeezed) - MIN_GROUPED + 1):
            for value in self._beginnings.get(squeezed[position : position + MIN_GROUPED], ()):
                if squeezed.startswith(value, position):
                    yield position, value


@lru_cache(maxsize=CACHED)
def _squeezed(text: str) -> _Squeezed:
    shape = shape_of(text)
    places = array("I", compress(range(len(shape)), shape.translate(_STAYS)))
    return _Squeezed(shape.translate(None, _BETWEEN).lower(), places)


def _span(squeezed: _Squeezed, text: str, position: int, length: int) -> tuple[int, int]:
    """Where a value stands in the text; nowhere where gaps are wide or a letter or digit stands beside it."""
    places = squeezed.places
    start, end = places[position], places[position + length - 1] + 1
    if end - start > length:
        spread = places[position : position + length]
        if any(after - before > MAX_GAP + 1 for before, after in pairwise(spread)):
            return 0, 0
    beside = text[start - 1 : start].isalnum() or text[end : end + 1].isalnum()
    return (0, 0) if beside else (start, end)
