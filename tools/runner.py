"""Runs one call of a reading tool, the same for a team, for `casemate tool run` and for the tests."""

from __future__ import annotations

from dataclasses import dataclass

from core.canonical import JsonObject
from tools.checks import checked_result
from tools.registry import Tool
from tools.sandbox.sandbox import Sandbox, Tier


@dataclass(frozen=True, kw_only=True, slots=True)
class Runner:
    """Knows where tools run. One serves any number of tickets at once."""

    sandbox: Sandbox

    @property
    def tier(self) -> Tier:
        return self.sandbox.tier

    async def run(self, tool: Tool, arguments: JsonObject, inputs: JsonObject) -> JsonObject:
        """The tool's checked result: `summary`, `facts`, `detail`. Arguments and inputs are real values.

        Raises:
            ToolRefused: the tool refused its input, took too long, used too much, or answered out of shape.
            SandboxUnavailable: the sandbox itself did not start.
        """
        if tool.entry is None:
            raise ValueError(f"{tool.name} acts; only the executor carries it out.")
        found = await self.sandbox.run(tool.entry, {"arguments": arguments, "inputs": inputs}, tool.limits)
        return checked_result(found, tool.facts_model)
