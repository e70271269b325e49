"""Opens a ticket inside the trusted zone: its original, its masked copy, its tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.action import Proposal
from core.canonical import JsonObject
from core.errors import TriageError
from core.store.ticket_vault import TicketVault
from workflows.services import Deciding

if TYPE_CHECKING:
    from policies.bundle import Bundle
    from policies.masking.session import MaskSession
    from tools.case import Case


def open_case(services: Deciding, ticket_id: str, bundle: Bundle | None = None) -> tuple[Case, MaskSession]:
    """The case as the gate needs it, and the session that masks and restores for it, by the live bundle or this."""
    from tools.case import Case

    with services.store.read() as tx:
        ticket = tx.tickets.get(ticket_id)
        original = tx.tickets.original(ticket_id)
        masked = tx.tickets.masked(ticket_id)
        evidence = tx.evidence.of(ticket_id)
    if masked is None:
        raise TriageError(f"Ticket {ticket_id} has no masked copy; run `casemate ticket retry {ticket_id}`.")
    case = Case(
        ticket_id=ticket_id,
        kind=ticket.kind,
        source=ticket.source,
        team=ticket.team,
        framework=ticket.framework,
        original=original,
        masked=masked,
    )
    session = services.masker(bundle).session(TicketVault(services.store, ticket_id))
    # What a model has seen of this ticket stays as it was shown, so that a resumed run does not contradict itself.
    session.note_shown([masked.as_json(), *(item.as_json() for item in evidence)])
    return case, session


def real_arguments(session: MaskSession, proposal: Proposal) -> JsonObject:
    """The arguments with their tokens restored, for the connector alone.

    Raises:
        ToolRefused: a token is not this ticket's, or policy does not permit it in that place.
    """
    from tools.facts import restored

    return {name: restored(session, proposal.tool, name, value) for name, value in proposal.arguments.items()}
