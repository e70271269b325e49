"""Checks rules, examples, tests and sinks against the tools and arguments that exist."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping

from core.canonical import Json, JsonObject
from core.mcp import is_external
from policies.condition import Condition
from policies.document import Document, Path
from policies.network import KINDS
from policies.vocabulary import BUILT_IN, ToolShape


def check_rule_tools(document: Document, conditions: Mapping[int, Condition], tools: Mapping[str, ToolShape]) -> None:
    """Problems of `actions.yaml`: a tool or an argument that is none, a limit of what cannot be counted."""
    known = {**BUILT_IN, **tools}
    rows = document.data.get("rules") if isinstance(document.data, dict) else None
    for number, row in enumerate(rows if isinstance(rows, list) else []):
        named = row.get("tools") if isinstance(row, dict) else None
        path = ("rules", number)
        for position, tool in enumerate(named if isinstance(named, list) else []):
            if not isinstance(tool, str) or not re.fullmatch(r"[a-z][a-z0-9_]*", tool):
                continue  # The schema says so.
            if is_external(tool):
                _check_external(document, path, row)
                continue
            if tool not in known:
                message = f"no tool is called `{tool}`{_hint(tool, known)}"
                document.problems.append(document.problem((*path, "tools", position), message))
                continue
            _check_limit(document, path, row.get("limit"), tool, known[tool])
            if number in conditions:
                _check_condition(document, (*path, "when"), conditions[number], tool, known[tool])
        if isinstance(row, dict):
            _check_examples(document, (*path, "examples"), row.get("examples"), named, known)


def check_test_tools(document: Document, tools: Mapping[str, ToolShape]) -> None:
    """Problems of a `*_test.yaml`: a tool that is none, an argument that the tool does not have."""
    rows = document.data.get("tests") if isinstance(document.data, dict) else None
    _check_examples(document, ("tests",), rows, None, {**BUILT_IN, **tools})


def check_sinks(document: Document, tools: Mapping[str, ToolShape]) -> None:
    """Problems of `masking.yaml`: a sink for a tool or an argument that does not exist."""
    known = {**BUILT_IN, **tools}
    sinks = document.data.get("sinks") if isinstance(document.data, dict) else None
    for tool, arguments in (sinks if isinstance(sinks, dict) else {}).items():
        if is_external(tool):
            continue
        if tool not in known:
            message = f"no tool is called `{tool}`{_hint(tool, known)}"
            document.problems.append(document.problem(("sinks", tool), message, key=True))
            continue
        for argument in arguments if isinstance(arguments, dict) else ():
            if argument not in known[tool].arguments:
                message = _no_argument(tool, argument, known[tool])
                document.problems.append(document.problem(("sinks", tool, argument), message, key=True))


def check_network(document: Document, tools: Mapping[str, ToolShape]) -> None:
    """Problems of `network.yaml`: a tool that is none, a kind of question that the tool never asks."""
    rows = document.data.get("tools") if isinstance(document.data, dict) else None
    for tool, kinds in (rows if isinstance(rows, dict) else {}).items():
        path = ("tools", tool)
        if tool not in tools:
            message = f"no tool is called `{tool}`{_hint(tool, tools)}"
            document.problems.append(document.problem(path, message, key=True))
            continue
        for kind in kinds if isinstance(kinds, dict) else ():
            if kind in KINDS and kind not in tools[tool].asks:
                asks = ", ".join(sorted(tools[tool].asks)) or "nothing"
                message = f"`{tool}` never asks for `{kind}`; it asks for {asks}"
                document.problems.append(document.problem((*path, kind), message, key=True))


def _check_external(document: Document, path: Path, row: JsonObject) -> None:
    """An MCP tool may be there or not; while it is not, every call is denied. What it could never have is named."""
    if row.get("lease"):
        message = "an MCP tool cannot be undone, so nothing would revert; remove the lease"
        document.problems.append(document.problem((*path, "lease"), message))
    limit = row.get("limit")
    if isinstance(limit, dict) and "per_target" in limit:
        message = "an MCP tool aims at nothing that could be counted; remove `per_target`"
        document.problems.append(document.problem((*path, "limit", "per_target"), message, key=True))


def _check_condition(document: Document, path: Path, condition: Condition, tool: str, shape: ToolShape) -> None:
    for argument in sorted(condition.arguments - set(shape.arguments)):
        at = re.search(rf"\bargs\s*\.\s*{argument}\b", condition.source)
        message = _no_argument(tool, argument, shape)
        document.problems.append(document.problem_inside(path, at.start() if at else 0, message))


def _check_limit(document: Document, path: Path, limit: Json, tool: str, shape: ToolShape) -> None:
    """A limit that counts nothing is never reached, so it would only look like one."""
    if not isinstance(limit, dict):
        return
    if not shape.acts:
        message = f"`{tool}` has no effect, so there is nothing to count; remove the limit"
        document.problems.append(document.problem((*path, "limit"), message))
    elif "per_target" in limit and shape.aims_at is None:
        message = f"`{tool}` aims at nothing that could be counted; remove `per_target`"
        document.problems.append(document.problem((*path, "limit", "per_target"), message, key=True))


def _check_examples(
    document: Document, path: Path, examples: Json, of_rule: Json, known: Mapping[str, ToolShape]
) -> None:
    for position, given in _given(examples):
        where = (*path, position, "given")
        tool = given.get("tool")
        if of_rule is None and isinstance(tool, str) and tool not in known and not is_external(tool):
            message = f"no tool is called `{tool}`{_hint(tool, known)}"
            document.problems.append(document.problem((*where, "tool"), message))
        tools = [tool] if tool is not None else of_rule
        args = given.get("args")
        for argument in args if isinstance(args, dict) else ():
            for name in tools if isinstance(tools, list) else ():
                if isinstance(name, str) and name in known and argument not in known[name].arguments:
                    message = _no_argument(name, argument, known[name])
                    document.problems.append(document.problem((*where, "args", argument), message, key=True))


def _given(examples: Json) -> Iterator[tuple[int, dict[str, Json]]]:
    for position, example in enumerate(examples if isinstance(examples, list) else []):
        given = example.get("given") if isinstance(example, dict) else None
        if isinstance(given, dict):
            yield position, given


def _no_argument(tool: str, argument: str, shape: ToolShape) -> str:
    return f"`{tool}` has no argument `{argument}`{_hint(argument, shape.arguments)}"


def _hint(name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean `{near[0]}`?" if near else f"; known are {', '.join(sorted(known)) or 'none'}"
