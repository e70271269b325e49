"""Boxes of cells: counted, joined where they touch, and written as bounds that people read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from policies.cells import Cell, label_of

#: For each fact the numbers of its cells that belong to the box; a fact that is left out may have any value.
Sides = Mapping[str, frozenset[int]]


@dataclass(frozen=True, slots=True)
class Box:
    """Situations by the cells of some facts."""

    sides: tuple[tuple[str, frozenset[int]], ...]

    @classmethod
    def of(cls, sides: Sides) -> Box:
        return cls(tuple(sorted(sides.items())))


def joined(boxes: Iterable[Box], most: int) -> list[Box]:
    """The same situations in fewer boxes: two that differ in the cells of one fact become one.

    With more than `most` boxes they stay as they are.
    """
    found = list(dict.fromkeys(boxes))
    changed = len(found) <= most
    while changed:
        changed = False
        for number, one in enumerate(found):
            for other in found[number + 1 :]:
                both = _union(one, other)
                if both is not None:
                    found.remove(other)
                    found[number] = both
                    changed = True
                    break
            if changed:
                break
    return found


def _union(one: Box, other: Box) -> Box | None:
    mine, theirs = dict(one.sides), dict(other.sides)
    if mine.keys() != theirs.keys():
        return None
    different = [fact for fact in mine if mine[fact] != theirs[fact]]
    if len(different) > 1:
        return None
    for fact in different:
        mine[fact] |= theirs[fact]
    return Box.of(mine)


def bounds(box: Box, cells: Mapping[str, Sequence[Cell]]) -> tuple[str, ...]:
    """What a box demands of each fact, in words; nothing for a fact that may have any of its values."""
    return tuple(
        f"{fact} {label_of(fact, [cells[fact][number] for number in sorted(numbers)], cells[fact])}"
        for fact, numbers in box.sides
        if len(numbers) < len(cells[fact])
    )
