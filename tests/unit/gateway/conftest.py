"""A gateway in this process, over a real store in a temporary folder."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from core.action import Binding, Proposal, ProposalState
from core.audit import AuditEvent
from core.clock import FixedClock
from core.decision import Decision, Outcome
from core.ids import new_id
from core.settings import ApiKey
from core.store.engine import Store
from core.ticket import TicketState
from gateway.app import create_app
from workflows import intake

#: Callers of the tests: name → roles; the key is the name with "-key".
CALLERS = {
    "siem": ["submitter"],
    "ana": ["analyst"],
    "abe": ["approver", "soc-lead"],
    "amy": ["approver", "soc-lead"],
    "ada": ["admin"],
    "aud": ["auditor"],
    "nobody": [],
}


@dataclass
class Gateway:
    """The application under test, what it rang for, and a client for each caller."""

    store: Store
    clock: FixedClock
    path: Path
    rung: list[str] = field(default_factory=list)
    max_request: int = 1_000_000

    def as_caller(self, name: str | None) -> TestClient:
        app = create_app(
            store=self.store,
            clock=self.clock,
            ring=self.rung.append,
            api_keys={
                who: ApiKey(key_sha256=hashlib.sha256(f"{who}-key".encode()).hexdigest(), roles=roles)
                for who, roles in CALLERS.items()
            },
            max_request=self.max_request,
        )
        headers = {"Authorization": f"Bearer {name}-key"} if name else {}
        return TestClient(app, headers=headers, raise_server_exceptions=False)


@pytest.fixture
def gateway(store: Store, clock: FixedClock, tmp_path: Path) -> Gateway:
    return Gateway(store=store, clock=clock, path=tmp_path)


def ticket(**changes: object) -> dict[str, object]:
    """A ticket as a sender writes it."""
    plain = {"source": "siem", "external_id": "A-1", "title": "Odd mail", "body": "Please look at this."}
    return {**plain, **changes}


def pending(
    gateway: Gateway,
    *,
    approvals: int = 1,
    roles: tuple[str, ...] = ("soc-lead",),
    proposed_by: str = "team:phishing/responder",
    expires_seconds: int = 1800,
) -> Proposal:
    """A ticket that waits for people to answer one proposal, as its journey would have left it."""
    receipt = intake.submit(gateway.store, ticket(), actor="test", ring=lambda _ticket_id: None)
    now = gateway.clock.now()
    proposal = Proposal(
        id=new_id("prp"),
        ticket_id=receipt.ticket_id,
        tool="isolate_host",
        arguments={"host": "HOST_K7Q2XB"},
        reason="It beacons.",
        evidence=(),
        proposed_by=proposed_by,
        state=ProposalState.PROPOSED,
        binding=Binding(
            tool="isolate_host",
            arguments={"host": "HOST_K7Q2XB"},
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
    decision = Decision(
        outcome=Outcome.ASK,
        rules=("isolate-server",),
        reason="A server needs a lead.",
        bundle_hash="b" * 64,
        approvals=approvals,
        roles=roles,
        expires_seconds=expires_seconds,
    )
    event = AuditEvent(action="test.prepared", actor="test")
    with gateway.store.begin() as tx:
        for state in ("masked", "investigating", "decided"):
            tx.tickets.set_state(receipt.ticket_id, TicketState(state), audit=event)
        tx.proposals.add(proposal, event)
        expires_at = now + timedelta(seconds=expires_seconds) if expires_seconds else None
        tx.proposals.decide(proposal, decision, provenance=proposal.provenance, expires_at=expires_at)
        tx.proposals.move(proposal, ProposalState.PENDING, event)
        tx.tickets.set_state(receipt.ticket_id, TicketState.AWAITING_APPROVAL, audit=event)
        return tx.proposals.get(proposal.id)
