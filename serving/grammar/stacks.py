"""Stacks of what is left to write: numbered, with shared tails, so that a byte costs a look-up or two."""

from __future__ import annotations

from dataclasses import dataclass

from serving.grammar.nodes import Chars, Free, Repeat, Seq, Text
from serving.grammar.plan import NEVER, Part, partly

#: The number of the empty stack: the text is whole.
END = 0


@dataclass(frozen=True, slots=True)
class Opened:
    """What a stack stands for.

    Attributes:
        tops: stacks with something on top that takes a byte, or the empty one.
        strays: stacks that only masks without counts would go on with.
    """

    tops: tuple[int, ...]
    strays: tuple[int, ...] = ()


class Stacks:
    """The stacks of one text. `loose` is to go on as the masks do, which leave long counts of characters out."""

    def __init__(self) -> None:
        self.parts: list[Part | None] = [None]
        self.places: list[int] = [0]
        self.tails: list[int] = [END]
        #: Tokens to the end, the one that stops included; `bounds` are costs that do not rise within a text.
        self.costs: list[int] = [1]
        self.bounds: list[int] = [1]
        self._numbers: dict[tuple[int, int, int], int] = {}
        self._opened: dict[tuple[int, bool], Opened] = {}

    def put(self, part: Part, place: int, tail: int) -> int:
        """The number of the stack with this on top."""
        key = (part.number, place, tail)
        known = self._numbers.get(key)
        if known is not None:
            return known
        number = self._numbers[key] = len(self.parts)
        self.parts.append(part)
        self.places.append(place)
        self.tails.append(tail)
        cost, bound = _left(part, place)
        self.costs.append(min(NEVER, cost + self.costs[tail]))
        self.bounds.append(min(NEVER, bound + self.bounds[tail]))
        return number

    def opened(self, stack: int, *, loose: bool) -> Opened:
        """What may come next."""
        known = self._opened.get((stack, loose))
        if known is not None:
            return known
        tops: dict[int, None] = {}
        strays: dict[int, None] = {}
        left, seen = [stack], {stack}
        while left:
            at = left.pop()
            below, lost = self._open(at, loose)
            if below is None or at in below:
                tops[at] = None
            strays.update(dict.fromkeys(lost))
            new = [inner for inner in below or () if inner not in seen and self.costs[inner] < NEVER]
            left.extend(new)
            seen.update(new)
        found = self._opened[stack, loose] = Opened(tuple(tops), tuple(strays))
        return found

    def step(self, stack: int, byte: int) -> int | None:
        """The stack after one byte; None if it does not fit."""
        part, place, tail = self.parts[stack], self.places[stack], self.tails[stack]
        if part is None:
            return None
        match part.node:
            case Text():
                return self.put(part, place + 1, tail) if part.text[place] == byte else None
            case Free():
                reached = _overlap(part.text, place, byte)
                return None if reached == len(part.text) else self.put(part, reached, tail)
            case Chars(ranges):
                after = partly(ranges, place, byte)
                return None if after is None else self.put(part, after, tail) if after else tail
            case _:  # pragma: no cover - the others were opened
                raise AssertionError(part.node)

    def _open(self, stack: int, loose: bool) -> tuple[list[int] | None, list[int]]:
        """The stacks that this one stands for, and its strays; None where its top takes a byte."""
        part, place, tail = self.parts[stack], self.places[stack], self.tails[stack]
        if part is None:
            return None, []
        match part.node:
            case Text():
                return ([tail] if place == len(part.text) else None), []
            case Chars():
                return None, []
            case Free():
                return [stack, tail], []
            case Seq():
                rest = tail if place + 1 >= len(part.inner) else self.put(part, place + 1, tail)
                return [self.put(part.inner[place], 0, rest)], []
            case Repeat():
                return self._repeat(part, place, tail, loose)
            case _:
                return [self.put(inner, 0, tail) for inner in part.inner], []

    def _repeat(self, part: Part, place: int, tail: int, loose: bool) -> tuple[list[int], list[int]]:
        assert isinstance(part.node, Repeat)
        least, most = part.node.least, part.node.most
        if loose and part.run is not None:
            return [tail, self.put(part.inner[0], 0, self.put(part, 0, tail))], []
        opened, strays = [], []
        if place >= least:
            opened.append(tail)
        elif part.run is not None and place >= part.run.kept(least):
            strays.append(tail)
        if most is None or place < most:
            after = place if most is None and place >= least else place + 1
            opened.append(self.put(part.inner[0], 0, self.put(part, after, tail)))
        elif part.run is not None:
            strays.append(self.put(part.inner[0], 0, self.put(part, 0, tail)))
        return opened, strays


def _left(part: Part, place: int) -> tuple[int, int]:
    """Cost and bound of what is left of a part."""
    match part.node:
        case Text() | Seq():
            return part.costs[place], part.bounds[place]
        case Repeat(_, least, _):
            times = max(0, least - place)
            return times and times * part.inner[0].cost, times and times * part.inner[0].bound
        case Chars() if place:
            return place & 7, place & 7
        case _:
            return part.cost, part.bound


def _overlap(text: bytes, matched: int, byte: int) -> int:
    """How much of the beginning of `text` has been written after one more byte."""
    seen = text[:matched] + bytes([byte])
    return next(size for size in range(len(seen), -1, -1) if seen.endswith(text[:size]))
