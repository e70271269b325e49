"""The fitness test of a model of noise behind the model server: every answer has its form, and nothing makes sense."""

from __future__ import annotations

from pathlib import Path

from agents.probe import probe
from agents.probe_report import Outcome
from agents.spec import shipped_teams
from tests.unit.serving.engines import load_tiny, running
from tests.unit.serving.served import house

#: Tokens of a window that the test is told: short answers are enough to see their form.
CONTEXT = 240


async def test_noise_is_fit_in_form_and_unfit_by_content(tiny_model: Path) -> None:
    with running(load_tiny(tiny_model)) as engine, house(engine) as server:
        report = await probe(
            f"{server.url}/v1",
            model=None,
            key="none",
            teams=tuple(shipped_teams().by_name.values()),
            context=CONTEXT,
        )
    said = {result.check: result.outcome for result in report.results}
    reasons = {result.check: result.reason for result in report.results}
    assert all(outcome.in_form for outcome in said.values()), reasons
    for check in ("tool_calls", "tool_parallel", "json", "schema", "schema_with_tools", "injection", "context"):
        assert said[check] is Outcome.WRONG, reasons[check]
    assert reasons["tool_required"].startswith("It keeps to tool_choice")
    assert reasons["tool_named"].startswith("It keeps to tool_choice")
    assert report.features.decisions
    assert report.features.structured_with_tools
    assert not any(team.fit or team.by_form for team in report.teams)
    assert f"{len(said)} of {len(said)} checks in form" in report.summary
