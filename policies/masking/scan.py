"""What a pattern is, and how one is run.

Every pattern names strings one of which is in each of its matches: an at sign, a label, `000-00-0000`. `Needs` looks
for all of them together, and only the patterns that can match read a text again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
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
    #: the end of a word, and `|` between strings means any of them. One that begins with `~` is RE2 instead. Empty:
    #: the pattern always runs.
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


#: A pattern, what finds it, the group that gets masked, and what it needs where a text has but one kind of that.
Prepared = tuple[Pattern, Search, int, frozenset[str] | None]
#: Start and end of what a pattern found.
Place = tuple[int, int, Pattern]


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


def follower(regex: str) -> Callable[[bytes, int], int]:
    """What says where an expression ends that begins at a position; it is the position where none does."""
    return lambda shape, position: max(_anchored(regex)(shape, position, len(shape))[0][1], position)


@cache
def _anchored(regex: str) -> Search:
    import re2

    return partial(compiled(regex)._regexp.Match, re2._Anchor.ANCHOR_START)  # noqa: SLF001


def set_of(expressions: Iterable[str]) -> Callable[[bytes], list[int]]:
    """What tells in one pass which of some expressions match anywhere, by their numbers."""
    import re2

    made = re2.Set.SearchSet(_options())
    for expression in expressions:
        made.Add(expression.encode("ascii"))
    made.Compile()
    match: Callable[[bytes], list[int]] = made._set.Match  # noqa: SLF001
    return match


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


def run(patterns: Iterable[Pattern], shape: bytes) -> list[Found]:
    """What some patterns find."""
    places = run_prepared([(pattern, *searcher(pattern.regex), None) for pattern in patterns], shape)
    return [Found(start, end, pattern.entity, pattern.score, pattern.name) for start, end, pattern in places]


def run_prepared(prepared: Iterable[Prepared], shape: bytes, again: Collection[frozenset[str]] = ()) -> list[Place]:
    """Where some patterns match, when what searches for them is at hand. `again` are the needs that are there twice."""
    size = len(shape)
    found: list[Place] = []
    for each in prepared:
        # Most find nothing, and nothing more is done for them.
        first = each[1](shape, 0, size)
        if first[0][0] >= 0:
            # What needs something that is there once is itself there once.
            _matches(each, shape, first, found, once=each[3] is not None and each[3] not in again)
    return found


def matches(pattern: Pattern, shape: bytes) -> Iterator[tuple[int, int]]:
    """Spans of a pattern in a shape, whole words only, checked by the pattern's own check."""
    search, group = searcher(pattern.regex)
    found: list[Place] = []
    _matches((pattern, search, group, None), shape, search(shape, 0, len(shape)), found)
    return ((start, end) for start, end, _ in found)


def _matches(prepared: Prepared, shape: bytes, spans: Spans, found: list[Place], *, once: bool = False) -> None:
    """The same added to others, given the first match, checked or not; the first that passes alone if `once`."""
    pattern, search, group, _ = prepared
    position = furthest = retries = 0
    size = len(shape)
    while spans[0][0] >= 0 and position < size:
        begin, finish = spans[0]
        start, end = spans[group]
        taken = _taken(pattern, shape, begin, start, end)
        if taken:
            found.append((start, start + taken, pattern))
            if once:
                return
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
    """How many characters of a match belong to what was looked for, 0 for none."""
    marks = pattern.not_beside
    if begin and _ALNUM[shape[begin]]:
        beside = shape[begin - 1]
        if _ALNUM[beside] or (marks and begin > 1 and chr(beside) in marks and _ALNUM[shape[begin - 2]]):
            return 0
    if pattern.not_after and shape[max(start - len(pattern.not_after), 0) : start] == pattern.not_after:
        return 0
    if pattern.extend is not None:
        end = pattern.extend(shape, end)
    taken = end - start if pattern.check is None else pattern.check(shape[start:end].decode("ascii"))
    if not taken or (pattern.alone and _in_a_row(shape, start, start + taken)):
        return 0
    after = start + taken
    if after < len(shape) and pattern.entity != "SECRET":
        beside, beyond = shape[after], shape[after + 1 : after + 2]
        # A mark counts only inside a longer run: `4111….5`, not at the end of a sentence.
        if _ALNUM[beside] or (marks and chr(beside) in marks and beyond.isalnum()):
            return 0
    return taken


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
