"""Rules that do nothing: those that no situation reaches, and those that never change an answer."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from core.canonical import JsonObject
from policies.atoms import Atom, Join, Node, Not, Predicate, Truth
from policies.cases import SILENT, Rules, same_answer
from policies.compiled import Bundle, CompiledRule
from policies.questions import FAILS, TRUE
from policies.search import FOUND, NOTHING, TooManyCells, can_be, search

#: Covering rules that are named one by one.
MAX_NAMED = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class IdleRule:
    """A rule that could be removed without changing any answer."""

    rule: str
    #: `dead`: it never matches; `shadowed`: it matches, but other rules always answer at least as strictly.
    kind: Literal["dead", "shadowed"]
    reason: str
    file: str
    line: int

    def as_json(self) -> JsonObject:
        return {"rule": self.rule, "kind": self.kind, "reason": self.reason, "file": self.file, "line": self.line}


def idle_rules(bundle: Bundle, tools: Sequence[Rules]) -> tuple[IdleRule, ...]:
    """The idle rules of a bundle, in the order of the file. What could not be gone through counts as not idle."""
    document = bundle.documents["actions.yaml"]
    found: list[IdleRule] = []
    for number, compiled in enumerate(bundle.rules):
        at = [(rules, n) for rules in tools for n, one in enumerate(rules.compiled) if one is compiled]
        if not at:
            continue
        place = document.problem(("rules", number, "id"), "")
        said = _idle(compiled, at)
        if said is not None:
            kind, reason = said
            found.append(IdleRule(rule=compiled.rule.id, kind=kind, reason=reason, file=place.file, line=place.line))
    return tuple(found)


def _idle(compiled: CompiledRule, at: Sequence[tuple[Rules, int]]) -> tuple[Literal["dead", "shadowed"], str] | None:
    if not any(_can_match(rules, number) for rules, number in at):
        return "dead", _why_dead(compiled, [rules for rules, _ in at])
    covering: set[str] = set()
    for rules, number in at:
        found = _covered_by(rules, number)
        if found is None:
            return None
        covering |= found
    return "shadowed", _why_shadowed(covering)


def _can_match(rules: Rules, number: int) -> bool:
    tree = rules.trees[number]
    return tree is None or can_be(rules.space, tree, TRUE | FAILS)


def _why_dead(compiled: CompiledRule, tools: Sequence[Rules]) -> str:
    root = compiled.condition.root if compiled.condition else None
    parts = root.parts if isinstance(root, Join) and not root.stops_at else ((root,) if root is not None else ())
    for count in (1, 2):
        for some in itertools.combinations(parts, count):
            if not any(can_be(rules.space, ("&&", tuple(rules.space.tree(part) for part in some))) for rules in tools):
                words = " and ".join(f"`{written(part)}`" for part in some)
                return f"{words} {'is never true' if count == 1 else 'are never true together'}"
    return "the parts of its condition are never all true together"


def written(node: Node) -> str:
    """A part of a condition in its own words."""
    match node:
        case Atom():
            return " ".join(node.source.split())
        case Not(part):
            bare = isinstance(part, Atom) and isinstance(part.form, Truth | Predicate)
            return f"!{written(part)}" if bare else f"!({written(part)})"
        case Join(stops_at, parts):
            shown = (f"({written(part)})" if isinstance(part, Join) else written(part) for part in parts)
            return (" || " if stops_at else " && ").join(shown)


def _covered_by(rules: Rules, number: int) -> set[str] | None:
    """The rules that decide wherever this one matches; None when it changes an answer somewhere."""
    covering: set[str] = set()

    def goal() -> int:
        states = rules.states()
        if states[number] == SILENT:
            return NOTHING
        others = (*states[:number], SILENT, *states[number + 1 :])
        low = rules.loosest(others)
        if any(state != SILENT for state in low):
            with_it = (*low[:number], rules.strictest(states)[number], *low[number + 1 :])
            decision = rules.joined(low)
            if same_answer(decision, rules.joined(with_it)):
                covering.update(decision.rules)
                return NOTHING
        open_ = rules.undecided(number)
        if open_ is not None:
            return open_
        before, after = rules.settled(others), rules.settled(states)
        if before is not None and after is not None:
            if same_answer(before, after):
                covering.update(before.rules)
                return NOTHING
            return FOUND
        open_ = rules.next(others)
        assert open_ is not None
        return open_

    try:
        return None if any(True for _ in search(rules.space, goal)) else covering
    except TooManyCells:
        return None


def _why_shadowed(covering: set[str]) -> str:
    if not covering:
        return "without it the call is denied as well, because no rule allows it"
    named = [f"`{rule}`" for rule in sorted(covering)]
    if len(named) > MAX_NAMED:
        named = [*named[:MAX_NAMED], f"{len(named) - MAX_NAMED} more"]
    words = named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"
    return f"wherever it matches, {words} {'answers' if len(covering) == 1 else 'answer'} at least as strictly"
