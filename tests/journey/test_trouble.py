"""Missing, down, changed or hostile: a clear sentence, no unsandboxed tool, no unmasked request, no lost ticket."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request, Response
from pydantic import SecretStr
from standardwebhooks import Webhook as Verifier

from cli.samples import load_intel
from core.action import EffectState, ProposalState
from core.audit import AuditEvent
from core.settings import Webhook
from core.ticket import TicketState
from tests.demo_cases import demo_ticket
from tests.house import House
from tests.journey.test_journey import answer_all, proposals
from tests.servers import free_port, http_server
from workflows import deliver, journey, report, sweep

pytestmark = pytest.mark.journey

MakeHouse = Callable[..., House]
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def requests_seen(house: House) -> int:
    return len(house.record.read_bytes().splitlines()) if house.record.exists() else 0


def tamper(house: House, statement: str, *values: Any) -> None:
    """Change the database behind casemate's back."""
    database = sqlite3.connect(house.settings.folder / "casemate.db")
    with database:
        assert database.execute(statement, values).rowcount == 1
    database.close()


def test_a_model_that_is_down_costs_time_and_nothing_else(make_house: MakeHouse, model: tuple[str, Path]) -> None:
    house = make_house(model_url=f"http://127.0.0.1:{free_port()}/v1")
    ticket_id = house.submit(demo_ticket("phishing", "malicious"))
    waiting = house.work(ticket_id)
    assert waiting.state is TicketState.INVESTIGATING
    assert waiting.trouble is not None
    assert "does not answer" in waiting.trouble
    assert waiting.deliveries == 0
    healthy = make_house()
    healthy.clock.advance(seconds=120)
    done = healthy.work(ticket_id)
    assert done.verdict == "malicious"
    assert done.trouble is None


def test_a_model_that_stays_down_hands_the_ticket_to_a_person_and_says_so(make_house: MakeHouse) -> None:
    house = make_house(model_url=f"http://127.0.0.1:{free_port()}/v1", model_patience=300)
    ticket_id = house.submit(demo_ticket("phishing", "malicious"))
    for _ in range(12):
        house.work(ticket_id)
        house.clock.advance(seconds=61)
    assert house.ticket(ticket_id).state is TicketState.ESCALATED
    deliver.send_due(house.services)
    [report] = [json.loads(p.read_text()) for p in house.settings.report_folder.rglob("*.json")]
    assert report["type"] == "report.escalated"
    assert "does not answer" in report["note"]


def test_without_bubblewrap_no_tool_runs_and_the_ticket_waits(make_house: MakeHouse) -> None:
    house = make_house(bwrap="/nonexistent/bwrap")
    before = requests_seen(house)
    ticket_id = house.submit(demo_ticket("endpoint", "malicious"))
    waiting = house.work(ticket_id)
    assert waiting.state is TicketState.INVESTIGATING
    assert waiting.trouble is not None
    assert "bubblewrap" in waiting.trouble
    with house.services.store.read() as tx:
        assert tx.evidence.of(ticket_id) == []
    assert requests_seen(house) == before


def test_an_invalid_bundle_masks_nothing_asks_nobody_and_names_file_and_line(
    make_house: MakeHouse, tmp_path: Path
) -> None:
    broken = tmp_path / "bundle"
    broken.mkdir()
    (broken / "actions.yaml").write_text("rules:\n  - id: a\n    tolls: [isolate_host]\n")
    house = make_house(policy_dir=broken)
    before = requests_seen(house)
    waiting = house.work(house.submit(demo_ticket("endpoint", "malicious")))
    assert waiting.state is TicketState.RECEIVED
    assert waiting.trouble is not None
    assert "actions.yaml:3" in waiting.trouble
    with house.services.store.read() as tx:
        assert tx.tickets.masked(waiting.id) is None
    assert requests_seen(house) == before
    mended = make_house()
    mended.clock.advance(seconds=120)
    assert mended.work(waiting.id).verdict == "malicious"


def test_the_kill_switch_stops_model_calls_and_effects_until_it_is_lifted(house: House) -> None:
    store = house.services.store
    with store.begin() as tx:
        tx.operations.halt(on=True, reason="drill", audit=AuditEvent(action="halt", actor="test"))
    before = requests_seen(house)
    ticket_id = house.submit(demo_ticket("endpoint", "malicious"))
    halted = house.work(ticket_id)
    assert halted.trouble is not None
    assert "casemate resume" in halted.trouble
    assert requests_seen(house) == before
    with store.begin() as tx:
        tx.operations.halt(on=False, reason="", audit=AuditEvent(action="resume", actor="test"))
    house.clock.advance(seconds=120)
    assert house.work(ticket_id).state is TicketState.CLOSED


def test_the_kill_switch_holds_an_effect_that_was_already_approved(house: House) -> None:
    asked = house.triage(demo_ticket("leaked_credential", "malicious"))
    answer_all(house, asked.id, approve=True)
    with house.services.store.begin() as tx:
        tx.operations.halt(on=True, reason="drill", audit=AuditEvent(action="halt", actor="test"))
    house.work(asked.id)
    with house.services.store.read() as tx:
        assert [e.tool for e in tx.effects.of(asked.id) if e.tool == "rotate_secret"] == []


def test_arguments_changed_after_the_approval_are_not_carried_out_but_asked_again(house: House) -> None:
    asked = house.triage(demo_ticket("leaked_credential", "malicious"))
    answer_all(house, asked.id, approve=True)
    [approved] = proposals(house, asked.id, "revoke_sessions")
    tamper(
        house,
        "UPDATE proposals SET arguments = ? WHERE id = ?",
        json.dumps({"account": "m.okafor"}),
        approved.id,
    )
    again = house.work(asked.id)
    assert again.state is TicketState.AWAITING_APPROVAL
    old, new = proposals(house, asked.id, "revoke_sessions")
    assert (old.state, new.state) == (ProposalState.REPLACED, ProposalState.PENDING)
    assert new.replaces == old.id
    with house.services.store.read() as tx:
        assert "revoke_sessions" not in {e.tool for e in tx.effects.of(asked.id)}


def test_an_approval_bound_to_another_digest_does_not_count(house: House) -> None:
    asked = house.triage(demo_ticket("leaked_credential", "malicious"))
    answer_all(house, asked.id, approve=True)
    [approved] = proposals(house, asked.id, "rotate_secret")
    forged = {**json.loads(_binding(house, approved.id)), "arguments": {"secret": "SRV-DC-01", "owner": "svc-backup"}}
    tamper(
        house,
        "UPDATE proposals SET arguments = ?, binding = ? WHERE id = ?",
        json.dumps(forged["arguments"]),
        json.dumps(forged),
        approved.id,
    )
    house.work(asked.id)
    with house.services.store.read() as tx:
        assert "rotate_secret" not in {e.tool for e in tx.effects.of(asked.id)}


def _binding(house: House, proposal_id: str) -> str:
    database = sqlite3.connect(house.settings.folder / "casemate.db")
    [(binding,)] = database.execute("SELECT binding FROM proposals WHERE id = ?", (proposal_id,))
    database.close()
    return str(binding)


def test_a_bundle_that_changed_after_the_approval_asks_again(make_house: MakeHouse, tmp_path: Path) -> None:
    import shutil

    from policies.bundle import default_bundle_path

    house = make_house()
    asked = house.triage(demo_ticket("leaked_credential", "malicious"))
    answer_all(house, asked.id, approve=True)
    changed = tmp_path / "changed"
    shutil.copytree(default_bundle_path(), changed)
    actions = changed / "actions.yaml"
    actions.write_text(
        actions.read_text()
        + '\n  - id: drill\n    tools: [isolate_host]\n    when: ticket.kind == "drill"\n    then: deny\n'
        "    reason: A drill.\n    examples:\n      - {given: {ticket: {kind: drill}}, expect: deny}\n"
    )
    stricter = make_house(policy_dir=changed, policy_activation="files")
    sweep.run(stricter.services)
    again = stricter.work(asked.id)
    assert again.state is TicketState.AWAITING_APPROVAL
    assert [p.state for p in proposals(house, asked.id, "rotate_secret")] == [
        ProposalState.REPLACED,
        ProposalState.PENDING,
    ]


@pytest.mark.parametrize("arrived", [True, False])
def test_a_crash_between_sending_and_writing_never_acts_twice(house: House, arrived: bool) -> None:
    load_intel(house.services.store)
    ticket_id = house.submit(demo_ticket("endpoint", "malicious"))
    for _ in range(4):
        journey.advance(house.services, ticket_id)
    assert house.ticket(ticket_id).state is TicketState.EXECUTING
    [approved] = proposals(house, ticket_id, "isolate_host")
    lab = house.services.connectors["lab"]
    key = f"casemate-{approved.id}"
    if arrived:
        lab.execute("isolate_host", {"host": "WS-TRE-014"}, key)
    _leave_dispatched(house, ticket_id, approved.id, key)
    house.work(ticket_id)
    with house.services.store.read() as tx:
        [effect] = [e for e in tx.effects.of(ticket_id) if e.tool == "isolate_host"]
    assert effect.state is EffectState.CONFIRMED
    assert lab.probe("isolate_host", {"host": "WS-TRE-014"}, key).state == "yes"
    with house.services.store.read() as tx:
        dispatched = [e for e in tx.audit.of(ticket_id) if e["action"] == "effect.dispatched"]
    assert len([e for e in dispatched if e["data"]["tool"] == "isolate_host"]) <= 1


def _leave_dispatched(house: House, ticket_id: str, proposal_id: str, key: str) -> None:
    """The ledger as a worker leaves it that dies right after it sent the request."""
    now = house.clock.now()
    from core.action import Effect

    with house.services.store.begin() as tx:
        proposal = tx.proposals.get(proposal_id)
        tx.proposals.move(proposal, ProposalState.EXECUTED, AuditEvent(action="test", actor="test"))
        planned = Effect(
            id="eff_crash", proposal_id=proposal_id, ticket_id=ticket_id, tool="isolate_host", connector="lab",
            idempotency_key=key, state=EffectState.PLANNED, target=None, source="", outcome={}, reverts_at=None,
            attempts=0, created_at=now, updated_at=now,
        )  # fmt: skip
        tx.effects.plan(planned, AuditEvent(action="test", actor="test"))
        tx.effects.move(planned, EffectState.DISPATCHED, outcome={}, audit=AuditEvent(action="test", actor="test"))


def test_a_ticket_that_breaks_its_worker_three_times_goes_to_the_dead_letter(house: House) -> None:
    ticket_id = house.submit(demo_ticket("endpoint", "malicious"))
    journey.advance(house.services, ticket_id)
    tamper(house, "UPDATE tickets SET masked = ? WHERE id = ?", json.dumps({"attachments": [], "bogus": 1}), ticket_id)
    for _ in range(6):
        house.work(ticket_id)
        house.clock.advance(seconds=30)
    dead = house.ticket(ticket_id)
    assert dead.state is TicketState.FAILED
    assert dead.trouble is not None
    assert "casemate ticket retry" in dead.trouble
    sweep.run(house.services)
    [report] = [json.loads(p.read_text()) for p in house.settings.report_folder.rglob("*.json")]
    assert report["type"] == "report.failed"


@contextmanager
def receiver(answers: list[int]) -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    """A webhook that answers with these statuses in turn and keeps what it got."""
    got: list[tuple[dict[str, str], bytes]] = []
    app = FastAPI()

    @app.post("/hook")
    async def hook(request: Request) -> Response:
        got.append((dict(request.headers), await request.body()))
        return Response(status_code=answers[min(len(got), len(answers)) - 1])

    with http_server(app) as address:
        yield f"{address}/hook", got


def test_a_report_is_signed_and_sent_again_with_the_same_id_until_it_is_taken(make_house: MakeHouse) -> None:
    with receiver([500, 302, 200]) as (url, got):
        ticket = demo_ticket("endpoint", "benign")
        house = make_house(report_webhooks={ticket["source"]: Webhook(url=url, secret=SecretStr(SECRET))})
        ticket_id = house.submit(ticket)
        for _ in range(6):
            house.work(ticket_id)
            house.clock.advance(seconds=600)
        assert house.ticket(ticket_id).state is TicketState.CLOSED
    assert len(got) == 3
    assert len({headers["webhook-id"] for headers, _ in got}) == 1
    headers, body = got[-1]
    moment = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    assert headers["webhook-signature"] == Verifier(SECRET).sign(headers["webhook-id"], moment, body.decode())
    assert json.loads(body)["assessment"]["verdict"] == "benign"


def test_one_report_that_cannot_be_made_does_not_hold_up_the_others(house: House) -> None:
    ids = [house.submit({**demo_ticket("endpoint", "benign"), "external_id": name}) for name in ("gone", "fine")]
    with house.services.store.begin() as tx:
        for ticket_id in ids:
            report.queue(tx, tx.tickets.get(ticket_id), kind="escalated", settings=house.settings)
    tamper(house, "UPDATE ticket_keys SET wrapped = x'00' WHERE ticket_id = ?", ids[0])
    sweep.run(house.services)
    delivered = [json.loads(p.read_text()) for p in house.settings.report_folder.rglob("*.json")]
    assert [r["ticket"]["external_id"] for r in delivered] == ["fine"]
    assert set(house.rung) >= set(ids)
    with house.services.store.read() as tx:
        [late] = tx.outbox.of(ids[0])
    assert late["delivered_at"] is None
    assert "was changed" in str(late["error"])


def test_an_effect_whose_outcome_nobody_saw_is_looked_at_again(house: House) -> None:
    done = house.triage(demo_ticket("endpoint", "malicious"))
    tamper(house, "UPDATE effects SET state = 'unknown' WHERE ticket_id = ? AND tool = 'isolate_host'", done.id)
    house.clock.advance(seconds=2 * house.settings.lease_seconds + 1)
    sweep.run(house.services)
    with house.services.store.read() as tx:
        assert {e.state for e in tx.effects.of(done.id) if e.tool == "isolate_host"} == {EffectState.CONFIRMED}
