"""`/policy`: what is live, what waits, what was live before; the rules as sentences; the files of a bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse

from core.bundle_change import BundleChange
from core.canonical import JsonObject
from core.errors import ApprovalRefused
from core.identity import Role
from core.store.transaction import Transaction
from gateway.console.policy_jobs import bench
from gateway.console.render import is_part, page, part
from gateway.console.visit import Visit, Visitor
from gateway.parts import Parts, parts
from workflows import activation, candidates
from workflows.review_words import shifts, situation, terms
from workflows.rule_words import lasts

if TYPE_CHECKING:
    from policies.bundle import Bundle

router = APIRouter(include_in_schema=False)

#: Who may look at the workbench, and who may change anything there.
Reader = Annotated[Visitor, Depends(Visit(Role.AUDITOR))]
Admin = Annotated[Visitor, Depends(Visit(Role.ADMIN))]
Our = Annotated[Parts, Depends(parts)]
#: Activations that the overview lists.
HISTORY = 50
#: What templates say things with.
_WORDS: dict[str, Any] = {"terms": terms, "situation": situation, "shifts": shifts, "lasts": lasts}


@router.get("/policy")
def overview(request: Request, visitor: Reader, our: Our) -> Response:
    """What is live and what wants to be."""
    trouble = candidates.trouble(our.live, our.store)
    with our.store.read() as tx:
        history = tx.bundles.activations(limit=HISTORY)
        given: dict[str, Any] = {
            "live": history[0] if history else None,
            "history": history,
            "trouble": trouble,
            "changes": [change_card(tx, our, change, visitor) for change in tx.bundles.changes.waiting()],
            "closed": [change for change in tx.bundles.changes.recent(limit=20) if change.state.value != "pending"],
            "processes": candidates.processes(tx, our.store),
            "can_roll_back": visitor.has(Role.ADMIN) and can_roll_back(tx),
        }
    if is_part(request):
        return show_part(request, "policy/_now.html", visitor, **given)
    return show(request, "policy/page.html", visitor, title="Policy", **given)


@router.get("/policy/rules")
def rules(request: Request, visitor: Reader, our: Our) -> Response:
    """The live rules as sentences, with how often each decided."""
    from workflows.rule_words import never_decided, shown_rules
    from workflows.workbench import COUNTED_DAYS

    bundle = our.live()
    with our.store.read() as tx:
        tools = shown_rules(tx, our.store, bundle)
    return show(
        request,
        "policy/rules.html",
        visitor,
        title="Rules in use",
        bundle=bundle,
        tools=tools,
        never=never_decided(tools),
        days=COUNTED_DAYS,
        idle=_idle(our, bundle, bench(request).idle),
    )


@router.get("/policy/bundles/{bundle_hash}")
def bundle(request: Request, bundle_hash: str, visitor: Reader, our: Our) -> Response:
    """One bundle: who made it and why; for admins its files too, because `organization.yaml` names people."""
    with our.store.read() as tx:
        found = tx.bundles.get(tx.bundles.find(bundle_hash))
        newest = tx.bundles.live_hash()
        was_live = [one for one in tx.bundles.activations(limit=500) if one.bundle_hash == found.hash]
    files = {name: text.splitlines() for name, text in found.files.items()} if visitor.has(Role.ADMIN) else None
    return show(
        request,
        "policy/bundle.html",
        visitor,
        title=f"Bundle {found.hash[:12]}",
        bundle=found,
        files=files,
        names=sorted(found.files),
        is_live=found.hash == newest,
        was_live=was_live,
    )


def show(request: Request, template: str, visitor: Visitor, *, status: int = 200, **context: Any) -> HTMLResponse:
    """A page of the workbench."""
    return page(request, template, visitor, status=status, **_WORDS, **context)


def show_part(request: Request, template: str, visitor: Visitor, **context: Any) -> HTMLResponse:
    """A piece of a page of the workbench."""
    return part(request, template, visitor, **_WORDS, **context)


def change_card(tx: Transaction, our: Parts, change: BundleChange, visitor: Visitor) -> JsonObject:
    """A change with what it needs, and whether this visitor may answer it: None, or the sentence that says why not."""
    answers = tx.bundles.changes.answers(change.id)
    try:
        activation.check_answer(tx, our.store, change, person=visitor.name, roles=visitor.roles, digest=change.digest)
        why_not = None
    except ApprovalRefused as refused:
        why_not = str(refused)
    return {
        "change": change,
        "answers": answers,
        "yes": sum(answer.approve for answer in answers),
        "needed": max(1, change.decision.approvals),
        "why_not": why_not,
        "moved": tx.bundles.live_hash() != change.base_hash,
    }


def can_roll_back(tx: Transaction) -> bool:
    """Whether there is something to go back to."""
    newest = tx.bundles.live()
    return newest is not None and newest.previous_hash is not None and newest.kind != "rollback"


def _idle(our: Parts, bundle: Bundle, known: dict[str, list[JsonObject]]) -> list[JsonObject]:
    """Rules that do nothing, whatever comes. Looked for once for each bundle: it goes through every situation."""
    from policies.prove import prove

    if bundle.hash not in known:
        found = prove(bundle, our.registry.shapes(), invariants=()).idle
        known.clear()
        known[bundle.hash] = [one.as_json() for one in found]
    return known[bundle.hash]
