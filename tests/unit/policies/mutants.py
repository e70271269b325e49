"""Default bundles with one thing changed, made mechanically from the parsed rules; examples are not run."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from policies.actions import Rule
from policies.atoms import Atom, Comparison, Membership, atoms
from policies.bundle import Bundle
from policies.compiled import CompiledRule
from policies.condition import Compiler
from policies.tokens import read_tokens

_OPERATORS = {"==": ["!="], "!=": ["=="], "<": ["<=", ">="], "<=": ["<"], ">": [">="], ">=": [">", "<"]}
_WORDS = {"malicious": "suspicious", "benign": "malicious", "domain_controller": "server", "Break-glass": "Clerk"}
_ASK = {"approvals": 1, "from": ["analyst"], "expires": "1h"}


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A bundle and what was changed in it."""

    what: str
    bundle: Bundle
    #: The tools whose rules are not what they were.
    tools: tuple[str, ...]


def mutants(bundle: Bundle) -> Iterator[Mutant]:
    """Every mutant, in the order of the rules."""
    compiler = Compiler(bundle.organization)
    rows = bundle.documents["actions.yaml"].data["rules"]
    for number, (row, compiled) in enumerate(zip(rows, bundle.rules, strict=True)):
        others = (*bundle.rules[:number], *bundle.rules[number + 1 :])
        tools = tuple(compiled.rule.tools)
        yield Mutant(what=f"{row['id']}: dropped", bundle=replace(bundle, rules=others), tools=tools)
        for what, changed in _changes(row, compiled):
            rules = (*bundle.rules[:number], _compiled(changed, compiler), *bundle.rules[number + 1 :])
            yield Mutant(what=f"{row['id']}: {what}", bundle=replace(bundle, rules=rules), tools=tools)


def _compiled(row: dict[str, Any], compiler: Compiler) -> CompiledRule:
    fitting = {
        key: value
        for key, value in row.items()
        if not (key == "limit" and row["then"] != "allow") and not (key == "lease" and row["then"] == "deny")
    }
    rule = Rule.model_validate(fitting)
    return CompiledRule(rule=rule, condition=compiler.compile(rule.when) if rule.when is not None else None)


def _changes(row: dict[str, Any], compiled: CompiledRule) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from ((what, {**copy.deepcopy(row), **change}) for what, change in _answers(row))
    if "lease" in row:
        yield "no lease", {key: value for key, value in row.items() if key != "lease"}
        yield "lease 10d", {**row, "lease": "10d"}
        yield "lease 30m", {**row, "lease": "30m"}
    if "limit" in row:
        yield "no limit", {key: value for key, value in row.items() if key != "limit"}
        yield "limit 12 an hour", {**row, "limit": {"per_hour": 12}}
        yield "limit 1 an hour", {**row, "limit": {**row["limit"], "per_hour": 1}}
    if len(row["tools"]) > 1:
        for tool in row["tools"]:
            yield f"not about {tool}", {**row, "tools": [other for other in row["tools"] if other != tool]}
    if compiled.condition is not None:
        yield "always", {key: value for key, value in row.items() if key != "when"}
        yield "otherwise", {**row, "when": f"!({row['when']})"}
        for what, when in _conditions(row["when"], compiled):
            yield what, {**row, "when": when}


def _answers(row: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    then = row["then"]
    if then != "allow":
        yield "allow", {"then": "allow"}
    if then != "deny":
        yield "deny", {"then": "deny"}
    if not isinstance(then, dict):
        yield "ask one", {"then": _ASK}
        yield "ask two", {"then": {**_ASK, "approvals": 2}}
        return
    yield "one approval more", {"then": {**then, "approvals": then["approvals"] + 1}}
    if then["approvals"] > 1:
        yield "one approval fewer", {"then": {**then, "approvals": then["approvals"] - 1}}
    yield "roles of nobody else", {"then": {**then, "from": ["admin"]}}
    yield "any approver", {"then": {key: value for key, value in then.items() if key != "from"}}


def _conditions(when: str, compiled: CompiledRule) -> Iterator[tuple[str, str]]:
    assert compiled.condition is not None
    for token in read_tokens(when):
        if token.text in ("&&", "||"):
            other = "||" if token.text == "&&" else "&&"
            yield f"{token.text} at {token.start}", when[: token.start] + other + when[token.end :]
    for atom in atoms(compiled.condition.root):
        for what, text in _atoms(atom):
            yield (
                f"{what} instead of {atom.source}",
                when[: atom.offset] + text + when[atom.offset + len(atom.source) :],
            )


def _atoms(atom: Atom) -> Iterator[tuple[str, str]]:
    for text in ("true", "false", f"!({atom.source})"):
        yield text, text
    match atom.form:
        case Comparison(fact=fact, operator=operator, literal=literal):
            changed = [(fact, other, literal) for other in _OPERATORS[operator]]
            if isinstance(literal, float):
                changed += [(fact, operator, round(literal + step, 2)) for step in (-0.3, -0.05, 0.05)]
            elif isinstance(literal, int):
                changed += [(fact, operator, literal + step) for step in (-1, 1)]
            elif literal in _WORDS:
                changed.append((fact, operator, _WORDS[literal]))
            for name, sign, value in changed:
                text = f"{name} {sign} " + (f'"{value}"' if isinstance(value, str) else str(value))
                yield text, text
        case Membership(fact=fact, values=values):
            for value in values:
                rest = ", ".join(f'"{other}"' for other in values if other != value)
                yield f"without {value}", f"{fact} in [{rest}]"
        case _:
            return
