"""`/live`: server-sent events that tell an open page what has changed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from core.errors import CasemateError
from core.identity import READERS, holds
from gateway.console.render import HEADERS
from gateway.console.visit import Visit, Visitor
from gateway.parts import Parts, parts

router = APIRouter(include_in_schema=False)


@router.get("/live")
async def live(
    request: Request,
    visitor: Annotated[Visitor, Depends(Visit(*READERS))],
    our: Annotated[Parts, Depends(parts)],
) -> Response:
    """Events `changed` with the ids of the tickets that something happened to; `away` while the database is."""
    headers = {**HEADERS, "X-Accel-Buffering": "no"}
    return StreamingResponse(_events(our, visitor.session.digest), media_type="text/event-stream", headers=headers)


async def _events(our: Parts, digest: str) -> AsyncIterator[str]:
    """Ends with the session: the browser then asks again, and is told to sign in."""
    yield "retry: 3000\n\n"
    async for beat in our.pulse.beats():
        if beat.well and await run_in_threadpool(_is_over, our, digest):
            return
        named = None if beat.tickets is None else list(beat.tickets)
        event = "changed" if beat.well else "away"
        yield f"id: {beat.sequence}\nevent: {event}\ndata: {json.dumps({'tickets': named, 'halted': beat.halted})}\n\n"


def _is_over(our: Parts, digest: str) -> bool:
    """Whether the session has ended meanwhile, or its person may not read cases any more."""
    idle = timedelta(minutes=our.settings.session_idle_minutes)
    try:
        with our.store.read() as tx:
            session = tx.sessions.find(digest, idle=idle)
    except CasemateError:  # the database is away; the next beat says so
        return False
    return session is None or not holds(session.user.roles, *READERS)
