"""Events as products write them, and the log they are taken to come from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.detection.rules import matches, rule, run, sigma
from tests.unit.tools.outside import DATA, files
from tools.investigate.sigma.events import Event
from tools.investigate.sigma.sources import source

SYSTEM: dict[str, Any] = {
    "Provider": {"#attributes": {"Name": "Microsoft-Windows-Sysmon"}},
    "EventID": 1,
    "TimeCreated": {"#attributes": {"SystemTime": "2026-01-05T09:21:37Z"}},
    "Channel": "Microsoft-Windows-Sysmon/Operational",
    "Computer": "ws-1",
}
IMAGE = r"C:\Windows\System32\cmd.exe"
STARTED: dict[str, dict[str, Any]] = {
    "EVTX as JSON": {"Event": {"System": SYSTEM, "EventData": {"Image": IMAGE, "CommandLine": "cmd /c"}}},
    "XML through xmltodict": {
        "Event": {
            "System": {**SYSTEM, "Provider": {"@Name": "x"}, "EventID": {"@Qualifiers": "0", "#text": "1"}},
            "EventData": {"Data": [{"@Name": "Image", "#text": IMAGE}, {"@Name": "CommandLine", "#text": "cmd /c"}]},
        }
    },
    "flat": {"EventID": 1, "Channel": SYSTEM["Channel"], "Image": IMAGE, "CommandLine": "cmd /c"},
    "winlogbeat": {
        "winlog": {
            "channel": SYSTEM["Channel"], "event_id": "1", "event_data": {"Image": IMAGE, "CommandLine": "cmd /c"},
        }
    },
    "Elastic": {
        "event": {"code": "1"}, "host": {"os": {"type": "windows"}},
        "process": {"executable": IMAGE, "command_line": "cmd /c"},
    },
    "Security 4688": {
        "EventID": 4688, "Channel": "Security", "NewProcessName": IMAGE, "CommandLine": "cmd /c",
        "SubjectUserName": "ada",
    },
    "Defender": {"FolderPath": IMAGE, "FileName": "cmd.exe", "ProcessCommandLine": "cmd /c", "AccountName": "ada"},
    "CrowdStrike": {
        "event_simpleName": "ProcessRollup2", "event_platform": "Win", "CommandLine": "cmd /c",
        "ImageFileName": r"\Device\HarddiskVolume1\Windows\System32\cmd.exe",
    },
    "wrapped": {"_source": {"EventID": 1, "Channel": SYSTEM["Channel"], "Image": IMAGE, "CommandLine": "cmd /c"}},
}  # fmt: skip


@pytest.mark.parametrize("shape", STARTED)
def test_started_program_is_one_in_every_shape(tmp_path: Path, shape: str) -> None:
    detection = "s: {Image|endswith: '\\cmd.exe', CommandLine|startswith: cmd}\ncondition: s"
    event = STARTED[shape]
    assert matches(tmp_path, detection, event, "{product: windows, category: process_creation}")
    assert not matches(tmp_path, detection, event, "{product: linux, category: process_creation}")
    assert not matches(tmp_path, detection, event, "{product: windows, category: image_load}")


@pytest.mark.parametrize(
    ("event", "product", "service", "category"),
    [
        ({"EventID": 4624, "Channel": "Security"}, "windows", "security", None),
        ({"EventID": 4104, "Channel": "PowerShellCore/Operational"}, "windows", "powershell", "ps_script"),
        ({"EventID": 12, "Channel": SYSTEM["Channel"]}, "windows", "sysmon", "registry_delete"),
        ({"EventID": 13, "Channel": SYSTEM["Channel"]}, "windows", "sysmon", "registry_event"),
        ({"EventID": 4657, "Channel": "Security"}, "windows", "security", "registry_set"),
        ({"EventID": 7, "Provider_Name": "Microsoft-Windows-Sysmon"}, "windows", "sysmon", "image_load"),
        ({"EventID": 1, "Computer": "x", "UtcTime": "t", "ProcessGuid": "g"}, "windows", "sysmon", "process_creation"),
        ({"EventID": 1, "Channel": "Linux-Sysmon/Operational"}, "linux", "sysmon", "process_creation"),
        ({"EventID": 9, "Channel": "Vendor/Own"}, "windows", "vendor/own", None),
        ({"eventSource": "iam.amazonaws.com", "eventName": "CreateUser"}, "aws", "cloudtrail", None),
        ({"detail": {"eventSource": "iam.amazonaws.com", "eventName": "CreateUser"}}, "aws", "cloudtrail", None),
        ({"eventType": "user.session.start", "published": "2026"}, "okta", "okta", None),
        ({"protoPayload": {"methodName": "SetIamPolicy"}}, "gcp", None, None),
        ({"userPrincipalName": "a@b.c", "appDisplayName": "x"}, "azure", "signinlogs", None),
        ({"Workload": "Exchange", "Operation": "New-InboxRule"}, "m365", None, None),
        ({"action": "repo.create", "actor": "ada", "org": "acme"}, "github", "audit", None),
        ({"TargetObject": "HKLM\\x", "Details": "y"}, "windows", None, "registry_set"),
        ({"QueryName": "evil.example"}, None, None, "dns_query"),
        ({"what": "ever"}, None, None, None),
    ],
)  # fmt: skip
def test_log_source_is_told_by_channel_marks_or_fields(
    event: dict[str, Any], product: str | None, service: str | None, category: str | None
) -> None:
    found = source(Event(event))
    assert (found.product, found.service) == (product, service)
    assert category is None or category in (found.categories or ())
    wanted = {"product": product, "category": category, "service": service}
    assert found.fits({name: value for name, value in wanted.items() if value})


def test_event_that_tells_nothing_is_matched_by_what_it_holds_only(tmp_path: Path) -> None:
    book = sigma(tmp_path, a=rule("s: {gone: null}\ncondition: s"), b=rule("s: {what: ever}\ncondition: s", title="B"))
    found = run(book, {"what": "ever", "x": 1, "y": 2, "z": 3})
    assert [match["title"] for match in found["detail"]["matches"]] == ["B"]
    assert found["facts"]["applicable"] == 0


def test_hashes_are_fields_and_registry_roots_are_short() -> None:
    event = Event({"Hashes": "SHA1=AA11AA11AA11AA11,MD5=BB22BB22BB22BB22,IMPHASH=CC33CC33CC33CC33"})
    assert (event.get("sha1"), event.get("Imphash")) == (["AA11AA11AA11AA11"], ["CC33CC33CC33CC33"])
    assert "HKLM\\Software\\Run\\x" in Event(
        {"EventID": 4657, "ObjectName": r"\REGISTRY\MACHINE\Software\Run", "ObjectValueName": "x"}
    ).get("TargetObject")


def test_bare_parent_name_matches_a_rule_that_asks_for_a_path(tmp_path: Path) -> None:
    event = {"ParentBaseFileName": "WINWORD.EXE", "ImageFileName": IMAGE, "CommandLine": "cmd"}
    assert matches(tmp_path, "s: {ParentImage|endswith: '\\winword.exe'}\ncondition: s", event)


@pytest.mark.parametrize(
    "event",
    [
        {"Event": {"System": {}, "EventData": None}},
        {"Event": "text", "EventData": [1, 2]},
        {"Event": {"System": {"Provider": "x", "EventID": []}, "EventData": {"Data": [None, "a", {"x": {}}]}}},
        {"a": [[[[[[[[[[[[[[[{"b": 1}]]]]]]]]]]]]]]]},
        {"detail": 5, "winlog": {"event_data": "x"}, "": {"": ""}},
        {str(n): {"x": [n] * 50} for n in range(200)},
        {"EventID": "0x", "Channel": None, "Hashes": 7, "TargetObject": {"a": "b"}},
    ],
)
def test_no_shape_of_an_event_breaks_the_reading(tmp_path: Path, event: dict[str, Any]) -> None:
    assert run(sigma(tmp_path, one=rule("k: [needle]\ncondition: k")), event)["facts"]["events"] == 1


def events_of(path: Path) -> list[dict[str, Any]]:
    """Events of a regression file: one JSON document after the other."""
    decoder, text, found, at = json.JSONDecoder(), path.read_text(encoding="utf-8").strip(), [], 0
    while at < len(text):
        value, end = decoder.raw_decode(text, at)
        found.append(value)
        at = end + len(text[end:]) - len(text[end:].lstrip())
    return found


def test_every_regression_event_is_taken_for_the_log_its_rule_is_about() -> None:
    files("sigma-regression", pattern="*.json")
    folder = DATA / "sigma-regression"
    rules = [json.loads(line) for line in (folder / "rules.jsonl").read_text(encoding="utf-8").splitlines()]
    missed = []
    for rule_ in rules:
        wanted = {name: rule_["logsource"].get(name) for name in ("product", "category", "service")}
        kinds = [source(Event(event)) for event in events_of(folder / "events" / f"{rule_['id']}.json")]
        if not any(kind.known and kind.fits(wanted) for kind in kinds):
            missed.append(rule_["title"])
    assert missed == []
