"""Invariants of two bundles: which are gone or forbid less than before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from core.canonical import JsonObject
from policies.compiled import Bundle
from policies.invariants import Invariant
from policies.questions import TRUE
from policies.search import FOUND, NOTHING, TooManyCells, search
from policies.space import Space
from policies.vocabulary import ToolShape

Kind = Literal["removed", "weakened", "changed", "added"]


@dataclass(frozen=True, kw_only=True, slots=True)
class InvariantChange:
    """An invariant that is not what it was."""

    id: str
    kind: Kind
    before: str | None
    after: str | None

    @property
    def weaker(self) -> bool:
        """Whether something is no longer forbidden."""
        return self.kind in ("removed", "weakened")

    def as_json(self) -> JsonObject:
        return {"id": self.id, "kind": self.kind, "before": self.before, "after": self.after}


def invariant_changes(before: Bundle, after: Bundle, tools: Mapping[str, ToolShape]) -> tuple[InvariantChange, ...]:
    """What became of every invariant, the removed and the weakened first. Another reason is no change."""
    old, new = ({one.id: one for one in bundle.invariants} for bundle in (before, after))
    found: list[InvariantChange] = []
    for name in dict.fromkeys((*old, *new)):
        one, other = old.get(name), new.get(name)
        kind = _kind(one, other, after, tools)
        if kind is not None:
            words = (one.never if one else None, other.never if other else None)
            found.append(InvariantChange(id=name, kind=kind, before=words[0], after=words[1]))
    order = ("removed", "weakened", "changed", "added")
    return tuple(sorted(found, key=lambda change: order.index(change.kind)))


def _kind(old: Invariant | None, new: Invariant | None, after: Bundle, tools: Mapping[str, ToolShape]) -> Kind | None:
    if old is None:
        return "added"
    if new is None:
        return "removed"
    if old.never == new.never:
        return None
    spaces = (Space(tool, shape, after.organization) for tool, shape in tools.items())
    if not old.claim.implies(new.claim) or any(_may_escape(old, new, space) for space in spaces):
        return "weakened"
    return "changed"


def _may_escape(old: Invariant, new: Invariant, space: Space) -> bool:
    """Whether some situation may be one of the old condition and not of the new."""
    if new.condition is None:
        return False
    was = space.tree(old.condition.root) if old.condition else None
    is_ = space.tree(new.condition.root)
    space.close()

    def goal() -> int:
        held = TRUE if was is None else space.value(was)
        holds = space.value(is_)
        if not held & TRUE or holds == TRUE:
            return NOTHING
        if held == TRUE and not holds & TRUE:
            return FOUND
        open_ = space.undecided(was) if was is not None and held != TRUE else space.undecided(is_)
        assert open_ is not None
        return open_

    try:
        return any(True for _ in search(space, goal))
    except TooManyCells:
        return True
