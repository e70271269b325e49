"""`/claims/ID`: who works on a ticket, and taking it over. A claim is a courtesy to others and forbids nothing."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from core.identity import Role
from core.worklist import Claim
from gateway.console.render import HEADERS, is_part, page, part
from gateway.console.signing_in import local
from gateway.console.visit import Visit, Visitor
from gateway.parts import Parts, parts
from gateway.problems import Problem
from workflows import claims

router = APIRouter(include_in_schema=False)

Worker = Annotated[Visitor, Depends(Visit(Role.ANALYST, Role.APPROVER))]
Our = Annotated[Parts, Depends(parts)]


@router.get("/claims/{ticket_id}")
def ask(request: Request, our: Our, visitor: Worker, ticket_id: str, after: str = "/queue") -> Response:
    """Whether to take a ticket over from who has claimed it."""
    with our.store.read() as tx:
        ticket = tx.tickets.get(ticket_id)
        held = tx.claims.of(ticket_id)
        line = tx.worklist.lines([ticket_id])[ticket_id]
    given: dict[str, Any] = {"ticket": ticket, "line": line, "held": held, "after": local(after)}
    return page(request, "queue/claim.html", visitor, title="Who works on it", **given)


@router.post("/claims/{ticket_id}")
def change(
    *,
    request: Request,
    our: Our,
    visitor: Worker,
    ticket_id: str,
    do: Annotated[str, Form()] = "claim",
    after: Annotated[str, Form(max_length=2000)] = "/queue",
) -> Response:
    """Claim, release or take over; a part answers with the claim as it is now."""
    held: Claim | None
    match do:
        case "claim" | "take":
            held = claims.claim(our.store, ticket_id, visitor.name, over=do == "take")
        case "release":
            claims.release(our.store, ticket_id, visitor.name)
            with our.store.read() as tx:
                held = tx.claims.of(ticket_id)
        case _:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "Say claim, release or take.")
    if is_part(request):
        return part(request, "queue/claim_cell.html", visitor, ticket_id=ticket_id, held=held, after=local(after))
    if do == "claim" and held is not None and held.person != visitor.name:
        asking = f"/claims/{ticket_id}?{urlencode({'after': local(after)})}"
        return RedirectResponse(asking, HTTPStatus.SEE_OTHER, headers=HEADERS)
    return RedirectResponse(local(after), HTTPStatus.SEE_OTHER, headers=HEADERS)
