"""`casemate demo --exit --json`: the whole product on the sample tickets, as a newcomer runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from cli.samples import Sample, load_samples
from core.settings import Settings
from policies.bundle import default_bundle_path, load_bundle
from workers.wiring import open_store
from workflows import accounts
from workflows.role_holders import holders, unheld

pytestmark = [pytest.mark.journey, pytest.mark.timeout(600)]

TICKET_KEYS = {
    "id", "external_id", "kind", "framework", "state", "verdict", "confidence", "severity", "evidence", "actions",
    "seconds",
}  # fmt: skip
SUMMARY_KEYS = {
    "tickets", "reported", "awaiting_approval", "failed", "model_requests", "originals_in_model_requests", "effects",
    "audit_ok",
}  # fmt: skip


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """The document the demo printed, and its home."""
    home = tmp_path_factory.mktemp("demo") / "home"
    done = subprocess.run(
        [sys.executable, "-m", "cli", "demo", "--exit", "--json", "--home", str(home)],
        capture_output=True,
        text=True,
        check=False,
        timeout=580,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), home


def row_of(document: dict[str, Any], sample: Sample) -> dict[str, Any]:
    """The row of a sample; versions of one ticket come in order."""
    same = [row for row in document["tickets"] if row["external_id"] == sample.ticket["external_id"]]
    found: dict[str, Any] = same[0] if sample.superseded else same[-1]
    return found


def test_the_document_has_exactly_the_promised_shape(shown: tuple[dict[str, Any], Path]) -> None:
    document, _ = shown
    assert document.keys() == {"tickets", "summary", "sign_in_links"}
    assert document["summary"].keys() == SUMMARY_KEYS
    for row in document["tickets"]:
        assert row.keys() == TICKET_KEYS
        for action in row["actions"]:
            assert action.keys() == {"tool", "decision", "rules", "state"}


def test_every_sample_gets_the_verdict_it_was_written_for(shown: tuple[dict[str, Any], Path]) -> None:
    document, _ = shown
    wrong = {}
    for sample in load_samples():
        if sample.superseded or sample.expect in {"same", "refused"}:
            continue
        verdict = row_of(document, sample)["verdict"]
        fits = verdict not in {None, "benign"} if sample.expect == "not_benign" else verdict == sample.expect
        if not fits:
            wrong[sample.name] = verdict
    assert wrong == {}


def test_no_original_reached_the_model_and_nothing_failed(shown: tuple[dict[str, Any], Path]) -> None:
    summary = shown[0]["summary"]
    assert summary["model_requests"] > 50
    assert (summary["originals_in_model_requests"], summary["failed"], summary["audit_ok"]) == (0, 0, True)


def test_both_frameworks_meet_malicious_and_benign_tickets(shown: tuple[dict[str, Any], Path]) -> None:
    met = {(row["framework"], row["verdict"]) for row in shown[0]["tickets"]}
    assert {(f, v) for f in ("autogen", "adk") for v in ("malicious", "benign")} <= met


def test_a_repeated_sample_is_one_ticket_and_an_older_version_is_superseded(
    shown: tuple[dict[str, Any], Path],
) -> None:
    document, _ = shown
    samples = [sample for sample in load_samples() if sample.valid and sample.expect != "same"]
    assert document["summary"]["tickets"] == len(samples)
    for sample in samples:
        if sample.superseded:
            assert row_of(document, sample)["state"] == "superseded"


def test_actions_that_policy_allows_are_confirmed_and_those_it_asks_about_wait(
    shown: tuple[dict[str, Any], Path],
) -> None:
    states = {(a["decision"], a["state"]) for row in shown[0]["tickets"] for a in row["actions"]}
    assert states >= {("allow", "confirmed"), ("ask", "pending")}
    assert not {decision for decision, state in states if state == "confirmed"} - {"allow"}


def test_a_report_went_back_for_every_ticket_that_is_not_superseded(shown: tuple[dict[str, Any], Path]) -> None:
    document, home = shown
    reported = {json.loads(file.read_text())["ticket"]["id"] for file in (home / "reports").rglob("*.json")}
    expected = {row["id"] for row in document["tickets"] if row["state"] in {"closed", "awaiting_approval"}}
    assert expected <= reported


def test_no_process_is_left_behind(shown: tuple[dict[str, Any], Path]) -> None:
    _, home = shown
    left = [
        process.pid
        for process in psutil.process_iter(["environ"])
        if (process.info["environ"] or {}).get("CASEMATE_HOME") == str(home)
    ]
    assert left == []


def test_each_of_its_people_signs_in_once(shown: tuple[dict[str, Any], Path]) -> None:
    document, home = shown
    store = open_store(Settings(home=home))
    try:
        secrets = {name: link.rsplit("/", 1)[1] for name, link in document["sign_in_links"].items()}
        people = {name: accounts.by_link(store, secret=secret) for name, secret in secrets.items()}
        assert {name: user.name for name, user in people.items()} == {n: n for n in ("analyst", "approver", "admin")}
        assert people["analyst"].roles == {"analyst"}
        assert people["approver"].roles >= {"approver", "soc-lead"}
        assert "admin" in people["admin"].roles
        with store.read() as tx:
            live = tx.bundles.live_hash()
            assert unheld(load_bundle(default_bundle_path()), holders(tx, Settings(), now=store.clock.now())) == []
        assert live == load_bundle(default_bundle_path()).hash
        for secret in secrets.values():
            with pytest.raises(accounts.SignInRefused):
                accounts.by_link(store, secret=secret)
    finally:
        store.close()
