"""A ticket that was given up can be sent round again."""

from __future__ import annotations

import pytest

from core.audit import AuditEvent
from core.store.engine import Store
from core.ticket import TicketState
from workflows import intake
from workflows.retry import NotRetriable, retry

TICKET = {"source": "siem", "external_id": "A-1", "title": "Odd mail", "body": "Please look."}
EVENT = AuditEvent(action="test.prepared", actor="test")


def received(store: Store) -> str:
    return intake.submit(store, TICKET, actor="test", ring=lambda _ticket_id: None).ticket_id


@pytest.mark.parametrize("state", [TicketState.ESCALATED, TicketState.FAILED])
def test_a_ticket_that_was_given_up_starts_over_and_is_rung_for(store: Store, state: TicketState) -> None:
    ticket_id = received(store)
    with store.begin() as tx:
        tx.tickets.set_state(ticket_id, state, audit=EVENT)
    rung: list[str] = []
    ticket = retry(store, ticket_id, actor="user:ana", ring=rung.append)
    assert (ticket.state, rung) == (TicketState.RECEIVED, [ticket_id])
    with store.read() as tx:
        assert ticket_id in tx.tickets.due()
        assert tx.audit.of(ticket_id)[-1]["actor"] == "user:ana"


def test_a_ticket_at_work_is_left_alone(store: Store) -> None:
    ticket_id = received(store)
    rung: list[str] = []
    with pytest.raises(NotRetriable):
        retry(store, ticket_id, actor="user:ana", ring=rung.append)
    assert rung == []
