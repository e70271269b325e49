"""The sandbox's benchmark runs every side it names and says what it could not run."""

from __future__ import annotations

import json

import pytest

from benchmarks import sandbox


def test_every_side_answers_the_same_call(capsys: pytest.CaptureFixture[str]) -> None:
    assert sandbox.main(["--calls", "2"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert set(report["namespaces"]) >= {"casemate", "cold_bwrap", "bare", "sustained_calls_per_second"}
    assert all(report["namespaces"][side]["median_ms"] > 0 for side in ("casemate", "cold_bwrap", "bare"))
    assert "skipped" in report["confined"] or report["confined"]["casemate"]["median_ms"] > 0
