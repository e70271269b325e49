"""Changing a proposed action before it is answered. An edit is a new proposal: policy and other people decide on it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from core.action import Proposal, ProposalState
from core.audit import AuditEvent
from core.canonical import JsonObject
from core.errors import ApprovalRefused
from core.ids import new_id
from workflows.approvals import check_answer
from workflows.decide import Bench, rule, ticket_after_answer
from workflows.execute import bound_now
from workflows.services import Services


def edit(
    services: Services,
    proposal_id: str,
    changes: JsonObject,
    *,
    person: str,
    roles: Sequence[str],
    reason: str,
    digest: str,
) -> Proposal:
    """Replace a waiting proposal by one with other arguments; returns the new one, decided by policy.

    `changes` hold real values or this ticket's tokens. The editor may not approve the result.

    Raises:
        ApprovalRefused: this person may not answer it, the edit changes nothing, or no reason is given.
        ToolRefused: the arguments do not fit the tool, or a token is not this ticket's.
        NotFound: there is no such proposal.
    """
    if not reason.strip():
        raise ApprovalRefused("An edit needs a reason, for those who approve it.")
    with services.store.read() as tx:
        old = tx.proposals.get(proposal_id)
        check_answer(tx, old, services.clock, person=person, roles=roles, digest=digest)
    bench = Bench.open(services, old.ticket_id)
    fresh = _edited(services, bench, old, changes, person=person, reason=reason)
    opinion = bench.weigh(fresh, door="edit")
    with services.store.begin() as tx:
        replaced = AuditEvent(action="proposal.edited", actor=f"user:{person}", data={"was": old.digest})
        if not tx.proposals.move(old, ProposalState.REPLACED, replaced):
            raise ApprovalRefused("Somebody settled this proposal a moment earlier; look at it again.")
        tx.proposals.add(
            fresh,
            AuditEvent(
                action="proposal.recorded",
                actor=f"user:{person}",
                ticket_id=fresh.ticket_id,
                data={"proposal": fresh.id, "replaces": old.id, "tool": fresh.tool, "digest": fresh.digest},
            ),
        )
        rule(tx, fresh, opinion, now=services.clock.now())
        woken = ticket_after_answer(tx, tx.tickets.get(old.ticket_id), actor=f"user:{person}")
        settled = tx.proposals.get(fresh.id)
    if woken:
        services.ring(old.ticket_id)
    return settled


def _edited(
    services: Services, bench: Bench, old: Proposal, changes: JsonObject, *, person: str, reason: str
) -> Proposal:
    from tools.checks import parse
    from tools.facts import restored

    checked = parse(services.registry.get(old.tool).arguments, {**old.arguments, **changes}).model_dump()
    for name, value in checked.items():
        restored(bench.session, old.tool, name, value)  # a token that is not this ticket's is refused here
    arguments = bench.session.mask_json(checked)
    if arguments == old.arguments:
        raise ApprovalRefused("The edit changes nothing; approve or deny the action as it is.")
    now = services.clock.now()
    return dataclasses.replace(
        old,
        id=new_id("prp"),
        arguments=arguments,
        binding=bound_now(services, bench, arguments, old),
        reason=bench.session.mask_text(reason),
        proposed_by=f"user:{person}",
        state=ProposalState.PROPOSED,
        decision=None,
        provenance={},
        replaces=old.id,
        expires_at=None,
        created_at=now,
        updated_at=now,
    )
