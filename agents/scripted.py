"""A team that plays a fixed part without a model: for tests of everything around a team."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from agents.team import Brief, TeamResult, Toolbox, Turn
from core.assessment import Assessment
from core.canonical import JsonObject


@dataclass(frozen=True, kw_only=True, slots=True)
class ScriptedCall:
    """One tool call to play."""

    tool: str
    arguments: JsonObject = field(default_factory=dict)
    agent: str = "scripted"


@dataclass(frozen=True, kw_only=True, slots=True)
class ScriptedTeam:
    """Plays `calls` in order, then answers with `assessment`."""

    assessment: Assessment
    calls: Sequence[ScriptedCall] = ()
    #: Played after the assessment was noted, as a responder's proposals are.
    actions: Sequence[ScriptedCall] = ()
    #: Raised in place of an answer, as when the model is down.
    failure: Exception | None = None
    name: str = "scripted"
    framework: str = "scripted"
    static_texts: tuple[str, ...] = ()

    async def run(self, brief: Brief, toolbox: Toolbox) -> TeamResult:
        turns: list[Turn] = []
        for call in self.calls:
            await self._play(call, toolbox, turns)
        if self.failure is not None:
            raise self.failure
        toolbox.note_assessment(self.assessment, agent=self.name)
        turns.append(Turn(agent=self.name, role="assistant", content=self.assessment.model_dump_json()))
        for action in self.actions:
            await self._play(action, toolbox, turns)
        return TeamResult(
            assessment=self.assessment,
            transcript=tuple(turns),
            model_requests=0,
            tokens_in=0,
            tokens_out=0,
            framework=self.framework,
            note=None,
        )

    async def _play(self, call: ScriptedCall, toolbox: Toolbox, turns: list[Turn]) -> None:
        shown = json.dumps({"tool": call.tool, "arguments": call.arguments}, ensure_ascii=False)
        turns.append(Turn(agent=call.agent, role="tool_call", content=shown))
        result = await toolbox.call(call.tool, call.arguments, agent=call.agent)
        turns.append(Turn(agent=call.agent, role="tool_result", content=json.dumps(result, ensure_ascii=False)))
