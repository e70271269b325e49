"""The rules of a bundle as sentences, with how often each decided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from core.store.engine import Store
from core.store.transaction import Transaction
from workflows.workbench import COUNTED_DAYS

if TYPE_CHECKING:
    from policies.actions import Rule
    from policies.atoms import Node
    from policies.bundle import Bundle
    from policies.compiled import CompiledRule

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Clause:
    """A part of a condition: an atom as it is written, or parts that must all, any or not hold."""

    kind: Literal["all", "any", "not", "atom"]
    text: str = ""
    parts: tuple[Clause, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class RuleShown:
    """One rule for people to read."""

    id: str
    tools: tuple[str, ...]
    #: `allow`, `ask` or `deny`.
    outcome: str
    #: `asks 2 people (soc-lead or server-owner), open for 30 min`.
    says: str
    #: None: it always matches.
    when: Clause | None
    #: Further sentences: lease, limits, what silence means.
    also: tuple[str, ...]
    reason: str
    line: int
    #: Outcome → answers it gave, in the days that are counted.
    decided: Mapping[str, int]

    @property
    def times(self) -> int:
        return sum(self.decided.values())


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolShown:
    """The rules that speak of one tool."""

    tool: str
    rules: tuple[RuleShown, ...]
    #: Calls that were denied because no rule matched.
    unruled: int
    #: Every call that policy was asked about.
    times: int


def shown_rules(tx: Transaction, store: Store, bundle: Bundle) -> list[ToolShown]:
    """The rules of each tool; tools that policy was asked about and no rule speaks of come last."""
    since = store.clock.now() - timedelta(days=COUNTED_DAYS)
    counted = tx.policy_figures.decided(since=since)
    by_rule: dict[tuple[str, str], Counter[str]] = {}
    asked: Counter[str] = Counter()
    unruled: Counter[str] = Counter()
    for (tool, outcome, rules), times in counted.items():
        asked[tool] += times
        unruled[tool] += 0 if rules else times
        for rule in rules:
            by_rule.setdefault((tool, rule), Counter())[outcome] += times
    places = bundle.documents["actions.yaml"].keys
    lines = {
        compiled.rule.id: place.line + 1
        for number, compiled in enumerate(bundle.rules)
        if (place := places.get(("rules", number, "id"))) is not None
    }
    spoken = sorted({tool for compiled in bundle.rules for tool in compiled.rule.tools})
    return [
        ToolShown(
            tool=tool,
            rules=tuple(
                _shown(compiled, lines.get(compiled.rule.id, 1), by_rule.get((tool, compiled.rule.id), {}))
                for compiled in bundle.rules_for(tool)
            ),
            unruled=unruled[tool],
            times=asked[tool],
        )
        for tool in (*spoken, *sorted(asked.keys() - set(spoken)))
    ]


def never_decided(tools: Sequence[ToolShown]) -> list[RuleShown]:
    """Rules whose answer never counted for any of their tools, each once, in the order of the file."""
    counted = {rule.id for tool in tools for rule in tool.rules if rule.times}
    found = {rule.id: rule for tool in tools for rule in tool.rules if rule.id not in counted}
    return sorted(found.values(), key=lambda rule: rule.line)


def people(approvals: int, roles: Sequence[str]) -> str:
    """`2 people (soc-lead or server-owner)`."""
    return f"{approvals} {'person' if approvals == 1 else 'people'} ({' or '.join(roles) if roles else 'any approver'})"


def lasts(seconds: int) -> str:
    """`30 min`, `4 h`, `7 d`: in the largest unit that fits exactly."""
    size, unit = next((size, unit) for size, unit in _UNITS if seconds % size == 0)
    return f"{seconds // size} {unit}"


def _shown(compiled: CompiledRule, line: int, decided: Mapping[str, int]) -> RuleShown:
    rule = compiled.rule
    outcome, says = _says(rule)
    return RuleShown(
        id=rule.id,
        tools=tuple(rule.tools),
        outcome=outcome,
        says=says,
        when=_clause(compiled.condition.root) if compiled.condition is not None else None,
        also=tuple(_also(rule)),
        reason=rule.reason,
        line=line,
        decided=dict(decided),
    )


def _says(rule: Rule) -> tuple[str, str]:
    if isinstance(rule.then, str):
        return rule.then, {"allow": "allows it", "deny": "denies it"}[rule.then]
    asked = rule.then
    within = f"open for {lasts(asked.expires)}" if asked.expires else "open for ever"
    return "ask", f"asks {people(asked.approvals, asked.roles)}, {within}"


def _also(rule: Rule) -> list[str]:
    found = []
    if rule.lease:
        found.append(f"The effect reverts by itself after {lasts(rule.lease)}.")
    if rule.limit is not None:
        most = ", ".join(f"{most} {within}" for _, most, within in rule.limit.bounds())
        found.append(f"At most {most}; beyond it one person is asked.")
    if not isinstance(rule.then, str) and rule.then.on_expiry != "expire":
        silent = {"escalate": "the whole ticket goes to a person", "deny": "it counts as a no"}
        found.append(f"If nobody answers, {silent[rule.then.on_expiry]}.")
    if not isinstance(rule.then, str) and rule.then.reauthenticate:
        found.append(f"Whoever answers has signed in {lasts(rule.then.reauthenticate)} ago at most.")
    return found


def _clause(node: Node) -> Clause:
    from policies.atoms import Atom, Join, Not

    match node:
        case Atom():
            return Clause(kind="atom", text=" ".join(node.source.split()))
        case Not(part):
            return Clause(kind="not", parts=(_clause(part),))
        case Join(stops_at, parts):
            return Clause(kind="any" if stops_at else "all", parts=tuple(map(_clause, parts)))
