"""What an operator looks for, the same on SQLite and PostgreSQL."""

from __future__ import annotations

import pytest

from core.action import EffectState, ProposalState
from core.audit import AuditEvent
from core.clock import FixedClock
from core.store.engine import Store
from core.store.outbox import MAX_ATTEMPTS
from core.ticket import TicketState
from tests.samples import effect, held, keep, proposal, stored_ticket, walk

EVENT = AuditEvent(action="test", actor="test")


def test_an_empty_house_has_nothing_to_look_for(any_store: Store) -> None:
    with any_store.read() as tx:
        assert tx.upkeep.stuck() == []
        assert tx.upkeep.set_aside() == []
        assert tx.upkeep.undelivered() == (0, [])
        assert tx.upkeep.effects() == {}
        assert tx.upkeep.unknown() == []
        assert tx.upkeep.last_failure("lab") is None


def test_tickets_that_stand_still_say_why_and_rested_ones_are_not_among_them(any_store: Store) -> None:
    fine = stored_ticket(any_store, external_id="fine")
    slow = stored_ticket(any_store, external_id="slow")
    over = stored_ticket(any_store, external_id="over")
    walk(any_store, over.id, TicketState.ESCALATED)
    with any_store.begin() as tx:
        tx.tickets.release(held(any_store, slow.id, tx=tx), trouble="The model is down.")
    with any_store.read() as tx:
        (stuck,), (aside,) = tx.upkeep.stuck(), tx.upkeep.set_aside()
    assert (stuck.ticket_id, stuck.trouble) == (slow.id, "The model is down.")
    assert aside.ticket_id == over.id
    assert fine.id not in {stuck.ticket_id, aside.ticket_id}


def test_messages_that_were_tried_in_vain_are_shown_with_the_dead_ones_first(
    any_store: Store, clock: FixedClock
) -> None:
    ticket = stored_ticket(any_store)
    with any_store.begin() as tx:
        for destination in ("tried", "given-up", "new"):
            tx.outbox.add(ticket_id=ticket.id, kind="report", destination=destination, payload={})
    for _ in range(MAX_ATTEMPTS):
        clock.advance(seconds=4000)
        with any_store.begin() as tx:
            for message in tx.outbox.claim(seconds=1):
                if message.destination == "given-up" or (message.destination == "tried" and message.attempts == 1):
                    tx.outbox.failed(message, error="HTTP 503", audit=EVENT)
    with any_store.read() as tx:
        waiting, messages = tx.upkeep.undelivered()
    assert waiting == 2
    assert [(one.destination, one.dead, one.error) for one in messages] == [
        ("given-up", True, "HTTP 503"),
        ("tried", False, "HTTP 503"),
    ]


def test_effects_are_counted_by_connector_and_the_newest_failure_is_named(any_store: Store, clock: FixedClock) -> None:
    ticket = stored_ticket(any_store)
    for connector, path in (
        ("lab", [EffectState.DISPATCHED, EffectState.CONFIRMED]),
        ("lab", [EffectState.FAILED]),
        ("okta", [EffectState.DISPATCHED, EffectState.UNKNOWN]),
    ):
        clock.advance(seconds=1)
        planned = effect(keep(any_store, proposal(ticket.id, state=ProposalState.APPROVED)), connector=connector)
        with any_store.begin() as tx:
            tx.effects.plan(planned, EVENT)
        for to in path:
            with any_store.begin() as tx:
                (now,) = [one for one in tx.effects.of(ticket.id) if one.id == planned.id]
                tx.effects.move(now, to, outcome={"said": {"error": "TimeoutError"}}, audit=EVENT)
    with any_store.read() as tx:
        counted, last, unknown = tx.upkeep.effects(), tx.upkeep.last_failure("lab"), tx.upkeep.unknown()
    assert counted == {"lab": {"confirmed": 1, "failed": 1}, "okta": {"unknown": 1}}
    assert last is not None
    assert (last.state, last.outcome) == (EffectState.FAILED, {"said": {"error": "TimeoutError"}})
    assert [one.connector for one in unknown] == ["okta"]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, ["b_c", "b.two", "a.one"]),
        ({"action": "b."}, ["b.two"]),
        ({"action": "b_"}, ["b_c"]),
        ({"action": "%"}, []),
        ({"actor": "user:ana"}, ["a.one"]),
        ({"before": 2}, ["a.one"]),
        ({"limit": 1}, ["b_c"]),
        ({"ticket_id": "tkt_none"}, []),
    ],
)
def test_the_trail_is_searched_newest_first(any_store: Store, filters: dict[str, object], found: list[str]) -> None:
    for action, actor in (("a.one", "user:ana"), ("b.two", "clock"), ("b_c", "clock")):
        with any_store.begin() as tx:
            tx.audit.take(AuditEvent(action=action, actor=actor))
    with any_store.read() as tx:
        events = tx.upkeep.trail(**filters)  # type: ignore[arg-type]  # filters of the cases above
    assert [event.action for event in events] == found
