"""`/queue`: what waits for a person first, then every case."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field

from core.audit import AuditEvent
from core.identity import READERS, Role
from core.store.transaction import Transaction
from core.store.worklist import MOST_COUNTED
from core.worklist import Cases, Group
from gateway.console.compressed import compressed
from gateway.console.queue_view import GROUP_WORDS, SEVERITIES, VERDICTS, View, view
from gateway.console.render import HEADERS, is_part, page, part
from gateway.console.signing_in import local
from gateway.console.visit import Visit, Visitor
from gateway.console.wording import in_words
from gateway.cursors import before as before_of
from gateway.parts import Parts, parts
from gateway.problems import Problem
from workflows import queue as queues
from workflows.words import TICKET_WORDS

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visitor, Depends(Visit(*READERS))]
#: The rule says whose answer counts; these may try, and these claim.
Worker = Annotated[Visitor, Depends(Visit(Role.ANALYST, Role.APPROVER))]
Our = Annotated[Parts, Depends(parts)]
Asked = Annotated[View, Depends(view)]
#: Rows that a page may ask again about.
MOST_SHOWN = 256
#: Views that one person may keep.
MOST_VIEWS = 20
#: Characters of a reason.
MAX_REASON = 2000


class Checked(BaseModel):
    """The form around the rows: what to do with those that are checked."""

    do: str = ""
    item: Annotated[list[str], Field(max_length=1000)] = Field(default_factory=list)
    after: Annotated[str, Field(max_length=2000)] = "/queue"

    def approves(self) -> bool:
        """Whether they shall be approved, and not denied.

        Raises:
            Problem: 422, it says neither.
        """
        if self.do not in {"approve", "deny"}:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "Choose approve or deny.")
        return self.do == "approve"


class Answered(Checked):
    """The same with a reason for all of them."""

    reason: Annotated[str, Field(max_length=MAX_REASON)] = ""


@router.get("/queue")
def queue(
    *,
    request: Request,
    visitor: Reader,
    our: Our,
    asked: Asked,
    before: Annotated[str | None, Query()] = None,
    shown: Annotated[str, Query(max_length=MOST_SHOWN * 31)] = "",
) -> Response:
    """The queue; for an open page its rows as they are now, and those of `shown` that have left it."""
    with our.store.read() as tx:  # one transaction: each costs a database server some round trips
        given = _look(tx, our, visitor, asked, before)
        waiting = tx.proposals.count_waiting()
        given |= {"counts": {**tx.worklist.counts(), Group.WAITING: waiting}, "most_counted": MOST_COUNTED}
        if is_part(request):
            given |= _gone(tx, our, visitor, given["look"], shown)
        else:
            choices = tx.worklist.choices()
            views = tx.saved_views.of(visitor.session.user.id)
    if is_part(request):
        return compressed(request, part(request, "queue/rows.html", visitor, waiting=waiting, **given))
    made = page(
        request,
        "queue/page.html",
        visitor,
        title=f"({waiting}) Queue" if waiting else "Queue",
        nothing=not choices.sources,
        choices=choices,
        views=views,
        kept=next((one for one in views if one.query == asked.query), None),
        verdicts=VERDICTS,
        severities=SEVERITIES,
        **given,
    )
    return compressed(request, made)


@router.post("/queue/views")
def keep_view(
    our: Our,
    visitor: Reader,
    name: Annotated[str, Form(max_length=64)] = "",
    after: Annotated[str, Form(max_length=2000)] = "/queue",
) -> Response:
    """Keep the filters of a page of the queue under a name."""
    path, _, query = local(after).partition("?")
    name = " ".join(name.split())
    if path != "/queue" or not query or not name:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "Set a filter and give the view a name, then save it.")
    user = visitor.session.user
    event = AuditEvent(action="view.kept", actor=f"user:{visitor.name}", data={"query": query})
    with our.store.begin() as tx:
        mine = tx.saved_views.of(user.id)
        if len(mine) >= MOST_VIEWS and name not in {one.name for one in mine}:
            raise Problem(HTTPStatus.CONFLICT, f"You have {MOST_VIEWS} views, which is as many as fit; delete one.")
        tx.saved_views.keep(user.id, name=name, query=query, audit=event)
    return _to(local(after))


@router.post("/queue/views/{view_id}/delete")
def forget_view(our: Our, visitor: Reader, view_id: str) -> Response:
    """Forget a view of one's own."""
    event = AuditEvent(action="view.removed", actor=f"user:{visitor.name}", data={"view": view_id})
    with our.store.begin() as tx:
        tx.saved_views.remove(visitor.session.user.id, view_id, event)
    return _to("/queue")


@router.post("/queue/confirm")
def confirm(request: Request, our: Our, visitor: Worker, rows: Annotated[Checked, Form()]) -> Response:
    """What would be answered for several at once, each exact action; nothing counts yet."""
    approve = rows.approves()
    digests = _digests(rows.item)
    queues.check_number(digests)
    with our.store.read() as tx:
        questions, _ = queues.again(tx, our.clock, _viewer(visitor), [one for one, _ in digests])
        claims = tx.claims.among({one.case.ticket_id for one in questions})
    seen = dict(digests)
    goes = [one for one in questions if _goes(one, seen, approve=approve)]
    return page(
        request,
        "queue/confirm.html",
        visitor,
        title="Approve together" if approve else "Deny together",
        do=rows.do,
        goes=goes,
        stays=[(one, _why(one, seen)) for one in questions if one not in goes],
        words=in_words(our),
        claims=claims,
        after=local(rows.after),
        max_reason=MAX_REASON,
    )


@router.post("/queue/answer")
def answer(request: Request, our: Our, visitor: Worker, rows: Annotated[Answered, Form()]) -> Response:
    """Answer each of several and say what became of it. Sent again it changes nothing: an answer counts once."""
    approve = rows.approves()
    done = queues.answer_each(
        our.store,
        _digests(rows.item),
        _viewer(visitor),
        approve=approve,
        reason=rows.reason,
        ring=our.ring,
        masker=our.masker,
        authenticated_at=visitor.session.authenticated_at,
    )
    with our.store.read() as tx:
        lines = tx.worklist.lines({one.proposal.ticket_id for one in done})
    return page(
        request,
        "queue/done.html",
        visitor,
        title="Approved together" if approve else "Denied together",
        done=done,
        lines=lines,
        words=in_words(our),
        after=local(rows.after),
    )


@router.post("/queue/claims")
def claim_several(request: Request, our: Our, visitor: Worker, rows: Annotated[Checked, Form()]) -> Response:
    """Claim or release the tickets of the checked rows."""
    with our.store.read() as tx:
        of_questions = tx.proposals.many([one for one, _ in _digests(rows.item)])
    tickets = [one for one in rows.item if one.startswith("tkt_")] + [one.ticket_id for one in of_questions.values()]
    said = queues.claim_each(our.store, tickets, visitor.name, release=rows.do == "release")
    with our.store.read() as tx:
        lines = tx.worklist.lines(said)
    return page(
        request,
        "queue/claimed.html",
        visitor,
        title="Released" if rows.do == "release" else "Claimed",
        said=[(lines[one], words) for one, words in said.items() if one in lines],
        after=local(rows.after),
    )


def _look(tx: Transaction, our: Parts, visitor: Visitor, asked: View, before: str | None) -> dict[str, Any]:
    """What whole pages and open pages show alike."""
    look = queues.look(
        tx,
        our.clock,
        _viewer(visitor),
        asked.filters(visitor.name),
        answerable=bool(asked.answer),
        before=before_of(before),
    )
    return {
        "asked": asked,
        "look": look,
        "claims": look.claims,
        "before": before,
        "groups": GROUP_WORDS,
        "Group": Group,
        "means": TICKET_WORDS,
        "words": in_words(our),
        "works": visitor.has(Role.ANALYST, Role.APPROVER),
        "older": _older(asked, look.cases),
        "most": queues.MOST_AT_ONCE,
    }


def _gone(tx: Transaction, our: Parts, visitor: Visitor, look: queues.Page, shown: str) -> dict[str, Any]:
    """What a page shows that has left it: it stays where it is, as it is now."""
    here = {one.proposal.id for one in look.questions} | {line.ticket_id for line in look.cases.lines}
    gone = [one for one in shown.split(",") if one and one not in here][:MOST_SHOWN]
    questions, lines = queues.again(tx, our.clock, _viewer(visitor), gone)
    tickets = {one.case.ticket_id for one in questions} | {line.ticket_id for line in lines}
    claims = {**look.claims, **tx.claims.among(tickets)}
    return {"gone_questions": questions, "gone_lines": lines, "claims": claims}


def _older(asked: View, cases: Cases) -> str | None:
    if cases.older is None:
        return None
    return f"{asked.path}{'&' if asked.query else '?'}before={cases.older}"


def _viewer(visitor: Visitor) -> queues.Viewer:
    return queues.Viewer(person=visitor.name, roles=tuple(visitor.roles))


def _digests(items: Sequence[str]) -> list[tuple[str, str]]:
    """(proposal id, digest that the page showed) of the checked questions; cases take no answer."""
    found = []
    for item in items:
        proposal_id, _, digest = item.partition(":")
        if proposal_id.startswith("prp_"):
            found.append((proposal_id, digest))
    return found


def _goes(one: queues.Question, seen: dict[str, str], *, approve: bool) -> bool:
    return one.may and seen[one.proposal.id] == one.digest and not (approve and one.alone)


def _why(one: queues.Question, seen: dict[str, str]) -> str:
    if not one.may:
        return one.words
    if seen[one.proposal.id] != one.digest:
        return "it is not the action that the page showed; look at it again"
    return f"approve it on its own card: {one.alone}"


def _to(path: str) -> Response:
    return RedirectResponse(path, HTTPStatus.SEE_OTHER, headers=HEADERS)
