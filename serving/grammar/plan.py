"""A grammar made ready to be followed: its parts numbered, and what each costs at least.

Costs are in tokens, and never too low: a text is cut where nodes meet, though one token may reach over.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import TypeAlias

from serving.grammar.loosening import Run, uncounted
from serving.grammar.nodes import Alt, Chars, Free, Grammar, Node, Ref, Repeat, Seq, Text
from serving.grammar.refusal import ShapeRefused

#: Parts of a grammar: some tenths of a second.
MAX_PARTS = 10_000
#: What a part costs that can never end.
NEVER = 10**9

#: Costs in tokens of the rests of a text: from its first byte, from its second, and so on to nothing.
TextCosts: TypeAlias = Callable[[bytes], tuple[int, ...]]


class Part:
    """A numbered node.

    Attributes:
        text: the bytes of a text, or what free bytes must not hold.
        inner: the parts inside; `outer`: those that it is inside of.
        cost: tokens that its shortest text takes at most.
        costs: of a text, from each byte on; of a sequence, from each part on.
        bound: `cost` where a text costs what its dearest rest does, so that it never rises while it is written.
        bounds: the same for `costs`.
        run: what is repeated, if the masks do not keep its counts.
    """

    __slots__ = ("bound", "bounds", "cost", "costs", "inner", "node", "number", "outer", "run", "text")

    def __init__(self, node: Node, number: int) -> None:
        self.node = node
        self.number = number
        self.text = b""
        self.inner: tuple[Part, ...] = ()
        self.outer: list[Part] = []
        self.cost = self.bound = NEVER
        self.costs: tuple[int, ...] = ()
        self.bounds: tuple[int, ...] = ()
        self.run: Run | None = None


class Plan:
    """A grammar made ready to be followed; shared between requests, which do not change it."""

    def __init__(self, grammar: Grammar, costs: TextCosts) -> None:
        self.parts: list[Part] = []
        self._grammar = grammar
        self._costs = costs
        self._known: dict[int | str, Part] = {}
        self._waiting: list[Part] = []
        self._due: deque[Part] = deque()
        self._waiting_again: set[int] = set()
        self.root = self._numbered(grammar.root)
        # Rules wait in line, so that a long chain of them is no deep recursion.
        while self._waiting:
            rule = self._waiting.pop()
            assert isinstance(rule.node, Ref)
            rule.inner = (self._numbered(grammar.rules[rule.node.name]),)
        for part in self.parts:
            for inner in part.inner:
                inner.outer.append(part)
        self._settle()

    def ends(self, node: Node) -> bool:
        """Whether a node of the grammar has a text that ends."""
        known = self._known.get(node.name if isinstance(node, Ref) else id(node))
        return known is not None and known.cost < NEVER

    def inside_out(self) -> Iterator[Part]:
        """Every part, those inside before those around; and again those around a part that `changed`."""
        self._due = deque(self._in_order())
        self._waiting_again = {part.number for part in self._due}
        while self._due:
            part = self._due.popleft()
            self._waiting_again.discard(part.number)
            yield part

    def changed(self, part: Part) -> None:
        """What is around this part is looked at again."""
        for outer in part.outer:
            if outer.number not in self._waiting_again:
                self._waiting_again.add(outer.number)
                self._due.append(outer)

    def _in_order(self) -> list[Part]:
        """Parts after those inside of them, as far as they are not inside of each other."""
        done: list[Part] = []
        seen: set[int] = set()
        left = [(self.root, False)]
        while left:
            part, opened = left.pop()
            if opened:
                done.append(part)
            elif part.number not in seen:
                seen.add(part.number)
                left.append((part, True))
                left.extend((inner, False) for inner in part.inner)
        return done

    def _numbered(self, node: Node) -> Part:
        key = node.name if isinstance(node, Ref) else id(node)
        if key in self._known:
            return self._known[key]
        part = self._known[key] = Part(node, len(self.parts))
        self.parts.append(part)
        if len(self.parts) > MAX_PARTS:
            raise ShapeRefused(f"The grammar of the schema has more than {MAX_PARTS} parts; write less of it.")
        match node:
            case Text(text):
                part.text = text.encode()
                part.costs = self._costs(part.text)
                part.bounds = _falling(part.costs)
            case Free(without):
                part.text = without.encode()
            case Seq(parts) | Alt(parts):
                part.inner = tuple(self._numbered(inner) for inner in parts)
            case Repeat(body):
                part.inner = (self._numbered(body),)
                part.run = uncounted(node, self._grammar.rules)
            case Ref():
                self._waiting.append(part)
        return part

    def _settle(self) -> None:
        """Find what every part costs; one inside of itself costs what its cheapest way out does."""
        for part in self.inside_out():
            cost = _sum(part, part.costs, [inner.cost for inner in part.inner])
            bound = _sum(part, part.bounds, [inner.bound for inner in part.inner])
            if (cost, bound) != (part.cost, part.bound):
                part.cost, part.bound = cost, bound
                self.changed(part)
        for part in self.parts:
            if isinstance(part.node, Seq):
                part.costs = _rests([inner.cost for inner in part.inner])
                part.bounds = _rests([inner.bound for inner in part.inner])


def _sum(part: Part, rests: tuple[int, ...], inner: list[int]) -> int:
    """What a part costs, by the rests of a text or by what the parts inside of it cost."""
    match part.node:
        case Text():
            return rests[0]
        case Chars(ranges):
            return len(chr(plainest(ranges)).encode())
        case Free():
            return 0
        case Alt():
            return min(inner)
        case Repeat(_, least, _):
            return min(NEVER, least * inner[0]) if least else 0
        case _:
            return min(NEVER, sum(inner))


def _rests(costs: list[int]) -> tuple[int, ...]:
    found = [0]
    for cost in reversed(costs):
        found.append(min(NEVER, found[-1] + cost))
    return tuple(reversed(found))


def _falling(costs: tuple[int, ...]) -> tuple[int, ...]:
    """Each cost or the dearest of those after it."""
    found = [0]
    for cost in reversed(costs[:-1]):
        found.append(max(found[-1], cost))
    return tuple(reversed(found))


def plainest(ranges: tuple[tuple[int, int], ...]) -> int:
    """The character that is written where any would do: one byte long if there is one, and no blank."""
    for wanted in (0x2E, 0x30, 0x61, 0x41):
        if any(low <= wanted <= high for low, high in ranges):
            return wanted
    return next((max(low, 0x21) for low, high in ranges if high >= 0x21), ranges[0][0])


def partly(ranges: tuple[tuple[int, int], ...], place: int, byte: int) -> int | None:
    """What is known of a character after one more byte of it: 0 when it is whole, None when none of `ranges` fits.

    Bits from below: three for the bytes that are missing, three for the length, then the code point so far.
    """
    if place == 0:
        if byte < 0x80:
            return 0 if any(low <= byte <= high for low, high in ranges) else None
        size = 2 if 0xC2 <= byte <= 0xDF else 3 if 0xE0 <= byte <= 0xEF else 4 if 0xF0 <= byte <= 0xF4 else 0
        if not size:
            return None
        missing, code = size - 1, byte & (0x7F >> size)
    else:
        if byte & 0xC0 != 0x80:
            return None
        missing, size, code = (place & 7) - 1, place >> 3 & 7, place >> 6 << 6 | byte & 0x3F
    first, last = code << 6 * missing, ((code + 1) << 6 * missing) - 1
    first = max(first, {2: 0x80, 3: 0x800, 4: 0x10000}[size])
    if not any(low <= last and first <= high for low, high in ranges):
        return None
    return code << 6 | size << 3 | missing if missing else 0
