"""The one pass over a text that decides which patterns run at all, and how a pattern is run.

Every pattern names something small that each of its matches holds: an at sign, a run of digits, a label. All of
these are looked for together, so a text is read once and only the patterns that can match read it again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from policies.masking.rules import Entity

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
    #: RE2 over ASCII, small: something that every match holds. Empty: the pattern always runs.
    needs: str = ""
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


@dataclass(frozen=True, slots=True)
class Found:
    """A part of a text that a recognizer takes for something."""

    start: int
    end: int
    entity: Entity
    score: float
    name: str


class Needs:
    """Many small expressions, looked for in one pass."""

    def __init__(self, expressions: Iterable[str]) -> None:
        import re2

        self._expressions = sorted({expression for expression in expressions if expression})
        self._set = re2.Set.SearchSet(_options())
        for expression in self._expressions:
            self._set.Add(expression.encode("ascii"))
        if self._expressions:
            self._set.Compile()

    def present(self, shape: bytes) -> frozenset[str]:
        """Those that occur; with them the empty one, which what always runs needs."""
        if not self._expressions:
            return frozenset({""})
        return frozenset({"", *(self._expressions[index] for index in self._set.Match(shape) or ())})


def all_if(accepts: Callable[[str], bool]) -> Check:
    """A check that takes all or nothing."""
    return lambda text: len(text) if accepts(text) else 0


def any_of(words: Iterable[str]) -> str:
    """A need: one of some words, in any case. Each is RE2."""
    return f"(?i:{'|'.join(words)})"


@cache
def compiled(regex: str) -> Any:
    """A pattern ready for bytes. RE2 reports trouble by exception instead of writing to the error stream."""
    import re2

    return re2.compile(regex.encode("ascii"), _options())


def _options() -> Any:
    import re2

    options = re2.Options()
    options.log_errors = False
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = _MEMORY
    return options


def run(patterns: Iterable[Pattern], shape: bytes) -> Iterator[Found]:
    """What some patterns find."""
    for pattern in patterns:
        for start, end in matches(pattern, shape):
            yield Found(start, end, pattern.entity, pattern.score, pattern.name)


def matches(pattern: Pattern, shape: bytes) -> Iterator[tuple[int, int]]:
    """Spans of a pattern in a shape, whole words only, checked by the pattern's own check."""
    expression = compiled(pattern.regex)
    group = 1 if expression.groups else 0
    position = furthest = retries = 0
    while position < len(shape):
        match = expression.search(shape, position)
        if match is None:
            return
        start, end = match.span(group)
        taken = _taken(pattern, shape, match.start(), start, end)
        if taken:
            yield start, start + taken
            position = max(start + taken, position + 1)
            continue
        # After a miss of a check the next match may begin inside this one; what has no check is skipped whole.
        retries = retries + 1 if match.start() < furthest else 0
        furthest = max(furthest, match.end())
        if pattern.check is None or retries >= _RETRIES:
            position = max(furthest, position + 1)
        else:
            position = _next_word(shape, match.start() + 1)


def _taken(pattern: Pattern, shape: bytes, begin: int, start: int, end: int) -> int:
    if shape[begin : begin + 1].isalnum() and _is_beside(pattern, shape[max(begin - 2, 0) : begin][::-1]):
        return 0
    if pattern.not_after and shape[max(start - len(pattern.not_after), 0) : start] == pattern.not_after:
        return 0
    if pattern.extend is not None:
        return pattern.extend(shape, end) - start
    taken = end - start if pattern.check is None else pattern.check(shape[start:end].decode("ascii"))
    if not taken or (pattern.alone and _in_a_row(shape, start, start + taken)):
        return 0
    after = shape[start + taken : start + taken + 2]
    return 0 if pattern.entity != "SECRET" and _is_beside(pattern, after) else taken


def _is_beside(pattern: Pattern, outward: bytes) -> bool:
    """Whether what stands next to a match, read away from it, makes it part of something longer."""
    if outward[:1].isalnum():
        return True
    # A mark counts only inside a longer run: `4111….5`, not at the end of a sentence.
    return outward[:1].decode("ascii") in pattern.not_beside and outward[1:2].isalnum() if outward else False


def _in_a_row(shape: bytes, start: int, end: int) -> bool:
    """Whether more numbers stand before or after, or pairs of hexadecimal digits."""
    before, after = shape[max(start - 4, 0) : start], shape[end : end + 4]
    return bool(
        re.search(rb"[0-9][ \t]$|(?:^|[^A-Za-z])[0-9a-f]{2}[ \t]$", before)
        or re.match(rb"[ \t](?:[0-9]|[0-9a-f]{2}(?:[^a-z]|$))", after)
    )


#: The end of a run of letters and digits.
_WORD_END = re.compile(rb"[A-Za-z0-9]*")


def _next_word(shape: bytes, position: int) -> int:
    """The start of the next word, so that a long run is not tried again at each of its characters."""
    if not shape[position - 1 : position].isalnum():
        return position
    match = _WORD_END.match(shape, position)
    return match.end() if match else position
