"""The rules of one tool made ready to decide quickly: the facts they read, their tests, and what each would answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from policies.actions import Rule
from policies.answers import Answer, answer_of, beyond, undecided
from policies.atoms import Node, Undecided, atoms
from policies.compiled import Bundle, CompiledRule
from policies.fast import Quick, Test
from policies.named import Reader


@dataclass(frozen=True, slots=True)
class Bound:
    """How often a rule allows, by the fact that counts."""

    fact: str
    most: int
    #: What the rule says when that many were done.
    answer: Answer


@dataclass(frozen=True, slots=True)
class PlannedRule:
    """One rule of a plan."""

    rule: Rule
    #: None: the rule always matches.
    root: Node | None
    test: Test
    answer: Answer
    bounds: tuple[Bound, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """All that the decisions about one tool need."""

    reader: Reader
    #: By their ids, so that what they answer comes in an order that the file's does not change.
    rules: tuple[PlannedRule, ...]


def make_plan(bundle: Bundle, tool: str) -> Plan | None:
    """The plan of a tool; None when no rule speaks of it."""
    compiled = bundle.rules_for(tool)
    if not compiled:
        return None
    quick = Quick(bundle.organization)
    rules = tuple(_planned(quick, rule, tool) for rule in sorted(compiled, key=lambda found: found.rule.id))
    roots = [rule.root for rule in rules if rule.root is not None]
    names = {name for root in roots for atom in atoms(root) for name in atom.reads}
    names |= {bound.fact for rule in rules for bound in rule.bounds}
    return Plan(Reader.of(names), rules)


def _planned(quick: Quick, compiled: CompiledRule, tool: str) -> PlannedRule:
    rule, condition = compiled.rule, compiled.condition
    bounds = () if rule.limit is None else rule.limit.bounds()
    return PlannedRule(
        rule=rule,
        root=condition.root if condition else None,
        test=quick.test(condition.root) if condition else lambda named: True,
        answer=answer_of(rule, tool),
        bounds=tuple(Bound(fact, most, beyond(rule, most, within)) for fact, most, within in bounds),
    )


def answers(rules: Sequence[PlannedRule], named: dict[str, Any]) -> list[Answer]:
    """What every rule that matches says; a rule that cannot be evaluated denies."""
    found: list[Answer] = []
    for rule in rules:
        try:
            if not rule.test(named):
                continue
            answer = rule.answer
            for bound in rule.bounds:
                if named[bound.fact] >= bound.most:
                    answer = bound.answer
                    break
        except Exception:  # noqa: BLE001  (whatever goes wrong while deciding denies)
            answer = undecided(rule.rule, why(rule, named))
        found.append(answer)
    return found


def answers_by_cel(rules: Sequence[PlannedRule], named: Mapping[str, Any]) -> list[Answer]:
    """The same, with every atom evaluated by CEL: what the quick tests are held against."""
    found: list[Answer] = []
    for rule in rules:
        try:
            if rule.root is None or rule.root.holds(named):
                found.append(_within(rule, named))
        except Undecided as error:
            found.append(undecided(rule.rule, error.code))
    return found


def why(rule: PlannedRule, named: Mapping[str, Any]) -> str:
    """Why a rule could not be evaluated, in words without values."""
    try:
        if rule.root is None or rule.root.holds(named):
            _within(rule, named)
    except Undecided as error:
        return error.code
    return "an error"


def _within(rule: PlannedRule, named: Mapping[str, Any]) -> Answer:
    for bound in rule.bounds:
        if bound.fact not in named:
            raise Undecided(f"{bound.fact} has no value")
        if named[bound.fact] >= bound.most:
            return bound.answer
    return rule.answer
