"""Objects and arrays as chains: each link writes one entry, or, where it is optional, leaves it out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from serving.grammar.nodes import EMPTY, Grammar, Node, Text, alt, maybe, repeat, seq
from serving.grammar.strings import MAX_REPEAT

#: What is written between entries, and between a name and its value, as `json.dumps` does.
COMMA, COLON = Text(", "), Text(": ")


@dataclass(frozen=True, slots=True)
class Link:
    """One entry of a chain, in the order in which it is written."""

    node: Node
    required: bool


@dataclass(frozen=True, slots=True)
class More:
    """Entries after those of the chain: as many as the counts allow."""

    node: Node


def entry(name: str, value: Node) -> Node:
    """A property."""
    return seq(Text(json.dumps(name, ensure_ascii=False)), COLON, value)


class Chain:
    """Entries between two brackets, with a comma between any two of them."""

    def __init__(
        self, grammar: Grammar, links: Sequence[Link], more: More | None, least: int, most: int | None
    ) -> None:
        self._grammar = grammar
        self._links = tuple(links)
        self._more = more
        self._least = least
        self._most = most
        #: Beyond this, how many there are makes no difference.
        # Entries and how many there are make a rule each.
        limited = most is not None and (most < len(links) or more is not None)
        self._enough = max(least, most or 0, 1) if limited else max(least, 1)

    def node(self, opening: str, closing: str) -> Node | None:
        """The whole; None if no number of entries is right."""
        # From the last link to the first, so that a long chain is no deep recursion.
        after = {written: self._rest(written) for written in self._counts(len(self._links))}
        for index in range(len(self._links) - 1, -1, -1):
            link = self._links[index]
            after = {written: self._follow(link, written, after) for written in self._counts(index)}
        return None if after[0] is None else seq(Text(opening), after[0], Text(closing))

    def _counts(self, index: int) -> range:
        """How many entries may be there before a link, as far as it makes a difference."""
        required = sum(link.required for link in self._links[:index])
        return range(min(required, self._enough), min(index, self._enough) + 1)

    def _follow(self, link: Link, written: int, after: dict[int, Node | None]) -> Node | None:
        """What may follow when `written` entries are there: `link`, or, where it may be left out, what follows it."""
        full = self._most is not None and written >= self._most
        rest = None if full else after[min(written + 1, self._enough)]
        given = None if rest is None else seq(COMMA if written else EMPTY, link.node, rest)
        without = None if link.required else after[written]
        if given is None or without is None:
            return given if without is None else without
        return self._grammar.rule(alt(given, without))

    def _rest(self, written: int) -> Node | None:
        least = max(0, self._least - written)
        most = None if self._most is None else self._most - written
        if most is not None and least > most:
            return None
        if self._more is None or most == 0:
            return EMPTY if least == 0 else None
        most = None if most is None else min(most, MAX_REPEAT)
        another = seq(COMMA, self._more.node)
        if written:
            return repeat(another, least, most)
        first = seq(self._more.node, repeat(another, max(0, least - 1), None if most is None else most - 1))
        return first if least else maybe(first)
