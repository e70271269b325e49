"""`/policy/changes`: one change with its review, and the answers of people; and the way back."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from core.errors import ApprovalRefused, CasemateError, NotFound, ReauthenticationNeeded, VaultError
from core.identity import Role
from core.store.transaction import Transaction
from gateway.console.policy import Admin, Our, Reader, change_card, show, show_part
from gateway.console.render import HEADERS, is_part
from gateway.console.visit import Visitor
from gateway.parts import Parts
from workflows import activation
from workflows.text_diff import FileDiff, file_diffs

router = APIRouter(include_in_schema=False)

Reason = Annotated[str, Form(max_length=2000)]


@router.get("/policy/changes/{change_id}")
def change(request: Request, change_id: str, visitor: Reader, our: Our, asked: bool = False) -> Response:
    """One change: what it would do, who has answered, and the form for those who may."""
    return _change(request, change_id, visitor, our, asked=asked)


@router.post("/policy/changes/{change_id}/answers")
def answer(
    *,
    request: Request,
    change_id: str,
    visitor: Admin,
    our: Our,
    digest: Annotated[str, Form(max_length=64)] = "",
    approve: Annotated[str, Form(pattern="^(yes|no)$")] = "no",
    reason: Reason = "",
) -> Response:
    """Approve or deny exactly what was shown."""
    here = f"/policy/changes/{change_id}"
    try:
        activation.answer(
            our.store,
            change_id,
            person=visitor.name,
            roles=visitor.roles,
            approve=approve == "yes",
            reason=reason,
            digest=digest or "none was sent",
            authenticated_at=visitor.session.authenticated_at,
        )
    except ReauthenticationNeeded:
        to = f"/account/confirm?{urlencode({'after': here})}"
        return RedirectResponse(to, HTTPStatus.SEE_OTHER, headers=HEADERS)
    except ApprovalRefused as refused:
        return _change(request, change_id, visitor, our, refused=str(refused), reason=reason)
    return RedirectResponse(here, HTTPStatus.SEE_OTHER, headers=HEADERS)


@router.get("/policy/rollback")
def look_back(request: Request, visitor: Admin, our: Our) -> Response:
    """What would be live again, and what that changes by meaning. Changes nothing."""
    return _rollback(request, visitor, our)


@router.post("/policy/rollback")
def roll_back(
    request: Request,
    visitor: Admin,
    our: Our,
    to: Annotated[str, Form(max_length=64)] = "",
    reason: Reason = "",
) -> Response:
    """Make the bundle live again that was live directly before."""
    try:
        with our.store.read() as tx:
            _check_shown(tx, to)
        activation.rollback(our.store, our.registry, person=visitor.name, roles=visitor.roles, reason=reason)
    except ApprovalRefused as refused:
        return _rollback(request, visitor, our, refused=str(refused), reason=reason)
    our.live.look()
    return RedirectResponse("/policy", HTTPStatus.SEE_OTHER, headers=HEADERS)


def _check_shown(tx: Transaction, target: str) -> None:
    """Raises:
    ApprovalRefused: another bundle than the one that was shown would be live again.
    """
    newest = tx.bundles.live()
    if newest is None or newest.previous_hash != target:
        raise ApprovalRefused("Another policy bundle went live since this page was made; look at it again.")


def _change(
    request: Request,
    change_id: str,
    visitor: Visitor,
    our: Parts,
    *,
    asked: bool = False,
    refused: str | None = None,
    reason: str = "",
) -> Response:
    from workflows.review_words import without_organization
    from workflows.workbench import answer_time, effort

    with our.store.read() as tx:
        found = tx.bundles.changes.get(change_id)
        card = change_card(tx, our, found, visitor)
        if is_part(request) and refused is None:
            return show_part(request, "policy/_change_state.html", visitor, card=card)
        kept = tx.bundles.changes.review(change_id)
        time = answer_time(tx, our.store)
        diffs = _diffs(tx, found.base_hash, found.bundle_hash) if visitor.has(Role.ADMIN) else None
    return show(
        request,
        "policy/change.html",
        visitor,
        status=HTTPStatus.CONFLICT if refused else HTTPStatus.OK,
        title=f"Change {found.id}",
        card=card,
        review=kept if visitor.has(Role.ADMIN) else without_organization(kept),
        effort=effort(kept, time),
        diffs=diffs,
        asked=asked,
        refused=refused,
        reason=reason,
    )


def _diffs(tx: Transaction, before: str, after: str) -> tuple[FileDiff, ...] | None:
    """The texts of two kept bundles, compared; None when one of them does not open."""
    try:
        return file_diffs(tx.bundles.get(before).files, tx.bundles.get(after).files)
    except (NotFound, VaultError):
        return None


def _rollback(
    request: Request, visitor: Visitor, our: Parts, *, refused: str | None = None, reason: str = ""
) -> Response:
    from policies.difference import difference
    from workflows.stored_bundle import load_stored

    live = our.live.look()
    with our.store.read() as tx:
        newest = tx.bundles.live()
        possible = newest is not None and newest.previous_hash is not None and newest.kind != "rollback"
    target = newest.previous_hash if newest is not None and possible else None
    differs, trouble = None, None
    if target is not None:
        try:
            before = load_stored(our.store, target, our.registry)
            differs = difference(live.bundle, before, our.registry.shapes()).as_json()
        except CasemateError as error:
            trouble = f"The bundle before does not load in this release: {error}"
    return show(
        request,
        "policy/rollback.html",
        visitor,
        status=HTTPStatus.CONFLICT if refused else HTTPStatus.OK,
        title="Roll back",
        newest=newest,
        target=target,
        differs=differs,
        trouble=trouble,
        refused=refused,
        reason=reason,
    )
