"""The commands, run as a person would; exit 0 done, 1 refused or failed, 2 asked wrongly."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from core.audit import AuditEvent
from core.store.engine import Store
from core.ticket import TicketState
from tests.unit.cli.conftest import Casemate

TICKET = {"source": "siem", "external_id": "A-1", "title": "Odd \x1b[31mmail", "body": "Please look."}


def submitted(casemate: Casemate, **changes: object) -> str:
    ran = casemate("ticket", "submit", "-", "--json", stdin=json.dumps({**TICKET, **changes}).encode())
    assert ran.code == 0, ran.err
    ticket_id: str = ran.document["ticket_id"]
    return ticket_id


def test_a_ticket_goes_in_and_comes_back(casemate: Casemate) -> None:
    ticket_id = submitted(casemate)
    shown = casemate("ticket", "show", ticket_id, "--json").document
    assert (shown["external_id"], shown["state"], shown["actions"]) == ("A-1", "received", [])
    assert [t["id"] for t in casemate("ticket", "list", "--json").document["tickets"]] == [ticket_id]


def test_the_same_ticket_again_is_the_same_ticket(casemate: Casemate) -> None:
    assert submitted(casemate) == submitted(casemate)


def test_a_file_of_mail_becomes_a_phishing_report(casemate: Casemate, tmp_path: Path) -> None:
    mail = tmp_path / "reported.eml"
    mail.write_bytes(b"Message-ID: <a@b.example>\nSubject: Hi\n\nbody")
    ran = casemate("ticket", "submit", str(mail), "--json", "--source", "helpdesk")
    assert (ran.document["source"], ran.document["version"]) == ("helpdesk", 1)


def test_a_malformed_ticket_is_refused_with_the_field_and_without_a_trace(casemate: Casemate) -> None:
    ran = casemate("ticket", "submit", "-", stdin=b'{"source": "siem"}')
    assert ran.code == 1
    assert ran.err == "Field `external_id`: is required\n"


def test_broken_json_is_refused_in_one_line(casemate: Casemate) -> None:
    ran = casemate("ticket", "submit", "-", stdin=b'{"source": ')
    assert (ran.code, ran.err.count("\n")) == (1, 1)


@pytest.mark.parametrize(
    "arguments",
    [
        ("ticket", "submit", "/no/such/file"),
        ("ticket", "submit", "-", "--framework", "abacus"),
        ("ticket", "list", "--state", "lost"),
        ("doctor", "--only", "weather"),
        ("ticket", "frobnicate"),
        ("approvals", "deny", "prp_x"),
        ("demo", "--json"),
    ],
)
def test_a_wrong_question_ends_with_two(casemate: Casemate, arguments: tuple[str, ...]) -> None:
    assert casemate(*arguments).code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("ticket", "show", "tkt_x"),
        ("approvals", "show", "prp_x"),
        ("audit", "show", "tkt_x"),
        ("ticket", "retry", "tkt_x"),
    ],
)
def test_what_is_not_there_ends_with_one_and_a_sentence(
    casemate: Casemate, opened: Store, arguments: tuple[str, ...]
) -> None:
    ran = casemate(*arguments)
    assert (ran.code, ran.err.count("\n")) == (1, 1)
    assert ran.err.startswith("There is no")


def test_a_bad_setting_is_named_and_its_value_is_not_shown(casemate: Casemate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASEMATE_HTTP_PORT", "hunter2")
    ran = casemate("ticket", "list")
    assert ran.code == 1
    assert "CASEMATE_HTTP_PORT" in ran.err
    assert "hunter2" not in ran.err


def test_text_of_a_ticket_cannot_colour_the_terminal(casemate: Casemate) -> None:
    ticket_id = submitted(casemate, external_id="A-2")
    assert "\x1b" not in casemate("ticket", "show", ticket_id).out
    assert "\x1b" not in casemate("ticket", "list").out


def test_a_given_up_ticket_can_be_retried(casemate: Casemate, opened: Store) -> None:
    ticket_id = submitted(casemate)
    with opened.begin() as tx:
        tx.tickets.set_state(ticket_id, TicketState.ESCALATED, audit=AuditEvent(action="test", actor="test"))
    assert casemate("ticket", "retry", ticket_id, "--json").document["state"] == "received"
    assert casemate("ticket", "retry", ticket_id).code == 1


def test_halt_stops_and_resume_lets_go_on(casemate: Casemate, opened: Store) -> None:
    assert casemate("halt", "drill", "--json").document == {"halted": True, "reason": "drill"}
    with opened.read() as tx:
        assert tx.operations.halted() == "drill"
    assert casemate("doctor", "--only", "database").code == 1
    casemate("resume")
    with opened.read() as tx:
        assert tx.operations.halted() is None


def test_the_audit_trail_verifies_until_a_byte_is_changed(casemate: Casemate, opened: Store, home: Path) -> None:
    ticket_id = submitted(casemate)
    assert casemate("audit", "verify", "--json").document["ok"] is True
    assert casemate("audit", "show", ticket_id, "--json").document["events"][0]["actor"] == "cli"
    with closing(sqlite3.connect(home / "casemate.db")) as database, database:
        database.execute("UPDATE audit_events SET actor = 'someone' WHERE sequence = 1")
    ran = casemate("audit", "verify")
    assert ran.code == 1
    assert "event 1" in ran.err


def test_without_a_database_a_command_says_what_to_run(casemate: Casemate) -> None:
    ran = casemate("approvals", "list")
    assert ran.code == 1
    assert "casemate up" in ran.err or "master key" in ran.err
