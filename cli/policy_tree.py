"""Draws the explanation of a decision: a tree for each rule, the facts in one column, and how the answer follows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING

from cli.output import console, plain

if TYPE_CHECKING:
    from core.canonical import Json
    from core.decision import Decision
    from policies.explain import Explanation, Part, RuleExplained, Step

#: Columns of the tree; longer lines have their facts on the next one.
WIDEST = 64
#: Characters of one value.
LONGEST_VALUE = 60

_MARKS = {"true": "✓", "false": "✗", "error": "!", "not looked at": "·"}
_STYLES = {"true": "green", "false": "red", "error": "bold red", "not looked at": "dim"}
_OUTCOMES = {"allow": "bold green", "ask": "bold yellow", "deny": "bold red"}
_KINDS = {"all": "all of", "any": "any of", "not": "not"}
_UNITS = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the tree, and what stands beside it."""

    text: str
    style: str
    note: str = ""


def draw(explanation: Explanation, *, notes: Sequence[str] = (), heading: str = "") -> None:
    """Print an explanation; colour only on a terminal."""
    from rich.text import Text

    out = console()
    decision = explanation.decision
    if heading:
        out.print(Text(plain(heading), style="dim"))
    title = Text(plain(explanation.tool), style="bold")
    title.append(" → ").append(_answer_words(decision), style=_OUTCOMES[decision.outcome.value])
    out.print(title)
    out.print(Text(plain(decision.reason)), soft_wrap=True)
    for note in notes:
        out.print(Text(plain(f"Note: {note}"), style="yellow"), soft_wrap=True)
    matched = sum(rule.answer is not None for rule in explanation.rules)
    out.print(
        Text(f"\nRules about {plain(explanation.tool)}: {matched} of {len(explanation.rules)} matched", style="bold")
    )
    lines = [line for rule in explanation.rules for line in _rule_lines(rule)]
    width = max((len(line.text) for line in lines if line.note and len(line.text) <= WIDEST), default=0)
    for line in lines:
        _print_line(line, width)
    out.print(Text("\nHow the answer follows", style="bold"))
    for row in _step_lines(explanation.steps, out.width):
        out.print(Text(row), soft_wrap=True)


def _step_lines(steps: Sequence[Step], width: int) -> Iterator[str]:
    cells = [tuple(map(plain, _step_cells(step))) for step in steps]
    parts, values = (max(len(row[column]) for row in cells) for column in (0, 1))
    beside = 6 + parts + values
    for part, value, how in cells:
        first, *rest = wrap(how, max(width - beside, WIDEST // 2))
        yield f"  {part:<{parts}}  {value:<{values}}  {first}"
        yield from (" " * beside + line for line in rest)


def _print_line(line: Line, width: int) -> None:
    from rich.text import Text

    text = Text(line.text, style=line.style)
    if line.note and len(line.text) > width:
        console().print(text, soft_wrap=True)
        text = Text()
    if line.note:
        text.append(" " * (width - len(text) + 3)).append(line.note, style="cyan")
    console().print(text, soft_wrap=True)


def _rule_lines(rule: RuleExplained) -> Iterator[Line]:
    value = {"matched": "true", "did not match": "false", "error": "error"}[rule.matched]
    says = _says(rule)
    yield Line("", "")
    yield Line(f"{_MARKS[value]} {rule.id}: {says}", f"bold {_STYLES[value]}" if value == "true" else _STYLES[value])
    if rule.condition is None:
        yield Line("    no condition: it always matches", "dim")
    else:
        yield from _part_lines(rule.condition, "    ")
    for limit in rule.limits:
        done = "cannot be counted" if limit.done is None else f"{limit.done} done"
        mark = "!" if limit.reached else "✓"
        yield Line(f"    {mark} limit of {limit.most}", "yellow" if limit.reached else "green", f"{limit.fact}: {done}")


def _part_lines(part: Part, indent: str) -> Iterator[Line]:
    mark, style = _MARKS[part.value], _STYLES[part.value]
    if part.kind == "not" and part.parts[0].kind == "atom":
        atom = part.parts[0]
        source = atom.source if _is_operand(atom.source) else f"({atom.source})"
        yield Line(plain_from(f"{indent}{mark} !{source}"), style, _facts(atom))
        return
    if part.kind == "atom":
        yield Line(plain_from(f"{indent}{mark} {part.source}"), style, _facts(part))
        return
    yield Line(f"{indent}{mark} {_KINDS[part.kind]}", style)
    for inner in part.parts:
        yield from _part_lines(inner, indent + "  ")


def plain_from(text: str) -> str:
    """A line that no terminal obeys, with its indentation."""
    stripped = text.lstrip(" ")
    return " " * (len(text) - len(stripped)) + plain(stripped)


def _is_operand(source: str) -> bool:
    return not any(mark in source for mark in (" ", "=", "<", ">"))


def _facts(part: Part) -> str:
    if part.value == "not looked at":
        return "not looked at"
    known = [f"{name} = {_value(value)}" for name, value in part.facts.items()]
    return ", ".join([*known, *(f"{name} has no value" for name in part.missing)])


def _value(value: Json) -> str:
    text = plain(json.dumps(value, ensure_ascii=False))
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"


def _says(rule: RuleExplained) -> str:
    answer = rule.answer
    if answer is None:
        return "did not match"
    if answer.ask is None:
        return {"allow": "allows", "deny": "denies"}[answer.outcome.value]
    ask = answer.ask
    return f"asks {_people(ask.approvals, ask.roles)}{_within(ask.expires)}{_fresh(ask.reauthenticate)}"


def _answer_words(decision: Decision) -> str:
    if decision.outcome.value != "ask":
        return decision.outcome.value
    within = f"{_within(decision.expires_seconds)}{_fresh(decision.reauthenticate_seconds)}"
    return f"ask {_people(decision.approvals, decision.roles)}{within}"


def _people(approvals: int, roles: Sequence[str]) -> str:
    return f"{approvals} of {' or '.join(roles) if roles else 'any approver'}"


def _within(seconds: int) -> str:
    return f", open for {lasts(seconds)}" if seconds else ", open for ever"


def _fresh(seconds: int) -> str:
    return f", signed in {lasts(seconds)} ago at most" if seconds else ""


def lasts(seconds: int) -> str:
    """A duration as rules write it: 30m, 4h, 2d; `never` for 0."""
    if not seconds:
        return "never"
    size, unit = next((size, unit) for size, unit in _UNITS if seconds % size == 0)
    return f"{seconds // size}{unit}"


def _step_cells(step: Step) -> tuple[str, str, str]:
    said = ", ".join(f"{rule} {_said(step, value)}" for rule, value in step.said.items())
    several = len(step.said) > 1
    return step.part.replace("_", " "), _said(step, step.value), f"{step.how} ({said})" if several else step.how


def _said(step: Step, value: Json) -> str:
    if step.part in ("expires", "reauthenticate", "lease") and isinstance(value, int):
        return lasts(value)
    if isinstance(value, list):
        return "/".join(str(item) for item in value) or "any approver"
    return str(value)
