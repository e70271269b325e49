"""The lab estate: acting changes it, probing sees it, repeating changes nothing."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from core.errors import ToolRefused
from policies.compiled import Bundle
from policies.organization import Organization
from tools.connectors.connector import Connector
from tools.connectors.lab import LabConnector
from tools.registry import default_registry

ACTIONS: list[tuple[str, dict[str, str]]] = [
    ("quarantine_email", {"message_id": "<x1@evil.example>"}),
    ("block_indicator", {"indicator": "hxxps://evil[.]example/a"}),
    ("isolate_host", {"host": "WS-TRE-014"}),
    ("disable_account", {"account": "a.lindqvist"}),
    ("revoke_sessions", {"account": "a.lindqvist"}),
    ("rotate_secret", {"secret": "api-key", "owner": "svc-backup"}),
    ("close_ticket", {"resolution": "benign"}),
]
LASTING = {"revoke_sessions", "rotate_secret"}


@pytest.fixture
def lab(tmp_path: Path, bundle: Bundle) -> LabConnector:
    return LabConnector(tmp_path / "lab.db", organization=lambda: bundle.organization)


def test_every_acting_tool_can_be_carried_out(lab: LabConnector) -> None:
    connector: Connector = lab
    assert {tool for tool, _ in ACTIONS} == set(default_registry().acting())
    assert all(default_registry().get(tool).connector == connector.name for tool, _ in ACTIONS)


@pytest.mark.parametrize(("tool", "args"), ACTIONS)
def test_probe_says_yes_only_after_the_action(lab: LabConnector, tool: str, args: dict[str, str]) -> None:
    assert lab.probe(tool, args).state == "no"
    assert lab.execute(tool, args, "k1").accepted
    assert lab.probe(tool, args, "k1").state == "yes"


@pytest.mark.parametrize(("tool", "args"), ACTIONS)
def test_repeating_a_request_changes_nothing(lab: LabConnector, tool: str, args: dict[str, str]) -> None:
    first = lab.execute(tool, args, "k1")
    before = lab.snapshot()
    assert lab.execute(tool, args, "k1") == first
    assert lab.snapshot() == before


@pytest.mark.parametrize(("tool", "args"), ACTIONS)
def test_undo_takes_back_what_can_be_taken_back(lab: LabConnector, tool: str, args: dict[str, str]) -> None:
    lab.execute(tool, args, "k1")
    undone = lab.undo(tool, args, "k1-undo")
    assert undone.accepted is (tool not in LASTING)
    assert lab.probe(tool, args, "k1").state == ("yes" if tool in LASTING else "no")


def test_key_cannot_be_used_for_another_action(lab: LabConnector) -> None:
    lab.execute("isolate_host", {"host": "WS-TRE-014"}, "k1")
    with pytest.raises(ToolRefused, match="another action"):
        lab.execute("isolate_host", {"host": "WS-HR-022"}, "k1")


def test_unknown_action_is_refused(lab: LabConnector) -> None:
    with pytest.raises(ToolRefused):
        lab.execute("format_disk", {}, "k1")
    with pytest.raises(ToolRefused):
        lab.probe("format_disk", {})


@pytest.mark.parametrize(
    ("tool", "args"),
    [
        ("isolate_host", {"host": "NOPE"}),
        ("disable_account", {"account": "x"}),
        ("revoke_sessions", {"account": "x"}),
    ],
)
def test_host_or_account_that_does_not_exist_is_not_accepted(
    lab: LabConnector, tool: str, args: dict[str, str]
) -> None:
    assert lab.execute(tool, args, "k1").accepted is False
    assert lab.probe(tool, args).state == "no"


@pytest.mark.parametrize("name", ["ws-tre-014", "WS-TRE-014.harbourbank.example", "10.20.14.31"])
def test_host_goes_by_all_of_its_names(lab: LabConnector, name: str) -> None:
    lab.execute("isolate_host", {"host": name}, "k1")
    assert lab.probe("isolate_host", {"host": "WS-TRE-014"}).state == "yes"


@pytest.mark.parametrize("name", ["HARBOUR\\a.lindqvist", "Anna.Lindqvist@harbourbank.example", "anna lindqvist"])
def test_account_goes_by_all_of_its_names(lab: LabConnector, name: str) -> None:
    lab.execute("disable_account", {"account": name}, "k1")
    assert lab.probe("disable_account", {"account": "a.lindqvist"}).state == "yes"


def test_quarantine_takes_delivered_copies_and_holds_later_ones(lab: LabConnector) -> None:
    assert lab.deliver("<x1@evil.example>", "anna@harbourbank.example") == "inbox"
    lab.execute("quarantine_email", {"message_id": "x1@evil.example"}, "k1")
    assert lab.deliver("x1@evil.example", "bob@harbourbank.example") == "quarantine"
    assert {m["folder"] for m in lab.snapshot()["message"]} == {"quarantine"}
    lab.undo("quarantine_email", {"message_id": "x1@evil.example"}, "k1-undo")
    assert {m["folder"] for m in lab.snapshot()["message"]} == {"inbox"}


def test_rotation_asked_for_twice_by_different_tickets_happens_twice(lab: LabConnector) -> None:
    args = {"secret": "api-key", "owner": "svc-backup"}
    assert lab.execute("rotate_secret", args, "k1").detail == {"version": 2}
    assert lab.probe("rotate_secret", args, "k2").state == "no"
    assert lab.execute("rotate_secret", args, "k2").detail == {"version": 3}


def test_closing_one_ticket_does_not_look_like_closing_another(lab: LabConnector) -> None:
    lab.execute("close_ticket", {"resolution": "benign"}, "k1")
    assert lab.probe("close_ticket", {"resolution": "benign"}, "k2").state == "no"


def test_estate_survives_its_process_and_is_seeded_once(tmp_path: Path, bundle: Bundle, lab: LabConnector) -> None:
    lab.execute("isolate_host", {"host": "WS-TRE-014"}, "k1")
    again = LabConnector(tmp_path / "lab.db", organization=lambda: bundle.organization)
    assert again.probe("isolate_host", {"host": "WS-TRE-014"}).state == "yes"
    assert len(again.snapshot()["host"]) == len(bundle.organization.assets)


def test_estate_without_an_organization_believes_what_is_named(tmp_path: Path) -> None:
    lab = LabConnector(tmp_path / "lab.db")
    assert lab.execute("isolate_host", {"host": "ANY"}, "k1").accepted
    assert lab.probe("isolate_host", {"host": "ANY"}).state == "yes"


def test_unreadable_file_makes_the_probe_unknown(tmp_path: Path) -> None:
    (tmp_path / "lab.db").write_bytes(b"this is no database" * 100)
    assert LabConnector(tmp_path / "lab.db").probe("isolate_host", {"host": "x"}).state == "unknown"


def test_several_processes_may_start_and_act_at_once(tmp_path: Path) -> None:
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        versions = list(pool.map(_rotate, [(str(tmp_path / "lab.db"), n % 4) for n in range(12)]))
    assert sorted(set(versions)) == [2, 3, 4, 5]


def _rotate(job: tuple[str, int]) -> Any:
    path, key = job
    organization = Organization(name="Bank", domains=["bank.example"])
    lab = LabConnector(Path(path), organization=lambda: organization)
    return lab.execute("rotate_secret", {"secret": "s", "owner": "o"}, f"k{key}").detail["version"]
