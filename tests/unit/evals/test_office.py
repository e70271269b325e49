"""Whole journeys on a tiny suite: real store, masker, sandbox, team and model server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evals.command import main

pytestmark = [pytest.mark.journey, pytest.mark.usefixtures("data")]


def test_a_suite_is_worked_on_both_frameworks_and_each_example_stands_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    each = tmp_path / "each.jsonl"
    code = main(["run", "--suite", "panther", "--framework", "both", "--json", "--at-once", "2", "--each", str(each)])
    documents = json.loads(capsys.readouterr().out)
    assert code == 0
    assert [document["framework"] for document in documents] == ["autogen", "adk"]
    for document in documents:
        assert (document["examples"], document["finished"], document["egress_blocks"]) == (2, 2, 0)
        assert document["alarms"]["attack"] == {"raised": 1, "of": 1, "share": 1.0}
        assert document["alarms"]["no_attack"] == {"raised": 0, "of": 1, "share": 0.0}
    worked = [json.loads(line) for line in each.read_text().splitlines()]
    assert {(row["framework"], row["name"], row["verdict"]) for row in worked} == {
        (framework, name, verdict)
        for framework in ("autogen", "adk")
        for name, verdict in (("Flow.Removed#0", "suspicious"), ("Flow.Removed#1", "needs_information"))
    }
