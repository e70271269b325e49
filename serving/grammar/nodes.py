"""The parts a grammar is made of, and the few rewritings that keep it small.

One tree has two readers: `ebnf` writes it for the engine that masks tokens, `closing` walks it to end an answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

#: The highest code point there is.
LAST = 0x10FFFF
#: Branches after one another in a list of words.
_MAX_BRANCHES = 30
#: Code points that no UTF-8 text has.
SURROGATES = (0xD800, 0xDFFF)


@dataclass(frozen=True, slots=True)
class Text:
    """Exactly this text."""

    text: str


@dataclass(frozen=True, slots=True)
class Chars:
    """One character out of these ranges of code points: inclusive, in order, apart from each other."""

    ranges: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Seq:
    """One after the other."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Alt:
    """Any one of these."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """`body`, which is never empty, `least` to `most` times; None is without end."""

    body: Node
    least: int
    most: int | None


@dataclass(frozen=True, slots=True)
class Ref:
    """What the rule of this name says."""

    name: str


@dataclass(frozen=True, slots=True)
class Free:
    """Any bytes in which `without` does not occur."""

    without: str


Node: TypeAlias = Text | Chars | Seq | Alt | Repeat | Ref | Free

#: Nothing at all.
EMPTY = Text("")


@dataclass(slots=True)
class Grammar:
    """A whole answer: its root and the rules that it refers to."""

    root: Node = EMPTY
    rules: dict[str, Node] = field(default_factory=dict)

    def rule(self, node: Node) -> Node:
        """`node` under a name of its own, so that whoever needs it twice does not write it twice."""
        if isinstance(node, Ref | Text | Chars):
            return node
        ref = self.opened()
        self.rules[ref.name] = node
        return ref

    def opened(self) -> Ref:
        """The name of a rule that is still to be written, so that it can refer to itself."""
        ref = Ref(f"r{len(self.rules)}")
        self.rules[ref.name] = EMPTY
        return ref


def chars(ranges: Iterable[tuple[int, int]]) -> Chars:
    """One character of these ranges, which may overlap; surrogates are left out."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(pair for whole in ranges for pair in _without_surrogates(*whole)):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return Chars(tuple(merged))


def others(ranges: Iterable[tuple[int, int]]) -> Chars:
    """One character that is in none of these ranges."""
    gaps, at = [], 0
    for low, high in chars(ranges).ranges:
        gaps.append((at, low - 1))
        at = high + 1
    return chars([*gaps, (at, LAST)])


def both(one: Chars, other: Chars) -> Chars:
    """One character that both allow."""
    return chars((max(a, c), min(b, d)) for a, b in one.ranges for c, d in other.ranges)


def _without_surrogates(low: int, high: int) -> list[tuple[int, int]]:
    first, last = SURROGATES
    pairs = [(low, min(high, first - 1)), (max(low, last + 1), high)]
    return [(a, b) for a, b in dict.fromkeys(pairs) if a <= b]


def seq(*parts: Node) -> Node:
    """The parts in order; texts beside each other become one, so that one token can cover both."""
    flat: list[Node] = []
    for part in parts:
        for piece in part.parts if isinstance(part, Seq) else (part,):
            if isinstance(piece, Text) and flat and isinstance(flat[-1], Text):
                flat[-1] = Text(flat[-1].text + piece.text)
            elif piece != EMPTY:
                flat.append(piece)
    return flat[0] if len(flat) == 1 else Seq(tuple(flat)) if flat else EMPTY


def alt(*parts: Node) -> Node:
    """Any one of the parts, each named once; there is at least one."""
    flat = dict.fromkeys(piece for part in parts for piece in (part.parts if isinstance(part, Alt) else (part,)))
    return next(iter(flat)) if len(flat) == 1 else Alt(tuple(flat))


def maybe(node: Node) -> Node:
    """`node` or nothing."""
    return alt(node, EMPTY)


def repeat(body: Node, least: int, most: int | None) -> Node:
    """`body` that many times."""
    if most == 0:
        return EMPTY
    return body if (least, most) == (1, 1) else Repeat(body, least, most)


def words(texts: Iterable[str], depth: int = 0) -> Node:
    """Any one of these texts; what they begin with alike is written once."""
    groups: dict[str, list[str]] = {}
    for text in dict.fromkeys(texts):
        groups.setdefault(text[:1], []).append(text)
    return alt(*(_word(group, depth) for group in groups.values()))


def _word(group: list[str], depth: int) -> Node:
    first, last = min(group), max(group)
    start = first[: next((at for at, char in enumerate(first) if last[at : at + 1] != char), len(first))]
    if len(group) == 1 or not start or depth >= _MAX_BRANCHES:
        return alt(*map(Text, group))
    return seq(Text(start), words((text[len(start) :] for text in group), depth + 1))
