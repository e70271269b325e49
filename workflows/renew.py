"""A proposal in the place of another: edited by a person, or bound anew because what it was bound to has changed."""

from __future__ import annotations

import dataclasses
from typing import Any

from core.action import Binding, Proposal, ProposalState
from core.audit import AuditEvent
from core.canonical import JsonObject
from core.ids import new_id
from core.store.transaction import Transaction
from workflows.decide import Bench, Opinion, rule


def bound_now(bench: Bench, arguments: JsonObject, proposal: Proposal) -> Binding:
    """What `proposal` would be bound to if it were made now."""
    from tools.binding import bind

    return bind(
        tool=proposal.tool,
        arguments=arguments,
        cited=proposal.evidence,
        evidence=bench.evidence,
        registry=bench.services.registry,
        bundle=bench.bundle,
        session=bench.session,
        sandbox=proposal.binding.sandbox,
    )


def anew(bench: Bench, old: Proposal, arguments: JsonObject, **changes: Any) -> Proposal:
    """A proposal with these masked arguments that will stand in the place of `old`, before policy has spoken."""
    now = bench.services.clock.now()
    fresh = dataclasses.replace(
        old,
        id=new_id("prp"),
        arguments=arguments,
        binding=bound_now(bench, arguments, old),
        state=ProposalState.PROPOSED,
        decision=None,
        provenance={},
        replaces=old.id,
        expires_at=None,
        created_at=now,
        updated_at=now,
    )
    return dataclasses.replace(fresh, **changes)


def put_in_place(
    tx: Transaction, bench: Bench, old: Proposal, fresh: Proposal, opinion: Opinion, *, why: str, actor: str
) -> bool:
    """Replace `old` by what policy said of `fresh`; False when somebody settled `old` first, and nothing is written.

    `why` names the audit event of the replacement.
    """
    replaced = AuditEvent(action=why, actor=actor, data={"was": old.digest, "is": fresh.digest})
    if not tx.proposals.move(old, ProposalState.REPLACED, replaced):
        return False
    record(tx, bench, old, fresh, opinion, actor=actor)
    return True


def record(tx: Transaction, bench: Bench, old: Proposal, fresh: Proposal, opinion: Opinion, *, actor: str) -> None:
    """Keep a proposal that stands in the place of another, and what policy said of it."""
    recorded = AuditEvent(
        action="proposal.recorded",
        actor=actor,
        ticket_id=fresh.ticket_id,
        data={"proposal": fresh.id, "replaces": old.id, "tool": fresh.tool, "digest": fresh.digest},
    )
    tx.proposals.add(fresh, recorded)
    rule(tx, fresh, opinion, now=bench.services.clock.now())
