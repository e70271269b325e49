"""`/live`: server-sent events that tell an open page what has changed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from starlette.responses import StreamingResponse

from core.identity import READERS
from gateway.console.render import HEADERS
from gateway.console.visit import Visit, Visitor
from gateway.parts import Parts, parts

router = APIRouter(include_in_schema=False)


@router.get("/live")
async def live(
    request: Request,
    _visitor: Annotated[Visitor, Depends(Visit(*READERS))],
    our: Annotated[Parts, Depends(parts)],
) -> Response:
    """Events `changed` with the ids of the tickets that something happened to; `away` while the database is."""
    headers = {**HEADERS, "X-Accel-Buffering": "no"}
    return StreamingResponse(_events(our), media_type="text/event-stream", headers=headers)


async def _events(our: Parts) -> AsyncIterator[str]:
    yield "retry: 3000\n\n"
    async for beat in our.pulse.beats():
        named = None if beat.tickets is None else list(beat.tickets)
        event = "changed" if beat.well else "away"
        yield f"id: {beat.sequence}\nevent: {event}\ndata: {json.dumps({'tickets': named, 'halted': beat.halted})}\n\n"
