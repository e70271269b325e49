"""`casemate doctor` finds what is wrong and says how to mend it."""

from __future__ import annotations

import json
import os
import shutil
import socketserver
import threading
from pathlib import Path

import pytest

from cli import up
from cli.processes import Crew
from core.settings import Settings
from core.store.engine import Store
from policies.bundle import default_bundle_path
from policies.network import Network
from tests.unit.cli.conftest import Casemate
from workflows import accounts


def check(casemate: Casemate, name: str) -> dict[str, object]:
    ran = casemate("doctor", "--only", name, "--json")
    (finding,) = ran.document["checks"]
    assert (ran.code == 0) is finding["ok"] is ran.document["ok"]
    assert finding["ok"] or finding["mend"], finding
    return dict(finding)


def test_every_part_is_checked_even_when_all_are_missing(casemate: Casemate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASEMATE_MODEL_URL", f"http://127.0.0.1:{up.free_port()}/v1")
    ran = casemate("doctor", "--json")
    assert ran.code == 1
    assert [c["name"] for c in ran.document["checks"]] == [
        "database", "broker", "worker", "model", "sandbox", "policy", "people", "network", "masking", "connectors",
        "rules", "clock",
    ]  # fmt: skip


def test_a_new_home_has_no_database_until_it_is_migrated(casemate: Casemate) -> None:
    assert check(casemate, "database")["ok"] is False
    assert casemate("doctor", "--migrate", "--only", "database").code == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write read-only files")
def test_a_database_that_cannot_be_written_is_found_by_its_file(casemate: Casemate, opened: Store, home: Path) -> None:
    (home / "casemate.db").chmod(0o400)
    assert "read-only" in str(check(casemate, "database"))


def test_a_missing_worker_is_found(casemate: Casemate, opened: Store) -> None:
    assert check(casemate, "worker")["detail"] == "none runs"


def test_a_live_worker_is_found_and_a_troubled_one_too(casemate: Casemate, opened: Store) -> None:
    with opened.begin() as tx:
        tx.operations.beat("host:1", "worker", {"sandbox": "namespaces"})
    assert check(casemate, "worker")["ok"] is True
    with opened.begin() as tx:
        tx.operations.beat("host:2", "worker", {"trouble": "Install bubblewrap."})
    assert check(casemate, "worker")["detail"] == "Install bubblewrap."


def test_a_model_that_is_down_is_found(casemate: Casemate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASEMATE_MODEL_URL", f"http://127.0.0.1:{up.free_port()}/v1")
    assert check(casemate, "model")["ok"] is False


def test_a_model_that_is_up_is_found_and_a_wrong_name_is_told(
    casemate: Casemate, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    url = f"http://127.0.0.1:{up.free_port()}/v1"
    monkeypatch.setenv("CASEMATE_MODEL_URL", url)
    with Crew(tmp_path) as crew:
        up.start_model(crew, url)
        up.await_model(crew, url)
        assert check(casemate, "model")["ok"] is True
        monkeypatch.setenv("CASEMATE_MODEL_NAME", "gpt-of-dreams")
        assert "gpt-of-dreams" in str(check(casemate, "model")["detail"])


def test_a_broker_that_is_down_is_found(casemate: Casemate, monkeypatch: pytest.MonkeyPatch) -> None:
    assert check(casemate, "broker")["ok"] is True
    monkeypatch.setenv("CASEMATE_BROKER_URL", f"redis://127.0.0.1:{up.free_port()}/0")
    assert check(casemate, "broker")["ok"] is False


def test_a_missing_bubblewrap_is_found(casemate: Casemate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASEMATE_BWRAP", "/no/such/bwrap")
    assert "bubblewrap" in json.dumps(check(casemate, "sandbox"))


def test_a_broken_bundle_is_found(casemate: Casemate, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CASEMATE_POLICY_DIR", str(tmp_path))
    assert check(casemate, "policy")["ok"] is False
    monkeypatch.delenv("CASEMATE_POLICY_DIR")
    assert check(casemate, "policy")["ok"] is True


def test_a_name_model_that_is_not_there_is_found(casemate: Casemate, monkeypatch: pytest.MonkeyPatch) -> None:
    assert check(casemate, "masking")["ok"] is True
    monkeypatch.setenv("CASEMATE_NAME_MODELS", "embedded,spacy:no_such_model")
    found = check(casemate, "masking")
    assert found["ok"] is False
    assert "no_such_model" in str(found)


def test_a_network_broker_is_missed_only_where_policy_lets_a_tool_ask(
    casemate: Casemate, opened: Store, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert check(casemate, "network")["detail"] == "off: policy lets no tool ask outside, and no broker runs"
    folder = tmp_path / "policy"
    shutil.copytree(default_bundle_path(), folder)
    (folder / "network.yaml").write_text("tools: {query_dns: {dns: {any_public: true}}}\n")
    monkeypatch.setenv("CASEMATE_POLICY_DIR", str(folder))
    assert check(casemate, "network")["detail"] == "policy lets query_dns ask outside, and no broker runs"


@pytest.mark.parametrize(
    ("said", "detail"),
    [
        ({"trouble": "No policy bundle is live yet."}, "No policy bundle is live yet."),
        (
            {"network": "0" * 64, "missing_secrets": [], "tools": {}},
            "the broker goes by other rules than the live ones",
        ),
        ({"network": Network().digest, "missing_secrets": ["a_key"], "tools": {}}, "these secrets are missing: a_key"),
        (
            {"network": Network().digest, "missing_secrets": [], "tools": {}},
            "a broker runs, and policy lets no tool ask",
        ),
    ],
)
def test_what_a_network_broker_lacks_is_found(
    casemate: Casemate, opened: Store, home: Path, said: dict[str, object], detail: str
) -> None:
    class Answer(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.rfile.readline()
            self.wfile.write(json.dumps(said).encode() + b"\n")

    with socketserver.UnixStreamServer(str(home / "broker.sock"), Answer) as server:
        answering = threading.Thread(target=server.handle_request)
        answering.start()
        assert detail in str(check(casemate, "network")["detail"])
        answering.join(timeout=10)


def test_who_may_answer_is_looked_at_without_calling_it_broken(casemate: Casemate, opened: Store) -> None:
    assert "none of them may approve" in str(check(casemate, "people")["detail"])
    casemate("user", "add", "abe", "--role", "approver", "--role", "soc-lead")
    stuck = check(casemate, "people")
    assert stuck["ok"] is True
    assert "1 have such a role" in str(stuck["detail"])
    casemate("user", "add", "amy", "--role", "soc-lead", "--role", "server-owner")
    casemate("key", "add", "bot", "--role", "admin")
    casemate("user", "add", "ada", "--role", "admin")
    assert "nobody holds: analyst, identity-admin" in str(check(casemate, "people")["detail"])
    casemate("user", "add", "ida", "--role", "identity-admin", "--role", "analyst")
    assert check(casemate, "people")["mend"] == ""
    casemate("user", "disable", "amy")
    assert "server-owner" in str(check(casemate, "people")["detail"])
    printed = casemate("doctor", "--only", "people").out
    assert "note" in printed


def test_a_first_start_makes_one_admin_and_prints_the_link_this_once(opened: Store, home: Path) -> None:
    settings = Settings()
    first = up.welcome(settings, opened)
    secret = first[0].rsplit("/", 1)[1]
    assert accounts.by_link(opened, secret=secret).roles == {"admin"}
    assert "casemate user link admin" in first[1]
    assert up.welcome(settings, opened) == []
