"""The second door: policy on every proposed action, then on to whoever acts next."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from core.action import Proposal, ProposalState
from core.assessment import Assessment
from core.audit import AuditEvent
from core.canonical import JsonObject
from core.decision import Decision, Facts, Outcome
from core.decision_log import DecisionEntry, Door
from core.errors import ToolRefused, TriageError
from core.evidence import Evidence
from core.store.transaction import Transaction
from core.ticket import Lease, Ticket, TicketState
from workflows import report
from workflows.casework import open_case
from workflows.services import Deciding, Pinned, Services

if TYPE_CHECKING:
    from policies.bundle import Bundle
    from policies.masking.session import MaskSession
    from tools.case import Case
    from tools.decision_log import DecisionLog

#: How often a tool was allowed in this very sitting, by tool and what it aims at.
Taken = Counter[tuple[str, str | None]]

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
    taken: Taken = Counter()  # allowances used up by this ticket's own earlier proposals
    for proposal in bench.proposals:
        if proposal.state is ProposalState.PROPOSED:
            opinion = bench.weigh(proposal, already=taken)
            if opinion.decision.outcome is Outcome.ALLOW:
                taken[proposal.tool, bench.target(proposal)] += 1
            weighed.append((proposal, opinion))
    with services.store.begin() as tx:
        tx.tickets.check(lease)
        for proposal, opinion in weighed:
            rule(tx, proposal, opinion, now=services.clock.now())
        return go_on(tx, services, lease)


def go_on(tx: Transaction, services: Services, lease: Lease) -> TicketState:
    """Where a ticket goes once policy or people have spoken; reports on the way."""
    states = {proposal.state for proposal in tx.proposals.of(lease.ticket_id)}
    trouble: str | None = None
    if ProposalState.APPROVED in states:
        to = TicketState.EXECUTING
    elif ProposalState.PENDING in states:
        to = TicketState.AWAITING_APPROVAL
    elif (trouble := unanswered(tx, lease.ticket_id)) is not None:
        to = TicketState.ESCALATED
    else:
        to = TicketState.REPORTED
    if to is lease.state:
        tx.tickets.release(lease)
        return to
    event = AuditEvent(action=f"ticket.{to.value}", actor=services.owner)
    ticket = tx.tickets.move(lease, to, audit=event, trouble=trouble)
    if to is TicketState.AWAITING_APPROVAL:
        report.queue(tx, ticket, kind="interim", settings=services.settings)
    elif to is TicketState.REPORTED:
        report.queue(tx, ticket, kind="final", settings=services.settings)
    elif to is TicketState.ESCALATED:
        report.queue(tx, ticket, kind="escalated", settings=services.settings, note=trouble)
    return to


def unanswered(tx: Transaction, ticket_id: str) -> str | None:
    """Why a person must take the ticket: questions of its latest run whose rule wants that when nobody answers."""
    since = tx.assessments.kept_at(ticket_id)
    tools = [
        proposal.tool
        for proposal in tx.proposals.of(ticket_id)
        # One that lapsed before the latest run is settled: a person took the ticket then, and sent it round again.
        if proposal.lapsed == "escalate" and since is not None and proposal.updated_at > since
    ]
    if not tools:
        return None
    return (
        f"Nobody answered in time about {', '.join(dict.fromkeys(tools))}, and the policy then wants a person to take "
        f"the ticket: work it by hand, or run `casemate ticket retry {ticket_id}` to ask again."
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """A proposal laid before policy: the bundle that will answer, and the facts, masked as well."""

    proposal: Proposal
    bundle: Bundle
    #: A refusal when there are none: a token was forged or misplaced.
    facts: Facts | ToolRefused
    shown: JsonObject
    #: What it aims at, real; None of a refusal.
    target: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Opinion:
    """Policy's answer to one proposal, the masked facts it was given, and its entry in the log."""

    decision: Decision
    provenance: JsonObject
    #: Always policy's own answer, also where an allow was turned into a question.
    entry: DecisionEntry
    target: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class Bench:
    """One ticket's case laid out for deciding on its proposals, all of it under one bundle."""

    services: Deciding
    pinned: Pinned
    case: Case
    session: MaskSession
    assessment: Assessment
    evidence: list[Evidence]
    proposals: list[Proposal]
    log: DecisionLog

    @classmethod
    def open(cls, services: Deciding, ticket_id: str) -> Bench:
        from tools.decision_log import DecisionLog

        pinned = services.bundle.pin()
        case, session = open_case(services, ticket_id, pinned.bundle)
        with services.store.read() as tx:
            latest = tx.assessments.latest(ticket_id)
            evidence, proposals = tx.evidence.of(ticket_id), tx.proposals.of(ticket_id)
        if latest is None:
            raise TriageError(f"Ticket {ticket_id} has no assessment; run `casemate ticket retry {ticket_id}`.")
        return cls(
            services=services,
            pinned=pinned,
            case=case,
            session=session,
            assessment=latest.assessment,
            evidence=evidence,
            proposals=proposals,
            log=DecisionLog(session, ticket_id),
        )

    @property
    def bundle(self) -> Bundle:
        """The bundle that answers."""
        return self.pinned.bundle

    def target(self, proposal: Proposal) -> str | None:
        """What a proposal aims at, real; None when it aims at nothing.

        Raises:
            ToolRefused: a token is not this ticket's, or policy does not permit it in that argument.
        """
        from tools.facts import aimed_at

        return aimed_at(
            bundle=self.bundle,
            registry=self.services.registry,
            session=self.session,
            tool=proposal.tool,
            args=proposal.arguments,
        )

    def weigh(
        self, proposal: Proposal, *, door: Door = "proposal", already: Taken | None = None, ask_anew: str = ""
    ) -> Opinion:
        """What policy says, with the facts it saw. Masks, which may write tokens: never inside a transaction.

        `ask_anew` turns an allow into a question, with that reason.
        """
        opinion = self.answer(self.ask(proposal, already=already), door=door)
        if ask_anew and opinion.decision.outcome is Outcome.ALLOW:
            return replace(opinion, decision=_asked(opinion.decision, ask_anew))
        return opinion

    def ask(self, proposal: Proposal, *, already: Taken | None = None) -> Question:
        """The facts as things stand. Masks, which may write tokens: never inside a transaction."""
        bundle = self.bundle
        with self.services.store.read() as tx:
            facts = self._facts(tx, bundle, proposal, already=already or Counter())
        shown = {} if isinstance(facts, ToolRefused) else self.log.masked(facts, proposal.arguments)
        if isinstance(facts, ToolRefused):
            facts = ToolRefused(self.session.mask_text(str(facts)))
            return Question(proposal=proposal, bundle=bundle, facts=facts, shown=shown)
        return Question(proposal=proposal, bundle=bundle, facts=facts, shown=shown, target=self.target(proposal))

    def recounted(self, tx: Transaction, question: Question) -> Question:
        """The same question with the counts of this transaction: nothing else can have moved since it was asked."""
        if isinstance(question.facts, ToolRefused):
            return question
        counts = self._history(tx, question.proposal, Counter())
        facts = replace(question.facts, history={**question.facts.history, **counts})
        return replace(question, facts=facts, shown={**question.shown, "history": facts.history})

    def answer(self, question: Question, *, door: Door) -> Opinion:
        """What policy says. Reads and writes nothing, so it may be called inside a transaction."""
        from tools.decision_log import timed

        proposal, bundle, facts = question.proposal, question.bundle, question.facts
        if isinstance(facts, ToolRefused):
            entry = self.log.refusal(
                door=door, tool=proposal.tool, reason=str(facts), bundle=bundle, proposal_id=proposal.id
            )
        else:
            decision, spent = timed(bundle, facts)
            entry = self.log.entry(
                door=door,
                facts=facts,
                shown=question.shown,
                decision=decision,
                microseconds=spent,
                proposal_id=proposal.id,
            )
        return Opinion(decision=entry.decision, provenance=question.shown, entry=entry, target=question.target)

    def _facts(self, tx: Transaction, bundle: Bundle, proposal: Proposal, *, already: Taken) -> Facts | ToolRefused:
        from tools.facts import build_facts

        if proposal.tool not in self.services.registry.acting():
            return ToolRefused(f"{proposal.tool} is no longer a tool that acts here, so it is not carried out.")
        try:
            return build_facts(
                case=self.case,
                bundle=bundle,
                registry=self.services.registry,
                session=self.session,
                tool=proposal.tool,
                proposal_args=proposal.arguments,
                assessment=self.assessment,
                evidence=self.evidence,
                history_counts=self._history(tx, proposal, already),
                now=self.services.clock.now(),
            )
        except ToolRefused as refused:
            return refused

    def _history(self, tx: Transaction, proposal: Proposal, already: Taken) -> dict[str, int]:
        """What limits count: effects of all tickets, and what this ticket was allowed a moment ago."""
        target = self.target(proposal)
        counts = tx.effects.history(proposal.tool, target=target, source=self.case.source)
        own = sum(times for (tool, _), times in already.items() if tool == proposal.tool)
        own_at_target = already[proposal.tool, target] if target is not None else 0
        return {name: count + (own_at_target if name.startswith("target_") else own) for name, count in counts.items()}


def rule(tx: Transaction, proposal: Proposal, opinion: Opinion, *, now: datetime) -> None:
    """Attach an opinion to a PROPOSED proposal and move it where the answer leads."""
    decision = opinion.decision
    asks = decision.outcome is Outcome.ASK and decision.expires_seconds
    expires_at = now + timedelta(seconds=decision.expires_seconds) if asks else None
    tx.decisions.add(opinion.entry)
    target = tx.effects.target_hash(opinion.target)
    tx.proposals.decide(proposal, decision, provenance=opinion.provenance, expires_at=expires_at, target=target)
    tx.proposals.move(
        proposal,
        _MOVES[decision.outcome],
        AuditEvent(
            action="proposal.decided",
            actor="policy",
            data={
                "tool": proposal.tool,
                "digest": proposal.digest,
                "decision": opinion.entry.id,
                **decision.as_json(),
            },
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
        reauthenticate_seconds=decision.reauthenticate_seconds,
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
