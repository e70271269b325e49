"""Follows a text through a grammar byte by byte: every way to read it so far, and what the shortest end would cost."""

from __future__ import annotations

from serving.grammar.nodes import Chars, Free, Repeat, Text
from serving.grammar.plan import NEVER, Plan, partly
from serving.grammar.stacks import END, Stacks

__all__ = ["END", "Follower"]

#: Ways to read one text that are too many, and how many times as many are followed before the dearest are dropped.
MAX_WAYS, MOST = 400, 10
#: Parts of an escape around the one that takes the next byte.
_DEEPEST_ESCAPE = 4


class Follower:
    """One text on its way through a plan. Not shared between threads.

    Attributes:
        ways: stacks that may go on. Without any the text has no place in the grammar.
        strays: stacks that masks without counts would allow as well, and the grammar does not.
        crowded: whether there are too many ways, so that the answer should end while they are known.
    """

    def __init__(self, plan: Plan, *, ways: int = MAX_WAYS) -> None:
        self._most = ways
        self.stacks = Stacks()
        self._moves: dict[tuple[tuple[int, ...], tuple[int, ...], int], tuple[tuple[int, ...], tuple[int, ...]]] = {}
        self.crowded = False
        self.ways: tuple[int, ...]
        self.strays: tuple[int, ...]
        self.ways, self.strays = self._spread([self.stacks.put(plan.root, 0, END)], [])

    def cheapest(self) -> int:
        """The way with the shortest end, which free text only puts off."""
        return min(self.ways, key=lambda way: (self.stacks.costs[way], self._puts_off(way)))

    def feed(self, text: bytes) -> None:
        """Go on by these bytes."""
        self.ways, self.strays = self._after(text)
        self.crowded = self.crowded or max(len(self.ways), len(self.strays)) > self._most

    def cost(self, text: bytes) -> int:
        """Tokens that the shortest end would take after these bytes; `NEVER` if they do not fit."""
        return min((self.stacks.costs[way] for way in self._after(text)[0]), default=NEVER)

    def run(self) -> int | None:
        """The way of a repeated character, if every plain text of its characters can only go on with it."""
        found, parts = self._repeated(), self.stacks.parts
        if found is None or self.strays:
            return None
        ranges = self.ranges(found)
        texts = [(parts[way], self.stacks.places[way]) for way in self.ways if way != found]
        mixed = any(part is not None and partly(ranges, 0, part.text[place]) is not None for part, place in texts)
        return None if mixed else found

    def string(self) -> int | None:
        """The way of a character in a JSON string, if everything but the string's end goes on with it."""
        found = self._repeated()
        around = None if found is None else self.stacks.parts[self.stacks.tails[found]]
        return found if around is not None and around.run is not None and around.run.escapes is not None else None

    def go(self, way: int, count: int) -> None:
        """Go on by that many characters of a run."""
        tail = self.stacks.tails[way]
        part, place = self.stacks.parts[tail], self.stacks.places[tail] + count - 1
        assert part is not None
        assert isinstance(part.node, Repeat)
        place = min(place, part.node.least) if part.node.most is None else place
        self.ways, self.strays = self._spread([self.stacks.put(part, place, self.stacks.tails[tail])], [])

    def room(self, way: int) -> int | None:
        """How many more characters may come where a way is in the middle of them; None: any number."""
        tail = self.stacks.tails[way]
        for _ in range(_DEEPEST_ESCAPE):
            part = self.stacks.parts[tail]
            if part is not None and isinstance(part.node, Repeat):
                return None if part.node.most is None else 1 + part.node.most - self.stacks.places[tail]
            tail = self.stacks.tails[tail]
        return None

    def ranges(self, way: int) -> tuple[tuple[int, int], ...]:
        """The characters that a way takes."""
        part = self.stacks.parts[way]
        assert part is not None
        assert isinstance(part.node, Chars)
        return part.node.ranges

    def repeats(self, way: int) -> bool:
        """Whether a way takes a character that may come again and again."""
        stacks, tail = self.stacks, self.stacks.tails[way]
        part, around = stacks.parts[way], stacks.parts[tail]
        if part is None or around is None or stacks.places[way]:
            return False
        if not isinstance(part.node, Chars) or not isinstance(around.node, Repeat):
            return False
        tops = stacks.opened(tail, loose=False).tops
        return any(stacks.parts[top] is part and not stacks.places[top] for top in tops)

    def _repeated(self) -> int | None:
        """The one way that takes a repeated character, if all others take certain bytes."""
        found = None
        for way in self.ways:
            part = self.stacks.parts[way]
            if found is None and self.repeats(way):
                found = way
            elif part is not None and not isinstance(part.node, Text):
                return None
        return found

    def _after(self, text: bytes) -> tuple[tuple[int, ...], tuple[int, ...]]:
        ways, strays = self.ways, self.strays
        for byte in text:
            key = (ways, strays, byte)
            after = self._moves.get(key)
            if after is None:
                moved = {self.stacks.step(way, byte) for way in ways}
                strayed = {self.stacks.step(way, byte) for way in strays}
                after = self._moves[key] = self._spread(
                    [stack for stack in moved if stack is not None], [stack for stack in strayed if stack is not None]
                )
            ways, strays = after
        return ways, strays

    def _spread(self, stacks: list[int], strayed: list[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The ways that these stacks stand for, and the strays among and beside them."""
        opened = [self.stacks.opened(stack, loose=False) for stack in stacks]
        ways = {top for found in opened for top in found.tops}
        strayed = [*strayed, *(stray for found in opened for stray in found.strays)]
        strays = {top for stray in strayed for top in self.stacks.opened(stray, loose=True).tops} - ways
        if len(ways) > MOST * self._most or len(strays) > MOST * self._most:
            ways = set(sorted(ways, key=self.stacks.costs.__getitem__)[: self._most])
            strays = set()
            self.crowded = True
        return tuple(sorted(ways)), tuple(sorted(strays))

    def _puts_off(self, way: int) -> bool:
        part = self.stacks.parts[way]
        return part is not None and isinstance(part.node, Free)
