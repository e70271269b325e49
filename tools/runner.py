"""Runs one call of a reading tool, the same for a team, for `casemate tool run` and for the tests."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core.canonical import JsonObject
from core.errors import ToolRefused
from tools.broker.client import Behalf, BrokerClient, refusing
from tools.checks import checked_result
from tools.detection.books import Rulebooks
from tools.registry import Tool
from tools.sandbox.call import Asked
from tools.sandbox.sandbox import Sandbox
from tools.sandbox.tiers import Tier
from tools.tool import RULES

if TYPE_CHECKING:  # loads a client library that most processes never need
    from tools.mcp.caller import McpCaller


@dataclass(frozen=True, kw_only=True, slots=True)
class Runner:
    """Knows where tools run. One serves any number of tickets at once."""

    sandbox: Sandbox
    #: Calls tools of MCP servers; without one they are refused.
    mcp: McpCaller | None = None
    #: Carries questions of tools to the network broker; without one they are refused.
    broker: BrokerClient | None = None
    #: The rules of tools that detect; those that ship unless it is given others.
    rules: Rulebooks = field(default_factory=Rulebooks)

    @property
    def tier(self) -> Tier:
        return self.sandbox.tier

    async def run(
        self, tool: Tool, arguments: JsonObject, inputs: JsonObject, *, behalf: Behalf | None = None
    ) -> JsonObject:
        """The tool's checked result: `summary`, `facts`, `detail`. Arguments and inputs are real values.

        Args:
            behalf: for whom it may ask something outside; without it, it may not.

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
        rules = await asyncio.to_thread(self.rules.given, tool.needs) if tool.needs & RULES else {}
        payload: JsonObject = {"arguments": arguments, "inputs": {**inputs, **rules}}
        ask: Asked | None = None
        if tool.asks:
            ask = self.broker.ask_for(tool, behalf) if self.broker is not None and behalf is not None else refusing
        found = await self.sandbox.run(tool.entry, payload, tool.limits, ask=ask)
        return checked_result(found, tool.facts_model)
