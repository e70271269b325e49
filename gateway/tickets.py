"""`/api/v1/tickets`: hand tickets in, read them back."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Annotated, NoReturn

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from pydantic import BaseModel

from core.canonical import Json, JsonObject
from core.errors import InvalidTicket
from core.identity import READERS, Role
from core.store.tickets import as_json
from core.ticket import MAX_DEPTH, TicketState
from gateway.cases import case
from gateway.cursors import before
from gateway.description import TICKET_BODY
from gateway.identity import Caller, Permit
from gateway.parts import Parts, parts
from workflows import intake

router = APIRouter(prefix="/api/v1/tickets", tags=["tickets"])


class Receipt(BaseModel):
    """The answer to a hand-in: the same for every repeat."""

    ticket_id: str
    source: str
    external_id: str
    version: int


class TicketList(BaseModel):
    """One page, newest first; `next` is the cursor of the following page."""

    tickets: list[JsonObject]
    next: str | None


async def body(request: Request) -> bytes:
    """The whole request body; `gateway.limits` bounds it."""
    return await request.body()


def decode(raw: bytes) -> Json:
    """Decode JSON strictly: NaN, infinities and repeated keys mean different things to different readers.

    Raises:
        InvalidTicket: it is not JSON that everyone reads alike.
    """

    def refuse(constant: str) -> NoReturn:
        raise InvalidTicket("ticket", f"holds {constant}, which is not JSON; send it as a string")

    def unique(pairs: list[tuple[str, Json]]) -> JsonObject:
        value = dict(pairs)
        if len(value) != len(pairs):
            raise InvalidTicket("ticket", "names a key twice in one object; send each once")
        return value

    try:
        return json.loads(raw, parse_constant=refuse, object_pairs_hook=unique)
    except RecursionError:
        raise InvalidTicket("fields", f"is nested deeper than {MAX_DEPTH} levels; flatten it") from None
    except ValueError as error:
        place = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        raise InvalidTicket("ticket", f"is not JSON in UTF-8{place}; send one JSON object") from None


@router.post(
    "",
    status_code=HTTPStatus.ACCEPTED,
    response_model=Receipt,
    openapi_extra=TICKET_BODY,
    responses={409: {"description": "This version came with other content"}},
)
def submit(
    response: Response,
    raw: Annotated[bytes, Depends(body)],
    caller: Annotated[Caller, Depends(Permit(Role.SUBMITTER))],
    our: Annotated[Parts, Depends(parts)],
    idempotency_key: Annotated[
        str | None,
        Header(
            max_length=255,
            description="Accepted and not needed: a ticket is known by (source, external_id, version).",
        ),
    ] = None,
) -> JsonObject:
    """Take a ticket in. Sending it again is harmless and gives the same answer."""
    del idempotency_key
    receipt = intake.submit(our.store, decode(raw), actor=f"api:{caller.name}", ring=our.ring, framework=our.framework)
    response.headers["Location"] = f"/api/v1/tickets/{receipt.ticket_id}"
    if receipt.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return receipt.as_json()


@router.get("", response_model=TicketList)
def listing(
    _caller: Annotated[Caller, Depends(Permit(*READERS))],
    our: Annotated[Parts, Depends(parts)],
    state: Annotated[list[TicketState] | None, Query(description="Only these states; may be repeated.")] = None,
    cursor: Annotated[str | None, Query(description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> JsonObject:
    """Tickets, newest first."""
    start = before(cursor)
    with our.store.read() as tx:
        page = tx.tickets.recent(states=state, before=start, limit=limit + 1)
    shown = page[:limit]
    following = str(shown[-1].sequence) if len(page) > limit else None
    return {"tickets": [as_json(ticket) for ticket in shown], "next": following}


@router.get("/{ticket_id}")
def show(
    ticket_id: str,
    caller: Annotated[Caller, Depends(Permit(Role.SUBMITTER, *READERS))],
    our: Annotated[Parts, Depends(parts)],
) -> JsonObject:
    """One ticket; the whole case for those who may read it, only its progress for a submitter."""
    with our.store.read() as tx:
        if caller.has(*READERS):
            return case(tx, ticket_id)
        return as_json(tx.tickets.get(ticket_id))
