"""The scripted team plays its part exactly, for tests of everything around a team."""

from __future__ import annotations

import pytest

from agents.scripted import ScriptedCall, ScriptedTeam
from core.assessment import undecided
from core.errors import ModelUnavailable
from tests.unit.agents.recorded import RecordedToolbox


def box() -> RecordedToolbox:
    return RecordedToolbox(ticket={}, results={"similar_cases": {"facts": {"cases": 0}}})


async def test_it_makes_its_calls_in_order_and_notes_its_assessment() -> None:
    toolbox = box()
    action = ScriptedCall(tool="close_ticket", arguments={"resolution": "benign"}, agent="responder")
    answer = undecided("Played.")
    team = ScriptedTeam(assessment=answer, calls=[ScriptedCall(tool="similar_cases")], actions=[action])
    result = await team.run(toolbox.brief(), toolbox)
    assert [(agent, tool) for agent, tool, _ in toolbox.calls] == [
        ("scripted", "similar_cases"),
        ("responder", "close_ticket"),
    ]
    assert toolbox.drafts == [("scripted", answer)]
    assert result.assessment == answer
    assert [turn.role for turn in result.transcript] == [
        "tool_call",
        "tool_result",
        "assistant",
        "tool_call",
        "tool_result",
    ]


async def test_it_fails_when_told_to() -> None:
    toolbox = box()
    team = ScriptedTeam(assessment=undecided("x"), failure=ModelUnavailable("The model is down; start it."))
    with pytest.raises(ModelUnavailable):
        await team.run(toolbox.brief(), toolbox)
    assert toolbox.drafts == []
