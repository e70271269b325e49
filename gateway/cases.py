"""A whole case as JSON, for the API and the command line. Everything in it is masked."""

from __future__ import annotations

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
    masking = tx.maskings.of(ticket_id)
    effects = {effect.proposal_id: effect for effect in tx.effects.of(ticket_id)}
    return {
        **as_json(ticket),
        "means": TICKET_WORDS[ticket.state],
        "seconds": round((ticket.updated_at - ticket.created_at).total_seconds(), 3),
        "ticket": masked.as_json() if masked else None,
        "masked_for": masking.profile if masking else None,
        "assessment": run.assessment.model_dump(mode="json") if run else None,
        "run": None
        if run is None
        else {
            "framework": run.framework,
            "team": run.team,
            "model": run.model,
            "bundle_hash": run.bundle_hash,
            "confidence_by": run.confidence_by,
            "note": run.note,
            "guardrails": list(run.guardrails),
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
