"""`/api/v1/policy` and `/metrics`, driven in process over a real store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from httpx2 import Response

from core.ticket import TicketState
from tests.bundles import loaded, put_live, replace_in, source, write_bundle
from tests.unit.gateway.conftest import Gateway
from tests.unit.proposals import pending

URL = "/api/v1/policy"


def files(folder: Path) -> dict[str, str]:
    return {name: content.decode() for name, content in source(folder).files().items()}


def propose(gateway: Gateway, folder: Path, caller: str = "ada", **changes: Any) -> Response:
    said = {"files": files(folder), "reason": "A drill.", **changes}
    answer: Response = gateway.as_caller(caller).post(f"{URL}/changes", json=said)
    return answer


def give(gateway: Gateway, caller: str, change: dict[str, Any], *, approve: bool = True, **changes: Any) -> Response:
    said = {"approve": approve, "digest": change["digest"], "reason": "I looked.", **changes}
    answer: Response = gateway.as_caller(caller).post(f"{URL}/changes/{change['id']}/answers", json=said)
    return answer


def state_of(gateway: Gateway) -> dict[str, Any]:
    return dict(gateway.as_caller("aud").get(URL).json())


@pytest.fixture
def change(gateway: Gateway, tmp_path: Path) -> dict[str, Any]:
    """A change that ada proposed."""
    return dict(propose(gateway, write_bundle(tmp_path / "next", "next")).json())


def test_the_first_look_says_what_is_live_and_that_nothing_is_wrong(gateway: Gateway) -> None:
    said = state_of(gateway)
    assert said["live"]["bundle"] == loaded().hash
    assert (said["live"]["kind"], said["live"]["by"], said["trouble"], said["waiting"]) == ("first", "shipped", [], [])


def test_a_change_is_proposed_reviewed_answered_by_two_others_and_live(
    gateway: Gateway, change: dict[str, Any]
) -> None:
    assert (change["state"], change["author"], change["decision"]["approvals"]) == ("pending", "user:ada", 2)
    assert change["review"]["difference"]["same"] is False
    assert [waiting["id"] for waiting in state_of(gateway)["waiting"]] == [change["id"]]
    assert give(gateway, "adam", change).json()["state"] == "pending"
    assert give(gateway, "adam", change).status_code == 409
    assert give(gateway, "adele", change).json()["state"] == "live"
    said = state_of(gateway)
    assert said["live"]["bundle"] == change["bundle"]
    assert said["live"]["change"] == change["id"]
    assert [one["kind"] for one in said["history"]] == ["change", "first"]


def test_the_place_of_a_change_is_told_and_leads_to_it(gateway: Gateway, tmp_path: Path) -> None:
    answer = propose(gateway, write_bundle(tmp_path / "next", "next"))
    assert answer.status_code == 201
    again = gateway.as_caller("aud").get(answer.headers["Location"])
    assert again.json() == answer.json()


def test_the_author_may_not_answer(gateway: Gateway, change: dict[str, Any]) -> None:
    answer = give(gateway, "ada", change)
    assert answer.status_code == 409
    assert "somebody else" in answer.json()["detail"]


def test_the_list_says_which_ones_the_caller_may_answer(gateway: Gateway, change: dict[str, Any]) -> None:
    for caller, yours in (("ada", False), ("adam", True), ("aud", False)):
        [card] = gateway.as_caller(caller).get(f"{URL}/changes", params={"state": "pending"}).json()["changes"]
        assert (card["id"], card["yours"]) == (change["id"], yours)


def test_an_answer_covers_the_digest_that_was_seen_and_a_no_has_a_reason(
    gateway: Gateway, change: dict[str, Any]
) -> None:
    assert give(gateway, "adam", change, digest="0" * 64).status_code == 409
    assert give(gateway, "adam", change, approve=False, reason=" ").status_code == 409
    assert give(gateway, "adam", change, digest="x").status_code == 422
    assert give(gateway, "adam", change, person="adele").status_code == 422
    assert give(gateway, "adam", change, approve=False).json()["state"] == "denied"


@pytest.mark.parametrize("caller", ["siem", "ana", "abe", "nobody"])
def test_only_admins_and_auditors_come_near_the_policy(gateway: Gateway, change: dict[str, Any], caller: str) -> None:
    client = gateway.as_caller(caller)
    for path in ("", "/changes", f"/changes/{change['id']}", f"/bundles/{change['bundle']}", "/decisions"):
        assert client.get(f"{URL}{path}").status_code == 403
    assert give(gateway, caller, change).status_code == 403


def test_an_auditor_reads_and_does_nothing_else(gateway: Gateway, change: dict[str, Any], tmp_path: Path) -> None:
    assert propose(gateway, tmp_path / "next", caller="aud").status_code == 403
    assert give(gateway, "aud", change).status_code == 403
    assert gateway.as_caller("aud").post(f"{URL}/rollback", json={"reason": "No."}).status_code == 403
    shown = gateway.as_caller("aud").get(f"{URL}/bundles/{change['bundle']}").json()
    assert (shown["author"], shown["origin"]) == ("user:ada", "http")
    whole = files(tmp_path / "next")
    assert gateway.as_caller("ada").get(f"{URL}/bundles/{change['bundle']}").json()["files"] == whole
    assert shown["withheld"] == ["organization.yaml"]
    assert shown["files"] == {name: text for name, text in whole.items() if name != "organization.yaml"}


def test_nobody_without_a_key_sees_anything(gateway: Gateway) -> None:
    assert gateway.as_caller(None).get(URL).status_code == 401


def test_a_broken_bundle_is_answered_with_every_problem(gateway: Gateway, tmp_path: Path) -> None:
    broken = write_bundle(tmp_path / "broken")
    replace_in(broken, "actions.yaml", "tools: [isolate_host]", "tools: [isolate_planet]")
    replace_in(broken, "organization.yaml", "tier: 0", "tier: zero")
    answer = propose(gateway, broken)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.json()["problems"]) >= 2
    assert {"file", "line", "column", "message"} == answer.json()["problems"][0].keys()
    assert state_of(gateway)["waiting"] == []


def test_a_proposal_names_files_or_a_bundle_and_a_reason(gateway: Gateway, tmp_path: Path) -> None:
    admin = gateway.as_caller("ada")
    for said in ({}, {"reason": "x"}, {"files": {}, "bundle": "a" * 64, "reason": "x"}, {"files": {"a.yaml": "a"}}):
        assert admin.post(f"{URL}/changes", json=said).status_code == 422
    assert admin.post(f"{URL}/changes", json={"bundle": "a" * 64, "reason": "x"}).status_code == 404
    assert admin.get(f"{URL}/changes/chg_nothing").status_code == 404
    same = propose(gateway, write_bundle(tmp_path / "same"))
    assert same.status_code == 409
    assert "already live" in same.json()["detail"]


def test_a_rollback_by_one_admin_and_no_second_one(gateway: Gateway, change: dict[str, Any]) -> None:
    admin = gateway.as_caller("ada")
    assert admin.post(f"{URL}/rollback", json={"reason": "Nothing."}).status_code == 409
    give(gateway, "adam", change)
    give(gateway, "adele", change)
    went = admin.post(f"{URL}/rollback", json={"reason": "It asks too much."})
    assert (went.status_code, went.json()["kind"], went.json()["bundle"]) == (200, "rollback", change["base"])
    assert admin.post(f"{URL}/rollback", json={"reason": "Back."}).status_code == 409
    again = admin.post(f"{URL}/changes", json={"bundle": change["bundle"], "reason": "After all."})
    assert again.status_code == 201


def test_the_decisions_are_read_page_by_page(gateway: Gateway, tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        propose(gateway, write_bundle(tmp_path / name, name))
    auditor = gateway.as_caller("aud")
    first = auditor.get(f"{URL}/decisions", params={"limit": 2, "door": "activation"}).json()
    rest = auditor.get(f"{URL}/decisions", params={"limit": 2, "cursor": first["next"]}).json()
    assert (len(first["decisions"]), len(rest["decisions"]), rest["next"]) == (2, 1, None)
    assert {one["tool"] for one in (*first["decisions"], *rest["decisions"])} == {"activate_policy"}
    assert auditor.get(f"{URL}/decisions", params={"cursor": "x"}).status_code == 422
    assert auditor.get(f"{URL}/decisions", params={"outcome": "perhaps"}).status_code == 422


def test_the_trouble_of_every_process_is_shown(gateway: Gateway, tmp_path: Path) -> None:
    state_of(gateway)
    broken = replace_in(write_bundle(tmp_path / "broken"), "actions.yaml", "[isolate_host]", "[isolate_planet]")
    put_live(gateway.store, broken, hash_="e" * 64)
    with gateway.store.begin() as tx:
        tx.operations.beat("far:1", "worker", {"bundle": "f" * 64, "policy": ["It is lost."]})
    gateway.live.look()
    said = state_of(gateway)
    assert said["live"]["bundle"] == "e" * 64
    assert "isolate_planet" in said["trouble"][0]
    assert [(p["process"], p["live"], p["trouble"]) for p in said["processes"]] == [("far:1", False, ["It is lost."])]


def metrics(gateway: Gateway) -> dict[str, float]:
    text = gateway.as_caller(None).get("/metrics").text
    rows = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in rows}


def test_metrics_tell_what_is_live_and_what_waits(gateway: Gateway, change: dict[str, Any]) -> None:
    told = metrics(gateway)
    assert told == {
        f'casemate_policy_live_info{{hash="{change["base"]}"}}': 1,
        "casemate_policy_last_activation_timestamp": gateway.clock.now().timestamp(),
        "casemate_policy_trouble": 0,
        "casemate_policy_changes_waiting": 1,
        "casemate_pending_approvals": 0,
        **{f'casemate_tickets{{state="{state.value}"}}': 0 for state in TicketState},
    }
    pending(gateway.store)
    with gateway.store.begin() as tx:
        tx.operations.beat("far:1", "worker", {"bundle": "f" * 64, "policy": []})
    told = metrics(gateway)
    assert (told["casemate_policy_trouble"], told["casemate_pending_approvals"]) == (1, 1)
    assert told['casemate_tickets{state="awaiting_approval"}'] == 1


def test_the_policy_is_in_the_description_of_the_api(gateway: Gateway) -> None:
    document = gateway.as_caller(None).get("/api/v1/openapi.json").json()
    for path in ("", "/bundles/{bundle_hash}", "/changes", "/changes/{change_id}/answers", "/rollback", "/decisions"):
        for operation in document["paths"][f"{URL}{path}"].values():
            assert operation["security"] == [{"key": []}]
