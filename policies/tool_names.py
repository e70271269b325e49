"""Checks rules and sinks against the tools and arguments that exist."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping

from core.errors import Problem
from policies.compiled import Bundle

#: Tools that the gate answers by itself and no registry lists.
_BUILT_IN: Mapping[str, Collection[str]] = {"case_file": ()}


def check_tools(bundle: Bundle, tools: Mapping[str, Collection[str]]) -> list[Problem]:
    """Rules and sinks that name a tool or an argument that does not exist. `tools` maps a tool to its arguments."""
    problems: list[Problem] = []
    tools = {**_BUILT_IN, **tools}
    document = bundle.documents["actions.yaml"]
    for number, compiled in enumerate(bundle.rules):
        path = ("rules", number)
        for position, tool in enumerate(compiled.rule.tools):
            if tool not in tools:
                message = f"no tool is called `{tool}`{_hint(tool, tools)}"
                problems.append(document.problem((*path, "tools", position), message))
                continue
            missing = sorted(compiled.condition.arguments - set(tools[tool])) if compiled.condition else []
            for argument in missing:
                message = f"`{tool}` has no argument `{argument}`{_hint(argument, tools[tool])}"
                problems.append(document.problem((*path, "when"), message))
    document = bundle.documents["masking.yaml"]
    for tool, arguments in bundle.masking.sinks.items():
        if tool not in tools:
            problems.append(
                document.problem(("sinks", tool), f"no tool is called `{tool}`{_hint(tool, tools)}", key=True)
            )
            continue
        for argument in sorted(set(arguments) - set(tools[tool])):
            message = f"`{tool}` has no argument `{argument}`{_hint(argument, tools[tool])}"
            problems.append(document.problem(("sinks", tool, argument), message, key=True))
    return problems


def _hint(name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean `{near[0]}`?" if near else f"; known are {', '.join(sorted(known)) or 'none'}"
