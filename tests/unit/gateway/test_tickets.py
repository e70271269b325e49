"""`/api/v1/tickets`, driven in process over a real store."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from fastapi import FastAPI

from gateway.limits import MAX_REQUEST
from tests.unit.gateway.conftest import Gateway, ticket


def test_a_ticket_is_accepted_stored_and_rung_for(gateway: Gateway) -> None:
    answer = gateway.as_caller("siem").post("/api/v1/tickets", json=ticket())
    assert answer.status_code == 202
    receipt = answer.json()
    assert answer.headers["Location"] == f"/api/v1/tickets/{receipt['ticket_id']}"
    assert "Idempotent-Replayed" not in answer.headers
    assert gateway.rung == [receipt["ticket_id"]]
    with gateway.store.read() as tx:
        assert tx.tickets.original(receipt["ticket_id"]).title == "Odd mail"
        assert tx.audit.of(receipt["ticket_id"])[0]["actor"] == "api:siem"


def test_the_same_ticket_again_gets_the_same_answer_and_rings_no_one(gateway: Gateway) -> None:
    siem = gateway.as_caller("siem")
    first = siem.post("/api/v1/tickets", json=ticket(), headers={"Idempotency-Key": "one"})
    second = siem.post("/api/v1/tickets", json=ticket(), headers={"Idempotency-Key": "one"})
    assert (second.status_code, second.content) == (first.status_code, first.content)
    assert second.headers["Location"] == first.headers["Location"]
    assert second.headers["Idempotent-Replayed"] == "true"
    assert len(gateway.rung) == 1


def test_the_same_version_with_other_content_is_a_conflict(gateway: Gateway) -> None:
    siem = gateway.as_caller("siem")
    siem.post("/api/v1/tickets", json=ticket())
    answer = siem.post("/api/v1/tickets", json=ticket(body="Something else."))
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["field"] == "version"


def test_a_newer_version_supersedes(gateway: Gateway) -> None:
    siem = gateway.as_caller("siem")
    old = siem.post("/api/v1/tickets", json=ticket()).json()["ticket_id"]
    new = siem.post("/api/v1/tickets", json=ticket(version=2, body="More is known.")).json()["ticket_id"]
    shown = gateway.as_caller("ana").get(f"/api/v1/tickets/{old}").json()
    assert (shown["state"], shown["superseded_by"]) == ("superseded", new)


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"source": "siem", "title": "x", "body": "y"}, "external_id"),
        (ticket(surprise=1), "surprise"),
        (ticket(version=0), "version"),
        (ticket(version="1"), "version"),
        (ticket(title=""), "title"),
        (ticket(attachments=[{"name": "a", "content_base64": "???"}]), "attachments[0].content_base64"),
        ([], "ticket"),
    ],
)
def test_a_malformed_ticket_names_the_field_and_stores_nothing(gateway: Gateway, sent: object, field: str) -> None:
    answer = gateway.as_caller("siem").post("/api/v1/tickets", json=sent)
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert f"`{field}`" in answer.json()["detail"]
    with gateway.store.read() as tx:
        assert tx.tickets.recent() == []


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b'{"source": "a"} trailing',
        b'{"fields": {"x": NaN}}',
        b'{"title": "one", "title": "two"}',
        b"\xff\xfe\xff",
        b"[" * 100_000,
    ],
)
def test_what_is_not_json_is_refused_in_one_sentence(gateway: Gateway, raw: bytes) -> None:
    answer = gateway.as_caller("siem").post("/api/v1/tickets", content=raw)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("Field `")


def test_a_request_that_says_it_is_too_large_is_refused_unread(gateway: Gateway) -> None:
    gateway.max_request = 1000
    answer = gateway.as_caller("siem").post("/api/v1/tickets", json=ticket(body="x" * 2000))
    assert (answer.status_code, answer.json()["status"]) == (413, 413)


def test_a_request_that_hides_its_size_is_cut_off(gateway: Gateway) -> None:
    gateway.max_request = 1000
    chunks = (b"x" * 100 for _ in range(100))
    answer = gateway.as_caller("siem").post("/api/v1/tickets", content=chunks)
    assert (answer.status_code, answer.json()["status"]) == (413, 413)


def test_the_largest_ticket_fits_the_limit() -> None:
    # The worst case of JSON's escapes is six bytes for one character.
    assert MAX_REQUEST > 25 * 1024 * 1024 * 4 // 3 + 6 * 2 * 1_048_576


@pytest.mark.parametrize("caller", [None, "stranger"])
def test_without_a_known_key_nothing_is_answered(gateway: Gateway, caller: str | None) -> None:
    answer = gateway.as_caller(caller).post("/api/v1/tickets", json=ticket())
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_an_empty_key_is_no_key(gateway: Gateway) -> None:
    client = gateway.as_caller(None)
    assert client.get("/api/v1/tickets", headers={"Authorization": "Bearer "}).status_code == 401
    assert client.get("/api/v1/tickets", headers={"Authorization": "Basic ana-key"}).status_code == 401


@pytest.mark.parametrize(
    ("caller", "may_submit", "may_list"),
    [
        ("siem", True, False),
        ("ana", False, True),
        ("abe", False, True),
        ("aud", False, True),
        ("ada", True, True),
        ("nobody", False, False),
    ],
)
def test_roles_decide_who_may_submit_and_who_may_read(
    gateway: Gateway, caller: str, may_submit: bool, may_list: bool
) -> None:
    client = gateway.as_caller(caller)
    assert (client.post("/api/v1/tickets", json=ticket()).status_code == 202) is may_submit
    assert (client.get("/api/v1/tickets").status_code == 200) is may_list


def test_a_submitter_sees_the_progress_of_a_ticket_and_not_the_case(gateway: Gateway) -> None:
    siem = gateway.as_caller("siem")
    ticket_id = siem.post("/api/v1/tickets", json=ticket()).json()["ticket_id"]
    assert "evidence" not in siem.get(f"/api/v1/tickets/{ticket_id}").json()
    assert gateway.as_caller("ana").get(f"/api/v1/tickets/{ticket_id}").json()["evidence"] == []


def test_pages_of_the_list_follow_each_other_without_gap_or_repeat(gateway: Gateway) -> None:
    siem, ana = gateway.as_caller("siem"), gateway.as_caller("ana")
    for number in range(5):
        siem.post("/api/v1/tickets", json=ticket(external_id=f"A-{number}"))
    seen: list[str] = []
    query = {"limit": "2"}
    while True:
        page = ana.get("/api/v1/tickets", params=query).json()
        seen += [item["external_id"] for item in page["tickets"]]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert seen == ["A-4", "A-3", "A-2", "A-1", "A-0"]


def test_the_list_can_be_narrowed_to_states(gateway: Gateway) -> None:
    siem, ana = gateway.as_caller("siem"), gateway.as_caller("ana")
    siem.post("/api/v1/tickets", json=ticket())
    siem.post("/api/v1/tickets", json=ticket(version=2))
    states = {"state": ["superseded"]}
    assert [item["version"] for item in ana.get("/api/v1/tickets", params=states).json()["tickets"]] == [1]
    assert ana.get("/api/v1/tickets", params={"state": "nonsense"}).status_code == 422


@pytest.mark.parametrize("cursor", ["x", "-1", "9" * 40, "²"])
def test_a_made_up_cursor_is_refused(gateway: Gateway, cursor: str) -> None:
    answer = gateway.as_caller("ana").get("/api/v1/tickets", params={"cursor": cursor})
    assert answer.status_code == 422


def test_an_unknown_ticket_is_not_found(gateway: Gateway) -> None:
    answer = gateway.as_caller("ana").get("/api/v1/tickets/tkt_nothing")
    assert (answer.status_code, answer.json()["title"]) == (404, "Not Found")


def test_a_database_that_cannot_be_written_refuses_tickets_and_says_when_to_come_back(gateway: Gateway) -> None:
    gateway.store.close()
    (gateway.path / "casemate.db").unlink()
    answer = gateway.as_caller("siem").post("/api/v1/tickets", json=ticket())
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert gateway.rung == []


def test_a_bug_is_answered_without_its_text(gateway: Gateway) -> None:
    client = gateway.as_caller("siem")

    def explode(_ticket_id: str) -> None:
        raise RuntimeError("Anna Lindqvist's mailbox")

    app = client.app
    assert isinstance(app, FastAPI)
    app.state.parts = replace(app.state.parts, ring=explode)
    answer = client.post("/api/v1/tickets", json=ticket())
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "Lindqvist" not in answer.text


def test_health_needs_no_key_and_readiness_needs_the_database(gateway: Gateway) -> None:
    client = gateway.as_caller(None)
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").status_code == 200
    gateway.store.close()
    (gateway.path / "casemate.db").unlink()
    assert client.get("/readyz").status_code == 503
    assert client.get("/healthz").status_code == 200


def test_answers_are_not_cached(gateway: Gateway) -> None:
    assert gateway.as_caller("ana").get("/api/v1/tickets").headers["Cache-Control"] == "no-store"


def test_the_description_is_openapi_3_1_and_every_reference_in_it_leads_somewhere(gateway: Gateway) -> None:
    document = gateway.as_caller(None).get("/api/v1/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    text = json.dumps(document)
    for name in {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}:
        assert name in document["components"]["schemas"], name
    assert "content_base64" in text
    assert document["paths"]["/api/v1/tickets"]["post"]["security"] == [{"key": []}]
