"""What one more token can add to the shortest end of an answer, for every token and whatever came before.

Read off the grammar: opening an object adds what its shortest rest takes, a letter inside of a string adds nothing.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from serving.grammar.nodes import Alt, Chars, Free, Grammar, Repeat, Text
from serving.grammar.plan import NEVER, Part, Plan
from serving.vocabulary import Counts, Vocabulary

#: Less than any cost: no such byte can come next.
NONE = -(10**12)


class Bounds:
    """What the answers of one grammar cost; shared between requests."""

    def __init__(self, grammar: Grammar, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.plan = Plan(grammar, vocabulary.costs)
        #: Fewest tokens of a whole answer, the one that stops included; `NEVER` if none ends.
        self.least = min(NEVER, self.plan.root.cost + 1)

    @cached_property
    def rises(self) -> Counts:
        """For each byte, by how many tokens the shortest end grows at most when it is written."""
        entries = _entries(self.plan)
        rises = np.zeros(256, dtype=np.int64)
        for part in self.plan.parts:
            rises = np.maximum(rises, entries[part.number])
            if isinstance(part.node, Repeat) and part.inner[0].bound < NEVER:
                # One more time than is asked for.
                rises = np.maximum(rises, entries[part.inner[0].number] + part.inner[0].bound)
        return rises

    @cached_property
    def tails(self) -> Counts:
        """For each token, by how much its bytes after the first can make the shortest end grow."""
        return self.vocabulary.sums(self.rises) - self.rises[self.vocabulary.first]

    @cached_property
    def fewest(self) -> int | None:
        """The smallest count of characters that the masks do not keep; None if they keep them all."""
        return min((_fewest(part) for part in self.plan.parts if part.run is not None), default=None)

    @cached_property
    def fewest_inside(self) -> int:
        """The smallest of them that one token can begin to count within a string: of parts of a pattern."""
        parts = (part for part in self.plan.parts if part.run is not None and part.run.escapes is None)
        return min(map(_fewest, parts), default=NEVER)

    @cached_property
    def reach(self) -> int:
        """By how much one token can make the shortest end grow."""
        return int(self.vocabulary.sums(self.rises).max())


def _fewest(part: Part) -> int:
    """How many characters a token needs to break a count. No token has two quotes, so none begins and ends a string."""
    assert isinstance(part.node, Repeat)
    assert part.run is not None
    if part.run.escapes is None and part.run.kept(part.node.least) < part.node.least:
        return 0
    return NEVER if part.node.most is None else part.node.most


def _entries(plan: Plan) -> list[Counts]:
    """For each part and each byte it can begin with: what that byte adds to the shortest end."""
    entries = [np.full(256, NONE, dtype=np.int64) for _ in plan.parts]
    for part in plan.inside_out():
        found = _entry(part, entries)
        if not np.array_equal(found, entries[part.number]):
            entries[part.number] = found
            plan.changed(part)
    return entries


def _entry(part: Part, entries: list[Counts]) -> Counts:
    found = np.full(256, NONE, dtype=np.int64)
    match part.node:
        case Text() if part.text:
            found[part.text[0]] = part.bounds[1] - part.bounds[0]
        case Chars(ranges):
            missing = begins(ranges)
            found = np.where(missing >= 0, missing - part.bound, found)
        case Free():
            found[:] = 0
        case Alt():
            for inner in part.inner:
                if inner.bound < NEVER:
                    found = np.maximum(found, entries[inner.number] + inner.bound - part.bound)
        case Repeat(_, least, _):
            body = part.inner[0]
            if body.bound < NEVER:
                found = entries[body.number] + (0 if least else body.bound)
        case Text():
            pass
        case _:
            for inner in part.inner:
                found = np.maximum(found, entries[inner.number])
                if inner.cost:
                    break
    return found


def begins(ranges: tuple[tuple[int, int], ...]) -> Counts:
    """For each byte that a character of these ranges begins with, the bytes that follow it; else -1."""
    found = np.full(256, -1, dtype=np.int64)
    for low, high in ranges:
        found[low : min(high, 0x7F) + 1] = 0
        for first, last, at, missing in (
            (0x80, 0x7FF, 0xC0, 1),
            (0x800, 0xFFFF, 0xE0, 2),
            (0x10000, 0x10FFFF, 0xF0, 3),
        ):
            if low <= last and first <= high:
                found[at + (max(low, first) >> 6 * missing) : at + (min(high, last) >> 6 * missing) + 1] = missing
    return found
