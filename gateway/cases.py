"""Cases and approvals as JSON, for the API and the command line. Everything in them is masked."""

from __future__ import annotations

from datetime import datetime

from core.action import Proposal
from core.canonical import JsonObject
from core.store.tickets import as_json
from core.store.transaction import Transaction
from workflows.report import action
from workflows.words import TICKET_WORDS


def case(tx: Transaction, ticket_id: str) -> JsonObject:
    """Everything about one ticket.

    Raises:
        NotFound: there is no such ticket.
    """
    ticket = tx.tickets.get(ticket_id)
    run = tx.assessments.latest(ticket_id)
    masked = tx.tickets.masked(ticket_id)
    effects = {effect.proposal_id: effect for effect in tx.effects.of(ticket_id)}
    return {
        **as_json(ticket),
        "means": TICKET_WORDS[ticket.state],
        "seconds": round((ticket.updated_at - ticket.created_at).total_seconds(), 3),
        "ticket": masked.as_json() if masked else None,
        "assessment": run.assessment.model_dump(mode="json") if run else None,
        "run": None
        if run is None
        else {
            "framework": run.framework,
            "team": run.team,
            "model": run.model,
            "bundle_hash": run.bundle_hash,
            "note": run.note,
            "model_requests": run.model_requests,
            "tokens_in": run.tokens_in,
            "tokens_out": run.tokens_out,
            "seconds": run.seconds,
        },
        "evidence": [
            {**evidence.as_json(), "sandbox": evidence.sandbox, "error": evidence.error}
            for evidence in tx.evidence.of(ticket_id)
        ],
        "actions": [action(proposal, effects.get(proposal.id)) for proposal in tx.proposals.of(ticket_id)],
        "deliveries": tx.outbox.of(ticket_id),
    }


def approval(tx: Transaction, proposal: Proposal) -> JsonObject:
    """What a person must see before answering; `digest` is what the answer covers."""
    ticket = tx.tickets.get(proposal.ticket_id)
    decision = proposal.decision
    return {
        "id": proposal.id,
        "ticket_id": proposal.ticket_id,
        "source": ticket.source,
        "external_id": ticket.external_id,
        "kind": ticket.kind,
        "verdict": ticket.verdict,
        "severity": ticket.severity,
        "confidence": ticket.confidence,
        "tool": proposal.tool,
        "arguments": proposal.arguments,
        "reason": proposal.reason,
        "evidence": list(proposal.evidence),
        "proposed_by": proposal.proposed_by,
        "state": proposal.state.value,
        "digest": proposal.digest,
        "needs": {
            "approvals": decision.approvals if decision else 0,
            "roles": list(decision.roles) if decision else [],
            "rules": list(decision.rules) if decision else [],
            "why": decision.reason if decision else None,
        },
        "answers": [
            {"person": answer.person, "approve": answer.approve, "reason": answer.reason, "at": _iso(answer.created_at)}
            for answer in tx.proposals.answers(proposal.id)
        ],
        "facts": proposal.provenance,
        "expires_at": _iso(proposal.expires_at) if proposal.expires_at else None,
        "created_at": _iso(proposal.created_at),
    }


def _iso(moment: datetime) -> str:
    return moment.isoformat()
