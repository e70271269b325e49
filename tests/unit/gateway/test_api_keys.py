"""API keys of the database: who they let in, until when, and how little they cost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event
from sqlalchemy.engine import Engine

from core.store.api_keys import NOTE_SECONDS
from tests.unit.gateway.conftest import Gateway, ticket
from workflows import people

TICKETS = "/api/v1/tickets"


def made(gateway: Gateway, name: str, *roles: str, days: int = 90) -> str:
    _, secret = people.add_key(gateway.store, name, roles, actor="user:ada", reserved=(), days=days)
    return secret


def as_key(gateway: Gateway, secret: str) -> TestClient:
    client = gateway.as_caller(None)
    client.headers["Authorization"] = f"Bearer {secret}"
    return client


@contextmanager
def statements() -> Iterator[list[str]]:
    """What is asked of any database meanwhile."""
    asked: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def test_a_key_of_the_database_opens_what_its_roles_may(gateway: Gateway) -> None:
    client = as_key(gateway, made(gateway, "bot", "submitter"))
    assert client.post(TICKETS, json=ticket()).status_code == 202
    refused = client.get(TICKETS)
    assert (refused.status_code, "the key `bot` lacks it" in refused.text) == (403, True)
    with gateway.store.read() as tx:
        assert "api:bot" in {event["actor"] for event in tx.audit.all()}


def test_what_is_unknown_revoked_or_too_old_is_told_the_same(gateway: Gateway) -> None:
    revoked, old = made(gateway, "revoked", "admin"), made(gateway, "old", "admin", days=1)
    assert as_key(gateway, old).get(TICKETS).status_code == 200
    people.revoke_key(gateway.store, "revoked", actor="user:ada")
    gateway.clock.advance(seconds=86_400)
    answers = {
        (answer.status_code, answer.text, answer.headers["www-authenticate"])
        for secret in (revoked, old, "csm_" + "x" * 43, "csm_", "x", "")
        for answer in [as_key(gateway, secret).get(TICKETS)]
    }
    assert len(answers) == 1
    assert {code for code, *_ in answers} == {401}


def test_a_secret_goes_with_bearer_and_whole(gateway: Gateway) -> None:
    secret = made(gateway, "bot", "admin")
    client = gateway.as_caller(None)
    for header in (secret, f"Basic {secret}", f"Bearer {secret[:-1]}", f"Bearer {secret}x", f"Bearer {secret[4:]}"):
        assert client.get(TICKETS, headers={"Authorization": header}).status_code == 401
    assert client.get(TICKETS, headers={"Authorization": f"bearer  {secret} "}).status_code == 200


def test_that_a_key_is_used_is_noted_once_a_minute(gateway: Gateway) -> None:
    client = as_key(gateway, made(gateway, "bot", "admin"))

    def used() -> Any:
        with gateway.store.read() as tx:
            key = tx.api_keys.named("bot")
        return key and key.used_at

    assert used() is None
    client.get(TICKETS)
    first = used()
    assert first == gateway.clock.now()
    gateway.clock.advance(seconds=NOTE_SECONDS - 1)
    client.get(TICKETS)
    assert used() == first
    gateway.clock.advance(seconds=1)
    client.get(TICKETS)
    assert used() == gateway.clock.now()


def test_a_request_costs_one_look_for_its_key(gateway: Gateway) -> None:
    keyed = as_key(gateway, made(gateway, "bot", "admin"))
    keyed.get(TICKETS)  # notes that it is in use, and loads what is loaded once
    named, unknown, garbage = gateway.as_caller("ada"), as_key(gateway, "csm_" + "x" * 43), as_key(gateway, "x")
    for client, most in ((keyed, 1), (named, 1), (unknown, 1), (garbage, 0)):
        with statements() as asked:
            client.get(TICKETS)
        looks = [statement for statement in asked if "api_keys" in statement or "users" in statement]
        assert len(looks) == most


def test_a_key_of_the_settings_with_the_name_of_a_person_opens_nothing(gateway: Gateway) -> None:
    assert gateway.as_caller("abe").get(TICKETS).status_code == 200
    people.add(gateway.store, "abe", ["approver"], actor="user:ada", reserved=())
    refused = gateway.as_caller("abe").get(TICKETS)
    assert refused.status_code == 403
    assert "rename the key" in refused.json()["detail"]


@pytest.mark.parametrize("days", [-1, people.MAX_KEY_DAYS + 1])
def test_a_key_is_not_good_for_longer_than_anybody_remembers_it(gateway: Gateway, days: int) -> None:
    with pytest.raises(people.PeopleRefused, match="days"):
        made(gateway, "bot", "submitter", days=days)
