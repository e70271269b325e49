"""What people do on a case: look at an original, say what they think of the verdict, send it round again."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from core.assessment import Verdict
from core.errors import VaultError
from core.identity import READERS, Role
from gateway.cases import case
from gateway.console.render import HEADERS, is_part, page, part
from gateway.console.visit import Visit, Visitor
from gateway.parts import Parts, parts
from gateway.problems import Problem
from workflows import feedback, retry, reveal

router = APIRouter(prefix="/cases/{ticket_id}", include_in_schema=False)

Our = Annotated[Parts, Depends(parts)]
#: Those whose work cases are.
Worker = Annotated[Visitor, Depends(Visit(Role.ANALYST, Role.APPROVER))]


@router.post("/reveal")
def look(
    request: Request,
    ticket_id: str,
    visitor: Worker,
    our: Our,
    *,
    token: Annotated[str, Form(max_length=80)] = "",
    reason: Annotated[str, Form()] = "",
) -> Response:
    """Show what one token stands for, once, to this person. It is in no URL and kept by no browser."""
    value, refused = "", ""
    try:
        value = reveal.token(
            our.store, our.masker, ticket_id, token, person=visitor.name, roles=visitor.roles, reason=reason
        )
    except reveal.RevealRefused as error:
        if not is_part(request):
            raise
        refused = str(error)
    except VaultError as error:
        raise Problem(HTTPStatus.CONFLICT, str(error)) from None
    shown: dict[str, Any] = {"token": token, "value": value, "refused": refused, "base": f"/cases/{ticket_id}"}
    if is_part(request):
        return part(request, "case/reveal_part.html", visitor, **shown)
    return page(request, "case/reveal.html", visitor, title="Original of a token", **shown)


@router.post("/feedback")
def say(
    ticket_id: str,
    visitor: Worker,
    our: Our,
    verdict: Annotated[Verdict, Form()],
    reason: Annotated[str, Form()] = "",
) -> Response:
    """Agree with the verdict or correct it."""
    try:
        feedback.give(
            our.store,
            our.masker,
            ticket_id,
            person=visitor.name,
            roles=visitor.roles,
            verdict=verdict,
            reason=reason,
        )
    except VaultError as error:
        raise Problem(HTTPStatus.CONFLICT, str(error)) from None
    return _back(ticket_id, "#feedback")


@router.post("/retry")
def again(ticket_id: str, visitor: Annotated[Visitor, Depends(Visit(Role.ADMIN))], our: Our) -> Response:
    """Send a ticket that was given up round again."""
    try:
        retry.retry(our.store, ticket_id, actor=f"user:{visitor.name}", ring=our.ring)
    except retry.NotRetriable as error:
        raise Problem(HTTPStatus.CONFLICT, str(error)) from None
    return _back(ticket_id)


@router.get("/case.json")
def download(ticket_id: str, _visitor: Annotated[Visitor, Depends(Visit(*READERS))], our: Our) -> Response:
    """The whole case, masked: what `GET /api/v1/tickets/{ticket_id}` answers."""
    with our.store.read() as tx:
        found = case(tx, ticket_id)
    name = f'attachment; filename="{found["id"]}.json"'
    content = json.dumps(found, ensure_ascii=False, indent=2)
    return Response(content, media_type="application/json", headers={**HEADERS, "Content-Disposition": name})


def _back(ticket_id: str, place: str = "") -> Response:
    return RedirectResponse(f"/cases/{ticket_id}{place}", HTTPStatus.SEE_OTHER, headers=HEADERS)
