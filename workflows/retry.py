"""Sends a ticket that was given up round again, from the start."""

from __future__ import annotations

from collections.abc import Callable

from core.audit import AuditEvent
from core.errors import CasemateError
from core.store.engine import Store
from core.ticket import TRANSITIONS, Ticket, TicketState


class NotRetriable(CasemateError):
    """Only a ticket that was given up starts over."""


def retry(store: Store, ticket_id: str, *, actor: str, ring: Callable[[str], None]) -> Ticket:
    """Back to `received`: masked anew and worked anew. Its evidence, audit trail and effects stay.

    Raises:
        NotRetriable: it was not given up, or it was shredded.
        NotFound: there is no such ticket.
    """
    with store.begin() as tx:
        ticket = tx.tickets.get(ticket_id)
        if TicketState.RECEIVED not in TRANSITIONS[ticket.state]:
            raise NotRetriable(
                f"Ticket {ticket_id} is {ticket.state.value}; only escalated and failed ones start over."
            )
        if ticket.shredded_at is not None:
            raise NotRetriable(f"Ticket {ticket_id} was shredded, so nothing is left to work on; hand it in anew.")
        tx.proposals.supersede(ticket_id, actor=actor)
        tx.tickets.forget_run(ticket_id)
        again = tx.tickets.set_state(
            ticket_id, TicketState.RECEIVED, audit=AuditEvent(action="ticket.retried", actor=actor)
        )
    ring(ticket_id)
    return again
