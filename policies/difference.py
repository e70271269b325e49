"""What changes between two bundles, by meaning: the situations in which another answer is given, each with an example.

Examples are put before both engines. What is not a rule (organization, masking, guardrails) is compared key by key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from core.canonical import JsonObject
from core.decision import Decision, Facts, Outcome
from policies.cases import Rules, bare, same_answer
from policies.compiled import Bundle
from policies.engine import decide
from policies.external import every_tool
from policies.invariant_changes import InvariantChange, invariant_changes
from policies.key_changes import KeyChange, key_changes
from policies.organization import Organization
from policies.regions import Box, bounds, joined
from policies.search import FOUND, NOTHING, TooManyCells, search
from policies.space import Space
from policies.vocabulary import ToolShape
from policies.written import example_yaml, given_of, reads_of

#: Branches with another answer that are kept for one tool; what is beyond is cut off, and said to be.
MAX_BRANCHES = 3_000
#: Boxes that are written out for one kind of change.
MAX_BOXES = 6
#: Values put before both engines for one branch.
MAX_TRIALS = 50

Direction = Literal["looser", "stricter", "other"]
#: Times where 0 means without end.
_ENDLESS = 10**12
_EXPIRY_ORDER = ("expire", "escalate", "deny")
_OUTCOMES = tuple(Outcome)


@dataclass(frozen=True, kw_only=True, slots=True)
class Region:
    """Situations of one tool in which the same answer became the same other answer, by the same rules."""

    tool: str
    before: Decision
    after: Decision
    direction: Direction
    #: Alternatives, each a list of what must hold together; empty: always.
    where: tuple[tuple[str, ...], ...]
    #: Alternatives that are not written out.
    more: int
    cells: int
    #: A situation in which both engines confirm the change.
    example: Facts
    #: The facts of it that matter, as an example gives them.
    given: dict[str, Any]

    def yaml(self) -> str:
        """The example with the answer it has after the change, to paste into a rule or a test."""
        return example_yaml(self.given, self.after.outcome, self.after.approvals)

    def as_json(self) -> JsonObject:
        return {
            "tool": self.tool,
            "direction": self.direction,
            "before": self.before.as_json(),
            "after": self.after.as_json(),
            "where": [list(each) for each in self.where],
            "more": self.more,
            "cells": self.cells,
            "example": self.example.as_json(),
            "given": self.given,
            "yaml": self.yaml(),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """Everything that changes from one bundle to another."""

    before: str
    after: str
    #: Weakened and removed ones first.
    invariants: tuple[InvariantChange, ...]
    #: Looser ones first.
    regions: tuple[Region, ...]
    keys: tuple[KeyChange, ...]
    #: Tools about which more may change: the conditions that it hangs on, for which no example was found.
    unconfirmed: Mapping[str, tuple[str, ...]]
    #: Tools whose situations were too many to go through.
    cut: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether both bundles certainly mean the same."""
        return not (self.invariants or self.regions or self.keys or self.unconfirmed or self.cut)

    @property
    def looser(self) -> bool:
        """Whether anything is permitted, or no longer forbidden, that was not."""
        return any(region.direction != "stricter" for region in self.regions) or any(
            change.weaker for change in self.invariants
        )

    def as_json(self) -> JsonObject:
        return {
            "same": self.same,
            "looser": self.looser,
            "before": self.before,
            "after": self.after,
            "invariants": [change.as_json() for change in self.invariants],
            "regions": [region.as_json() for region in self.regions],
            "keys": [change.as_json() for change in self.keys],
            "unconfirmed": {tool: list(conditions) for tool, conditions in self.unconfirmed.items()},
            "cut": list(self.cut),
        }


def difference(before: Bundle, after: Bundle, tools: Mapping[str, ToolShape]) -> Difference:
    """What `after` answers otherwise than `before`, for every situation in which one of `tools` can be called."""
    every = every_tool(tools, before, after)
    about = [tool for tool in every if before.rules_for(tool) or after.rules_for(tool)]
    found = [_Comparison(before, after, tool, every[tool]) for tool in about]
    regions = [region for one in found for region in one.regions()]
    order = ("looser", "other", "stricter")
    return Difference(
        before=before.hash,
        after=after.hash,
        invariants=invariant_changes(before, after, every),
        regions=tuple(sorted(regions, key=lambda region: (order.index(region.direction), region.tool, -region.cells))),
        keys=key_changes(before, after),
        unconfirmed={one.space.tool: tuple(sorted(one.doubts)) for one in found if one.doubts},
        cut=tuple(one.space.tool for one in found if one.cut),
    )


def direction(before: Decision, after: Decision) -> Direction:
    """Whether an answer permits more than another, or less; `other` when it is more in one part and less in another."""
    if before.outcome is not after.outcome:
        return "looser" if _OUTCOMES.index(after.outcome) < _OUTCOMES.index(before.outcome) else "stricter"
    signs = {
        _sign(before.approvals, after.approvals),
        _sign(-(before.expires_seconds or _ENDLESS), -(after.expires_seconds or _ENDLESS)),
        _sign(-(before.reauthenticate_seconds or _ENDLESS), -(after.reauthenticate_seconds or _ENDLESS)),
        _sign(-(before.lease_seconds or _ENDLESS), -(after.lease_seconds or _ENDLESS)),
        _sign(_EXPIRY_ORDER.index(before.on_expiry), _EXPIRY_ORDER.index(after.on_expiry)),
        _roles_sign(set(before.roles), set(after.roles)),
    } - {0}
    if signs == {-1}:
        return "looser"
    return "stricter" if signs == {1} else "other"


def _sign(before: int, after: int) -> int:
    return (after > before) - (after < before)


def _roles_sign(before: set[str], after: set[str]) -> int | None:
    """No roles means any approver, which is the loosest."""
    if before == after:
        return 0
    if not after or (before and before < after):
        return -1
    return 1 if not before or after < before else None


@dataclass(kw_only=True)
class _Found:
    """What was seen of one kind of change."""

    before: Decision
    after: Decision
    example: Facts
    boxes: list[Box] = field(default_factory=list)
    cells: int = 0


class _Comparison:
    """The situations of one tool under two bundles."""

    def __init__(self, before: Bundle, after: Bundle, tool: str, shape: ToolShape) -> None:
        self.bundles = (before, after)
        same = _who(before.organization) == _who(after.organization)
        organizations = (before.organization,) if same else (before.organization, after.organization)
        self.space = Space(tool, shape, *organizations)
        self.rules = (Rules(before, self.space), Rules(after, self.space, of=0 if same else 1))
        self.space.close()
        #: Conditions that a possible change hangs on.
        self.doubts: set[str] = set()
        #: Whether not every situation was gone through.
        self.cut = False

    def regions(self) -> list[Region]:
        """Everything that changed."""
        found: dict[tuple[Any, ...], _Found] = {}
        try:
            for branch, _ in enumerate(search(self.space, self._goal)):
                if branch == MAX_BRANCHES:
                    self.cut = True
                    break
                self._note(found)
        except TooManyCells:
            self.cut = True
        return [self._region(one) for one in found.values()]

    def _goal(self) -> int:
        states = [rules.states() for rules in self.rules]
        settled = [rules.settled(state) for rules, state in zip(self.rules, states, strict=True)]
        before, after = settled
        if before is not None and after is not None and same_answer(before, after):
            return NOTHING
        for rules, state, decision in zip(self.rules, states, settled, strict=True):
            # A change is told with the rules that lead to it, so it must be clear which those are.
            open_ = rules.next(state) if decision is None or not rules.attributed(state) else None
            if open_ is not None:
                return open_
        return FOUND

    def _note(self, found: dict[tuple[Any, ...], _Found]) -> None:
        before, after = (rules.joined(rules.loosest(rules.states())) for rules in self.rules)
        key = (bare(before), bare(after), before.rules, after.rules)
        doubtful = self.space.doubtful()
        if doubtful and any(key[:2] == known[:2] for known in found):
            # The change is known already, with situations that are certain.
            return
        example = found[key].example if key in found else self._confirmed(before, after)
        if example is None:
            self.doubts |= {asked.text for asked in doubtful}
            return
        one = found.setdefault(key, _Found(before=before, after=after, example=example))
        one.boxes.append(Box.of(self.space.sides()))
        one.cells += self.space.open_cells()

    def _confirmed(self, before: Decision, after: Decision) -> Facts | None:
        for facts in self.space.candidates(MAX_TRIALS):
            answers = [decide(bundle, facts) for bundle in self.bundles]
            if same_answer(answers[0], before) and same_answer(answers[1], after):
                return facts
        return None

    def _region(self, found: _Found) -> Region:
        cells = self.space.every_cell()
        boxes = joined(found.boxes, MAX_BRANCHES)
        where = [each for each in (bounds(box, cells) for box in boxes) if each]
        tool = self.space.tool
        reads = reads_of(self.bundles[0], tool) | reads_of(self.bundles[1], tool)
        return Region(
            tool=tool,
            before=found.before,
            after=found.after,
            direction=direction(found.before, found.after),
            where=tuple(where[:MAX_BOXES]),
            more=max(len(where) - MAX_BOXES, 0),
            cells=found.cells,
            example=found.example,
            given=given_of(found.example, reads),
        )


def _who(organization: Organization) -> tuple[object, ...]:
    """What decides which texts are our own or a partner's."""
    hosts = frozenset((asset.hostname, asset.ip) for asset in organization.assets)
    return (set(organization.domains), set(organization.networks), set(organization.mail_partners), hosts)
