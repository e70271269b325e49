"""Tools of MCP servers in rules. A bundle may name one that is not there; calls of it are denied."""

from __future__ import annotations

from collections.abc import Mapping

from core.mcp import is_external
from policies.compiled import Bundle
from policies.vocabulary import BUILT_IN, ToolShape


def every_tool(tools: Mapping[str, ToolShape], *bundles: Bundle) -> dict[str, ToolShape]:
    """Built-in tools, `tools`, and the MCP tools that rules speak of, with every argument that anything asks about."""
    found: dict[str, set[str]] = {}
    for bundle in bundles:
        asked = {name for one in bundle.invariants if one.condition is not None for name in one.condition.arguments}
        for compiled in bundle.rules:
            read = compiled.condition.arguments if compiled.condition is not None else frozenset()
            for tool in compiled.rule.tools:
                if is_external(tool):
                    found.setdefault(tool, set()).update(read, asked)
    external = {tool: ToolShape(arguments=tuple(sorted(names)), acts=True) for tool, names in sorted(found.items())}
    return {**BUILT_IN, **tools, **external}
