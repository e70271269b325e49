"""Teams, prompts and ticket kinds fit together, and a wrong team file is refused with its place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agents.build import build_team
from agents.kinds import classify
from agents.model import ModelClients
from agents.playbook.library import shipped_playbooks
from agents.prompting import opening_message, static_texts, system_message
from agents.spec import CASE_FILE, TEAMS, load_teams
from agents.team import Brief
from core.errors import BundleInvalid
from core.ticket import Attachment, Original
from tools.registry import default_registry

KINDS = ["phishing", "identity", "endpoint", "cloud", "leaked_credential", "vulnerability"]


def original(**changes: object) -> Original:
    plain: dict[str, object] = {
        "source": "siem",
        "external_id": "1",
        "version": 1,
        "kind": None,
        "title": "Ticket",
        "body": "",
        "fields": {},
        "reporter": None,
        "occurred_at": None,
        "attachments": (),
    }
    return Original(**{**plain, **changes})  # type: ignore[arg-type]


def test_every_kind_has_its_team_and_the_rest_go_to_the_default() -> None:
    teams = load_teams()
    assert {kind: teams.for_kind(kind).name for kind in KINDS} == {kind: kind for kind in KINDS}
    assert teams.for_kind("other").name == teams.for_kind("no_such_kind").name == "default"
    frameworks = [spec.framework for spec in teams.by_name.values()]
    assert {frameworks.count("autogen"), frameworks.count("adk")} == {3, 4}


def test_teams_name_real_tools_and_keep_reading_apart_from_acting() -> None:
    acting = set(default_registry().acting())
    for spec in load_teams().by_name.values():
        assert spec.playbook in shipped_playbooks()
        assert [role.name for role in spec.roles] == ["investigator", "reviewer", "responder"]
        for role in spec.roles:
            tools = set(role.tools) - {CASE_FILE}
            assert tools <= set(default_registry().names())
            assert tools <= acting if role.answers == "actions" else not tools & acting


def test_playbooks_use_only_tools_their_team_holds() -> None:
    for spec in load_teams().by_name.values():
        playbook = shipped_playbooks()[spec.playbook]
        by_name = {role.name: set(role.tools) for role in spec.roles}
        assert {look.tool for look in playbook.look} <= by_name["investigator"]
        assert {look.tool for look in playbook.steps} <= by_name["reviewer"]
        assert {response.tool for response in playbook.respond} <= by_name["responder"]


def test_prompts_are_complete_and_hold_no_ticket_text() -> None:
    for spec in load_teams().by_name.values():
        for role in spec.roles:
            text = system_message(spec, role)
            assert "{{" not in text
            assert f'casemate: {{"role": "{role.name}", "playbook": "{spec.playbook}"}}' in text
            assert "Copy tokens exactly" in text
            if role.answers == "assessment":
                assert '"needs_information"' in text
            assert text in static_texts(spec)


def test_the_first_message_is_the_brief_as_json() -> None:
    brief = Brief(ticket_id="t", kind="cloud", ticket={"title": "Größe"}, first_evidence={"evidence": "E1"})
    assert json.loads(opening_message(brief)) == {
        "kind": "cloud",
        "ticket": {"title": "Größe"},
        "evidence": [{"evidence": "E1"}],
    }


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("framework: adk", "framework: crewai", "phishing.yaml:4:1: framework"),
        ("retries: 2", "retrys: 2", "retrys"),
        ("seconds: 240", "seconds: soon", "budget.seconds"),
        ("name: reviewer", "name: user", "a name the frameworks keep"),
        ("prompt: reviewer", "prompt: poet", "no prompt file prompts/poet.md"),
        ("kinds: [phishing]", "kinds: [cloud]", "already belongs to team `cloud`"),
        ("name: phishing", "name: fishing", "make them equal"),
    ],
)
def test_a_wrong_team_file_is_refused_with_its_place(tmp_path: Path, old: str, new: str, told: str) -> None:
    for path in TEAMS.glob("*.yaml"):
        text = path.read_text()
        assert path.name != "phishing.yaml" or old in text
        (tmp_path / path.name).write_text(text.replace(old, new, 1) if path.name == "phishing.yaml" else text)
    with pytest.raises(BundleInvalid) as refused:
        load_teams(tmp_path)
    assert told in str(refused.value)


def test_teams_without_a_default_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleInvalid, match="no team is named `default`"):
        load_teams(tmp_path)


def test_an_unknown_framework_is_refused() -> None:
    with pytest.raises(ValueError, match="use `autogen` or `adk`"):
        build_team(load_teams().by_name["cloud"], "crewai", ModelClients(url="http://127.0.0.1:1/v1", name="x"))


@pytest.mark.parametrize(
    ("ticket", "kind"),
    [
        ({"attachments": (Attachment(name="report.EML", content=b""),)}, "phishing"),
        ({"attachments": (Attachment(name="x.bin", content=b"Received: a\r\nFrom: b\r\n\r\nhello"),)}, "phishing"),
        ({"fields": {"events": [{"userPrincipalName": "x", "clientAppUsed": "IMAP4"}]}}, "identity"),
        ({"fields": {"ComputerName": "x", "CommandLine": "y"}}, "endpoint"),
        ({"fields": {"eventSource": "s3.amazonaws.com", "awsRegion": "eu"}}, "cloud"),
        ({"fields": {"secret_type": "x", "validity": "active"}}, "leaked_credential"),
        ({"fields": {"cve": "CVE-2024-1", "cvss": 9.8}}, "vulnerability"),
        ({"title": "EDR: PowerShell on a laptop"}, "endpoint"),
        ({"title": "Token leaked", "body": "Somebody committed an API key."}, "leaked_credential"),
        ({"title": "Printer is out of paper"}, "other"),
    ],
)
def test_a_ticket_finds_its_kind(ticket: dict[str, object], kind: str) -> None:
    assert classify(original(**ticket)) == kind
