"""Runs a ticket's journey in this process, for a command line with no worker around."""

from __future__ import annotations

import threading
from datetime import timedelta

from core.settings import Settings
from core.store.engine import Store
from core.ticket import RESTING, TicketState
from workers.heartbeat import HEARTBEAT_SECONDS
from workers.wiring import open_services
from workflows import deliver, journey
from workflows.services import Services


def worker_alive(store: Store) -> bool:
    """Whether any worker has shown a sign of life lately."""
    since = store.clock.now() - timedelta(seconds=4 * HEARTBEAT_SECONDS)
    with store.read() as tx:
        return any(process["kind"] == "worker" for process in tx.operations.alive(since=since))


def inline_services(settings: Settings, store: Store) -> Services:
    """Services whose bell rings for nobody: the caller runs every step itself."""
    return open_services(settings, ring=lambda _ticket_id: None, store=store)


def run_to_rest(services: Services, ticket_id: str, *, seconds: float) -> TicketState:
    """Advance a ticket until a person is needed or nothing is left, for at most about `seconds`."""
    pause = threading.Event()
    deadline = services.clock.now() + timedelta(seconds=seconds)
    while True:
        with services.store.read() as tx:
            ticket = tx.tickets.get(ticket_id)
        if ticket.state in RESTING or services.clock.now() >= deadline:
            deliver.send_due(services, ticket_id=ticket_id)
            return ticket.state
        if not journey.advance(services, ticket_id).ring:
            pause.wait(0.2)  # it must wait for something outside; look again soon
