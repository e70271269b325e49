"""`/queue`: what waits for a person first, then every case."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from core.identity import READERS
from gateway.console.render import page
from gateway.console.visit import Visit, Visitor

router = APIRouter(include_in_schema=False)


@router.get("/queue")
def queue(request: Request, visitor: Annotated[Visitor, Depends(Visit(*READERS))]) -> Response:
    """The queue."""
    return page(request, "queue/page.html", visitor, title="Queue")
