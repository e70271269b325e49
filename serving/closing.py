"""Keeps one answer within its counts of characters and its budget of tokens, beyond what the masks can say.

Near the end of the budget only tokens stay allowed after which an end still fits. Far from it nothing is looked at; how
far is far comes from the grammar.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from serving.bounds import NONE, Bounds, begins
from serving.grammar.following import END, Follower
from serving.grammar.nodes import Chars, Free, Text
from serving.grammar.plan import NEVER, partly, plainest
from serving.vocabulary import MAX_BYTES, Bits, Counts, Flags, bits, flags

#: Tokens tried one by one where nothing quicker can be said: the shortest, so that any text can still be written.
MAX_TRIED = 250
#: Tokens after which an answer is looked at again, however far its end is: it may have become too ambiguous.
LOOK_AGAIN = 32
#: Ways to read an answer that are usual; a pattern that has more of them gets fewer tries.
FEW_WAYS = 20


class Closer:
    """One answer. Not shared between threads.

    Attributes:
        closed: whether the budget chose how the answer ends.
    """

    def __init__(self, bounds: Bounds, *, budget: int) -> None:
        self._bounds = bounds
        self._vocabulary = bounds.vocabulary
        self._budget = budget
        self._follower = Follower(bounds.plan)
        self._followed = 0
        self._next = 0
        self._run: tuple[int, Flags] | None = None
        self._run_length = 0
        self.closed = False

    def due(self, count: int) -> bool:
        """Whether there may be anything to say when there are `count` tokens."""
        return count >= self._next or self._bounds.fewest is not None

    def narrowed(self, tokens: Sequence[int], row: Bits) -> Bits:
        """What is left of a mask, given all tokens so far; nothing if they have no place in the grammar."""
        for token in tokens[self._followed :]:
            self._feed(token)
        self._followed = len(tokens)
        if len(tokens) < self._next and self._in_run():
            return row
        self._stop_running()
        if not self._follower.ways:
            return np.zeros_like(row)
        if self._may_miscount():
            row = row & bits(self._counted(flags(row, self._vocabulary.size)))
        if len(tokens) < self._next and not self._follower.crowded:
            return row
        return self._within_budget(len(tokens), row)

    def _within_budget(self, count: int, row: Bits) -> Bits:
        left = self._budget - count - 1
        spare = self._spare(left)
        if spare >= 0:
            self._next = count + max(1, min(LOOK_AGAIN, spare // (self._bounds.reach + 1)))
            return row
        ending = self._ending()
        allowed = np.zeros(self._vocabulary.size, dtype=np.bool_)
        if not self._follower.crowded:
            allowed |= self._affordable(left)
            self._try(flags(row, self._vocabulary.size) & ~allowed, allowed, left)
            allowed[list(self._vocabulary.stops)] = END in self._follower.ways
        allowed[ending] = True
        narrow: Bits = row & bits(allowed)
        self.closed = self.closed or _only(narrow, row)
        return narrow

    def _feed(self, token: int) -> None:
        if self._run is not None:
            if self._run[1][token]:
                # A run only counts; most of an answer is text in strings.
                self._run_length += int(self._vocabulary.characters[token])
                return
            self._stop_running()
        self._follower.feed(self._vocabulary.texts[token])
        found = self._follower.run()
        self._run = None if found is None else (found, self._vocabulary.of_ranges(self._follower.ranges(found)))

    def _in_run(self) -> bool:
        """Whether the next token is inside of a run of characters that has room for any token."""
        if self._run is None or self._bounds.fewest_inside < MAX_BYTES:
            return False
        room = self._follower.room(self._run[0])
        return room is None or room - self._run_length > MAX_BYTES

    def _stop_running(self) -> None:
        if self._run is not None and self._run_length:
            self._follower.go(self._run[0], self._run_length)
        self._run, self._run_length = None, 0

    def _spare(self, left: int) -> int:
        """Tokens that are left after the shortest end that any next token can lead to; below 0: look closer."""
        follower = self._follower
        if follower.crowded:
            return -1
        return left - max(follower.stacks.bounds[way] for way in follower.ways) - self._bounds.reach

    def _may_miscount(self) -> bool:
        """Whether the next token may break a count of characters that the mask does not keep."""
        fewest = self._bounds.fewest
        if fewest is None:
            return False
        if self._follower.strays or fewest < MAX_BYTES:
            return True
        rooms = (self._follower.room(way) for way in self._follower.ways)
        return any(room is not None and room <= MAX_BYTES for room in rooms)

    def _counted(self, allowed: Flags) -> Flags:
        """Of these tokens those that keep the counts: plain runs by their length, the shortest others by trying."""
        vocabulary, follower = self._vocabulary, self._follower
        kept = np.zeros(vocabulary.size, dtype=np.bool_)
        kept[list(vocabulary.stops)] = END in follower.ways
        kept[self._ending()] = True
        for way in follower.ways:
            run = self._runs(way)
            if run is not None:
                kept |= run
        inside, no_strays = follower.string(), not follower.strays
        if inside is not None:
            # Only lengths are left to look at; where the string is too short yet, tokens that end it are tried.
            room = follower.room(inside)
            kept |= allowed & (True if room is None else vocabulary.spans <= room) & (vocabulary.open | no_strays)
        self._try(allowed & ~kept, kept, NEVER - 1)
        return kept

    def _try(self, tokens: Flags, kept: Flags, most: int) -> None:
        """Keep of these the shortest after which the shortest end takes at most so many tokens."""
        fitting = tokens & (self._after_first() > NONE)[self._vocabulary.first]
        shortest = self._vocabulary.by_length[fitting[self._vocabulary.by_length]]
        for token in shortest[: MAX_TRIED // (1 + len(self._follower.ways) // FEW_WAYS)]:
            text = self._vocabulary.texts[token]
            kept[token] = bool(text) and self._follower.cost(text) <= most

    def _affordable(self, left: int) -> Flags:
        """Tokens after which the shortest end takes at most `left` tokens."""
        found: Flags = self._after_first()[self._vocabulary.first] + self._bounds.tails <= left
        stacks = self._follower.stacks
        for way in self._follower.ways:
            if stacks.bounds[stacks.tails[way]] <= left:
                run = self._runs(way)
                if run is not None:
                    found = found | run
        return found

    def _after_first(self) -> Counts:
        """For each byte, what the dearest of the ways that take it costs afterwards."""
        found = np.full(256, NONE, dtype=np.int64)
        stacks = self._follower.stacks
        for way in self._follower.ways:
            part, place, below = stacks.parts[way], stacks.places[way], stacks.bounds[stacks.tails[way]]
            if part is None:
                continue
            match part.node:
                case Text():
                    byte = part.text[place]
                    found[byte] = max(found[byte], below + part.bounds[place + 1])
                case Chars() if place:
                    found[0x80:0xC0] = np.maximum(found[0x80:0xC0], below + (place & 7) - 1)
                case Chars(ranges):
                    missing = begins(ranges)
                    found = np.maximum(found, np.where(missing >= 0, missing + below, NONE))
                case _:
                    found = np.maximum(found, below)
        return found

    def _runs(self, way: int) -> Flags | None:
        """Tokens that only add characters where that many may stand: they make no end dearer."""
        follower, vocabulary = self._follower, self._vocabulary
        part = follower.stacks.parts[way]
        if part is not None and isinstance(part.node, Free) and not follower.stacks.places[way]:
            return vocabulary.without(part.text[0])
        if not follower.repeats(way):
            return None
        room, found = follower.room(way), vocabulary.of_ranges(follower.ranges(way))
        return found if room is None else found & (vocabulary.characters <= room)

    def _ending(self) -> list[int]:
        """The token that the shortest end begins with; every token that stops, if the answer is whole."""
        follower, vocabulary = self._follower, self._vocabulary
        way = follower.cheapest()
        part, place = follower.stacks.parts[way], follower.stacks.places[way]
        if part is None:
            return list(vocabulary.stops)
        if isinstance(part.node, Text):
            return [vocabulary.piece(part.text, part.costs, place)]
        ranges = follower.ranges(way)
        if place:
            return [vocabulary.number(bytes([_next_byte(ranges, place)]))]
        return [vocabulary.number(chr(plainest(ranges)).encode())]


def _next_byte(ranges: tuple[tuple[int, int], ...], place: int) -> int:
    """A byte that goes on with a character that has begun."""
    return next(byte for byte in range(0x80, 0xC0) if partly(ranges, place, byte) is not None)


def _only(narrow: Bits, row: Bits) -> bool:
    """Whether one token is left of more."""
    filled = narrow[narrow != 0]
    one = len(filled) == 1 and int(filled[0]) & (int(filled[0]) - 1) == 0
    return one and not np.array_equal(narrow, row)
