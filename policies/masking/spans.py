"""Spans of a text that will be replaced, and which of them win where they overlap."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from policies.masking.rules import Entity

#: Stands between texts that are read together; no pattern and no original reaches across it.
SEPARATOR = "\n\x00\n"


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a text and what it is."""

    start: int
    end: int
    entity: Entity
    #: The original, decoded where the text spells it in escapes.
    text: str
    #: Token it already has, when it was found as a known original.
    token: str | None = None
    #: How sure the recognizer is, 0 to 1, and which one it was.
    score: float = 1.0
    recognizer: str = ""


#: Letters and digits that make the rest of a span worth hiding: fewer tell nobody anything.
MIN_REST = 3
#: Recognizer that read the text with a statistical model: what a pattern proves beats what a model guesses.
GUESSED = "name-model"


def resolve(spans: Iterable[Span]) -> list[Span]:
    """Spans that do not overlap, in order: a secret beats everything, a pattern beats a guess, and among equals those
    are kept that together cover the most.

    What a loser covers beside the winners stays covered: its rest is a span of its own.
    """
    ranked: list[list[Span]] = [[], [], []]
    for span in spans:
        ranked[0 if span.entity == "SECRET" else 2 if span.recognizer == GUESSED else 1].append(span)
    places = _Places()
    losers: list[Span] = []
    for equals in ranked:
        won = _widest([span for span in equals if not places.overlapping(span)])
        places.place(won)
        winners = set(map(id, won))
        losers += [span for span in equals if id(span) not in winners]
    for span in sorted(losers, key=lambda s: (s.start - s.end, s.start)):
        places.place(places.free(span))
    return places.in_order()


def uncovered(spans: Iterable[Span], kept: list[Span]) -> list[Span]:
    """The spans that add something to the kept ones, which are in order and do not overlap.

    What is known beats a guess: a guess of another kind covers nothing.
    """
    starts = [span.start for span in kept]
    left = []
    for span in spans:
        index = bisect.bisect_right(starts, span.start) - 1
        over = kept[index] if index >= 0 else None
        guess = over is not None and over.recognizer == GUESSED and over.entity != span.entity
        if over is None or guess or over.end < span.end:
            left.append(span)
    return left


def _widest(spans: list[Span]) -> list[Span]:
    """Spans that do not overlap and cover the most together; of equals the fewest (weighted interval scheduling)."""
    ordered = sorted(spans, key=lambda span: (span.end, span.start, span.token is None))
    ends = [span.end for span in ordered]
    #: Best coverage and fewest spans (negative) over the first n spans, and the choice that leads there.
    best: list[tuple[int, int]] = [(0, 0)]
    chosen: list[bool] = []
    before: list[int] = []
    for number, span in enumerate(ordered):
        index = bisect.bisect_right(ends, span.start, 0, number)
        with_it = (best[index][0] + span.end - span.start, best[index][1] - 1)
        chosen.append(with_it > best[number])
        before.append(index)
        best.append(max(with_it, best[number]))
    kept: list[Span] = []
    number = len(ordered)
    while number > 0:
        if chosen[number - 1]:
            kept.append(ordered[number - 1])
            number = before[number - 1]
        else:
            number -= 1
    return kept


class _Places:
    """Non-overlapping spans in buckets, so that placing one does not move all that come after it."""

    #: Characters of a bucket.
    _SIZE = 1024

    def __init__(self) -> None:
        self._buckets: dict[int, list[Span]] = {}
        self._placed: list[Span] = []

    def place(self, spans: Iterable[Span]) -> None:
        """Take spans that overlap nothing that is placed."""
        for span in spans:
            self._placed.append(span)
            for number in range(span.start // self._SIZE, (span.end - 1) // self._SIZE + 1):
                bisect.insort(self._buckets.setdefault(number, []), span, key=_start)

    def in_order(self) -> list[Span]:
        return sorted(self._placed, key=_start)

    def free(self, span: Span) -> list[Span]:
        """The parts of a span that no placed one covers."""
        position = span.start
        parts: list[Span] = []
        for taken in self.overlapping(span):
            if taken.start > position:
                parts += _part(span, position, taken.start)
            position = max(position, taken.end)
        return parts + list(_part(span, position, span.end)) if position < span.end else parts

    def overlapping(self, span: Span) -> list[Span]:
        """Placed spans that share a character with this one, in order."""
        if not self._buckets:
            return []
        found: dict[int, Span] = {}
        for number in range(span.start // self._SIZE, (span.end - 1) // self._SIZE + 1):
            for other in self._buckets.get(number, ()):
                if other.start < span.end and span.start < other.end:
                    found[other.start] = other
        return [found[start] for start in sorted(found)]


def _start(span: Span) -> int:
    return span.start


def _part(span: Span, start: int, end: int) -> Iterator[Span]:
    """What is left of a span, unless it is only marks and spaces."""
    if (start, end) == (span.start, span.end):
        yield span
        return
    if span.end - span.start != len(span.text):
        # Written in escapes: where its letters stand is not known, so the rest goes as it is.
        yield replace(span, start=start, end=end, token=None, text=span.text)
        return
    text = span.text[start - span.start : end - span.start]
    if span.entity == "HOST":
        return  # a label of a host that another finding cut through names no machine
    if span.entity == "EMAIL" and "@" in span.text[: start - span.start + 1]:
        return  # the domain alone is no mailbox
    plain = text.strip()
    if sum(map(str.isalnum, plain)) >= MIN_REST:
        first = start + text.index(plain)
        yield replace(span, start=first, end=first + len(plain), text=plain, token=None)


def owners(lengths: Iterable[int], spans: Iterable[Span]) -> set[int]:
    """Which of several texts, joined by the separator, have a span in them."""
    starts: list[int] = []
    position = 0
    for length in lengths:
        starts.append(position)
        position += length + len(SEPARATOR)
    return {bisect.bisect_right(starts, span.start) - 1 for span in spans}
