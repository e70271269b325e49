"""`/`: where a person begins."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from core.identity import READERS
from gateway.console.render import HEADERS, page
from gateway.console.visit import Visit, Visitor

router = APIRouter(include_in_schema=False)


@router.get("/")
def home(request: Request, visitor: Annotated[Visitor, Depends(Visit())]) -> Response:
    """The queue; a page that says what to ask for, for those who may not see it."""
    if visitor.has(*READERS):
        return RedirectResponse("/queue", HTTPStatus.SEE_OTHER, headers=HEADERS)
    return page(request, "no_role.html", visitor, title="No pages for you yet")
