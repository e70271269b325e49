"""`casemate policy`: propose, look, answer, roll back, read history, as people do it."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

import pytest

from core.store.engine import Store
from tests.bundles import loaded, put_live, replace_in, write_bundle
from tests.unit.cli.conftest import Casemate
from tests.unit.cli.test_doctor import check


@pytest.fixture
def sit(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Somebody else sits down at the terminal."""

    def down(name: str) -> None:
        monkeypatch.setattr(getpass, "getuser", lambda: name)

    down("alice")
    return down


def proposed(casemate: Casemate, folder: Path, *more: str) -> dict[str, Any]:
    ran = casemate("policy", "propose", str(folder), "--reason", "A drill.", "--json", *more)
    assert ran.code == 0, ran.err
    return dict(ran.document)


def live(casemate: Casemate) -> str:
    return str(casemate("policy", "history", "--json").document["history"][0]["bundle"])


def test_a_change_from_the_proposal_to_the_rollback(casemate: Casemate, tmp_path: Path, sit: Any) -> None:
    change = proposed(casemate, write_bundle(tmp_path / "next", "next"))
    assert (change["author"], change["state"]) == ("user:alice", "pending")
    assert change["review"]["difference"]["same"] is False
    [waiting] = casemate("policy", "candidates", "--json").document["candidates"]
    assert waiting["id"] == change["id"]
    refused = casemate("policy", "approve", change["id"])
    assert (refused.code, refused.out) == (1, "")
    assert "somebody else" in refused.err
    sit("bob")
    assert "1 of 2 of admin" in casemate("policy", "approve", change["id"]).out
    sit("carol")
    assert "is live" in casemate("policy", "approve", change["id"]).out
    assert live(casemate) == change["bundle"] == loaded(tmp_path / "next").hash
    assert casemate("policy", "check", "--json").document["hash"] == change["bundle"]
    sit("ada")
    assert "is live again" in casemate("policy", "rollback", "--reason", "It asks too much.").out
    assert live(casemate) == change["base"]
    again = casemate("policy", "rollback", "--reason", "Back.")
    assert again.code == 1
    assert "policy propose --hash" in again.err
    older = casemate("policy", "propose", "--hash", change["bundle"][:12], "--reason", "After all.", "--json")
    assert older.document["bundle"] == change["bundle"]
    lines = casemate("policy", "history", "--json").document["history"]
    assert [(line["kind"], line["by"]) for line in lines] == [
        ("rollback", "user:ada"),
        ("change", "user:carol"),
        ("first", "shipped"),
    ]
    assert "rollback" in casemate("policy", "history").out


def test_the_review_is_printed_for_people(casemate: Casemate, tmp_path: Path, sit: Any) -> None:
    folder = write_bundle(tmp_path / "next", "next")
    ran = casemate("policy", "propose", str(folder), "--reason", "A drill.")
    assert ran.code == 0
    for words in (
        "PROVED: all 20 of its own",
        "PROVED: all 20 of the live",
        "STRICTER isolate_host",
        "    for example {",
        "isolate_host",
        "past decisions",
        "casemate policy approve chg_",
    ):
        assert words in ran.out, words
    change = casemate("policy", "candidates", "--json").document["candidates"][0]["id"]
    assert "PROVED" in casemate("policy", "review", change).out
    assert casemate("policy", "review", change, "--json").document["review"]["proof"]
    assert change in casemate("policy", "candidates").out


def test_a_denial_closes_it(casemate: Casemate, tmp_path: Path, sit: Any) -> None:
    change = proposed(casemate, write_bundle(tmp_path / "next", "next"))
    sit("bob")
    assert casemate("policy", "deny", change["id"], "--reason", "No.", "--json").document["state"] == "denied"
    assert "No change of the policy waits." in casemate("policy", "candidates").out


def test_a_broken_folder_is_refused_with_every_problem(casemate: Casemate, tmp_path: Path, sit: Any) -> None:
    broken = replace_in(write_bundle(tmp_path / "broken"), "actions.yaml", "[isolate_host]", "[isolate_planet]")
    ran = casemate("policy", "propose", str(broken), "--reason", "A drill.")
    assert ran.code == 1
    assert "actions.yaml:" in ran.err
    assert "isolate_planet" in ran.err


def test_a_proposal_names_one_source_and_a_reason(casemate: Casemate, tmp_path: Path, sit: Any) -> None:
    assert casemate("policy", "propose", "--reason", "A drill.").code == 2
    assert casemate("policy", "propose", str(tmp_path), "--hash", "abc", "--reason", "A drill.").code == 2
    assert casemate("policy", "propose", str(tmp_path)).code == 2


def test_what_was_live_can_be_taken_out_and_is_the_same_bundle(casemate: Casemate, tmp_path: Path, sit: Any) -> None:
    change = proposed(casemate, write_bundle(tmp_path / "next", "next"))
    out = tmp_path / "out"
    ran = casemate("policy", "export", change["bundle"][:10], str(out), "--json")
    assert "actions.yaml" in ran.document["files"]
    assert loaded(out).hash == change["bundle"]
    assert casemate("policy", "export", change["bundle"][:10], str(out)).code == 2
    assert casemate("policy", "export", "00000000", str(tmp_path / "none")).code == 1


def test_a_changed_folder_is_a_candidate_as_soon_as_somebody_looks(
    casemate: Casemate, tmp_path: Path, sit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_bundle(tmp_path / "policy", "one")
    monkeypatch.setenv("CASEMATE_POLICY_DIR", str(folder))
    assert casemate("policy", "candidates", "--json").document == {"candidates": [], "trouble": []}
    write_bundle(folder, "one", "two")
    [candidate] = casemate("policy", "candidates", "--json").document["candidates"]
    assert (candidate["author"], candidate["bundle"]) == ("files", loaded(folder).hash)
    replace_in(folder, "actions.yaml", "[isolate_host]", "[isolate_planet]")
    [trouble] = casemate("policy", "candidates", "--json").document["trouble"]
    assert "isolate_planet" in trouble
    assert "isolate_planet" in casemate("policy", "candidates").err


def test_doctor_says_what_is_live_and_what_is_wrong_with_it(
    casemate: Casemate, opened: Store, tmp_path: Path, sit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "goes live at the first start" in str(check(casemate, "policy")["detail"])
    assert casemate("policy", "history", "--json").document["history"] == [], "looking makes nothing live"
    change = proposed(casemate, write_bundle(tmp_path / "next", "next"))
    fine = check(casemate, "policy")
    assert fine["ok"] is True
    assert change["base"][:16] in str(fine["detail"])
    assert "by shipped (first)" in str(fine["detail"])
    assert change["id"] in str(fine["detail"])
    with opened.begin() as tx:
        tx.operations.beat("far:1", "worker", {"bundle": "f" * 64, "policy": ["It is lost."]})
    lost = check(casemate, "policy")
    assert lost["ok"] is False
    assert "in use by far:1" in str(lost["detail"])
    assert "far:1: It is lost." in str(lost["detail"])
    with opened.begin() as tx:
        tx.operations.beat("far:1", "worker", {"bundle": change["base"], "policy": []})
    assert check(casemate, "policy")["ok"] is True
    broken = replace_in(write_bundle(tmp_path / "broken"), "actions.yaml", "[isolate_host]", "[isolate_planet]")
    monkeypatch.setenv("CASEMATE_POLICY_DIR", str(broken))
    assert "is broken and changes nothing" in str(check(casemate, "policy")["detail"])
    monkeypatch.delenv("CASEMATE_POLICY_DIR")
    put_live(opened, broken, hash_="e" * 64)
    fallback = check(casemate, "policy")
    assert fallback["ok"] is False
    assert f"{'e' * 12} does not load in this process" in str(fallback["detail"])
