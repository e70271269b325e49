"""What goes back to a ticket's source: composed from the store, masked until the moment it is delivered."""

from __future__ import annotations

import re
from typing import Literal

from core.action import Effect, Proposal
from core.canonical import JsonObject
from core.settings import Settings
from core.store.transaction import Transaction
from core.ticket import Ticket
from workflows.words import ACTION_WORDS, proposal_words

#: `interim`: the verdict is there and actions wait for people. `final`: everything is settled.
#: `escalated` and `failed`: casemate could not finish.
ReportKind = Literal["interim", "final", "escalated", "failed"]

#: Destination of reports whose source has no webhook.
FILE_DROP = "file"


def queue(tx: Transaction, ticket: Ticket, *, kind: ReportKind, settings: Settings, note: str | None = None) -> str:
    """Put a report into the outbox, in the transaction of the state change it tells of; returns its id."""
    destination = "webhook" if ticket.source in settings.report_webhooks else FILE_DROP
    return tx.outbox.add(
        ticket_id=ticket.id,
        kind=f"report.{kind}",
        destination=destination,
        payload=compose(tx, ticket, kind=kind, note=note),
    )


def compose(tx: Transaction, ticket: Ticket, *, kind: ReportKind, note: str | None = None) -> JsonObject:
    """The report as JSON, masked."""
    run = tx.assessments.latest(ticket.id)
    effects = {effect.proposal_id: effect for effect in tx.effects.of(ticket.id)}
    evidence = {item.id: item for item in tx.evidence.of(ticket.id)}
    report: JsonObject = {
        "type": f"report.{kind}",
        "ticket": {
            "id": ticket.id,
            "source": ticket.source,
            "external_id": ticket.external_id,
            "version": ticket.version,
            "kind": ticket.kind,
            "state": ticket.state.value,
        },
        "note": note,
        "assessment": None,
        "actions": [
            action(proposal, effects.get(proposal.id))
            for proposal in tx.proposals.of(ticket.id)
            if proposal.state.value != "replaced"
        ],
    }
    if run is not None:
        answer = run.assessment
        report["team"] = {"name": run.team, "framework": run.framework, "model": run.model, "note": run.note}
        report["assessment"] = {
            "verdict": answer.verdict.value,
            "severity": answer.severity.value,
            "confidence": answer.confidence,
            "confidence_by": run.confidence_by,
            "techniques": answer.techniques,
            "summary": answer.summary,
            "reasons": [
                {
                    "claim": finding.claim,
                    "evidence": [
                        {"id": cited, "tool": evidence[cited].tool, "summary": evidence[cited].summary}
                        for cited in finding.evidence
                        if cited in evidence
                    ],
                }
                for finding in answer.findings
            ],
            "unknowns": answer.unknowns,
            "guardrails": list(run.guardrails),
        }
    return report


def action(proposal: Proposal, effect: Effect | None) -> JsonObject:
    """One action as reports, boards and APIs show it."""
    decision = proposal.decision
    return {
        "proposal": proposal.id,
        "tool": proposal.tool,
        "arguments": proposal.arguments,
        "reason": proposal.reason,
        "decision": decision.outcome.value if decision else None,
        "rules": list(decision.rules) if decision else [],
        "why": decision.reason if decision else None,
        "state": effect.state.value if effect else proposal.state.value,
        "means": ACTION_WORDS[effect.state] if effect else proposal_words(proposal),
        "effect": effect.id if effect else None,
        "reverts_at": effect.reverts_at.isoformat() if effect and effect.reverts_at else None,
    }


def file_name(payload: JsonObject) -> str:
    """A safe name for the file drop: what is odd in an external id becomes `_`."""
    ticket = payload["ticket"]
    safe = re.sub(r"[^A-Za-z0-9.-]+", "_", ticket["external_id"]).strip("._")[:100] or "ticket"
    return f"{safe}.v{ticket['version']}.{ticket['id'][-8:]}.{payload['type'].removeprefix('report.')}.json"
