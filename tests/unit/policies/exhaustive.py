"""What the live engine answers in every situation of a dense grid, as the truth that the prover is held against.

Nothing here knows the prover. Conditions are evaluated by the engine, once for every combination of the facts they
read. Situations in which the same rules match, fail and reach their limits get the same answer, so the engine is asked
once for each such kind, and once more for situations drawn at random, which must agree.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.decision import ArgumentFacts, Decision, EmptyFacts, Facts
from policies.atoms import atoms
from policies.bundle import Bundle
from policies.compiled import CompiledRule
from policies.condition import Condition
from policies.engine import decide
from policies.fast import Quick, Test
from policies.invariants import Invariant
from policies.organization import Organization
from policies.vocabulary import facts_over_strictest

Values = Mapping[str, Any]
Axis = tuple[Values, ...]

SILENT, MATCHES, REACHED, FAILS = range(4)


def _axis(fact: str, *values: Any) -> Axis:
    return tuple({fact: value} for value in values)


LABELS = _axis("verdict.label", "malicious", "suspicious", "benign", "needs_information")
CONFIDENCES = _axis(
    "verdict.confidence",
    0.0,
    0.3,
    0.5,
    0.52,
    0.55,
    0.57,
    0.6,
    0.62,
    0.75,
    0.77,
    0.8,
    0.82,
    0.85,
    0.87,
    0.9,
    0.92,
    0.95,
    1.0,
)
FINDINGS = _axis("verdict.findings", 0, 1, 2, 3)
EVIDENCE: Axis = tuple(
    {"evidence.manipulation": manipulation, "evidence.internal": internal, "evidence.count": internal + 1}
    for manipulation in (True, False)
    for internal in (0, 1, 2, 3)
)
ASSETS: Axis = (
    {f"asset.{name}": value for name, value in EmptyFacts().asset.items()},
    *(
        {"asset.known": True, "asset.tier": tier, "asset.kind": kind}
        for tier in range(5)
        for kind in ("workstation", "laptop", "server", "domain_controller", "network")
    ),
)
IDENTITIES: Axis = (
    {f"identity.{name}": value for name, value in EmptyFacts().identity.items()},
    *(
        dict(
            zip(
                ("identity.known", "identity.role", "identity.vip", "identity.privileged", "identity.service_account"),
                (True, *row),
                strict=True,
            )
        )
        for row in itertools.product(("", "Break-glass", "Clerk"), (True, False), (True, False), (True, False))
    ),
)


def _history(*triples: tuple[int, int, int]) -> Axis:
    """Effects within the hour and the day, and how many of those at the same target and for the same source."""
    names = ("last_hour", "last_day", "target_last_day", "source_last_day")
    return tuple(
        dict(zip((f"history.{name}" for name in names), (hour, day, part, part), strict=True))
        for hour, day, part in triples
    )


HISTORY = _history(
    (0, 0, 0), (1, 1, 1), (2, 2, 2), (3, 3, 3), (4, 4, 1), (5, 5, 0), (6, 6, 0), (9, 9, 1), (10, 10, 0), (11, 12, 1),
    (12, 12, 0), (13, 13, 0), (0, 19, 0), (0, 20, 1), (0, 21, 0), (0, 49, 1), (0, 50, 1), (0, 51, 51), (0, 60, 49),
    (0, 60, 50), (19, 25, 0), (20, 25, 1), (21, 25, 0), (0, 99, 0), (0, 100, 0), (0, 101, 0), (49, 80, 0), (50, 80, 0),
    (51, 90, 1),
)  # fmt: skip


def _argument(name: str, *values: str) -> Axis:
    return tuple(
        {f"args.{name}.value": value, f"args.{name}.trusted": trusted} for value in values for trusted in (True, False)
    )


#: The tools whose rules are mutated, and the axes of their grids.
GRIDS: Mapping[str, tuple[Axis, ...]] = {
    "quarantine_email": (
        LABELS, CONFIDENCES, EVIDENCE, HISTORY,
        _argument("message_id", "<1@evil.example>", "<1@harbourbank.example>", "<1@clearing-house.example>"),
    ),
    "block_indicator": (
        LABELS, CONFIDENCES, EVIDENCE, HISTORY,
        _argument("indicator", "198.51.100.7", "evil.example", "www.harbourbank.example", "10.1.2.3",
                  "https://clearing-house.example/pay"),
    ),
    "isolate_host": (LABELS, CONFIDENCES, EVIDENCE[::4], HISTORY, ASSETS, _argument("host", "WS-1")),
    "disable_account": (
        LABELS, CONFIDENCES[4::2], EVIDENCE, HISTORY[3:15], IDENTITIES, _argument("account", "someone")
    ),
    "revoke_sessions": (
        LABELS, CONFIDENCES, EVIDENCE[::4], HISTORY[::2], IDENTITIES, _argument("account", "someone")
    ),
    "rotate_secret": (
        LABELS, CONFIDENCES[4::2], EVIDENCE, HISTORY[3:15], IDENTITIES, _argument("owner", "someone"),
        _axis("args.secret.value", "key"),
    ),
    "close_ticket": (
        LABELS, CONFIDENCES, FINDINGS, EVIDENCE, HISTORY[:8],
        _argument("resolution", "benign", "malicious", "duplicate"),
    ),
    "activate_policy": (LABELS, EVIDENCE, HISTORY, _argument("bundle", "0a1b2c")),
}  # fmt: skip


class Grid:
    """Every situation of one tool."""

    def __init__(self, tool: str, organization: Organization) -> None:
        self.tool = tool
        self._quick = Quick(organization)
        self.axes = GRIDS[tool]
        self.shape = tuple(len(axis) for axis in self.axes)
        self.size = int(np.prod(self.shape))
        self._places = np.unravel_index(np.arange(self.size), self.shape)
        self._axis_of = {fact: number for number, axis in enumerate(self.axes) for fact in axis[0]}
        self._known: dict[tuple[str, str], NDArray[np.int8]] = {}
        self._holds: dict[str, NDArray[np.intp]] = {}

    def facts(self, index: int) -> Facts:
        """One situation."""
        return self._facts(axis[int(place[index])] for axis, place in zip(self.axes, self._places, strict=True))

    def _facts(self, chosen: Iterator[Values]) -> Facts:
        groups: dict[str, dict[str, Any]] = {}
        args: dict[str, dict[str, Any]] = {}
        for values in chosen:
            for fact, value in values.items():
                group, _, name = fact.partition(".")
                if group == "args":
                    argument, _, part = name.partition(".")
                    args.setdefault(argument, {})[part] = value
                else:
                    groups.setdefault(group, {})[name] = value
        arguments = {name: ArgumentFacts(**{"trusted": False, **given}) for name, given in args.items()}
        return facts_over_strictest(self.tool, arguments, groups)

    def results(self, condition: Condition | None) -> NDArray[np.int8]:
        """What the engine says of a condition in every situation: matches, silent or fails."""
        key = ("", condition.source if condition else "")
        if key not in self._known:
            test = self._quick.test(condition.root) if condition else None
            self._known[key] = self._spread(self._read_by(condition), lambda named: _result(test, named))
        return self._known[key]

    def where(self, condition: Condition | None) -> NDArray[np.intp]:
        """The situations in which a condition holds."""
        source = condition.source if condition else ""
        if source not in self._holds:
            self._holds[source] = np.flatnonzero(self.results(condition) == MATCHES)
        return self._holds[source]

    def states(self, compiled: CompiledRule) -> NDArray[np.int8]:
        """What a rule does in every situation."""
        states = self.results(compiled.condition)
        limit = compiled.rule.limit
        if limit is None:
            return states
        bounds = list(limit.bounds())
        key = ("limit", repr(bounds))
        if key not in self._known:
            axes = {self._axis_of[fact] for fact, _, _ in bounds if fact in self._axis_of}
            self._known[key] = self._spread(axes, lambda named: any(named[fact] >= most for fact, most, _ in bounds))
        return np.where((states == MATCHES) & (self._known[key] > 0), REACHED, states).astype(np.int8)

    def _read_by(self, condition: Condition | None) -> set[int]:
        reads = {fact for atom in atoms(condition.root) for fact in atom.reads} if condition else set()
        return {self._axis_of[fact] for fact in reads if fact in self._axis_of}

    def _spread(self, axes: set[int], of: Any) -> NDArray[np.int8]:
        """A value for every situation that depends on some axes only."""
        order = sorted(axes)
        fewer = tuple(self.shape[axis] for axis in order)
        found = np.empty(fewer, dtype=np.int8)
        # Facts have the same names here as in conditions.
        named: dict[str, Any] = {"tool": self.tool}
        for axis in self.axes:
            named |= axis[0]
        for place in np.ndindex(*fewer):
            for axis_number, at in zip(order, place, strict=True):
                named |= self.axes[axis_number][at]
            found[place] = of(named)
        wide = found.reshape([self.shape[axis] if axis in axes else 1 for axis in range(len(self.axes))])
        return np.broadcast_to(wide, self.shape).reshape(-1)


def _result(test: Test | None, named: Mapping[str, Any]) -> int:
    try:
        # A copy: a test may note in it what it found out.
        return MATCHES if test is None or test(dict(named)) else SILENT
    except Exception:  # noqa: BLE001  (whatever goes wrong, the engine calls the rule undecided)
        return FAILS


class Truth:
    """The answers of one bundle about one tool in every situation of a grid."""

    def __init__(self, bundle: Bundle, grid: Grid) -> None:
        self._bundle = bundle
        self._grid = grid
        rules = bundle.rules_for(grid.tool)
        #: Which rules do what, as one number.
        self._kind = np.zeros(grid.size, dtype=np.int32)
        for compiled in rules:
            self._kind = self._kind * 4 + grid.states(compiled)
        first = np.full(4 ** len(rules), -1, dtype=np.int64)
        first[self._kind] = np.arange(grid.size)
        self._decisions = {
            int(kind): decide(bundle, grid.facts(int(first[kind]))) for kind in np.flatnonzero(first >= 0)
        }

    def decision(self, index: int) -> Decision:
        return self._decisions[int(self._kind[index])]

    def broken(self, invariants: Sequence[Invariant]) -> set[str]:
        """The invariants that some situation breaks."""
        found = set()
        for invariant in invariants:
            covered = np.zeros(max(self._decisions) + 1, dtype=bool)
            covered[[kind for kind, decision in self._decisions.items() if invariant.claim.covers(decision)]] = True
            if covered.any() and covered[self._kind[self._grid.where(invariant.condition)]].any():
                found.add(invariant.id)
        return found

    def agrees_at(self, indexes: Sequence[int]) -> bool:
        """Whether the engine answers single situations as it answers their kind; the reason may name another limit."""
        answers = ((decide(self._bundle, self._grid.facts(index)), self.decision(index)) for index in indexes)
        return all(replace(one, reason="") == replace(other, reason="") for one, other in answers)
