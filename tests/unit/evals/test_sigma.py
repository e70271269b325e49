"""The share of regression events that match their rule, on a data set made here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evals.sigma import main, measure
from tools.detection.folders import SIGMA_ENDINGS, rule_files
from tools.detection.sigma_book import read_book

EVENT = {"EventID": 1, "Channel": "Microsoft-Windows-Sysmon/Operational", "Image": "C:\\x\\a.exe"}
RULE = """title: {title}
id: {id}
logsource: {{product: windows, category: process_creation}}
detection:
  s: {{{test}}}
  condition: s
"""
IDS = [f"00000000-0000-4000-8000-00000000000{n}" for n in range(4)]


def test_matched_missed_unsupported_and_absent_rules_are_counted(tmp_path: Path) -> None:
    folder, rules = tmp_path / "data", tmp_path / "rules"
    (folder / "events").mkdir(parents=True)
    rules.mkdir()
    source = {"product": "windows", "category": "process_creation"}
    lines = [json.dumps({"id": id_, "title": f"Rule {n}", "logsource": source}) for n, id_ in enumerate(IDS)]
    (folder / "rules.jsonl").write_text("\n".join(lines))
    for id_ in IDS:
        (folder / "events" / f"{id_}.json").write_text(json.dumps(EVENT) + "\n" + json.dumps(EVENT, indent=1))
    for n, test in enumerate(["Image|endswith: '\\a.exe'", "Image: other", "Image|expand: '%x%'"]):
        (rules / f"{n}.yml").write_text(RULE.format(title=f"Rule {n}", id=IDS[n], test=test))
    document = measure(folder, read_book(rule_files([rules], SIGMA_ENDINGS)))
    counts = [document[name] for name in ("rules", "matched", "not_matched", "not_supported", "absent")]
    assert counts == [4, 1, 1, 1, 1]
    assert (document["share_matched"], document["share_log_source"]) == (0.5, 1.0)
    assert document["named"] == {"not_matched": ["Rule 1"], "not_supported": ["Rule 2"]}


def test_absent_data_is_said_and_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CASEMATE_DATA", "/nowhere")
    assert main([]) == 3
    assert "Skipped" in capsys.readouterr().err
