"""Carries out approved actions: each once, each seen by a probe, each in the ledger before it happens."""

from __future__ import annotations

from datetime import timedelta

from core.action import Effect, EffectState, Proposal, ProposalState
from core.audit import AuditEvent
from core.canonical import JsonObject
from core.decision import Decision, Outcome
from core.errors import TargetUnavailable, Temporary
from core.ids import new_id
from core.store.transaction import Transaction
from core.ticket import Lease, TicketState
from workflows.decide import Bench, Opinion, go_on
from workflows.dispatch import as_approved, carry_out
from workflows.renew import anew, bound_now, put_in_place, record
from workflows.services import Services

#: Why people are asked a second time.
CHANGED = "Policy, a tool, or the evidence changed after this was approved; approve it again as it is now."


def run(services: Services, lease: Lease) -> TicketState:
    """executing → awaiting_approval or reported."""
    bench = Bench.open(services, lease.ticket_id)
    with services.store.read() as tx:
        approved = [p for p in tx.proposals.of(lease.ticket_id) if p.state is ProposalState.APPROVED]
    for proposal in approved:
        _spend(services, lease, bench, proposal)
    with services.store.read() as tx:
        effects = tx.effects.of(lease.ticket_id)
        proposals = {proposal.id: proposal for proposal in tx.proposals.of(lease.ticket_id)}
    later: TargetUnavailable | None = None
    for effect in effects:  # those just planned, and those a crash or a busy target left behind
        proposal = proposals[effect.proposal_id]
        try:
            if effect.state is EffectState.PLANNED and not as_approved(services, effect, proposal):
                _take_back(services, lease, bench, effect, proposal)
            elif effect.state in {EffectState.PLANNED, EffectState.DISPATCHED}:
                carry_out(services, effect, proposal, bench.session, lease=lease)
        except TargetUnavailable as unavailable:  # what goes to other targets need not wait for this one
            later = later or unavailable
    if later is not None:
        raise later
    with services.store.begin() as tx:
        tx.tickets.check(lease)
        return go_on(tx, services, lease)


def _spend(services: Services, lease: Lease, bench: Bench, proposal: Proposal) -> None:
    """Turn one approval into one planned effect, if what was approved is still what would run."""
    question = bench.ask(proposal)
    with services.store.begin() as tx:
        tx.operations.check_not_halted()
        tx.tickets.check(lease)
        _check_bundle(tx, bench, proposal)
        if bound_now(bench, proposal.arguments, proposal).digest == proposal.digest:
            opinion = bench.answer(bench.recounted(tx, question), door="execution")
            tx.decisions.add(opinion.entry)
            if _permitted(tx, proposal, opinion.decision):
                _plan(tx, services, bench, proposal, opinion)
                return
    _ask_again(services, lease, bench, proposal)


def _check_bundle(tx: Transaction, bench: Bench, proposal: Proposal) -> None:
    """Raises:
    Temporary: this may not be carried out under the bundle that the step began with.
    """
    live = tx.bundles.live_hash()
    if live != bench.pinned.live:
        raise Temporary("Another policy bundle went live a moment ago; the step is taken again under it.")
    if not bench.pinned.is_live and proposal.binding.bundle_hash == live:
        raise Temporary(
            "The live policy bundle does not load in this process, so another must do this: see `casemate doctor`."
        )


def _plan(tx: Transaction, services: Services, bench: Bench, proposal: Proposal, opinion: Opinion) -> None:
    spent = AuditEvent(
        action="proposal.spent",
        actor=services.owner,
        data={"digest": proposal.digest, "decision": opinion.entry.id},
    )
    if tx.proposals.move(proposal, ProposalState.EXECUTED, spent):
        tx.effects.plan(
            _planned(tx, services, bench, proposal),
            AuditEvent(
                action="effect.planned",
                actor=services.owner,
                ticket_id=proposal.ticket_id,
                data={"proposal": proposal.id, "tool": proposal.tool, "digest": proposal.digest},
            ),
        )


def _permitted(tx: Transaction, proposal: Proposal, now: Decision) -> bool:
    """Whether policy still allows this, or enough people have said yes to exactly this digest."""
    if now.outcome is not Outcome.ASK:
        return now.outcome is Outcome.ALLOW
    agreed = {a.person for a in tx.proposals.answers(proposal.id) if a.approve and a.digest == proposal.digest}
    return len(agreed) >= max(1, now.approvals)


def _planned(tx: Transaction, services: Services, bench: Bench, proposal: Proposal) -> Effect:
    connector = services.registry.get(proposal.tool).connector
    assert proposal.decision is not None
    assert connector is not None
    now = services.clock.now()
    lease_seconds = proposal.decision.lease_seconds
    return Effect(
        id=new_id("eff"),
        proposal_id=proposal.id,
        ticket_id=proposal.ticket_id,
        tool=proposal.tool,
        connector=connector,
        idempotency_key=f"casemate-{proposal.id}",
        state=EffectState.PLANNED,
        target=tx.effects.target_hash(bench.target(proposal)),
        source=bench.case.source,
        outcome={},
        reverts_at=now + timedelta(seconds=lease_seconds) if lease_seconds else None,
        attempts=0,
        created_at=now,
        updated_at=now,
    )


def _ask_again(services: Services, lease: Lease, bench: Bench, old: Proposal) -> None:
    """What would run is not what was approved: replace the proposal and put it before policy and people again."""
    arguments = bench.session.mask_json(old.arguments, by_model=True)
    fresh = anew(bench, old, arguments)
    by_people = old.decision is not None and old.decision.outcome is not Outcome.ALLOW
    opinion = bench.weigh(fresh, ask_anew=CHANGED if by_people else "")
    with services.store.begin() as tx:
        tx.tickets.check(lease)
        put_in_place(tx, bench, old, fresh, opinion, why="proposal.changed", actor=services.owner)


def _take_back(services: Services, lease: Lease, bench: Bench, effect: Effect, old: Proposal) -> None:
    """Another connector, or another way, would carry out what still waits to be sent: policy and people decide anew."""
    fresh = anew(bench, old, bench.session.mask_json(old.arguments, by_model=True))
    by_people = old.decision is not None and old.decision.outcome is not Outcome.ALLOW
    opinion = bench.weigh(fresh, ask_anew=CHANGED if by_people else "")
    with services.store.begin() as tx:
        tx.tickets.check(lease)
        failed = AuditEvent(action="effect.failed", actor=services.owner, data={"tool": effect.tool, "sent": False})
        reason: JsonObject = {"said": {"error": "nothing was sent: its connector changed, so it was proposed anew"}}
        if tx.effects.move(effect, EffectState.FAILED, outcome=reason, audit=failed):
            record(tx, bench, old, fresh, opinion, actor=services.owner)
