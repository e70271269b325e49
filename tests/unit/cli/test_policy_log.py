"""`casemate policy log` and `simulate`: what was decided, and what another bundle would have."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from core.clock import SystemClock
from core.decision_log import Door
from core.store.engine import Store
from policies.bundle import default_bundle_path, load_bundle
from policies.vocabulary import facts_over_strictest
from tests.samples import keep, proposal, stored_ticket
from tests.unit.cli.conftest import Casemate
from tests.unit.core.test_decisions import entry
from tests.unit.workflows.test_simulate import logged
from tools.registry import default_registry


@pytest.fixture
def past(opened: Store) -> Store:
    """A store with some decisions of the default bundle."""
    opened.migrate()
    doors: tuple[Door, ...] = ("proposal", "execution")
    for door in doors:
        logged(opened, door=door)
    facts = facts_over_strictest("search_logs", {}, {})
    with opened.begin() as tx:
        tx.decisions.add(entry(tool="search_logs", rules=("read",), facts=facts.as_json(), microseconds=77))
    return opened


@pytest.fixture
def candidate(tmp_path: Path) -> Path:
    """The default bundle, but only with the rules it needs to load, so that isolating a host is denied."""
    folder = tmp_path / "candidate"
    shutil.copytree(default_bundle_path(), folder)
    for test in folder.glob("*_test.yaml"):
        test.unlink()
    (folder / "invariants.yaml").unlink(missing_ok=True)
    (folder / "actions.yaml").write_text(
        "rules:\n"
        "  - id: ask-everything\n"
        "    tools: [isolate_host]\n"
        "    then: {approvals: 2, from: [soc-lead], expires: 1h}\n"
        "    examples: [{given: {args: {host: {value: X}}}, expect: ask, approvals: 2}]\n"
    )
    return folder


def test_the_log_is_a_table_newest_first(past: Store, casemate: Casemate) -> None:
    lines = casemate("policy", "log").out.splitlines()
    assert [word for word in ("search_logs", "execution", "proposal") if any(word in line for line in lines)]
    assert "search_logs" in lines[1]
    assert "isolate-workstation" in lines[2]
    assert "77" in lines[1]


@pytest.mark.parametrize(
    ("option", "value", "count"),
    [
        ("--tool", "isolate_host", 2),
        ("--door", "execution", 1),
        ("--outcome", "allow", 3),
        ("--outcome", "deny", 0),
        ("--rule", "read", 1),
        ("--bundle", "bbbb", 1),
        ("--ticket", "tkt_none", 0),
        ("--limit", "2", 2),
        ("--since", "24h", 3),
    ],
)
def test_the_log_is_searched_by_every_option(
    past: Store, casemate: Casemate, option: str, value: str, count: int
) -> None:
    found = casemate("policy", "log", option, value, "--json").document["decisions"]
    assert len(found) == count


def test_only_young_decisions_are_shown(past: Store, casemate: Casemate, home: Path) -> None:
    import sqlite3

    database = sqlite3.connect(home / "casemate.db")
    old = (SystemClock().now() - timedelta(days=3)).replace(tzinfo=None).isoformat(sep=" ")
    with database:
        database.execute("UPDATE decisions SET created_at = ? WHERE door = 'proposal'", (old,))
    database.close()
    assert len(casemate("policy", "log", "--since", "90m", "--json").document["decisions"]) == 2
    assert len(casemate("policy", "log", "--since", "7d", "--json").document["decisions"]) == 3


def test_one_ocsf_event_a_line(past: Store, casemate: Casemate) -> None:
    events = [json.loads(line) for line in casemate("policy", "log", "--ocsf").out.splitlines()]
    assert [sent["api"]["operation"] for sent in events] == ["search_logs", "isolate_host", "isolate_host"]
    assert [sent["activity_name"] for sent in events] == ["Read", "Update", "Update"]


@pytest.mark.parametrize(
    "arguments",
    [("log", "--since", "yesterday"), ("log", "--since", "0h"), ("log", "--door", "window"), ("log", "--limit", "0"),
     ("simulate", "x", "--minutes", "-1"), ("simulate", "x", "--against", "nothing")],
)  # fmt: skip
def test_what_is_asked_wrongly_is_usage(casemate: Casemate, arguments: tuple[str, ...]) -> None:
    assert casemate("policy", *arguments).code == 2


def test_a_simulation_tells_flips_people_minutes_and_its_assumptions(
    past: Store, casemate: Casemate, candidate: Path
) -> None:
    ran = casemate("policy", "simulate", str(candidate), "--minutes", "10")
    assert ran.code == 0, ran.err
    assert "2 come out differently (allow → ask: 1, allow → deny: 1)" in ran.out
    assert "isolate-workstation" in ran.out
    assert "soc-lead" in ran.out
    assert "0 minutes before, 20 after: 20 added, at an assumed 10 minutes per approval" in ran.out
    assert "1 of 1 re-checks" in ran.out
    assert "Limits count what had been done" in ran.out


def test_a_simulation_as_json_is_exact(past: Store, casemate: Casemate, candidate: Path) -> None:
    told = casemate("policy", "simulate", str(candidate), "--json").document
    bundle = load_bundle(candidate, tools=default_registry().shapes())
    assert (told["candidate"], told["against"]) == (bundle.hash, "recorded")
    [flip] = [one for one in told["flips"] if one["tool"] == "isolate_host"]
    assert (flip["kind"], flip["before"]["rules"], flip["after"]["rules"]) == (
        "allow → ask",
        ["isolate-workstation"],
        ["ask-everything"],
    )
    assert told["questions"] == [{"roles": ["soc-lead"], "approvals": 2, "before": 0, "after": 1}]
    assert told["pending"] == {"waiting": 0, "flipped": 0, "flips": [], "not_replayable": {}}
    against = casemate("policy", "simulate", str(candidate), "--against", "live", "--json").document
    assert against["against"] == load_bundle(default_bundle_path()).hash


def test_a_broken_candidate_is_named_with_file_and_line(past: Store, casemate: Casemate, candidate: Path) -> None:
    (candidate / "actions.yaml").write_text("rules: []\nnonsense: 1\n")
    ran = casemate("policy", "simulate", str(candidate))
    assert ran.code == 1
    assert "actions.yaml:" in ran.err


def test_waiting_approvals_and_what_cannot_be_told_are_named(past: Store, casemate: Casemate, candidate: Path) -> None:
    waiting = keep(past, proposal(stored_ticket(past).id))
    unlogged = keep(past, proposal(waiting.ticket_id))
    for _ in range(25):
        logged(past, ticket_id=waiting.ticket_id, proposal_id=waiting.id)
    logged(past, sealed=False, facts={})
    out = casemate("policy", "simulate", str(candidate)).out
    assert "2 approvals wait now; 1 of them would be answered differently." in out
    assert f"Of 1 it cannot be told: {unlogged.id}." in out
    assert "1 cannot be decided again (refused: 1)." in out
    assert "the first 20 of 27; --json gives all" in out


def test_nothing_past_is_nothing_to_tell(opened: Store, casemate: Casemate, candidate: Path) -> None:
    opened.migrate()
    out = casemate("policy", "simulate", str(candidate), "--against", "live").out
    assert "0 past decisions" in out
    assert "beside the live bundle" in out
    assert "0 come out differently." in out
