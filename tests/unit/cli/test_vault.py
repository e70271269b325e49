"""`casemate vault`, run as a person would."""

from __future__ import annotations

import base64
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from core.audit import AuditEvent
from core.store.engine import Store
from core.ticket import TicketState
from tests.transit_server import transit_server
from tests.unit.cli.conftest import Casemate

TICKET = {"source": "siem", "external_id": "A-1", "title": "Odd mail", "body": "Anna Lindqvist got it."}
S = TicketState
CLOSED = (S.MASKED, S.INVESTIGATING, S.DECIDED, S.REPORTED, S.CLOSED)


@pytest.fixture
def submitted(casemate: Casemate, opened: Store) -> Callable[..., str]:
    """Hands a ticket in and walks it through states."""

    def submit(*states: TicketState, **changes: object) -> str:
        ran = casemate("ticket", "submit", "-", "--json", stdin=json.dumps({**TICKET, **changes}).encode())
        assert ran.code == 0, ran.err
        ticket_id: str = ran.document["ticket_id"]
        for state in states:
            with opened.begin() as tx:
                tx.tickets.set_state(ticket_id, state, audit=AuditEvent(action="test", actor="test"))
        return ticket_id

    return submit


def shred(casemate: Casemate, ticket_id: str, *more: str) -> tuple[int, str, str]:
    ran = casemate("vault", "shred", ticket_id, "--reason", "The customer asked.", *more)
    return ran.code, ran.out, ran.err


def test_status_names_the_key_that_wraps_and_what_is_kept(casemate: Casemate, submitted: Callable[..., str]) -> None:
    submitted()
    found = casemate("vault", "status", "--json").document
    [key] = found["keys"]
    assert (key["current"], key["here"], key["tickets"], key["secrets"]) == (True, True, 1, 0)
    assert (found["source"], found["shredded"], found["retention_days"], found["overage"]) == ("file", 0, 365, 0)
    assert "wraps" in casemate("vault", "status").out


def test_a_new_key_is_made_and_everything_comes_under_it(
    casemate: Casemate, submitted: Callable[..., str], home: Path
) -> None:
    submitted()
    [old] = [key["id"] for key in casemate("vault", "status", "--json").document["keys"]]
    done = casemate("vault", "rotate", "--new-key", "--json").document
    assert done["rewrapped"] == {old: 1}
    assert done["left"] == {}
    assert done["idle"] == [old]
    assert done["new_key"] == done["current"] != old
    file = home / "master.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(file.read_text().split()) == 2
    shown = casemate("vault", "status").out
    assert "may be removed" in shown
    assert not any(key in shown for key in file.read_text().split())
    file.write_text(file.read_text().splitlines()[0])
    assert len(casemate("vault", "status", "--json").document["keys"]) == 1


def test_rotating_says_when_the_old_key_may_go(casemate: Casemate, submitted: Callable[..., str]) -> None:
    submitted()
    assert "wraps nothing any more" in casemate("vault", "rotate", "--new-key").out
    again = casemate("vault", "rotate")
    assert (again.code, "0 keys were brought" in again.out) == (0, True)


def test_a_key_that_is_missing_is_named_and_the_exit_says_so(
    casemate: Casemate, submitted: Callable[..., str], home: Path
) -> None:
    submitted()
    [lost] = [key["id"] for key in casemate("vault", "status", "--json").document["keys"]]
    (home / "master.key").write_text(base64.b64encode(os.urandom(32)).decode())
    ran = casemate("vault", "rotate")
    assert (ran.code, lost in ran.err) == (1, True)
    assert "MISSING" in casemate("vault", "status").out


def test_a_key_from_the_environment_is_made_by_hand(
    casemate: Casemate, opened: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CASEMATE_MASTER_KEY", base64.b64encode(os.urandom(32)).decode())
    ran = casemate("vault", "rotate", "--new-key")
    assert (ran.code, ran.err.count("\n")) == (1, 1)
    assert "restart" in ran.err


def test_a_key_in_hashicorp_vault_is_rotated_there_and_status_works_while_it_is_sealed(
    casemate: Casemate, submitted: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    submitted()
    with transit_server() as engine:
        monkeypatch.setenv("CASEMATE_TRANSIT_URL", engine.url)
        monkeypatch.setenv("CASEMATE_TRANSIT_TOKEN", engine.token)
        assert "vault write -f transit/keys/casemate/rotate" in casemate("vault", "rotate", "--new-key").err
        assert casemate("vault", "rotate", "--json").document["current"] == "transit/casemate:v1"
        engine.rotate()
        done = casemate("vault", "rotate", "--json").document
        assert done["rewrapped"] == {"transit/casemate:v1": 1}
        assert engine.token not in json.dumps(done)
        engine.sealed = True
        ran = casemate("vault", "status", "--json")
        assert "sealed" in ran.document["trouble"]
        assert {key["id"] for key in ran.document["keys"]} == {"transit/casemate:v2"}
        assert "sealed" in casemate("vault", "status").err
        assert casemate("vault", "rotate").code == 1


def test_a_closed_ticket_is_shredded_once(casemate: Casemate, submitted: Callable[..., str]) -> None:
    ticket_id = submitted(*CLOSED)
    code, out, _ = shred(casemate, ticket_id, "--yes")
    assert (code, "are destroyed" in out) == (0, True)
    code, out, _ = shred(casemate, ticket_id)
    assert (code, "was shredded on" in out) == (0, True)
    assert casemate("vault", "status", "--json").document["shredded"] == 1
    assert casemate("ticket", "show", ticket_id, "--json").document["shredded_at"]
    assert casemate("audit", "verify").code == 0


def test_shredding_prints_one_document(casemate: Casemate, submitted: Callable[..., str]) -> None:
    ticket_id = submitted(*CLOSED)
    ran = casemate("vault", "shred", ticket_id, "--reason", "The customer asked.", "--yes", "--json")
    assert (ran.document["ticket_id"], ran.document["already"]) == (ticket_id, False)


@pytest.mark.parametrize(("answer", "code"), [(b"y\n", 0), (b"n\n", 1), (b"", 1)])
def test_a_person_is_asked_first(
    casemate: Casemate, submitted: Callable[..., str], opened: Store, answer: bytes, code: int
) -> None:
    ticket_id = submitted(*CLOSED)
    ran = casemate("vault", "shred", ticket_id, "--reason", "The customer asked.", stdin=answer)
    assert ran.code == code
    with opened.read() as tx:
        assert (tx.tickets.get(ticket_id).shredded_at is None) == bool(code)


def test_a_ticket_in_progress_needs_force(casemate: Casemate, submitted: Callable[..., str]) -> None:
    ticket_id = submitted()
    code, _, err = shred(casemate, ticket_id, "--yes")
    assert (code, "--force" in err) == (1, True)
    assert shred(casemate, ticket_id, "--yes", "--force")[0] == 0
    assert casemate("ticket", "show", ticket_id, "--json").document["state"] == "escalated"


@pytest.mark.parametrize(
    "arguments",
    [
        ("shred", "tkt_x"),
        ("shred", "tkt_x", "--yes", "--reason", " "),
        ("shred", "tkt_x", "--yes", "--reason", "x" * 501),
        ("shred", "tkt_x", "--reason", "Because.", "--json"),
        ("shred",),
        ("melt",),
    ],
)
def test_a_wrong_question_ends_with_two(casemate: Casemate, arguments: tuple[str, ...]) -> None:
    assert casemate("vault", *arguments).code == 2


def test_an_unknown_ticket_ends_with_one_and_a_sentence(casemate: Casemate, opened: Store) -> None:
    code, _, err = shred(casemate, "tkt_x", "--yes")
    assert (code, err.startswith("There is no")) == (1, True)
