"""Spans of a text that will be replaced, and which of them win where they overlap."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from policies.masking.rules import Entity


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


def resolve(spans: Iterable[Span]) -> list[Span]:
    """Spans that do not overlap, in order: a secret beats everything, then the longer one wins."""
    kept: list[Span] = []
    starts: list[int] = []
    for span in sorted(spans, key=lambda s: (s.entity != "SECRET", s.start - s.end, s.start, s.token is None)):
        index = bisect.bisect_left(starts, span.start)
        if index > 0 and kept[index - 1].end > span.start:
            continue
        if index < len(kept) and kept[index].start < span.end:
            continue
        kept.insert(index, span)
        starts.insert(index, span.start)
    return kept


def is_covered(span: Span, kept: list[Span], hidden_end: Callable[[Span], int]) -> bool:
    """Whether a span lies wholly in the part of one kept span that will not be shown."""
    index = bisect.bisect_right(kept, span.start, key=lambda other: other.start) - 1
    return index >= 0 and span.end <= hidden_end(kept[index])
