"""Sorts evidence into a playbook's steps and says which tool calls are still to be made."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from agents.playbook.casebook import Casebook, Item, call_key
from agents.playbook.conditions import holds
from agents.playbook.library import TICKET_STEP, reads
from agents.playbook.schema import Look
from core.canonical import JsonObject


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One tool call to make."""

    tool: str
    arguments: JsonObject


def arrange(steps: Sequence[Look], casebook: Casebook, offered: Collection[str]) -> list[Call]:
    """Fill `casebook.steps` from its items, step by step.

    Returns the calls that can be made now; an empty list means that every step has its answer.
    A step whose tool is not offered, or whose arguments have no value, is answered by nothing.
    """
    answers = {call_key(item.tool, item.arguments): item for item in casebook.items}
    casebook.steps = {TICKET_STEP: [item for item in casebook.items if item.tool == TICKET_STEP][:1]}
    casebook.truncated = set()
    waiting: set[str] = set()
    calls: dict[bytes, Call] = {}
    for look in steps:
        if any(path.split(".")[0] in waiting for path in reads(look)):
            waiting.add(look.name)
            continue
        wanted = _calls(look, casebook)
        results: list[Item] = []
        for call in wanted:
            key = call_key(call.tool, call.arguments)
            if key in answers:
                results.append(answers[key])
            elif call.tool in offered:
                calls.setdefault(key, call)
                waiting.add(look.name)
        if look.name not in waiting:
            casebook.steps[look.name] = results
    return list(calls.values())


def _calls(look: Look, casebook: Casebook) -> list[Call]:
    if not holds(look.when, casebook).holds:
        return []
    if look.each is None:
        filled = casebook.fill(look.arguments)
        return [] if filled is None else [Call(tool=look.tool, arguments=filled)]
    elements = [e for e in casebook.elements(look.each) if holds(look.only, casebook, item=e).holds]
    if len(elements) > look.limit:
        casebook.truncated.add(look.name)
    filled_each = (casebook.fill(look.arguments, element) for element in elements[: look.limit])
    return [Call(tool=look.tool, arguments=arguments) for arguments in filled_each if arguments is not None]
