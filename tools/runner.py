"""Runs one call of a reading tool, the same for a team, for `casemate tool run` and for the tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.canonical import JsonObject
from core.errors import ToolRefused
from tools.checks import checked_result
from tools.registry import Tool
from tools.sandbox.sandbox import Sandbox
from tools.sandbox.tiers import Tier

if TYPE_CHECKING:  # loads a client library that most processes never need
    from tools.mcp.caller import McpCaller


@dataclass(frozen=True, kw_only=True, slots=True)
class Runner:
    """Knows where tools run. One serves any number of tickets at once."""

    sandbox: Sandbox
    #: Calls tools of MCP servers; without one they are refused.
    mcp: McpCaller | None = None

    @property
    def tier(self) -> Tier:
        return self.sandbox.tier

    async def run(self, tool: Tool, arguments: JsonObject, inputs: JsonObject) -> JsonObject:
        """The tool's checked result: `summary`, `facts`, `detail`. Arguments and inputs are real values.

        Raises:
            ToolRefused: the tool refused its input, took too long, used too much, or answered out of shape.
            SandboxUnavailable: the sandbox itself did not start.
        """
        if tool.mcp is not None and not tool.acts:
            if self.mcp is None:
                raise ToolRefused(f"MCP servers are not reached from here, so {tool.name} cannot be used.")
            return checked_result(await self.mcp.read(tool.name, tool.mcp, arguments))
        if tool.entry is None:
            raise ValueError(f"{tool.name} acts; only the executor carries it out.")
        found = await self.sandbox.run(tool.entry, {"arguments": arguments, "inputs": inputs}, tool.limits)
        return checked_result(found, tool.facts_model)
