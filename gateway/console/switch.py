"""The kill switch in the console: the banner of every page, and the forms that stop and go on."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from core.identity import Role
from gateway.console.render import HEADERS, part
from gateway.console.visit import Visit, Visitor
from gateway.parts import Parts, parts
from gateway.problems import Problem
from workflows import switch

router = APIRouter(include_in_schema=False)

Our = Annotated[Parts, Depends(parts)]
Admin = Annotated[Visitor, Depends(Visit(Role.ADMIN))]


@router.get("/halted")
def banner(request: Request, visitor: Annotated[Visitor, Depends(Visit())], our: Our) -> Response:
    """What pages that are open show when the switch is turned."""
    with our.store.read() as tx:
        return part(request, "halted.html", visitor, halted=tx.operations.halted())


@router.post("/admin/halt")
def halt(visitor: Admin, our: Our, reason: Annotated[str, Form(max_length=switch.MAX_REASON)] = "") -> Response:
    """Stop every model call and every action."""
    if not reason.strip():
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "Say why everything stops; everyone who is stopped reads it.")
    switch.halt(our.store, actor=f"user:{visitor.name}", reason=reason.strip())
    return RedirectResponse("/admin#switch", HTTPStatus.SEE_OTHER, headers=HEADERS)


@router.post("/admin/resume")
def resume(visitor: Admin, our: Our) -> Response:
    """Let casemate go on."""
    switch.resume(our.store, actor=f"user:{visitor.name}")
    return RedirectResponse("/admin#switch", HTTPStatus.SEE_OTHER, headers=HEADERS)
