"""Depth first through the cells of a space; a branch ends as soon as its answer is clear."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from policies.questions import TRUE
from policies.space import Space, Tree

#: Cells chosen in one search before it gives up.
MAX_STEPS = 400_000

#: What a goal says of the cells chosen so far: everything in them is one of those looked for, or nothing is, …
FOUND, NOTHING = -1, -2
#: … or the dimension (0 and up) that must be chosen to tell.
Goal = Callable[[], int]


class TooManyCells(Exception):
    """A search would not end in good time."""


def search(space: Space, goal: Goal) -> Iterator[None]:
    """Stops at every branch where the goal is found, with the cells of it chosen in the space.

    Raises:
        TooManyCells: after `MAX_STEPS` cells.
    """
    return _walk(space, goal, [MAX_STEPS])


def _walk(space: Space, goal: Goal, left: list[int]) -> Iterator[None]:
    said = goal()
    if said == FOUND:
        yield
    if said < 0:
        return
    try:
        for cell in range(space.cells_in(said)):
            left[0] -= 1
            if left[0] < 0:
                raise TooManyCells
            if space.choose(said, cell):
                yield from _walk(space, goal, left)
    finally:
        space.choose(said, None)


def can_be(space: Space, tree: Tree, wanted: int = TRUE) -> bool:
    """Whether some situation may give a condition one of the wanted results."""

    def goal() -> int:
        found = space.value(tree)
        if not found & ~wanted:
            return FOUND
        open_ = space.undecided(tree) if found & wanted else None
        return NOTHING if open_ is None else open_

    try:
        return any(True for _ in search(space, goal))
    except TooManyCells:
        return True
