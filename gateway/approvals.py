"""`/api/v1/approvals`: see what waits for a person, and answer for exactly what was seen."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from core.canonical import JsonObject
from core.identity import READERS, Role
from gateway.identity import Caller, Permit
from gateway.parts import Parts, parts
from workflows import approvals, reveal
from workflows import edit as editing

router = APIRouter(prefix="/api/v1/approvals", tags=["approvals"])

#: A proposal's digest, as its card shows it.
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="The `digest` of the card that was shown.")]


class Approve(BaseModel):
    """Yes to exactly this action."""

    model_config = ConfigDict(extra="forbid")

    digest: Digest
    reason: Annotated[str, Field(max_length=2000)] = ""


class Deny(BaseModel):
    """No, and why."""

    model_config = ConfigDict(extra="forbid")

    digest: Digest
    reason: Annotated[str, Field(min_length=1, max_length=2000)]


class Edit(BaseModel):
    """The same action with other arguments."""

    model_config = ConfigDict(extra="forbid")

    digest: Digest
    changes: Annotated[
        JsonObject, Field(description="New values by argument: real ones, or tokens of this ticket.", min_length=1)
    ]
    reason: Annotated[str, Field(min_length=1, max_length=2000)]


class Waiting(BaseModel):
    """Everything that waits for a person, oldest first."""

    approvals: list[JsonObject]


@router.get("", response_model=Waiting)
def waiting(caller: Annotated[Caller, Depends(Permit(*READERS))], our: Annotated[Parts, Depends(parts)]) -> JsonObject:
    """Proposals that wait; `yours` tells whether the caller may answer."""
    with our.store.read() as tx:
        cards = [
            {
                **approvals.card(tx, proposal),
                "yours": approvals.can_answer(tx, proposal, our.clock, person=caller.name, roles=sorted(caller.roles)),
            }
            for proposal in tx.proposals.waiting()
        ]
    return {"approvals": cards}


@router.get("/{proposal_id}")
def show(
    proposal_id: str, _caller: Annotated[Caller, Depends(Permit(*READERS))], our: Annotated[Parts, Depends(parts)]
) -> JsonObject:
    """One proposal, whatever has become of it."""
    with our.store.read() as tx:
        return approvals.card(tx, tx.proposals.get(proposal_id))


@router.post("/{proposal_id}/reveal", responses={409: {"description": "The caller may not see originals, and why"}})
def reveal_arguments(
    proposal_id: str,
    caller: Annotated[Caller, Depends(Permit(Role.APPROVER, Role.ANALYST))],
    our: Annotated[Parts, Depends(parts)],
) -> JsonObject:
    """The arguments with their originals, for those who may decide. Each look is in the audit trail."""
    shown = reveal.arguments(our.store, our.masker, proposal_id, person=caller.name, roles=sorted(caller.roles))
    return {"id": proposal_id, "originals": shown}


@router.post("/{proposal_id}/approve", responses={409: {"description": "The answer does not count, and why"}})
def approve(
    proposal_id: str,
    said: Approve,
    caller: Annotated[Caller, Depends(Permit(Role.APPROVER, Role.ANALYST))],
    our: Annotated[Parts, Depends(parts)],
) -> JsonObject:
    """Approve. The action runs once enough people have; the rule says whose answer counts."""
    return _answer(our, caller, proposal_id, said, approve=True)


@router.post("/{proposal_id}/deny", responses={409: {"description": "The answer does not count, and why"}})
def deny(
    proposal_id: str,
    said: Deny,
    caller: Annotated[Caller, Depends(Permit(Role.APPROVER, Role.ANALYST))],
    our: Annotated[Parts, Depends(parts)],
) -> JsonObject:
    """Deny. One denial is enough."""
    return _answer(our, caller, proposal_id, said, approve=False)


@router.post(
    "/{proposal_id}/edit",
    responses={
        409: {"description": "The caller may not edit it now, or the edit changes nothing"},
        422: {"description": "The arguments do not fit the tool, or a token is not this ticket's"},
    },
)
def edit(
    proposal_id: str,
    said: Edit,
    caller: Annotated[Caller, Depends(Permit(Role.APPROVER, Role.ANALYST))],
    our: Annotated[Parts, Depends(parts)],
) -> JsonObject:
    """Replace it by a proposal with other arguments, which policy decides on anew; gives the new one.

    Whoever edits may not answer the result.
    """
    fresh = editing.edit(
        our,
        proposal_id,
        said.changes,
        person=caller.name,
        roles=sorted(caller.roles),
        reason=said.reason,
        digest=said.digest,
    )
    with our.store.read() as tx:
        return approvals.card(tx, fresh)


def _answer(our: Parts, caller: Caller, proposal_id: str, said: Approve | Deny, *, approve: bool) -> JsonObject:
    settled = approvals.answer(
        our.store,
        proposal_id,
        person=caller.name,
        roles=sorted(caller.roles),
        approve=approve,
        reason=said.reason,
        digest=said.digest,
        ring=our.ring,
        masker=our.masker,
    )
    with our.store.read() as tx:
        return approvals.card(tx, settled)
