"""Takes tickets in: checks, seals, stores once per (source, external_id, version), then rings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.audit import AuditEvent
from core.canonical import JsonObject
from core.errors import Duplicate, TicketConflict
from core.settings import FrameworkChoice
from core.store.engine import Store
from core.store.transaction import Transaction
from core.ticket import TRANSITIONS, Ticket, TicketIn, TicketState, parse_ticket


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """The answer to a hand-in; sending the same ticket again gives the same one."""

    ticket_id: str
    source: str
    external_id: str
    version: int
    #: True when this very ticket had been received before.
    replayed: bool

    def as_json(self) -> JsonObject:
        """What every door answers; identical for a repeat."""
        return {
            "ticket_id": self.ticket_id,
            "source": self.source,
            "external_id": self.external_id,
            "version": self.version,
        }


def submit(
    store: Store,
    value: object,
    *,
    actor: str,
    ring: Callable[[str], None],
    framework: FrameworkChoice = FrameworkChoice.SPEC,
) -> Receipt:
    """Take one ticket in. Returns only after it is safely stored.

    Raises:
        InvalidTicket: a field is wrong; nothing was stored.
        TicketConflict: this version was received with other content; nothing was stored.
        Temporary: the database is away; nothing was stored, send it again.
    """
    ticket = parse_ticket(value)
    receipt = _stored(store, ticket)
    if receipt is None:
        try:
            receipt = _store(store, ticket, actor=actor, framework=framework)
        except Duplicate:  # the same ticket came through another door at the same moment
            receipt = _stored(store, ticket)
            if receipt is None:
                raise
    if not receipt.replayed:
        ring(receipt.ticket_id)
    return receipt


def _stored(store: Store, ticket: TicketIn) -> Receipt | None:
    with store.read() as tx:
        known = tx.tickets.find(ticket.source, ticket.external_id, ticket.version)
        if known is None:
            return None
        same = tx.tickets.holds(known.id, ticket)
    if not same:
        raise TicketConflict(
            "version",
            f"version {ticket.version} of {ticket.source}/{ticket.external_id} was received with other content; "
            "send the change with a higher version",
        )
    return _receipt(known, replayed=True)


def _store(store: Store, ticket: TicketIn, *, actor: str, framework: FrameworkChoice) -> Receipt:
    with store.begin() as tx:
        stored = tx.tickets.add(
            ticket,
            kind=ticket.kind or "",
            framework="" if framework is FrameworkChoice.SPEC else framework.value,
            audit=AuditEvent(
                action="ticket.received",
                actor=actor,
                data={"source": ticket.source, "version": ticket.version},
            ),
        )
        if framework is FrameworkChoice.ALTERNATE:
            tx.tickets.assign_framework(stored.id, ("autogen", "adk")[stored.sequence % 2])
        _order_versions(tx, stored, actor=actor)
        return _receipt(stored, replayed=False)


def _order_versions(tx: Transaction, new: Ticket, *, actor: str) -> None:
    """Only the newest version of a ticket is worked on."""
    versions = tx.tickets.versions(new.source, new.external_id)
    newest = versions[-1]
    for other in versions:
        if other.id == newest.id or TicketState.SUPERSEDED not in TRANSITIONS[other.state]:
            continue
        tx.tickets.supersede(
            other.id, by=newest.id, audit=AuditEvent(action="ticket.superseded", actor=actor, data={"by": newest.id})
        )
        tx.proposals.supersede(other.id, actor=actor)
        tx.outbox.drop_undelivered(other.id)


def _receipt(ticket: Ticket, *, replayed: bool) -> Receipt:
    return Receipt(
        ticket_id=ticket.id,
        source=ticket.source,
        external_id=ticket.external_id,
        version=ticket.version,
        replayed=replayed,
    )
