"""Teams with a model that says noise and is held to its shapes: whole journeys, and nothing of wrong form."""

from __future__ import annotations

from pathlib import Path

import pytest

from evals.noise import document, examples, work
from evals.office import Worked

pytestmark = pytest.mark.journey


def test_noise_in_the_right_form_breaks_nothing_on_either_framework(tmp_path: Path) -> None:
    found = work(tmp_path, examples(1), ("autogen", "adk"), at_once=2)
    assert found["broken"] == []
    assert found["ends"].get("finished", 0) + found["stopped_by_the_guard"] == 2
    assert found["model_requests"] >= 4
    assert (found["malformed_answers"], found["malformed_calls"]) == (0, 0)


def test_what_has_the_wrong_form_is_counted() -> None:
    told = [
        ("system", "to reviewer: Your answer does not fit the schema: `verdict`: Field required. Answer again."),
        ("system", "to reviewer: The verdict `benign` rests on no finding that cites evidence of this ticket; …"),
        ("tool_call", '{"tool":"lookup_asset","arguments":{}}'),
        ("tool_result", '{"error":"`host`: Field required. The arguments are: host."}'),
        ("tool_result", '{"error":"There is no such asset."}'),
    ]
    worked = Worked(
        example=examples(1)[0], framework="adk", kind="phishing", end="stuck", verdict=None, techniques=(), summary="",
        note=None, trouble=None, requests=3, seconds=1.0,
        turns=tuple({"agent": "reviewer", "role": role, "content": content} for role, content in told),
    )  # fmt: skip
    found = document([worked])
    assert (found["malformed_answers"], found["malformed_calls"], found["assessments_without_evidence"]) == (1, 1, 1)
    assert (found["tool_calls"], len(found["broken"])) == (1, 1)
