"""`/cards/ID`: one exact action, everything a person needs to decide on it, and the forms to do so."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, StringConstraints

from core.assessment import Finding
from core.canonical import JsonObject
from core.canonical import digest as digest_of
from core.errors import ApprovalRefused, ReauthenticationNeeded, ToolRefused, VaultError
from core.identity import READERS, Role
from core.store.transaction import Transaction
from core.worklist import Filters
from gateway.console.card_fields import Field, FieldInvalid, changes_in, fields_of
from gateway.console.render import HEADERS, is_part, page, part
from gateway.console.visit import Visit, Visitor
from gateway.parts import Parts, parts
from gateway.problems import Problem
from workflows import approvals, claims, questions, reveal
from workflows import card as cards
from workflows import edit as editing
from workflows import queue as queues
from workflows.words import ACTION_WORDS, proposal_words

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visitor, Depends(Visit(*READERS))]
#: The rule says whose answer counts; these may try.
Answerer = Annotated[Visitor, Depends(Visit(Role.ANALYST, Role.APPROVER))]
Our = Annotated[Parts, Depends(parts)]
#: Characters of a reason.
MAX_REASON = 2000
#: Claims of the team that stand on the card; the case has them all.
MOST_FOUND = 4
#: Forms that a page may open, and what a page may say after one.
FORMS = frozenset({"approve", "deny", "edit"})
SAID = frozenset({"approved", "denied", "edited"})


class Given(BaseModel):
    """The form of an answer."""

    #: Of the action that the page showed.
    digest: str = ""
    reason: Annotated[str, StringConstraints(max_length=MAX_REASON)] = ""


async def whole_form(request: Request) -> dict[str, str]:
    """Every field of the form, for forms whose fields a tool's schema names."""
    form = await request.form()
    return {name: value for name, value in form.items() if isinstance(value, str)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """What a card shows besides the card: a form that is open, what was typed into it, and what came of it."""

    form: str = ""
    #: Why an answer did not count; it was not recorded.
    refused: str = ""
    #: Policy asks for a fresher sign-in first.
    stale: bool = False
    typed: dict[str, str] = field(default_factory=dict)
    preview: editing.Preview | None = None
    #: Says that what is sent is what was previewed.
    previewed: str = ""
    said: str = ""
    originals: JsonObject | None = None
    status: HTTPStatus = HTTPStatus.OK


@router.get("/cards/{proposal_id}")
def show(request: Request, proposal_id: str, *, visitor: Reader, our: Our, do: str = "", said: str = "") -> Response:
    """The card; `do` opens a form."""
    shown = Shown(form=do if do in FORMS else "", said=said if said in SAID else "")
    return _page(request, our, visitor, proposal_id, shown)


@router.get("/cards/{proposal_id}/state")
def state(request: Request, proposal_id: str, visitor: Reader, our: Our) -> Response:
    """What may have changed while the card is open."""
    with our.store.read() as tx:
        found = cards.state_of(tx, proposal_id, our.clock, person=visitor.name, roles=visitor.roles)
    return part(request, "card/state.html", visitor, **_state_words(found, visitor, our))


@router.post("/cards/{proposal_id}/approve")
def approve(
    request: Request, proposal_id: str, visitor: Answerer, our: Our, given: Annotated[Given, Form()]
) -> Response:
    """Yes to exactly what the page showed."""
    return _answer(request, our, visitor, proposal_id, given, approve=True)


@router.post("/cards/{proposal_id}/deny")
def deny(request: Request, proposal_id: str, visitor: Answerer, our: Our, given: Annotated[Given, Form()]) -> Response:
    """No, and why."""
    return _answer(request, our, visitor, proposal_id, given, approve=False)


@router.post("/cards/{proposal_id}/edit")
def edit(
    request: Request,
    proposal_id: str,
    visitor: Answerer,
    our: Our,
    typed: Annotated[dict[str, str], Depends(whole_form)],
) -> Response:
    """Shows what an edit would come to; makes it when exactly that was shown before."""
    try:
        return _edit(request, our, visitor, proposal_id, typed)
    except ReauthenticationNeeded as needed:
        shown = Shown(form="edit", refused=str(needed), stale=True, typed=typed, status=HTTPStatus.CONFLICT)
    except (ApprovalRefused, VaultError) as refused:
        shown = Shown(form="edit", refused=str(refused), typed=typed, status=HTTPStatus.CONFLICT)
    except (FieldInvalid, ToolRefused) as wrong:
        shown = Shown(form="edit", refused=str(wrong), typed=typed, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    return _page(request, our, visitor, proposal_id, shown)


@router.post("/cards/{proposal_id}/reveal")
def originals(request: Request, proposal_id: str, visitor: Answerer, our: Our) -> Response:
    """What the tokens in the arguments stand for. Each look is in the audit trail."""
    try:
        found = reveal.arguments(our.store, our.masker, proposal_id, person=visitor.name, roles=visitor.roles)
    except VaultError as error:
        raise Problem(HTTPStatus.CONFLICT, str(error)) from None
    if is_part(request):
        return part(request, "card/originals.html", visitor, proposal_id=proposal_id, originals=found)
    return _page(request, our, visitor, proposal_id, Shown(originals=found))


def _answer(
    request: Request, our: Parts, visitor: Visitor, proposal_id: str, given: Given, *, approve: bool
) -> Response:
    form = "approve" if approve else "deny"
    try:
        approvals.answer(
            our.store,
            proposal_id,
            person=visitor.name,
            roles=visitor.roles,
            approve=approve,
            reason=given.reason,
            digest=given.digest,
            ring=our.ring,
            masker=our.masker,
            authenticated_at=visitor.session.authenticated_at,
        )
    except ReauthenticationNeeded as needed:
        if not given.reason.strip():
            return RedirectResponse(confirm_at(proposal_id, form), HTTPStatus.SEE_OTHER, headers=HEADERS)
        refused, stale = str(needed), True
    except (ApprovalRefused, VaultError) as error:
        refused, stale = str(error), False
    else:
        return _to(proposal_id, said="approved" if approve else "denied")
    typed = {"reason": given.reason}
    shown = Shown(form=form, refused=refused, stale=stale, typed=typed, status=HTTPStatus.CONFLICT)
    return _page(request, our, visitor, proposal_id, shown)


def _edit(request: Request, our: Parts, visitor: Visitor, proposal_id: str, typed: dict[str, str]) -> Response:
    with our.store.read() as tx:
        old = tx.proposals.get(proposal_id)
    if our.registry.schema_digest(old.tool) != typed.get("schema"):
        raise ApprovalRefused(f"The tool {old.tool} has changed since this form was made; look at it again.")
    changes = changes_in(our.registry.get(old.tool).schema(), old.arguments, typed)
    name, roles, seen = visitor.name, visitor.roles, typed.get("digest", "")
    reason = typed.get("reason", "")[:MAX_REASON]
    previewed = digest_of(changes)
    if typed.get("step") == "send" and typed.get("previewed") == previewed:
        since = visitor.session.authenticated_at
        fresh = editing.edit(
            our, proposal_id, changes, person=name, roles=roles, reason=reason, digest=seen, authenticated_at=since
        )
        return _to(fresh.id, said="edited")
    preview = editing.preview(our, proposal_id, changes, person=name, roles=roles, digest=seen)
    shown = Shown(form="edit", typed=typed, preview=preview, previewed=previewed)
    return _page(request, our, visitor, proposal_id, shown)


def _to(proposal_id: str, *, said: str) -> Response:
    return RedirectResponse(f"/cards/{proposal_id}?{urlencode({'said': said})}", HTTPStatus.SEE_OTHER, headers=HEADERS)


def confirm_at(proposal_id: str, form: str) -> str:
    """Where a person says once more who they are, and comes back from."""
    return f"/account/confirm?{urlencode({'after': f'/cards/{proposal_id}?do={form}'})}"


def _page(request: Request, our: Parts, visitor: Visitor, proposal_id: str, shown: Shown) -> Response:
    with our.store.read() as tx:
        card = cards.card_of(tx, proposal_id, our.registry, our.clock, person=visitor.name, roles=visitor.roles)
        following = _following(tx, our, visitor, proposal_id) if shown.said else None
        masked = tx.tickets.masked(card.proposal.ticket_id)
    claim = claims.renew(our.store, card.proposal.ticket_id, visitor.name)
    return page(
        request,
        "card/page.html",
        visitor,
        status=shown.status,
        title=f"{card.proposal.tool.replace('_', ' ')}: {card.state.ticket.external_id}",
        card=card,
        shown=shown,
        claim=claim if claim and claim.person != visitor.name else None,
        following=following,
        case_title=masked.title if masked else None,
        found=_found(card),
        most_found=MOST_FOUND,
        **_state_words(card.state, visitor, our),
        **_form(our, card, shown),
        max_reason=MAX_REASON,
    )


def _found(card: cards.Card) -> list[Finding]:
    """What the team claims of the case by the evidence that this action rests on."""
    cited = set(card.proposal.evidence)
    return [one for one in card.run.assessment.findings if cited & set(one.evidence)] if card.run else []


def _following(tx: Transaction, our: Parts, visitor: Visitor, proposal_id: str) -> str | None:
    """The most urgent other proposal that this person may answer."""
    viewer = queues.Viewer(person=visitor.name, roles=tuple(visitor.roles))
    waiting = queues.look(tx, our.clock, viewer, Filters(), answerable=True).questions
    return next((one.proposal.id for one in waiting if one.proposal.id != proposal_id), None)


def _state_words(state: cards.State, visitor: Visitor, our: Parts) -> dict[str, Any]:
    """What the state's template shows besides the state."""
    proposal = state.proposal
    try:
        questions.check_fresh(proposal.decision, authenticated_at=visitor.session.authenticated_at, now=our.clock.now())
        confirm = None
    except ReauthenticationNeeded:
        confirm = confirm_at(proposal.id, "approve")
    answers = visitor.has(Role.ANALYST, Role.APPROVER)
    return {
        "state": state,
        "means": ACTION_WORDS[state.effect.state] if state.effect else proposal_words(proposal),
        "may_answer": state.is_open and state.refused is None and answers,
        "confirm": confirm,
        "has_answered": visitor.name in (*state.quorum.agreed, *state.quorum.denied),
    }


def _form(our: Parts, card: cards.Card, shown: Shown) -> dict[str, Any]:
    """The edit form and what it would change; nothing where it is not open."""
    fields: list[Field] = []
    schema, changes = "", tuple[cards.Change, ...]()
    if shown.form == "edit" and card.tool is not None:
        fields = fields_of(card.tool.schema(), card.proposal.arguments, shown.typed or None)
        schema = our.registry.schema_digest(card.tool.name)
    if shown.preview is not None:
        changes = cards.changes_of(card.proposal.arguments, shown.preview.arguments)
    return {"fields": fields, "schema": schema, "changes": changes}
