"""Tiny data sets in the shapes of the outside ones, written for the test."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

MAIL = (
    b"From: Ann <ann@sender.example>\nTo: you@reader.example\nSubject: Lunch\nMessage-ID: <1@sender.example>\n"
    b"\nAt noon?\n"
)


def lines(path: Path, *rows: dict[str, object]) -> None:
    """JSON lines at `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def rule(name: str, title: str) -> dict[str, object]:
    return {"rule": name, "name": title, "severity": "High"}


def event(name: str, number: int, *, fires: bool, log: dict[str, object], mocks: bool = False) -> dict[str, object]:
    return {"id": f"{name}#{number}", "rule": name, "expected": fires, "mocks": mocks, "log": log}


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with all sets; CASEMATE_DATA points at it."""
    folder = tmp_path / "data"
    monkeypatch.setenv("CASEMATE_DATA", str(folder))
    lines(folder / "panther-tests" / "rules.jsonl", rule("Flow.Removed", "Flow Log Deleted"), rule("Other", "Else"))
    same: dict[str, object] = {"actor": "ops", "region": "north", "request": "r-1"}
    lines(
        folder / "panther-tests" / "tests.jsonl",
        event("Flow.Removed", 0, fires=True, log={**same, "eventName": "DeleteFlowLogs"}),
        event("Flow.Removed", 1, fires=False, log={**same, "eventName": "DescribeRegions"}),
        event("Other", 0, fires=True, mocks=True, log={**same, "eventName": "X"}),
    )
    for place in ("spamassassin-mails/nice/001", "spamassassin-mails/spam/dmarc/a.eml", "mail-parser-mails/mail_1"):
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(MAIL + place.encode())
    (folder / "mail-parser-mails" / "README.md").write_text("About the set.")
    stratus = folder / "stratus-detonation-logs"
    (stratus / "logs").mkdir(parents=True)
    (stratus / "techniques").mkdir()
    (stratus / "logs" / "aws.defense-evasion.trail-stop.json").write_text(
        json.dumps([{"eventName": "StopLogging", "eventSource": "cloudtrail.amazonaws.com", "awsRegion": "north"}])
    )
    (stratus / "techniques" / "aws.defense-evasion.trail-stop.md").write_text("[Impair Defenses](x) (T1562.008)")
    return folder
