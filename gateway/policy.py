"""`/api/v1/policy`: what is live, what wants to be, and the answers of admins."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from core.bundle_change import BundleChange, ChangeState
from core.canonical import JsonObject
from core.decision_log import Door
from core.identity import Role
from gateway.cursors import before
from gateway.identity import Caller, Permit
from gateway.parts import Parts, parts
from workflows import activation, candidates

router = APIRouter(prefix="/api/v1/policy", tags=["policy"])

Reader = Annotated[Caller, Depends(Permit(Role.AUDITOR))]
Admin = Annotated[Caller, Depends(Permit(Role.ADMIN))]
Our = Annotated[Parts, Depends(parts)]
Reason = Annotated[str, Field(min_length=1, max_length=2000, description="Why; name nobody in it, it stays for ever.")]
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
#: Files of a bundle that name people.
NAMING_PEOPLE = frozenset({"organization.yaml"})


class Proposal(BaseModel):
    """A bundle that shall go live: its files, or the hash of one that casemate has."""

    model_config = ConfigDict(extra="forbid")

    files: Annotated[dict[str, str] | None, Field(max_length=100, description="Text by file name.")] = None
    bundle: Hash | None = None
    reason: Reason

    @model_validator(mode="after")
    def _one_of_both(self) -> Proposal:
        if (self.files is None) == (self.bundle is None):
            raise ValueError("send one of `files` and `bundle`")
        return self


class Answer(BaseModel):
    """Yes or no to exactly this change."""

    model_config = ConfigDict(extra="forbid")

    approve: bool
    digest: Annotated[Hash, Field(description="The `digest` of the change that was shown.")]
    reason: Annotated[str, Field(max_length=2000, description="Required for a no.")] = ""


class Rollback(BaseModel):
    """Back to the bundle that was live directly before."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason


@router.get("")
def live(_caller: Reader, our: Our) -> JsonObject:
    """What is live since when and by whom, what waits, what is wrong, and which process uses which bundle."""
    trouble = candidates.trouble(our.live, our.store)
    with our.store.read() as tx:
        newest = tx.bundles.live()
        return {
            "live": activation.activation_json(newest) if newest else None,
            "trouble": trouble,
            "waiting": [activation.card(tx, change) for change in tx.bundles.changes.waiting()],
            "processes": candidates.processes(tx, our.store),
            "history": [activation.activation_json(one) for one in tx.bundles.activations(limit=20)],
        }


@router.get("/bundles/{bundle_hash}")
def bundle(bundle_hash: str, caller: Reader, our: Our) -> JsonObject:
    """The files of one bundle; `withheld` names those that only admins get, because they name people."""
    with our.store.read() as tx:
        found = tx.bundles.get(bundle_hash)
    withheld = set() if caller.has(Role.ADMIN) else NAMING_PEOPLE & found.files.keys()
    return {
        "hash": found.hash,
        "author": found.author,
        "reason": found.reason,
        "origin": found.origin,
        "created_at": found.created_at.isoformat(),
        "files": {name: text for name, text in found.files.items() if name not in withheld},
        "withheld": sorted(withheld),
    }


@router.get("/changes")
def changes(
    caller: Reader,
    our: Our,
    state: Annotated[ChangeState | None, Query(description="Only this state.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> JsonObject:
    """Changes, newest first; `yours` tells whether the caller may answer."""
    with our.store.read() as tx:
        found = tx.bundles.changes.recent(state=state, limit=limit)
        cards = [
            {
                **activation.card(tx, change),
                "yours": activation.can_answer(tx, our.store, change, person=caller.name, roles=sorted(caller.roles)),
            }
            for change in found
        ]
    return {"changes": cards}


@router.post(
    "/changes",
    status_code=HTTPStatus.CREATED,
    responses={
        409: {"description": "It is live already, breaks its own invariants, or the live policy denies it"},
        422: {"description": "The bundle has problems: `problems` lists all of them"},
    },
)
def propose(said: Proposal, response: Response, caller: Admin, our: Our) -> JsonObject:
    """Ask whether a bundle may go live. The answer holds the review; the same question that waits already is given."""
    from policies.bundle import BundleSource

    files = said.files
    if said.bundle is not None:
        with our.store.read() as tx:
            files = dict(tx.bundles.get(said.bundle).files)
    change = activation.propose(
        our.store,
        our.registry,
        our.live.look(),
        BundleSource.from_files(files or {}, name="bundle"),
        author=f"user:{caller.name}",
        reason=said.reason,
        origin="http",
    )
    response.headers["Location"] = f"/api/v1/policy/changes/{change.id}"
    return _whole(our, change)


@router.get("/changes/{change_id}")
def change(change_id: str, _caller: Reader, our: Our) -> JsonObject:
    """One change with its review: differences by meaning, proofs, and what history would have been."""
    with our.store.read() as tx:
        found = tx.bundles.changes.get(change_id)
    return _whole(our, found)


@router.post(
    "/changes/{change_id}/answers",
    responses={409: {"description": "The answer does not count, and why"}},
)
def answer(change_id: str, said: Answer, caller: Admin, our: Our) -> JsonObject:
    """Approve or deny. With the last yes the bundle is live, and every process has it within 5 seconds."""
    settled = activation.answer(
        our.store,
        change_id,
        person=caller.name,
        roles=sorted(caller.roles),
        approve=said.approve,
        reason=said.reason,
        digest=said.digest,
    )
    return _whole(our, settled)


@router.post("/rollback", responses={409: {"description": "There is nothing to go back to, and why"}})
def rollback(said: Rollback, caller: Admin, our: Our) -> JsonObject:
    """Make the bundle live that was live directly before."""
    went = activation.rollback(
        our.store, our.registry, person=caller.name, roles=sorted(caller.roles), reason=said.reason
    )
    return activation.activation_json(went)


@router.get("/decisions")
def decisions(
    *,
    _caller: Reader,
    our: Our,
    ticket: Annotated[str | None, Query(description="Only of this ticket.")] = None,
    tool: str | None = None,
    outcome: Annotated[str | None, Query(pattern="^(allow|ask|deny)$")] = None,
    door: Door | None = None,
    rule: Annotated[str | None, Query(max_length=64)] = None,
    bundle: Annotated[str | None, Query(pattern="^[0-9a-f]{1,64}$", description="How its hash begins.")] = None,
    cursor: Annotated[str | None, Query(description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> JsonObject:
    """The decision log, newest first; facts are masked."""
    start = before(cursor)
    with our.store.read() as tx:
        page = tx.decisions.search(
            ticket_id=ticket,
            tool=tool,
            outcome=outcome,
            door=door,
            rule=rule,
            bundle_hash=bundle,
            before=start,
            limit=limit + 1,
        )
    following = str(page[limit - 1].sequence) if len(page) > limit else None
    return {"decisions": [one.as_json() for one in page[:limit]], "next": following}


def _whole(our: Parts, change: BundleChange) -> JsonObject:
    with our.store.read() as tx:
        return {**activation.card(tx, change), "review": tx.bundles.changes.review(change.id)}
