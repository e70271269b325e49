"""Small things tests need again and again: a valid ticket, a proposal, an effect."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from core.action import Binding, Effect, EffectState, Proposal, ProposalState
from core.audit import AuditEvent
from core.decision import Decision, Outcome
from core.ids import new_id
from core.store.engine import Store
from core.ticket import Lease, Ticket, TicketState, parse_ticket

WHEN = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def ticket_json(**changes: Any) -> dict[str, Any]:
    """A ticket that passes intake."""
    return {
        "source": "desk",
        "external_id": "INC-1",
        "title": "Odd sign-in",
        "body": "Somebody signed in from far away.",
        **changes,
    }


def stored_ticket(store: Store, **changes: Any) -> Ticket:
    """A ticket that has been received."""
    with store.begin() as tx:
        return tx.tickets.add(
            parse_ticket(ticket_json(**changes)),
            kind="identity",
            framework="autogen",
            audit=AuditEvent(action="ticket.received", actor="test"),
        )


def walk(store: Store, ticket_id: str, *states: TicketState) -> None:
    """Move a ticket along, one leased step a state."""
    for state in states:
        with store.begin() as tx:
            tx.tickets.move(held(store, ticket_id, tx=tx), state, audit=AuditEvent(action="test.move", actor="test"))


def held(store: Store, ticket_id: str, *, tx: Any = None, owner: str = "w1") -> Lease:
    """A lease on the ticket."""
    if tx is not None:
        lease = tx.tickets.lease(ticket_id, owner=owner, seconds=30)
    else:
        with store.begin() as fresh:
            lease = fresh.tickets.lease(ticket_id, owner=owner, seconds=30)
    assert lease is not None
    return lease  # type: ignore[no-any-return]  # tx is any transaction


def proposal(ticket_id: str, **changes: Any) -> Proposal:
    """A proposal that waits for two people."""
    values: dict[str, Any] = {
        "id": new_id("prp"),
        "ticket_id": ticket_id,
        "tool": "isolate_host",
        "arguments": {"host": "HOST_K7Q2XB"},
        "reason": "It spreads.",
        "evidence": ("E1",),
        "proposed_by": "team:endpoint/responder",
        "state": ProposalState.PENDING,
        "binding": Binding(
            tool="isolate_host",
            arguments={"host": "HOST_K7Q2XB"},
            tool_schema="s",
            bundle_hash="b",
            evidence_digest="e",
            mask_commitment="m",
            sandbox="namespaces",
        ),
        "decision": Decision(
            outcome=Outcome.ASK, rules=("r",), reason="Tier 0.", bundle_hash="b", approvals=2, roles=("soc-lead",)
        ),
        "provenance": {},
        "replaces": None,
        "expires_at": None,
        "created_at": WHEN,
        "updated_at": WHEN,
    }
    return Proposal(**{**values, **changes})


def keep(store: Store, kept: Proposal) -> Proposal:
    """Store a proposal."""
    with store.begin() as tx:
        tx.proposals.add(kept, AuditEvent(action="proposal.recorded", actor="test", ticket_id=kept.ticket_id))
    return kept


def effect(of: Proposal, **changes: Any) -> Effect:
    """A planned effect."""
    values: dict[str, Any] = {
        "id": new_id("eff"),
        "proposal_id": of.id,
        "ticket_id": of.ticket_id,
        "tool": of.tool,
        "connector": "lab",
        "idempotency_key": f"casemate-{of.id}",
        "state": EffectState.PLANNED,
        "target": None,
        "source": "",
        "outcome": {},
        "reverts_at": None,
        "attempts": 0,
        "created_at": WHEN,
        "updated_at": WHEN,
    }
    return Effect(**{**values, **changes})


def downgrade(store: Store, revision: str) -> None:
    """Take a database back to an older schema."""
    from alembic import command
    from alembic.config import Config

    import core.store.migrations

    config = Config()
    config.set_main_option("script_location", str(next(iter(core.store.migrations.__path__))))
    with store._engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)
