"""`/cases/{ticket_id}`: everything about one ticket, the verdict and its reasons first. Each section is a page."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from core.assessment import Verdict
from core.identity import READERS, Role
from gateway.console import graph, timeline
from gateway.console.render import is_part, page, part
from gateway.console.visit import Visit, Visitor
from gateway.console.wording import in_words
from gateway.parts import Parts, parts
from gateway.problems import Problem
from workflows import casefile, claims, feedback, reveal
from workflows.case_story import DOERS, Doer

router = APIRouter(prefix="/cases/{ticket_id}", include_in_schema=False)

Our = Annotated[Parts, Depends(parts)]
Reader = Annotated[Visitor, Depends(Visit(*READERS))]

#: The sections, each with its path under the case and its title; the first is the case itself.
SECTIONS = (
    ("", "Summary"),
    ("evidence", "Evidence"),
    ("timeline", "Timeline"),
    ("connections", "Connections"),
    ("ticket", "Ticket"),
    ("record", "Record"),
)
Section = Literal["", "evidence", "timeline", "connections", "ticket", "record"]
#: Characters of a ticket's text that stand in the page at once, and entries of the stream.
MAX_TEXT, MAX_ENTRIES = 40_000, 400
#: Entries of the stream where somebody asks for all of them.
MAX_EVERYTHING = 2_000
#: Width of the picture on the first page, in pixels.
SMALL_PICTURE = 800
#: Rows of a table of entities or connections.
MAX_ROWS = 200


@router.get("")
def summary(request: Request, ticket_id: str, visitor: Reader, our: Our) -> Response:
    """Verdict, reasons, actions."""
    claims.renew(our.store, ticket_id, visitor.name)
    with our.store.read() as tx:
        evidence = tx.evidence.of(ticket_id)
        top = casefile.head(tx, ticket_id, person=visitor.name)
        found = casefile.summary(tx, top, evidence)
    picture = timeline.picture(found.moments, (), now=our.clock.now(), width=SMALL_PICTURE)
    given = {"summary": found, "picture": picture, "verdicts": list(Verdict), "mine": _mine(found, visitor)}
    return _page(request, "summary", visitor, top, **given)


@router.get("/evidence")
def evidence(request: Request, ticket_id: str, visitor: Reader, our: Our) -> Response:
    """What the tools gave, and what the team said."""
    with our.store.read() as tx:
        found = tx.evidence.of(ticket_id)
        top = casefile.head(tx, ticket_id, person=visitor.name)
        turns = casefile.conversation(tx, top.run)
    return _page(request, "evidence", visitor, top, results=casefile.results(found), turns=turns)


@router.get("/evidence/{evidence_id}")
def result(request: Request, ticket_id: str, evidence_id: str, visitor: Reader, our: Our) -> Response:
    """One result in full."""
    with our.store.read() as tx:
        found = casefile.one_result(tx, ticket_id, evidence_id)
        top = casefile.head(tx, ticket_id, person=visitor.name)
    if found is None:
        raise Problem(HTTPStatus.NOT_FOUND, "This case has no such piece of evidence; its list is one page up.")
    one = casefile.Shown(evidence=found, inline=True, detail=True)
    if is_part(request):
        return part(request, "case/result_part.html", visitor, top=top, one=one)
    return _page(request, "evidence", visitor, top, results=[one], turns=[], only=found.id)


@router.get("/turns/{number}")
def turn(request: Request, ticket_id: str, number: int, visitor: Reader, our: Our) -> Response:
    """One turn of the team's conversation in full."""
    with our.store.read() as tx:
        top = casefile.head(tx, ticket_id, person=visitor.name)
        found = casefile.conversation(tx, top.run, only=number)
    if not found:
        raise Problem(HTTPStatus.NOT_FOUND, "The conversation has no such turn; the evidence page lists them.")
    if is_part(request):
        return part(request, "case/turn_part.html", visitor, top=top, turn=found[0])
    return _page(request, "evidence", visitor, top, results=[], turns=found, only=f"turn {number}")


@router.get("/timeline")
def story(
    request: Request,
    ticket_id: str,
    visitor: Reader,
    our: Our,
    *,
    who: Annotated[Doer | None, Query()] = None,
    everything: Annotated[bool, Query()] = False,
) -> Response:
    """What happened when: in the evidence, and to the case."""
    with our.store.read() as tx:
        found = tx.evidence.of(ticket_id)
        top = casefile.head(tx, ticket_id, person=visitor.name)
        entries, stays = casefile.timeline(tx, ticket_id, found)
        moments = casefile.happened(tx, ticket_id, found)
    counts = {doer: sum(entry.doer == doer for entry in entries) for doer in DOERS}
    chosen = [entry for entry in entries if who is None or entry.doer == who]
    told = chosen if everything or who is not None else [entry for entry in chosen if not entry.quiet]
    shown = told[-(MAX_EVERYTHING if everything else MAX_ENTRIES) :]
    picture = timeline.picture(moments, stays, now=our.clock.now())
    given = {"picture": picture, "moments": moments, "entries": shown, "earlier": len(told) - len(shown)}
    return _page(request, "timeline", visitor, top, **given, quiet=len(chosen) - len(told), who=who, counts=counts)


@router.get("/connections")
def connections(request: Request, ticket_id: str, visitor: Reader, our: Our) -> Response:
    """Who and what the case names, and how it connects."""
    with our.store.read() as tx:
        found = tx.evidence.of(ticket_id)
        top = casefile.head(tx, ticket_id, person=visitor.name)
        named = casefile.connections(tx, ticket_id, found)
    return _page(request, "connections", visitor, top, named=named, graph=graph.picture(named), most=MAX_ROWS)


@router.get("/ticket")
def ticket(
    request: Request, ticket_id: str, visitor: Reader, our: Our, everything: Annotated[bool, Query()] = False
) -> Response:
    """The ticket as the model saw it; originals one by one for those who may look."""
    with our.store.read() as tx:
        found = tx.evidence.of(ticket_id)
        top = casefile.head(tx, ticket_id, person=visitor.name)
        masked = tx.tickets.masked(ticket_id)
    may = visitor.has(Role.ANALYST, Role.APPROVER)
    most = casefile.MAX_SHOWN if everything else MAX_TEXT
    given = {"masked": masked, "tokens": casefile.tokens(masked, found), "most": most}
    return _page(request, "ticket", visitor, top, **given, may_reveal=may, max_reason=reveal.MAX_REASON)


@router.get("/record")
def record(request: Request, ticket_id: str, visitor: Reader, our: Our) -> Response:
    """What it cost, under which policy, what policy answered, and where reports went."""
    with our.store.read() as tx:
        top = casefile.head(tx, ticket_id, person=visitor.name)
        found = casefile.record(tx, top)
    return _page(request, "record", visitor, top, record=found)


@router.get("/now")
def now(
    request: Request,
    ticket_id: str,
    visitor: Reader,
    our: Our,
    *,
    seen: Annotated[int, Query(ge=0)] = 0,
    section: Annotated[Section, Query()] = "",
) -> Response:
    """The head of an open page as it is now, and whether something new is to be seen below it."""
    with our.store.read() as tx:
        top = casefile.head(tx, ticket_id, person=visitor.name)
    return part(request, "case/head.html", visitor, **_shell(our, visitor, top, section), seen=seen)


def _page(request: Request, section: str, visitor: Visitor, top: casefile.Head, **given: Any) -> Response:
    name = "" if section == "summary" else section
    title = f"{top.ticket.external_id} · {dict(SECTIONS)[name]}"
    shell = {**_shell(parts(request), visitor, top, name), "seen": top.newest, "only": None}
    return page(request, f"case/{section}.html", visitor, title=title, **{**shell, **given})


def _shell(our: Parts, visitor: Visitor, top: casefile.Head, section: str) -> dict[str, Any]:
    return {
        "top": top,
        "ticket": top.ticket,
        "in_words": in_words(our),
        "base": f"/cases/{top.ticket.id}",
        "section": section,
        "sections": SECTIONS,
        "may_answer": visitor.has(Role.ANALYST, Role.APPROVER),
        "may_retry": visitor.has(Role.ADMIN),
        "max_feedback": feedback.MAX_REASON,
    }


def _mine(found: casefile.Summary, visitor: Visitor) -> Any:
    """What the visitor has said of the newest verdict."""
    return next((one for one in found.feedback if one.person == visitor.name), None)
