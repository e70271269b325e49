"""Which rules and which parts of their conditions some situations exercised: examples, tests, past decisions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from core.canonical import JsonObject
from core.decision import Facts
from policies.atoms import Atom, Node, Not, Undecided, atoms
from policies.compiled import Bundle
from policies.engine import decide, plan_of
from policies.examples import example_facts, given_facts
from policies.fast import Quick, Test
from policies.plan import Plan, PlannedRule


@dataclass(kw_only=True, slots=True)
class PartSeen:
    """A part of a condition, or a limit, and how often it was true, false or neither when it was looked at."""

    source: str
    file: str
    line: int
    true: int = 0
    false: int = 0
    failed: int = 0

    @property
    def never(self) -> str | None:
        """What it never was: `looked at`, `true` or `false`; None when it was both."""
        if not self.true and not self.false:
            return "looked at"
        return None if self.true and self.false else "true" if self.false else "false"

    def as_json(self) -> JsonObject:
        counts = {"true": self.true, "false": self.false, "failed": self.failed}
        return {"source": self.source, "file": self.file, "line": self.line, **counts, "never": self.never}


@dataclass(kw_only=True, slots=True)
class RuleSeen:
    """A rule and how often it mattered."""

    rule: str
    file: str
    line: int
    #: Calls of its tools.
    asked: int = 0
    #: Of those, where its condition held, …
    matched: int = 0
    #: … and where the answer was its own.
    decided: int = 0
    parts: list[PartSeen] = field(default_factory=list)

    @property
    def gaps(self) -> list[PartSeen]:
        """The parts that were not both true and false."""
        return [part for part in self.parts if part.never is not None]

    def as_json(self) -> JsonObject:
        counts = {"asked": self.asked, "matched": self.matched, "decided": self.decided}
        parts = [part.as_json() for part in self.parts]
        return {"rule": self.rule, "file": self.file, "line": self.line, **counts, "parts": parts}


@dataclass(frozen=True, kw_only=True, slots=True)
class Coverage:
    """What some situations exercised of a bundle."""

    #: Situations looked at.
    situations: int
    #: Of those, calls of tools that no rule speaks of.
    unspoken: int
    #: In the order of the file.
    rules: tuple[RuleSeen, ...]

    def never_matched(self) -> list[RuleSeen]:
        return [rule for rule in self.rules if not rule.matched]

    def never_decided(self) -> list[RuleSeen]:
        """Rules that matched, but whose answer was never the strictest."""
        return [rule for rule in self.rules if rule.matched and not rule.decided]

    def as_json(self) -> JsonObject:
        """What was never exercised first."""
        return {
            "situations": self.situations,
            "unspoken": self.unspoken,
            "never_matched": [rule.rule for rule in self.never_matched()],
            "never_decided": [rule.rule for rule in self.never_decided()],
            "gaps": [{"rule": rule.rule, **part.as_json()} for rule in self.rules for part in rule.gaps],
            "rules": [rule.as_json() for rule in self.rules],
        }


def own_situations(bundle: Bundle) -> Iterator[Facts]:
    """The situations a bundle carries itself: the examples of its rules and its tests."""
    for compiled in bundle.rules:
        for example in compiled.rule.examples:
            yield from example_facts(compiled.rule, example)
    for suite in bundle.tests.values():
        for case in suite.tests:
            yield given_facts(case.given, case.given.tool or "")


def coverage(bundle: Bundle, facts: Iterable[Facts]) -> Coverage:
    """What the given situations exercise of a bundle."""
    counter = _Counter(bundle)
    situations = unspoken = 0
    for each in facts:
        situations += 1
        unspoken += not counter.count(each)
    return Coverage(situations=situations, unspoken=unspoken, rules=tuple(counter.rules.values()))


class _Counter:
    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._quick = Quick(bundle.organization)
        self.rules = {compiled.rule.id: _unseen(bundle, number) for number, compiled in enumerate(bundle.rules)}
        #: By the identity of an atom, which lives as long as the bundle.
        self._tests: dict[int, Test] = {}

    def count(self, facts: Facts) -> bool:
        """Count one situation; False when no rule speaks of its tool."""
        plan = plan_of(self._bundle, facts.tool)
        if plan is None:
            return False
        decided = decide(self._bundle, facts).rules
        for planned in plan.rules:
            seen = self.rules[planned.rule.id]
            seen.asked += 1
            seen.decided += planned.rule.id in decided
            seen.matched += self._matches(plan, planned, seen, facts)
        return True

    def _matches(self, plan: Plan, planned: PlannedRule, seen: RuleSeen, facts: Facts) -> bool:
        named = plan.reader.read(facts)
        parts = iter(seen.parts)
        by_atom = {id(atom): next(parts) for atom in (atoms(planned.root) if planned.root is not None else ())}
        try:
            if planned.root is not None and not self._holds(planned.root, named, by_atom):
                return False
        except Undecided:
            return False
        for bound, part in zip(planned.bounds, parts, strict=True):
            done = named.get(bound.fact)
            if done is None:
                part.failed += 1
            elif done >= bound.most:
                part.true += 1
            else:
                part.false += 1
        return True

    def _holds(self, node: Node, named: dict[str, Any], seen: dict[int, PartSeen]) -> bool:
        if isinstance(node, Atom):
            return self._counted(node, named, seen[id(node)])
        if isinstance(node, Not):
            return not self._holds(node.part, named, seen)
        stops = any(self._holds(part, named, seen) is node.stops_at for part in node.parts)
        return node.stops_at if stops else not node.stops_at

    def _counted(self, atom: Atom, named: dict[str, Any], part: PartSeen) -> bool:
        test = self._tests.get(id(atom))
        if test is None:
            test = self._tests[id(atom)] = self._quick.test(atom)
        try:
            holds = test(named)
        except Exception:  # noqa: BLE001  (whatever goes wrong, the engine calls the condition undecided)
            part.failed += 1
            raise Undecided("an error") from None
        if holds:
            part.true += 1
        else:
            part.false += 1
        return holds


def _unseen(bundle: Bundle, number: int) -> RuleSeen:
    compiled, document = bundle.rules[number], bundle.documents["actions.yaml"]
    place = document.problem(("rules", number, "id"), "")
    seen = RuleSeen(rule=compiled.rule.id, file=place.file, line=place.line)
    path = ("rules", number, "when")
    for atom in atoms(compiled.condition.root) if compiled.condition is not None else ():
        where = document.problem_inside(path, atom.offset, "") if path in document.values else place
        seen.parts.append(PartSeen(source=" ".join(atom.source.split()), file=where.file, line=where.line))
    where = document.problem(("rules", number, "limit"), "")
    for fact, most, _ in compiled.rule.limit.bounds() if compiled.rule.limit is not None else ():
        seen.parts.append(PartSeen(source=f"{fact} >= {most}", file=where.file, line=where.line))
    return seen
