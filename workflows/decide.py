"""The second door: policy on every proposed action, then on to whoever acts next."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from core.action import Proposal, ProposalState
from core.assessment import Assessment
from core.audit import AuditEvent
from core.canonical import JsonObject
from core.decision import Decision, Outcome
from core.errors import ToolRefused, TriageError
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
    with services.store.begin() as tx:
        tx.tickets.check(lease)
        taken: Counter[str] = Counter()  # allowances used up by this ticket's own earlier proposals
        for proposal in tx.proposals.of(lease.ticket_id):
            if proposal.state is ProposalState.PROPOSED:
                outcome = bench.judge(tx, proposal, already=taken[proposal.tool])
                taken[proposal.tool] += outcome is Outcome.ALLOW
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


@dataclass(frozen=True, kw_only=True)
class Bench:
    """One ticket's case laid out for deciding on its proposals."""

    services: Services
    case: Case
    session: MaskSession
    assessment: Assessment

    @classmethod
    def open(cls, services: Services, ticket_id: str) -> Bench:
        case, session = open_case(services, ticket_id)
        with services.store.read() as tx:
            latest = tx.assessments.latest(ticket_id)
        if latest is None:
            raise TriageError(f"Ticket {ticket_id} has no assessment; run `casemate ticket retry {ticket_id}`.")
        return cls(services=services, case=case, session=session, assessment=latest.assessment)

    def judge(self, tx: Transaction, proposal: Proposal, *, already: int = 0, ask_anew: str = "") -> Outcome:
        """Decide on a PROPOSED proposal and move it. `ask_anew` turns an allow into a question, with that reason."""
        decision, provenance = self._decide(tx, proposal, already=already)
        if ask_anew and decision.outcome is Outcome.ALLOW:
            decision = _asked(decision, ask_anew)
        now = self.services.clock.now()
        expires_at = (
            now + timedelta(seconds=decision.expires_seconds)
            if decision.outcome is Outcome.ASK and decision.expires_seconds
            else None
        )
        tx.proposals.decide(proposal, decision, provenance=provenance, expires_at=expires_at)
        tx.proposals.move(
            proposal,
            _MOVES[decision.outcome],
            AuditEvent(
                action="proposal.decided",
                actor="policy",
                data={"tool": proposal.tool, "digest": proposal.digest, **decision.as_json()},
            ),
        )
        return decision.outcome

    def _decide(self, tx: Transaction, proposal: Proposal, *, already: int) -> tuple[Decision, JsonObject]:
        from policies.engine import decide
        from tools.facts import build_facts

        bundle = self.services.bundle()
        now = self.services.clock.now()
        counts = {
            "last_hour": tx.effects.count(proposal.tool, since=now - timedelta(hours=1)) + already,
            "last_day": tx.effects.count(proposal.tool, since=now - timedelta(days=1)) + already,
        }
        try:
            facts = build_facts(
                case=self.case,
                bundle=bundle,
                registry=self.services.registry,
                session=self.session,
                tool=proposal.tool,
                proposal_args=proposal.arguments,
                assessment=self.assessment,
                evidence=tx.evidence.of(proposal.ticket_id),
                history_counts=counts,
                now=now,
            )
        except ToolRefused as error:  # a forged or misplaced token: no rule may bring it back
            refused = Decision(outcome=Outcome.DENY, rules=(), reason=str(error), bundle_hash=bundle.hash)
            return refused, {}
        return decide(bundle, facts), self.session.mask_json(facts.as_json())


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
