"""The measure of shapes: the constraint leaves it nothing to find, and without one it finds plenty."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evals.shapes import as_text, main, measure
from serving.constraint import Constraint
from serving.noise import make_model
from tests.unit.serving.engines import load_tiny, running


def test_every_constrained_answer_has_its_shape_and_hardly_a_free_one_does(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--count", "40", "--seed", "3", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["shapes"] == document["constrained"]["valid"] == 40
    assert document["constrained"]["ended_by_budget"] > 10
    assert document["free"]["valid"] < 10


def test_masks_that_stop_being_applied_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def idle(_: Constraint, scores: Any, __: Any) -> Any:
        return scores

    with running(load_tiny(make_model(tmp_path))) as engine:
        monkeypatch.setattr(Constraint, "__call__", idle)
        document = measure(engine, count=6, seed=3)
    assert document["constrained"]["valid"] < 6
    assert "The answer is no JSON." in as_text(document)
