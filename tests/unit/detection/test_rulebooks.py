"""Rules as a running process has them: shipped ones, those of an admin's folder, and what `casemate rules` says."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.conftest import Casemate, casemate, home, untouched_logging
from tests.unit.detection.rules import rule
from tests.unit.tools.conftest import bundle, house, masker
from tests.unit.tools.house import House
from tools.detection.books import Rulebooks
from tools.investigate import match_sigma
from tools.runner import Runner
from tools.sandbox.sandbox import Sandbox

__all__ = ["bundle", "casemate", "home", "house", "masker", "untouched_logging"]
DEMO = Path(__file__).parents[3] / "workflows" / "demo_tickets"
BROKEN = "title: x\nlogsource: {product: windows}\ndetection:\n  s: {a: b}\n  condition: t\n"


def test_shipped_rules_all_run_and_say_who_wrote_them() -> None:
    shipped = Rulebooks()
    assert (shipped.yara().problems, shipped.sigma().problems) == ((), ())
    assert {found["author"] for found in shipped.sigma().rules} == {"Casemate"}
    ids = [found["id"] for found in shipped.sigma().rules]
    assert len(set(ids)) == len(ids)
    assert all(found["tags"] for found in shipped.sigma().rules)


@pytest.mark.parametrize(
    ("worse", "better", "title"),
    [
        ("endpoint-implant", "endpoint-build", "Office Program Started a Shell or Script Host"),
        ("cloud-backdoor", "cloud-rotation", "CloudTrail Stopped, Deleted or Narrowed"),
        ("identity-takeover", "identity-travel", "Sign-in With High Risk From an Unmanaged Device"),
    ],
)
def test_shipped_rules_tell_the_demo_s_twins_apart(worse: str, better: str, title: str) -> None:
    given = Rulebooks().given(["sigma_rules"])

    def titles(name: str) -> set[str]:
        fields = json.loads((DEMO / f"{name}.json").read_text(encoding="utf-8"))["fields"]
        found = match_sigma.run({"level": "low"}, {"ticket": {"fields": fields}, **given})
        return {match["title"] for match in found["detail"]["matches"]}

    assert title in titles(worse)
    assert title not in titles(better)


def test_changed_folder_is_read_again_and_an_unchanged_one_is_not(tmp_path: Path) -> None:
    rulebooks = Rulebooks(sigma=[tmp_path], shipped=False, look_every=0.0)
    assert rulebooks.sigma().rules == ()
    path = tmp_path / "one.yml"
    path.write_text(rule("s: {a: b}\ncondition: s", title="First"))
    first = rulebooks.sigma()
    assert [found["title"] for found in first.rules] == ["First"]
    assert rulebooks.sigma() is first
    path.write_text(rule("s: {a: b}\ncondition: s", title="Later"))
    os.utime(path, ns=(1, 1))
    assert [found["title"] for found in rulebooks.sigma().rules] == ["Later"]
    path.unlink()
    assert rulebooks.sigma().rules == ()


async def test_team_gets_matches_through_the_gate_and_no_rule_is_an_argument(house: Any) -> None:
    fields = json.loads((DEMO / "endpoint-implant.json").read_text(encoding="utf-8"))["fields"]
    made: House = house(title="Encoded PowerShell", body="x", fields=fields)
    gate = made.gate()
    await gate.open()
    found = await gate.call("match_sigma", {"level": "low"}, agent="investigator")
    assert found["facts"]["level"] == "high"
    found = await gate.call("timeline", {"about": "", "gap_minutes": 60}, agent="investigator")
    assert found["facts"]["events"] == 1
    refused = await gate.call("match_sigma", {"level": "low", "sigma_rules": {}}, agent="investigator")
    assert "sigma_rules" in refused["error"]


def test_check_names_broken_rules_and_fails(casemate: Casemate, tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(BROKEN)
    (tmp_path / "a.yar").write_text("rule a {")
    ran = casemate("rules", "check", str(tmp_path))
    assert ran.code == 1
    assert "sigma: a.yml:3: x: Detection 't' not defined in detections." in ran.out
    assert "yara: a.yar:1: syntax error" in ran.out
    found = casemate("rules", "check", str(tmp_path), "--json").document
    assert (found["ok"], found["sigma"], len(found["problems"])) == (False, {"files": 1, "rules": 0}, 2)


def test_settings_add_rules_to_those_that_ship(
    casemate: Casemate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert casemate("rules", "check").code == 0
    own = tmp_path / "own"
    own.mkdir()
    (own / "mine.yml").write_text(rule("s: {a: b}\ncondition: s", title="Mine"))
    monkeypatch.setenv("CASEMATE_SIGMA_RULES", str(own))
    listed = casemate("rules", "list", "--json").document["rules"]
    assert {"Mine", "Event Log Cleared"} <= {found["title"] for found in listed}
    assert "Ada" in casemate("rules", "list").out
    assert casemate("doctor", "--only", "rules").code == 0
    (own / "broken.yml").write_text(BROKEN)
    ran = casemate("doctor", "--only", "rules", "--json")
    assert (ran.code, ran.document["checks"][0]["ok"]) == (1, False)
    monkeypatch.setenv("CASEMATE_SIGMA_RULES", str(tmp_path / "nowhere"))
    assert "there is no folder" in casemate("doctor", "--only", "rules", "--json").document["checks"][0]["detail"]


async def test_author_of_a_public_rule_is_told_to_the_team(house: Any, tmp_path: Path, sandbox: Sandbox) -> None:
    own = tmp_path / "own"
    own.mkdir()
    text = rule("s: {CommandLine|contains: powershell}\ncondition: s", level="critical")
    (own / "a.yml").write_text(text.replace("author: Ada", "author: Ada Rule-Smith (Example Systems)"))
    fields = json.loads((DEMO / "endpoint-implant.json").read_text(encoding="utf-8"))["fields"]
    made: House = house(title="Encoded PowerShell", body="x", fields=fields)
    gate = made.gate(runner=Runner(sandbox=sandbox, rules=Rulebooks(sigma=[own])))
    await gate.open()
    found = await gate.call("match_sigma", {"level": "critical"}, agent="investigator")
    assert found["detail"]["matches"][0]["author"] == "Ada Rule-Smith (Example Systems)"
