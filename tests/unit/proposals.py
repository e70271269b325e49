"""A proposal that waits for people, as a ticket's journey would have left it."""

from __future__ import annotations

from datetime import timedelta

from core.action import Binding, Proposal, ProposalState
from core.audit import AuditEvent
from core.decision import Decision, Outcome
from core.ids import new_id
from core.store.engine import Store
from core.ticket import TicketState
from workflows import intake

TICKET = {"source": "siem", "external_id": "A-1", "title": "Odd mail", "body": "Please look at this."}
ARGUMENTS = {"host": "HOST_K7Q2XB"}
EVENT = AuditEvent(action="test.prepared", actor="test")


def pending(
    store: Store,
    *,
    approvals: int = 1,
    roles: tuple[str, ...] = ("soc-lead",),
    proposed_by: str = "team:phishing/responder",
    expires_seconds: int = 1800,
) -> Proposal:
    """Store a ticket whose one proposal policy has asked people about."""
    receipt = intake.submit(store, TICKET, actor="test", ring=lambda _ticket_id: None)
    proposal = _proposed(receipt.ticket_id, store, proposed_by)
    decision = Decision(
        outcome=Outcome.ASK,
        rules=("isolate-server",),
        reason="A server needs a lead.",
        bundle_hash="b" * 64,
        approvals=approvals,
        roles=roles,
        expires_seconds=expires_seconds,
    )
    with store.begin() as tx:
        for state in ("masked", "investigating", "decided"):
            tx.tickets.set_state(receipt.ticket_id, TicketState(state), audit=EVENT)
        tx.proposals.add(proposal, EVENT)
        expires_at = store.clock.now() + timedelta(seconds=expires_seconds) if expires_seconds else None
        tx.proposals.decide(proposal, decision, provenance=proposal.provenance, expires_at=expires_at)
        tx.proposals.move(proposal, ProposalState.PENDING, EVENT)
        tx.tickets.set_state(receipt.ticket_id, TicketState.AWAITING_APPROVAL, audit=EVENT)
        return tx.proposals.get(proposal.id)


def _proposed(ticket_id: str, store: Store, proposed_by: str) -> Proposal:
    now = store.clock.now()
    return Proposal(
        id=new_id("prp"),
        ticket_id=ticket_id,
        tool="isolate_host",
        arguments=ARGUMENTS,
        reason="It beacons.",
        evidence=(),
        proposed_by=proposed_by,
        state=ProposalState.PROPOSED,
        binding=Binding(
            tool="isolate_host",
            arguments=ARGUMENTS,
            tool_schema="a" * 64,
            bundle_hash="b" * 64,
            evidence_digest="c" * 64,
            mask_commitment="d" * 64,
            sandbox="namespaces",
        ),
        decision=None,
        provenance={"asset": {"tier": 2}},
        replaces=None,
        expires_at=None,
        created_at=now,
        updated_at=now,
    )
