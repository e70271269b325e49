"""What patterns need: many strings, of which one pass over a text says which it has.

The text is folded for that: lower case, 0 for any digit, a blank for most marks. It is read once, and only the patterns
that can match read it again.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from policies.masking.scan import searcher, set_of

#: The needs that a string in a text stands for, and several of that.
Sign = frozenset[str]
Signs = frozenset[Sign]

_NONE: Sign = frozenset()
#: Strings of a text that are looked at before all patterns are run.
_MAX_STEMS = 20_000
#: Lower case, one digit, and a blank for what stands around words.
_BLANKS = b"\t\r\n\x0b\x0c\"'`<>|,;_*!"
_FOLD = bytes.maketrans(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZ123456789" + _BLANKS,
    b"abcdefghijklmnopqrstuvwxyz000000000" + b" " * len(_BLANKS),
)


class Needs:
    """Many strings, looked for in one pass over a text in lower case, with 0 for any digit; a few expressions in
    another."""

    def __init__(self, stems: Iterable[str]) -> None:
        distinct = frozenset(stems)
        expressions = sorted(stem for stem in distinct if stem[0] == "~")
        self._expressions = [frozenset((stem,)) for stem in expressions]
        self._match = set_of([stem[1:] for stem in expressions]) if expressions else None
        self._strings = distinct.difference(expressions)
        marked: dict[str, set[str]] = {}
        for stem in self._strings:
            for string in stem.split("|"):
                marked.setdefault(string, set()).add(stem)
        longest_first = sorted(marked, key=lambda string: (-len(string.strip("<>")), string))
        self._search = searcher("|".join(map(_bounded, longest_first)))[0] if marked else None
        #: What each string stands for as it is in a folded text. The longest at a place is found; shorter ones may
        #: begin there too.
        self._means = _meanings({string: frozenset(stems) for string, stems in marked.items()})

    def present(self, shape: bytes) -> frozenset[str]:
        """Those that occur, and perhaps others; all in a text too full of them for counting to be worth it."""
        return united(self.signs(shape)[0])

    def signs(self, shape: bytes) -> tuple[Signs, Collection[Sign]]:
        """The same as what stands for them, and which of that occurs again or may do so."""
        found = {self._expressions[number] for number in self._match(shape)} if self._match else set()
        again = set(found)
        if self._search is None:
            return frozenset(found), again
        folded = b" %b " % _folded(shape)
        search, means = self._search, self._means
        position, size = 0, len(folded)
        for _ in range(_MAX_STEMS):
            start, end = search(folded, position, size)[0]
            if start < 0:
                return frozenset(found), again
            string = folded[start:end]
            sign = means[string]
            (again if sign in found else found).add(sign)
            # Inside a long run of digits nothing else begins.
            position = end - 1 if string.isdigit() else start + 1
        found.update(means.values())
        return frozenset(found), found


def united(signs: Signs) -> frozenset[str]:
    """All that some signs stand for."""
    return _NONE.union(*signs)


def _meanings(marked: dict[str, frozenset[str]]) -> dict[bytes, frozenset[str]]:
    beginning: dict[bytes, frozenset[str]] = {}
    for string, stems in marked.items():
        plain = _folded(string.strip("<>").encode("ascii"))
        beginning[plain] = beginning.get(plain, _NONE) | stems
    same: dict[frozenset[str], frozenset[str]] = {}
    means = {}
    for plain in beginning:
        stems = _NONE.union(*[beginning.get(plain[:end], _NONE) for end in range(1, len(plain) + 1)])
        means[plain] = same.setdefault(stems, stems)
    return means


def _bounded(stem: str) -> str:
    plain = re.escape(_folded(stem.strip("<>").encode("ascii")).decode())
    return (r"\b" if stem[0] == "<" else "") + plain + (r"\b" if stem[-1] == ">" else "")


def _folded(shape: bytes) -> bytes:
    return shape.translate(_FOLD)


def is_needed(needs: tuple[str, ...], present: frozenset[str]) -> bool:
    """Whether one of some needs is there, or there are none."""
    return not needs or not present.isdisjoint(needs)
