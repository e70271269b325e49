"""`/policy/decisions`: every answer of policy, filtered, and why it was given."""

from __future__ import annotations

from typing import Annotated, cast, get_args
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response

from core.decision_log import Door
from core.errors import BundleInvalid
from gateway.console.policy import Our, Reader, show
from gateway.console.queue_view import moment_of
from gateway.cursors import before

router = APIRouter(include_in_schema=False)

#: Decisions on one page.
PAGE = 50
DOORS: tuple[str, ...] = get_args(Door)
Word = Annotated[str, Query(max_length=120)]


@router.get("/policy/decisions")
def decisions(
    *,
    request: Request,
    visitor: Reader,
    our: Our,
    tool: Word = "",
    outcome: Annotated[str, Query(pattern="^(allow|ask|deny|)$")] = "",
    door: Annotated[str, Query(pattern=f"^({'|'.join(DOORS)})?$")] = "",
    rule: Annotated[str, Query(max_length=64)] = "",
    bundle: Annotated[str, Query(pattern="^[0-9a-f]{0,64}$")] = "",
    ticket: Word = "",
    since: Word = "",
    cursor: Annotated[str | None, Query(max_length=20)] = None,
) -> Response:
    """The decision log, newest first."""
    said = {"tool": tool, "outcome": outcome, "door": door, "rule": rule, "bundle": bundle, "ticket": ticket}
    said["since"] = since if moment_of(since) else ""
    said = {name: value.strip() for name, value in said.items()}
    wanted = {name: value for name, value in said.items() if value}
    with our.store.read() as tx:
        rows = tx.decisions.search(
            ticket_id=wanted.get("ticket"),
            tool=wanted.get("tool"),
            outcome=wanted.get("outcome"),
            door=cast("Door | None", wanted.get("door")),
            rule=wanted.get("rule"),
            bundle_hash=wanted.get("bundle"),
            since=moment_of(said["since"]),
            before=before(cursor),
            limit=PAGE + 1,
        )
    following = rows[PAGE - 1].sequence if len(rows) > PAGE else None
    return show(
        request,
        "policy/decisions.html",
        visitor,
        title="Decision log",
        decisions=rows[:PAGE],
        wanted=said,
        filtered=bool(wanted),
        doors=DOORS,
        tools=sorted(our.registry.names()),
        older=f"/policy/decisions?{urlencode({**wanted, 'cursor': following})}" if following else None,
        first=f"/policy/decisions?{urlencode(wanted)}" if cursor else None,
    )


@router.get("/policy/decisions/{decision_id}")
def why(request: Request, decision_id: str, visitor: Reader, our: Our) -> Response:
    """One decision, explained by the bundle that took it, with masked values."""
    from workflows.explain import explain_logged

    trouble = None
    with our.store.read() as tx:
        logged = tx.decisions.get(decision_id)
        try:
            past = explain_logged(tx, logged, our.registry, live=our.live())
        except BundleInvalid as error:
            past, trouble = None, f"No bundle loads that could explain it: {error.problems[0]}"
    return show(request, "policy/decision.html", visitor, title="Why", logged=logged, past=past, trouble=trouble)
