"""Facts as people read them: as the `given` of an example, and the place in a file where something was asked."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from core.decision import Facts, Outcome
from core.errors import Problem
from policies.atoms import atoms
from policies.compiled import Bundle
from policies.condition import Condition
from policies.questions import Question, key_of
from policies.situations import companions
from policies.vocabulary import FIELDS


def reads_of(bundle: Bundle, tool: str, conditions: Iterable[Condition | None] = ()) -> frozenset[str]:
    """The facts that the rules of a tool read, and those that further conditions read."""
    found: set[str] = set()
    for compiled in bundle.rules_for(tool):
        if compiled.condition is not None:
            found |= _reads(compiled.condition)
        if compiled.rule.limit is not None:
            found |= {fact for fact, _, _ in compiled.rule.limit.bounds()}
    for condition in conditions:
        found |= _reads(condition) if condition is not None else set()
    return frozenset(found | {other for fact in found for other in companions(fact)})


def _reads(condition: Condition) -> set[str]:
    return {fact for atom in atoms(condition.root) for fact in atom.reads}


def given_of(facts: Facts, reads: Iterable[str]) -> dict[str, Any]:
    """The facts that matter, as an example gives them; all others take their strictest value there."""
    wanted = set(reads)
    given: dict[str, Any] = {"tool": facts.tool}
    if facts.args:
        given["args"] = {name: _argument(name, facts, wanted) for name in facts.args}
    for group, fields in FIELDS.items():
        values = getattr(facts, group)
        chosen = {name: values[name] for name in fields if f"{group}.{name}" in wanted}
        if chosen:
            given[group] = chosen
    return given


def _argument(name: str, facts: Facts, wanted: set[str]) -> dict[str, Any]:
    argument = facts.args[name]
    shown: dict[str, Any] = {"value": argument.value}
    if argument.trusted:
        shown["trusted"] = True
    if f"args.{name}.sources" in wanted:
        shown["sources"] = list(argument.sources)
    return shown


def example_yaml(given: dict[str, Any], outcome: Outcome, approvals: int) -> str:
    """An example to paste into a rule or a `*_test.yaml`."""
    lines = ["- given:"]
    lines += [f"    {name}: {_flow(value)}" for name, value in given.items()]
    lines.append(f"  expect: {outcome.value}")
    if outcome is Outcome.ASK:
        lines.append(f"  approvals: {approvals}")
    return "\n".join(lines)


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_flow(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(inner) for inner in value) + "]"
    if isinstance(value, str) and value.replace("_", "a").isalnum() and value.isascii() and value[0].isalpha():
        return value if value.lower() not in _NOT_TEXT else json.dumps(value)
    return json.dumps(value)


_NOT_TEXT = ("true", "false", "null", "yes", "no", "on", "off", "y", "n")


def places_of(bundle: Bundle, asked: Question) -> Iterator[tuple[str, Problem]]:
    """The rules that ask a question, each with the place of it."""
    document = bundle.documents["actions.yaml"]
    for number, compiled in enumerate(bundle.rules):
        if compiled.condition is None:
            continue
        path = ("rules", number, "when")
        for atom in atoms(compiled.condition.root):
            if key_of(atom) != asked.key:
                continue
            if path in document.values and document.value_at(path) == compiled.condition.source:
                yield compiled.rule.id, document.problem_inside(path, atom.offset, "")
            else:
                yield compiled.rule.id, document.problem((), "")
            break
