"""`/start`: the first run. Looks at what is there, hands a sample in, and follows it until it is triaged."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from core.identity import READERS, Role
from core.ticket import RESTING, TicketState
from gateway.console.render import HEADERS, is_part, page, part
from gateway.console.visit import Visit, Visitor
from gateway.parts import Parts, parts
from workflows import first_run, installation, samples
from workflows.words import TICKET_WORDS

router = APIRouter(prefix="/start", include_in_schema=False)

Our = Annotated[Parts, Depends(parts)]
Beginner = Annotated[Visitor, Depends(Visit(Role.SUBMITTER, Role.ANALYST))]
#: What a first run offers: an attack, its harmless twin, and one that asks a person.
OFFERED = ("phishing-lure", "phishing-own-notice", "endpoint-implant")


@router.get("")
def start(request: Request, visitor: Beginner, our: Our) -> Response:
    """The checks and the samples; for htmx the checks alone."""
    checks = first_run.checks(our.store, our.live, our.chain or our.settings.model_chain)
    if is_part(request):
        return part(request, "start/checks.html", visitor, checks=checks)
    offered = [samples.sample_named(name) for name in OFFERED]
    return page(request, "start/page.html", visitor, title="First run", checks=checks, samples=offered)


@router.post("")
def hand_in(visitor: Beginner, our: Our, sample: Annotated[str, Form(max_length=64)] = "") -> Response:
    """Hand a sample in; the same sample again is the same ticket."""
    receipt = samples.hand_in(
        our.store, sample or OFFERED[0], actor=f"user:{visitor.name}", ring=our.ring, framework=our.framework
    )
    return RedirectResponse(f"/start/{receipt.ticket_id}", HTTPStatus.SEE_OTHER, headers=HEADERS)


@router.get("/{ticket_id}")
def follow(ticket_id: str, request: Request, visitor: Beginner, our: Our) -> Response:
    """How far a ticket has come."""
    with our.store.read() as tx:
        ticket = tx.tickets.get(ticket_id)
        workers = [one for one in installation.processes(tx, our.store) if one.kind == "worker" and one.alive]
    seen: dict[str, Any] = {
        "ticket": ticket,
        "steps": first_run.journey_of(ticket),
        "resting": ticket.state in RESTING,
        "well": ticket.state not in {TicketState.ESCALATED, TicketState.FAILED},
        "words": TICKET_WORDS[ticket.state],
        "reader": visitor.has(*READERS),
        "workers": workers,
    }
    if is_part(request):
        return part(request, "start/journey.html", visitor, **seen)
    return page(request, "start/follow.html", visitor, title="Your first ticket", **seen)
