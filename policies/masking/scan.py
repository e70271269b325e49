"""The one pass over a text that decides which patterns run at all, and how a pattern is run.

Every pattern names strings one of which is in each of its matches: an at sign, a label, `000-00-0000`. All of them are
looked for together in a folded text, so it is read once, and only the patterns that can match read it again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, NamedTuple

from policies.masking.rules import Entity

#: Start and end of a match and of each of its groups.
Spans = list[tuple[int, int]]
Search = Callable[[bytes, int, int], Spans]
#: Takes the masked part in ASCII; says how many of its characters belong to it, 0 for none.
Check = Callable[[str], int]

#: Bytes RE2 may use for one pattern. With its default of 8 MB a hostile text throws it back to a slower method.
_MEMORY = 24 << 20
#: How often a pattern tries again inside a match that its check refused; bounds the work at a multiple of the text.
_RETRIES = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Pattern:
    """One way a kind of personal data is written."""

    entity: Entity
    #: RE2 over ASCII.
    regex: str
    #: Strings one of which is in every match, in any case, with 0 for any digit; `<` and `>` stand for the start and
    #: the end of a word. One that begins with `~` is RE2 instead. Empty: the pattern always runs.
    needs: tuple[str, ...] = ()
    check: Check | None = None
    #: Characters that may not stand directly before or after the whole match.
    not_beside: str = ""
    #: What may not stand directly before it.
    not_after: bytes = b""
    #: Whether it must not be one of several numbers in a row, as in a dump.
    alone: bool = False
    #: Where the masked part really ends, given the shape and the end of the match.
    extend: Callable[[bytes, int], int] | None = None
    #: A secret with a form of its own, which no model writes by chance; the egress guard looks for these too.
    unmistakable: bool = False
    #: How sure a match is, 0 to 1: a checksum or a form of its own, a label, only its place.
    score: float = 0.9
    #: The recognizer it belongs to, as reports name it.
    name: str = ""


class Found(NamedTuple):
    """A part of a text that a recognizer takes for something."""

    start: int
    end: int
    entity: Entity
    score: float
    name: str


class Needs:
    """Many strings, looked for in one pass over a text in lower case, with 0 for any digit; and a few expressions."""

    def __init__(self, stems: Iterable[str]) -> None:
        distinct = frozenset(stems)
        self._expressions = sorted(stem for stem in distinct if stem[0] == "~")
        #: Each string as it stands in a folded text.
        self._folded = {stem: _folded(stem.strip("<>").encode("ascii")) for stem in distinct if stem[0] != "~"}
        longest_first = sorted(self._folded, key=lambda stem: (-len(self._folded[stem]), stem))
        self._regex = "|".join(map(_bounded, longest_first))
        #: The longest string at a place is found; these may begin there too.
        self._with = {
            found: frozenset(stem for stem, other in self._folded.items() if found.startswith(other))
            for found in self._folded.values()
        }

    def present(self, shape: bytes) -> frozenset[str]:
        """Those that occur, and perhaps others; all in a text too full of them for counting to be worth it."""
        matching = [stem for stem in self._expressions if occurs(stem[1:], shape)]
        if not self._regex:
            return frozenset(matching)
        folded = b" %b " % _folded(shape)
        search, _ = searcher(self._regex)
        found: set[bytes] = set()
        position, size = 0, len(folded)
        for _ in range(_MAX_STEMS):
            start, end = search(folded, position, size)[0]
            if start < 0:
                return _NONE.union(matching, *[self._with[stem] for stem in found])
            stem = folded[start:end]
            found.add(stem)
            # Inside a long run of digits nothing else begins.
            position = end - 1 if stem.isdigit() else start + 1
        return _NONE.union(matching, self._folded)


_NONE: frozenset[str] = frozenset()
#: Strings of a text that are looked at before all patterns are run.
_MAX_STEMS = 20_000
#: Lower case, one digit, and a blank for what stands around words.
_BLANKS = b"\t\r\n\"'`<>|,;_*!"
_FOLD = bytes.maketrans(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZ123456789" + _BLANKS,
    b"abcdefghijklmnopqrstuvwxyz000000000" + b" " * len(_BLANKS),
)


def _bounded(stem: str) -> str:
    plain = re.escape(_folded(stem.strip("<>").encode("ascii")).decode())
    return (r"\b" if stem[0] == "<" else "") + plain + (r"\b" if stem[-1] == ">" else "")


def _folded(shape: bytes) -> bytes:
    return shape.translate(_FOLD)


def is_needed(needs: tuple[str, ...], present: frozenset[str]) -> bool:
    """Whether one of some needs is there, or there are none."""
    return not needs or not present.isdisjoint(needs)


def all_if(accepts: Callable[[str], bool]) -> Check:
    """A check that takes all or nothing."""
    return lambda text: len(text) if accepts(text) else 0


@cache
def compiled(regex: str) -> Any:
    """A pattern ready for bytes. RE2 reports trouble by exception instead of writing to the error stream."""
    import re2

    return re2.compile(regex.encode("ascii"), _options())


@cache
def searcher(regex: str) -> tuple[Search, int]:
    """What finds an expression between two positions (at -1 when it is not there), and the group that gets masked.

    It goes past the wrapper of google-re2, whose generators and match objects cost more than most searches.
    """
    import re2

    expression = compiled(regex)
    search = partial(expression._regexp.Match, re2._Anchor.UNANCHORED)  # noqa: SLF001
    return search, min(expression.groups, 1)


def occurs(regex: str, shape: bytes) -> bool:
    """Whether an expression matches anywhere."""
    return searcher(regex)[0](shape, 0, len(shape))[0][0] >= 0


def find_all(regex: str, shape: bytes) -> Iterator[Spans]:
    """Where an expression and its groups stand, from the start to the end; a group that took no part is at -1."""
    search, _ = searcher(regex)
    position, size = 0, len(shape)
    while position <= size:
        spans = search(shape, position, size)
        if spans[0][0] < 0:
            return
        yield spans
        position = max(spans[0][1], position + 1)


def _options() -> Any:
    import re2

    options = re2.Options()
    options.log_errors = False
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = _MEMORY
    return options


def run(patterns: Iterable[Pattern], shape: bytes) -> Iterator[Found]:
    """What some patterns find."""
    size = len(shape)
    for pattern in patterns:
        # Most find nothing, and are told so before a generator is made for them.
        first = searcher(pattern.regex)[0](shape, 0, size)
        if first[0][0] >= 0:
            for start, end in _matches(pattern, shape, first):
                yield Found(start, end, pattern.entity, pattern.score, pattern.name)


def matches(pattern: Pattern, shape: bytes) -> Iterator[tuple[int, int]]:
    """Spans of a pattern in a shape, whole words only, checked by the pattern's own check."""
    return _matches(pattern, shape, searcher(pattern.regex)[0](shape, 0, len(shape)))


def _matches(pattern: Pattern, shape: bytes, first: Spans) -> Iterator[tuple[int, int]]:
    """The same, given the first match, checked or not."""
    search, group = searcher(pattern.regex)
    position = furthest = retries = 0
    spans, size = first, len(shape)
    while spans[0][0] >= 0 and position < size:
        begin, finish = spans[0]
        start, end = spans[group]
        taken = _taken(pattern, shape, begin, start, end)
        if taken:
            yield start, start + taken
            position = max(start + taken, position + 1)
            spans = search(shape, min(position, size), size)
            continue
        # After a miss of a check the next match may begin inside this one; what has no check is skipped whole.
        retries = retries + 1 if begin < furthest else 0
        furthest = max(furthest, finish)
        if pattern.check is None or retries >= _RETRIES:
            position = max(furthest, position + 1)
        else:
            position = _next_word(shape, begin + 1)
        spans = search(shape, min(position, size), size)


def _taken(pattern: Pattern, shape: bytes, begin: int, start: int, end: int) -> int:
    if begin and _ALNUM[shape[begin]] and _is_beside(pattern, shape, begin - 1, begin - 2):
        return 0
    if pattern.not_after and shape[max(start - len(pattern.not_after), 0) : start] == pattern.not_after:
        return 0
    if pattern.extend is not None:
        return pattern.extend(shape, end) - start
    taken = end - start if pattern.check is None else pattern.check(shape[start:end].decode("ascii"))
    if not taken or (pattern.alone and _in_a_row(shape, start, start + taken)):
        return 0
    after = start + taken
    return 0 if pattern.entity != "SECRET" and _is_beside(pattern, shape, after, after + 1) else taken


def _is_beside(pattern: Pattern, shape: bytes, beside: int, beyond: int) -> bool:
    """Whether what stands next to a match, and beyond that, makes it part of something longer."""
    if not 0 <= beside < len(shape):
        return False
    if _ALNUM[shape[beside]]:
        return True
    # A mark counts only inside a longer run: `4111….5`, not at the end of a sentence.
    return chr(shape[beside]) in pattern.not_beside and 0 <= beyond < len(shape) and bool(_ALNUM[shape[beyond]])


def _in_a_row(shape: bytes, start: int, end: int) -> bool:
    """Whether more numbers stand before or after, or pairs of hexadecimal digits."""
    before, after = shape[max(start - 4, 0) : start], shape[end : end + 4]
    return bool(
        re.search(rb"[0-9][ \t]$|(?:^|[^A-Za-z])[0-9a-f]{2}[ \t]$", before)
        or re.match(rb"[ \t](?:[0-9]|[0-9a-f]{2}(?:[^a-z]|$))", after)
    )


#: Which bytes are letters and digits.
_ALNUM = bytes(chr(code).isalnum() and code < 128 for code in range(256))
#: The end of a run of letters and digits.
_WORD_END = re.compile(rb"[A-Za-z0-9]*")


def _next_word(shape: bytes, position: int) -> int:
    """The start of the next word, so that a long run is not tried again at each of its characters."""
    if not shape[position - 1 : position].isalnum():
        return position
    match = _WORD_END.match(shape, position)
    return match.end() if match else position
