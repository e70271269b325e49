"""`/overview/…`: the lists behind the numbers of the overview, each of one period, for all who read cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response

from core.identity import READERS
from core.store.behind import Page
from core.store.transaction import Transaction
from gateway.console.leads import Leads
from gateway.console.numbers import count, took
from gateway.console.queue_view import moment_of
from gateway.console.render import page
from gateway.console.visit import Visit, Visitor
from gateway.parts import Parts, parts

router = APIRouter(prefix="/overview", include_in_schema=False)

#: Rows of one page.
ROWS = 50
#: Pages that anybody may turn to.
MOST_PAGES = 10_000
#: The period of an address that names none: until now.
USUAL = timedelta(days=7)

Reader = Annotated[Visitor, Depends(Visit(*READERS))]
Our = Annotated[Parts, Depends(parts)]
By = Literal["tokens", "read", "written", "requests", "seconds", "after"]
Kind = Annotated[str, Query(max_length=64)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """Which period, and which page of its list."""

    lead: Leads
    number: int

    @property
    def rows(self) -> Page:
        """One row more than is shown, to know whether there are more."""
        return Page(since=self.lead.since, until=self.lead.until, offset=(self.number - 1) * ROWS, limit=ROWS + 1)


def asked(
    our: Our,
    since: Annotated[str, Query(max_length=40)] = "",
    until: Annotated[str, Query(max_length=40)] = "",
    number: Annotated[int, Query(alias="page", ge=1, le=MOST_PAGES)] = 1,
) -> Asked:
    """The period of an address; it ends now, and is of `USUAL` length, where the address does not say."""
    minute = our.clock.now().replace(second=0, microsecond=0)
    end = moment_of(until) or minute + timedelta(minutes=1)
    return Asked(lead=Leads(moment_of(since) or end - USUAL, end), number=number)


Wanted = Annotated[Asked, Depends(asked)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Hidden:
    """One ticket, and how many values of which kinds are hidden in it."""

    ticket_id: str
    count: int
    kinds: list[tuple[str, int]]


@router.get("/runs")
def runs(request: Request, visitor: Reader, our: Our, wanted: Wanted, by: By = "tokens") -> Response:
    """Answers of teams: requests, tokens and seconds of each."""
    lead = wanted.lead
    with our.store.read() as tx:
        found = tx.behind.runs(wanted.rows, by=by)
        cases = _cases(tx, found)
    whole, waits = our.counting.of_runs(lead.since, lead.until)
    figures = [
        ("runs", count(whole.answers)),
        ("requests", count(whole.requests)),
        ("tokens read", count(whole.tokens_in)),
        ("tokens written", count(whole.tokens_out)),
        ("a request", _took(whole.per_request)),
        ("until a verdict, half", _took(waits.half)),
    ]
    shown: dict[str, Any] = {"figures": figures, "by": by, "cases": cases, "before": lead.before.runs(by)}
    return _list(request, visitor, "runs", wanted, title="Runs of teams", rows=found, here=lead.runs(by), **shown)


@router.get("/answers")
def answers(request: Request, visitor: Reader, our: Our, wanted: Wanted) -> Response:
    """People's answers to questions, and how long each took."""
    lead = wanted.lead
    with our.store.read() as tx:
        found = tx.behind.answers(wanted.rows)
        waits = tx.figures.until_decision(lead.since, lead.until)
        cases = _cases(tx, found)
    figures = [("answers", count(waits.count)), ("half within", _took(waits.half)), ("9 of 10", _took(waits.most))]
    shown: dict[str, Any] = {"figures": figures, "cases": cases, "before": lead.before.answers()}
    return _list(
        request, visitor, "answers", wanted, title="What people answered", rows=found, here=lead.answers(), **shown
    )


@router.get("/words")
def words(
    request: Request, visitor: Reader, our: Our, wanted: Wanted, said: Literal["", "agreed", "corrected"] = ""
) -> Response:
    """What people said of verdicts."""
    lead = wanted.lead
    with our.store.read() as tx:
        found = tx.behind.words(wanted.rows, agrees=None if not said else said == "agreed")
        counted = tx.figures.feedback(lead.since, lead.until)
        cases = _cases(tx, found)
    tabs = [
        (f"all {count(sum(counted.values()))}", lead.words(), not said),
        *((f"{name} {count(number)}", lead.words(name), said == name) for name, number in counted.items()),
    ]
    shown: dict[str, Any] = {"tabs": tabs, "cases": cases, "before": lead.before.words(said)}
    return _list(
        request,
        visitor,
        "words",
        wanted,
        title="What people said of verdicts",
        rows=found,
        here=lead.words(said),
        **shown,
    )


@router.get("/decisions")
def decisions(
    request: Request, visitor: Reader, our: Our, wanted: Wanted, outcome: Literal["", "allow", "ask", "deny"] = ""
) -> Response:
    """What policy answered about proposed actions."""
    lead = wanted.lead
    with our.store.read() as tx:
        found = tx.behind.decisions(wanted.rows, outcome=outcome)
        counted = tx.figures.outcomes(lead.since, lead.until)
        cases = _cases(tx, found)
    tabs = [(f"all {count(sum(counted.values()))}", lead.decisions(), not outcome)] + [
        (f"{name} {count(counted.get(value, 0))}", lead.decisions(value), outcome == value)
        for value, name in (("allow", "allowed"), ("ask", "asked a person"), ("deny", "denied"))
    ]
    shown: dict[str, Any] = {"tabs": tabs, "cases": cases, "before": lead.before.decisions(outcome)}
    title = "What policy answered about actions"
    return _list(request, visitor, "decisions", wanted, title=title, rows=found, here=lead.decisions(outcome), **shown)


@router.get("/masked")
def masked(
    request: Request, visitor: Reader, our: Our, wanted: Wanted, kind: Annotated[list[Kind] | None, Query()] = None
) -> Response:
    """How many values of which kinds are hidden in the newest tickets; never a value."""
    lead, kinds = wanted.lead, kind or []
    with our.store.read() as tx:
        by_ticket = tx.figures.masked_in(lead.since, lead.until)
        hidden = [
            Hidden(ticket_id=ticket_id, count=sum(number for _, number in fitting), kinds=fitting)
            for ticket_id, counted in by_ticket.items()
            if (fitting := [(name, n) for name, n in counted.most_common() if not kinds or name in kinds])
        ]
        found = hidden[wanted.rows.offset :][: wanted.rows.limit]
        cases = _cases(tx, found)
    figures = [
        ("values", count(sum(one.count for one in hidden))),
        ("tickets with them", count(len(hidden))),
        ("tickets looked at", count(len(by_ticket))),
    ]
    named = f": {', '.join(sorted(kinds))}".replace("_", " ").lower() if kinds else ""
    shown: dict[str, Any] = {"figures": figures, "cases": cases, "before": lead.before.masked(kinds)}
    title = f"Hidden from models{named}"
    return _list(request, visitor, "masked", wanted, title=title, rows=found, here=lead.masked(kinds), **shown)


def _list(request: Request, visitor: Visitor, name: str, wanted: Asked, *, here: str, **shown: Any) -> Response:
    """One page of the list `rows`, which may hold one more than is shown; `here` is the address of its first page."""
    found, number = shown["rows"], wanted.number
    links = {
        "older": _turned(here, number + 1) if len(found) > ROWS else "",
        "newer": _turned(here, number - 1) if number > 1 else "",
    }
    shown = {"by": "", "tabs": (), "figures": (), **shown, **links, "lead": wanted.lead, "rows": found[:ROWS]}
    return page(request, f"overview/{name}.html", visitor, **shown)


def _turned(here: str, number: int) -> str:
    return here if number == 1 else f"{here}&{urlencode({'page': number})}"


def _cases(tx: Transaction, found: Sequence[Any]) -> dict[str, Any]:
    return dict(tx.worklist.lines({one.ticket_id for one in found}))


def _took(seconds: float | None) -> str:
    return "–" if seconds is None else took(seconds)
