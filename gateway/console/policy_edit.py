"""`/policy/edit`: texts of a bundle, checked as they are typed, weighed before anybody is asked to agree to them."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from core.errors import ApprovalRefused, NotFound
from core.identity import Role
from gateway.console.inert import shown
from gateway.console.policy import Admin, Our, show, show_part
from gateway.console.policy_forms import Draft, Sent
from gateway.console.policy_jobs import Work, bench
from gateway.console.render import HEADERS, is_part
from gateway.console.visit import Visitor
from gateway.parts import Parts

router = APIRouter(include_in_schema=False)

#: Files in the order of the tabs; others follow by name.
ORDER = (
    "actions.yaml",
    "actions_test.yaml",
    "invariants.yaml",
    "masking.yaml",
    "guardrails.yaml",
    "network.yaml",
    "models.yaml",
    "organization.yaml",
)
#: What a file begins with that somebody adds.
EMPTY = {
    "invariants.yaml": "invariants: []\n",
    "network.yaml": "{}\n",
    "models.yaml": "{}\n",
}
#: Lines with hidden characters that are named.
MOST_WARNINGS = 20


@router.get("/policy/edit")
def edit(
    *,
    request: Request,
    visitor: Admin,
    our: Our,
    bundle: str = "",
    change: str = "",
    review: str = "",
) -> Response:
    """The editor over the live bundle, or over another one, a change's, or the texts of a review."""
    if review:
        try:
            job = bench(request).jobs.get(review, visitor.name)
        except NotFound:
            return RedirectResponse("/policy/edit", HTTPStatus.SEE_OTHER, headers=HEADERS)
        return _editor(request, visitor, job.files, start=job.start)
    with our.store.read() as tx:
        hash_ = tx.bundles.changes.get(change).bundle_hash if change else bundle
        start = tx.bundles.find(hash_) if hash_ else our.live.look().live
        files = tx.bundles.get(start).files
    return _editor(request, visitor, files, start=start)


@router.post("/policy/edit")
def again(request: Request, visitor: Admin, our: Our, draft: Sent) -> Response:
    """The editor over the texts that were sent: checked, or with a file more or less. Works without scripts."""
    from workflows.workbench import check

    files = dict(draft.files)
    add, drop = draft.field("add"), draft.field("drop")
    if draft.field("do") == "add" and add and add not in files:
        files[add] = EMPTY.get(add, "tests: []\n")
    files.pop(drop, None)
    checked = check(files, our.registry) if draft.field("do") == "check" else None
    return _editor(request, visitor, files, start=draft.field("start"), checked=checked, sent=True)


@router.post("/policy/check")
async def check(request: Request, visitor: Admin, our: Our, draft: Sent) -> Response:
    """What is wrong with the texts now. Of several that one session asks for, only the newest is answered."""
    from workflows.workbench import check as check_all
    from workflows.workbench import check_one

    only, whole = draft.field("only"), bool(draft.field("whole"))
    if not whole and _too_large(draft, only):
        return show_part(request, "policy/_checked.html", visitor, checked=None, warnings=[], large=True)
    work = (
        (lambda: check_one(only, draft.files[only]))
        if only and not whole
        else (lambda: check_all(draft.files, our.registry))
    )
    found = await bench(request).turns.take(visitor.session.digest, work)
    if found is None:
        return Response(status_code=HTTPStatus.NO_CONTENT, headers=HEADERS)
    return show_part(
        request, "policy/_checked.html", visitor, checked=found, warnings=hidden(draft.files, only), large=False
    )


@router.post("/policy/review")
def begin(request: Request, visitor: Admin, our: Our, draft: Sent) -> Response:
    """Begin a review of the texts."""
    job_id = bench(request).jobs.start(visitor.name, draft.files, draft.field("start"), _weighing(our, draft.files))
    to = f"/policy/review/{job_id}"
    if is_part(request):
        return Response(status_code=HTTPStatus.NO_CONTENT, headers={**HEADERS, "HX-Redirect": to})
    return RedirectResponse(to, HTTPStatus.SEE_OTHER, headers=HEADERS)


@router.post("/policy/review/{job_id}/again")
def begin_again(request: Request, job_id: str, visitor: Admin, our: Our) -> Response:
    """Make a review in this process whose own process is gone."""
    bench(request).jobs.again(job_id, visitor.name, lambda files: _weighing(our, files))
    return RedirectResponse(f"/policy/review/{job_id}", HTTPStatus.SEE_OTHER, headers=HEADERS)


def _weighing(our: Parts, files: Mapping[str, str]) -> Work:
    from workflows.workbench import weigh

    live = our.live.look()
    return lambda tell: weigh(our.store, our.registry, files, live.bundle, tell=tell)


@router.get("/policy/review/{job_id}")
def review(request: Request, job_id: str, visitor: Admin, our: Our) -> Response:
    """How far a review is, and what it found."""
    return _review(request, job_id, visitor, our)


@router.post("/policy/review/{job_id}/propose")
def propose(
    request: Request,
    job_id: str,
    visitor: Admin,
    our: Our,
    reason: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """Ask others to make the texts live. What they would do is looked at once more, and kept with the question."""
    from policies.bundle import BundleSource
    from workflows import activation

    job = bench(request).jobs.get(job_id, visitor.name)
    try:
        change = activation.propose(
            our.store,
            our.registry,
            our.live.look(),
            BundleSource.from_files(job.files, name="bundle"),
            author=f"user:{visitor.name}",
            reason=reason,
            origin="http",
        )
    except ApprovalRefused as refused:
        return _review(request, job_id, visitor, our, refused=str(refused), reason=reason, status=HTTPStatus.CONFLICT)
    return RedirectResponse(f"/policy/changes/{change.id}?asked=1", HTTPStatus.SEE_OTHER, headers=HEADERS)


def hidden(files: Mapping[str, str], only: str = "") -> list[tuple[str, int, str]]:
    """Lines that hold what the eye cannot see or takes for something else: file, line, and the line spelt out."""
    found: list[tuple[str, int, str]] = []
    for name, text in files.items():
        if text.isascii() or (only and name != only):
            continue
        for number, line in enumerate(text.split("\n"), start=1):
            if not line.isascii() and shown(line) != line:
                found.append((name, number, line.strip()[:160]))
                if len(found) == MOST_WARNINGS:
                    return found
    return found


def ordered(names: Mapping[str, Any]) -> list[str]:
    """File names as the tabs have them."""
    return sorted(names, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))


def _too_large(draft: Draft, only: str) -> bool:
    from workflows.workbench import FILE_LIMIT, WHOLE_LIMIT

    return len(draft.files.get(only, "")) > FILE_LIMIT if only in draft.files else draft.size > WHOLE_LIMIT


def _editor(request: Request, visitor: Visitor, files: Mapping[str, str], *, start: str, **given: Any) -> Response:
    from policies.bundle import FILES, OPTIONAL
    from workflows.workbench import WHOLE_LIMIT

    return show(
        request,
        "policy/edit.html",
        visitor,
        **{
            "title": "Edit the policy",
            "files": {name: files[name] for name in ordered(files)},
            "start": start,
            "addable": [name for name in (*FILES, *OPTIONAL, "more_test.yaml") if name not in files],
            "needed": FILES,
            "whole_limit": WHOLE_LIMIT,
            "warnings": hidden(files),
            "large": False,
            "checked": None,
            "sent": False,
            **given,
        },
    )


def _review(
    request: Request, job_id: str, visitor: Visitor, our: Parts, *, status: int = 200, **given: Any
) -> Response:
    from workflows.workbench import answer_time, effort

    job = bench(request).jobs.get(job_id, visitor.name)
    with our.store.read() as tx:
        time = answer_time(tx, our.store)
        live_hash = tx.bundles.live_hash()
    context = {
        "job": job,
        "weighed": job.result,
        "effort": effort(job.result.review, time) if job.result else None,
        "live_hash": live_hash,
        "all": visitor.has(Role.ADMIN),
        "refused": None,
        "reason": "",
        **given,
    }
    if is_part(request) and job.runs:
        return show_part(request, "policy/_progress.html", visitor, **context)
    if is_part(request):
        to = f"/policy/review/{job.id}"
        return Response(status_code=HTTPStatus.NO_CONTENT, headers={**HEADERS, "HX-Redirect": to})
    return show(request, "policy/review.html", visitor, status=status, title="What it would do", **context)
