"""A whole case, shredded: what it knew of people is gone, what was decided and done stays to be read."""

from __future__ import annotations

import json

import pytest

from core.action import EffectState
from core.audit import AuditEvent
from core.errors import Shredded
from core.ticket import TicketState
from gateway.cases import case
from tests.demo_cases import demo_ticket
from tests.house import House
from tests.journey.test_journey import effects, reports
from workflows import intake, report, reveal, sweep
from workflows.replay import past_facts
from workflows.shred import NotShreddable, shred

pytestmark = pytest.mark.journey

HOST = "WS-TRE-014"
MONTH = 30 * 24 * 3600


def order(house: House, ticket_id: str, *, force: bool = False) -> None:
    services = house.services
    shred(
        services.store,
        house.settings,
        ticket_id,
        actor="user:test",
        reason="On order.",
        masker=services.masker,
        force=force,
    )


def events(house: House, ticket_id: str) -> list[str]:
    with house.services.store.read() as tx:
        tx.audit.verify()
        return [event["action"] for event in tx.audit.of(ticket_id)]


def test_a_case_is_shredded_after_its_containment_was_undone_and_stays_readable(house: House) -> None:
    ticket = demo_ticket("endpoint", "malicious")
    done = house.triage(ticket)
    assert HOST in json.dumps([told for told in reports(house) if told["ticket"]["id"] == done.id])
    with pytest.raises(NotShreddable, match="to be undone"):
        order(house, done.id)
    house.clock.advance(seconds=MONTH)
    sweep.run(house.services)
    assert effects(house, done.id)["isolate_host"] is EffectState.REVERTED
    assert HOST in {facts.args["host"].value for facts in past_facts(house.services.store) if "host" in facts.args}
    with house.services.store.read() as tx:
        before = case(tx, done.id)

    order(house, done.id)

    with house.services.store.read() as tx:
        after = case(tx, done.id)
    assert after["shredded_at"] is not None
    assert {**after, "shredded_at": None} == before
    assert HOST not in json.dumps(after)
    assert [facts for facts in past_facts(house.services.store) if "host" in facts.args] == []
    assert [told for told in reports(house) if told["ticket"]["id"] == done.id] == []
    with pytest.raises(Shredded, match="originals are gone"):
        reveal.arguments(
            house.services.store,
            house.services.masker,
            after["actions"][0]["proposal"],
            person="abe",
            roles=["approver", "admin"],
        )
    house.clock.advance(seconds=MONTH)
    sweep.run(house.services)
    assert house.work(done.id).state is TicketState.CLOSED
    assert "effect.reverted" in events(house, done.id)
    again = intake.submit(house.services.store, ticket, actor="test", ring=house.rung.append)
    assert (again.ticket_id, again.replayed) == (done.id, True)


def test_time_shreds_what_is_closed_and_a_halt_stops_it(house: House) -> None:
    done = house.triage(demo_ticket("endpoint", "benign"))
    assert done.state is TicketState.CLOSED
    house.clock.advance(seconds=13 * MONTH)
    halted(house, on=True)
    sweep.run(house.services)
    assert house.ticket(done.id).shredded_at is None
    halted(house, on=False)
    sweep.run(house.services)
    assert house.ticket(done.id).shredded_at == house.clock.now()
    assert events(house, done.id)[-1] == "vault.shredded"


def halted(house: House, *, on: bool) -> None:
    with house.services.store.begin() as tx:
        tx.operations.halt(on=on, reason="drill", audit=AuditEvent(action="test", actor="test"))


def test_a_report_of_a_shredded_ticket_goes_out_with_its_tokens(house: House) -> None:
    done = house.triage(demo_ticket("endpoint", "benign"))
    order(house, done.id)
    with house.services.store.begin() as tx:
        report.queue(tx, tx.tickets.get(done.id), kind="final", settings=house.settings)
    [told] = [told for told in reports(house) if told["ticket"]["id"] == done.id]
    with house.services.store.read() as tx:
        assert told["assessment"]["summary"] == case(tx, done.id)["assessment"]["summary"]


def test_work_on_a_ticket_ends_when_it_is_shredded_in_the_middle(house: House) -> None:
    ticket_id = house.submit(demo_ticket("endpoint", "malicious"))
    order(house, ticket_id, force=True)
    assert house.work(ticket_id).state is TicketState.ESCALATED
    sweep.run(house.services)
    house.clock.advance(seconds=MONTH)
    sweep.run(house.services)
    assert house.rung == [ticket_id]
    [told] = reports(house)
    assert "destroyed on order" in told["note"]
    assert HOST not in json.dumps(told)
