"""The second door: policy on every proposed action, then on to whoever acts next."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from core.action import Proposal, ProposalState
from core.assessment import Assessment
from core.audit import AuditEvent
from core.canonical import JsonObject
from core.decision import Decision, Facts, Outcome
from core.errors import ToolRefused, TriageError
from core.evidence import Evidence
from core.store.transaction import Transaction
from core.ticket import Lease, Ticket, TicketState
from workflows import report
from workflows.casework import open_case
from workflows.services import Services

if TYPE_CHECKING:
    from policies.masking.session import MaskSession
    from tools.case import Case

#: Where a proposal goes for each answer of policy.
_MOVES = {
    Outcome.ALLOW: ProposalState.APPROVED,
    Outcome.ASK: ProposalState.PENDING,
    Outcome.DENY: ProposalState.DENIED,
}


def run(services: Services, lease: Lease) -> TicketState:
    """decided → awaiting_approval, executing or reported."""
    bench = Bench.open(services, lease.ticket_id)
    weighed = []
    taken: Counter[str] = Counter()  # allowances used up by this ticket's own earlier proposals
    for proposal in bench.proposals:
        if proposal.state is ProposalState.PROPOSED:
            opinion = bench.weigh(proposal, already=taken[proposal.tool])
            taken[proposal.tool] += opinion.decision.outcome is Outcome.ALLOW
            weighed.append((proposal, opinion))
    with services.store.begin() as tx:
        tx.tickets.check(lease)
        for proposal, opinion in weighed:
            rule(tx, proposal, opinion, now=services.clock.now())
        return go_on(tx, services, lease)


def go_on(tx: Transaction, services: Services, lease: Lease) -> TicketState:
    """Where a ticket goes once policy or people have spoken; reports on the way."""
    states = {proposal.state for proposal in tx.proposals.of(lease.ticket_id)}
    if ProposalState.APPROVED in states:
        to = TicketState.EXECUTING
    elif ProposalState.PENDING in states:
        to = TicketState.AWAITING_APPROVAL
    else:
        to = TicketState.REPORTED
    if to is lease.state:
        tx.tickets.release(lease)
        return to
    ticket = tx.tickets.move(lease, to, audit=AuditEvent(action=f"ticket.{to.value}", actor=services.owner))
    if to is TicketState.AWAITING_APPROVAL:
        report.queue(tx, ticket, kind="interim", settings=services.settings)
    elif to is TicketState.REPORTED:
        report.queue(tx, ticket, kind="final", settings=services.settings)
    return to


@dataclass(frozen=True, kw_only=True, slots=True)
class Opinion:
    """Policy's answer to one proposal, and the masked facts it was given."""

    decision: Decision
    provenance: JsonObject


@dataclass(frozen=True, kw_only=True)
class Bench:
    """One ticket's case laid out for deciding on its proposals."""

    services: Services
    case: Case
    session: MaskSession
    assessment: Assessment
    evidence: list[Evidence]
    proposals: list[Proposal]

    @classmethod
    def open(cls, services: Services, ticket_id: str) -> Bench:
        case, session = open_case(services, ticket_id)
        with services.store.read() as tx:
            latest = tx.assessments.latest(ticket_id)
            evidence, proposals = tx.evidence.of(ticket_id), tx.proposals.of(ticket_id)
        if latest is None:
            raise TriageError(f"Ticket {ticket_id} has no assessment; run `casemate ticket retry {ticket_id}`.")
        return cls(
            services=services,
            case=case,
            session=session,
            assessment=latest.assessment,
            evidence=evidence,
            proposals=proposals,
        )

    def weigh(self, proposal: Proposal, *, already: int = 0, ask_anew: str = "") -> Opinion:
        """What policy says, with the facts it saw. Masks, which may write tokens: never inside a transaction.

        `ask_anew` turns an allow into a question, with that reason.
        """
        with self.services.store.read() as tx:
            facts = self._facts(tx, proposal, already=already)
        decision = self._answer(facts)
        if ask_anew and decision.outcome is Outcome.ALLOW:
            decision = _asked(decision, ask_anew)
        shown = {} if isinstance(facts, ToolRefused) else self.session.mask_json(facts.as_json())
        return Opinion(decision=decision, provenance=shown)

    def decision_on(self, tx: Transaction, proposal: Proposal) -> Decision:
        """What policy says of a proposal as things stand in this transaction; writes nothing."""
        return self._answer(self._facts(tx, proposal, already=0))

    def _answer(self, facts: Facts | ToolRefused) -> Decision:
        from policies.engine import decide

        bundle = self.services.bundle()
        if isinstance(facts, ToolRefused):  # a forged or misplaced token: no rule may bring it back
            return Decision(outcome=Outcome.DENY, rules=(), reason=str(facts), bundle_hash=bundle.hash)
        return decide(bundle, facts)

    def _facts(self, tx: Transaction, proposal: Proposal, *, already: int) -> Facts | ToolRefused:
        from tools.facts import build_facts

        now = self.services.clock.now()
        counts = {
            "last_hour": tx.effects.count(proposal.tool, since=now - timedelta(hours=1)) + already,
            "last_day": tx.effects.count(proposal.tool, since=now - timedelta(days=1)) + already,
        }
        try:
            return build_facts(
                case=self.case,
                bundle=self.services.bundle(),
                registry=self.services.registry,
                session=self.session,
                tool=proposal.tool,
                proposal_args=proposal.arguments,
                assessment=self.assessment,
                evidence=self.evidence,
                history_counts=counts,
                now=now,
            )
        except ToolRefused as refused:
            return refused


def rule(tx: Transaction, proposal: Proposal, opinion: Opinion, *, now: datetime) -> None:
    """Attach an opinion to a PROPOSED proposal and move it where the answer leads."""
    decision = opinion.decision
    asks = decision.outcome is Outcome.ASK and decision.expires_seconds
    expires_at = now + timedelta(seconds=decision.expires_seconds) if asks else None
    tx.proposals.decide(proposal, decision, provenance=opinion.provenance, expires_at=expires_at)
    tx.proposals.move(
        proposal,
        _MOVES[decision.outcome],
        AuditEvent(
            action="proposal.decided",
            actor="policy",
            data={"tool": proposal.tool, "digest": proposal.digest, **decision.as_json()},
        ),
    )


def _asked(decision: Decision, reason: str) -> Decision:
    return Decision(
        outcome=Outcome.ASK,
        rules=decision.rules,
        reason=reason,
        bundle_hash=decision.bundle_hash,
        approvals=1,
        roles=(),
        expires_seconds=decision.expires_seconds,
        lease_seconds=decision.lease_seconds,
    )


def ticket_after_answer(tx: Transaction, ticket: Ticket, *, actor: str) -> bool:
    """Wake a waiting ticket when an answer leaves work or nothing more to wait for; True when it was woken."""
    if ticket.state is not TicketState.AWAITING_APPROVAL:
        return False
    states = {proposal.state for proposal in tx.proposals.of(ticket.id)}
    if ProposalState.APPROVED in states or ProposalState.PENDING not in states:
        tx.tickets.set_state(ticket.id, TicketState.EXECUTING, audit=AuditEvent(action="ticket.executing", actor=actor))
        return True
    return False
