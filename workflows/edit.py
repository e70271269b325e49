"""Changing a proposed action before it is answered. An edit is a new proposal: policy and other people decide on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from core.action import Proposal
from core.canonical import JsonObject
from core.decision import Decision
from core.errors import ApprovalRefused
from workflows import questions
from workflows.approvals import check_answer
from workflows.decide import Bench, ticket_after_answer
from workflows.renew import anew, put_in_place
from workflows.services import Deciding

NEEDS_REASON = "An edit needs a reason, for those who approve it."


@dataclass(frozen=True, kw_only=True, slots=True)
class Preview:
    """What an edit would come to. Nothing of it is kept."""

    #: Masked.
    arguments: JsonObject
    #: Policy's answer as things stand; it is asked again when the edit is made.
    decision: Decision


def preview(
    services: Deciding, proposal_id: str, changes: JsonObject, *, person: str, roles: Sequence[str], digest: str
) -> Preview:
    """What `edit` would do. Raises as that does, except for the reason and the sign-in, which are not asked for yet."""
    with services.store.read() as tx:
        old = tx.proposals.get(proposal_id)
        check_answer(tx, old, services.clock, person=person, roles=roles, digest=digest)
    bench = Bench.open(services, old.ticket_id)
    fresh = _edited(services, bench, old, changes, person=person, reason="")
    return Preview(arguments=fresh.arguments, decision=bench.weigh(fresh, door="edit").decision)


def edit(
    services: Deciding,
    proposal_id: str,
    changes: JsonObject,
    *,
    person: str,
    roles: Sequence[str],
    reason: str,
    digest: str,
    authenticated_at: datetime | None = None,
) -> Proposal:
    """Replace a waiting proposal by one with other arguments; returns the new one, decided by policy.

    `changes` hold real values or this ticket's tokens. The editor may not approve the result.
    `authenticated_at` is when their session last saw a password or a link; an API key and a terminal have none.

    Raises:
        ReauthenticationNeeded: policy asks for a fresher sign-in before this proposal is answered.
        ApprovalRefused: this person may not answer it, the edit changes nothing, or no reason is given.
        ToolRefused: the arguments do not fit the tool, or a token is not this ticket's.
        NotFound: there is no such proposal.
    """
    if not reason.strip():
        raise ApprovalRefused(NEEDS_REASON)
    with services.store.read() as tx:
        old = tx.proposals.get(proposal_id)
        check_answer(tx, old, services.clock, person=person, roles=roles, digest=digest)
        questions.check_fresh(old.decision, authenticated_at=authenticated_at, now=services.clock.now())
    bench = Bench.open(services, old.ticket_id)
    fresh = _edited(services, bench, old, changes, person=person, reason=reason)
    opinion = bench.weigh(fresh, door="edit")
    actor = f"user:{person}"
    with services.store.begin() as tx:
        if not put_in_place(tx, bench, old, fresh, opinion, why="proposal.edited", actor=actor):
            raise ApprovalRefused("Somebody settled this proposal a moment earlier; look at it again.")
        woken = ticket_after_answer(tx, tx.tickets.get(old.ticket_id), actor=actor)
        settled = tx.proposals.get(fresh.id)
    if woken:
        services.ring(old.ticket_id)
    return settled


def _edited(
    services: Deciding, bench: Bench, old: Proposal, changes: JsonObject, *, person: str, reason: str
) -> Proposal:
    from tools.facts import restored

    checked = services.registry.get(old.tool).checked({**old.arguments, **changes})
    for name, value in checked.items():
        restored(bench.session, old.tool, name, value)  # a token that is not this ticket's is refused here
    arguments = bench.session.mask_json(checked)
    if arguments == old.arguments:
        raise ApprovalRefused("The edit changes nothing; approve or deny the action as it is.")
    return anew(bench, old, arguments, reason=bench.session.mask_text(reason), proposed_by=f"user:{person}")
