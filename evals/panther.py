"""Events that a detection rule must or must not fire on, each as the alert that a SIEM would send.

Rules are split in two by a digest of their names: `tune` may be looked at while playbooks are written, `held` never.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Literal

from core.canonical import JsonObject
from core.ticket import MAX_TITLE
from evals.example import Example, data_folder

Half = Literal["tune", "held"]


def examples(half: Half | None = None) -> list[Example]:
    """Every event that needs no stubbed enrichment."""
    folder = data_folder("panther-tests")
    rules = {rule["rule"]: rule for rule in _lines(folder / "rules.jsonl")}
    tests = [test for test in _lines(folder / "tests.jsonl") if not test["mocks"]]
    return [_example(test, rules[test["rule"]]) for test in tests if half in {None, half_of(test["rule"])}]


def half_of(rule: str) -> Half:
    """Which half a rule belongs to; all events of a rule belong to the same."""
    return "held" if hashlib.sha256(rule.encode()).digest()[-1] % 2 else "tune"


def _lines(path: Path) -> list[JsonObject]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _example(test: JsonObject, rule: JsonObject) -> Example:
    expected = "fires" if test["expected"] else "does not fire"
    return Example(
        name=test["id"],
        group=f"{half_of(test['rule'])}, {expected}",
        ticket={
            "source": "siem",
            "external_id": hashlib.sha256(test["id"].encode()).hexdigest(),
            "title": (rule["name"] or test["rule"])[:MAX_TITLE],
            "body": f"Severity: {rule['severity']}",
            "fields": test["log"],
        },
        attack=test["expected"],
    )
