"""What time does: ring for idle tickets, expire questions, undo lapsed containment, look again at doubtful effects,
destroy originals that were kept long enough."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from core.action import LAPSED, Effect, EffectState, Proposal
from core.audit import AuditEvent
from core.errors import CasemateError, Temporary
from core.log import logger
from core.store.transaction import Transaction
from core.ticket import TicketState
from workflows import activation, deliver, report
from workflows.candidates import look_at_folder
from workflows.casework import open_case, real_arguments
from workflows.decide import ticket_after_answer, unanswered
from workflows.dispatch import carry_out, connector_of, settled
from workflows.revalidate import revalidate
from workflows.services import Services
from workflows.shred import shred_aged
from workflows.words import LAPSE_WORDS

if TYPE_CHECKING:
    from policies.masking.session import MaskSession

log = logger(__name__)

#: Seconds after which an effect whose outcome nobody saw is looked at again.
DOUBT_SECONDS = 60
#: Days after their end for which sessions and sign-in links are kept, so that somebody can look who was there.
SESSION_DAYS = 30
#: Hours for which what somebody reviewed in the policy workbench is kept.
REVIEW_HOURS = 24
#: Seconds after which a target is asked once more to take something back.
UNDO_SECONDS = 300


def run(services: Services) -> int:
    """One sweep; returns how many tickets were rung for. Any number of processes may sweep."""
    with services.store.begin() as tx:
        due = tx.tickets.ring_for()
        now = services.clock.now()
        tx.operations.forget(before=now - timedelta(days=1))
        tx.sessions.forget(before=now - timedelta(days=SESSION_DAYS))
        tx.users.forget_links(before=now - timedelta(days=SESSION_DAYS))
        tx.tries.forget(before=now)
        tx.reviews.forget(before=now - timedelta(hours=REVIEW_HOURS))
        halted = tx.operations.halted() is not None
    for ticket_id in due:
        services.ring(ticket_id)
    chores: list[Callable[[Services], object]] = [_expire, _change_policy, revalidate, deliver.send_due]
    if not halted:
        chores += [_revert, _reconcile, _retain]
    for chore in chores:
        try:
            chore(services)
        except Temporary:
            raise
        except Exception as error:  # noqa: BLE001 - one chore that breaks must not keep the others from being done
            log.error("chore_broke", chore=chore.__name__, error=type(error).__name__)
    return len(due)


def _expire(services: Services) -> None:
    with services.store.begin() as tx:
        woken = [proposal.ticket_id for proposal in tx.proposals.overdue() if _lapse(tx, services, proposal)]
    for ticket_id in woken:
        services.ring(ticket_id)


def _change_policy(services: Services) -> None:
    """Close questions about the policy itself that nobody answered; see what its folder asks for."""
    activation.expire(services.store)
    look_at_folder(services)


def _lapse(tx: Transaction, services: Services, proposal: Proposal) -> bool:
    """Do with an unanswered question what its rule says; True when the ticket has something to do now."""
    on_expiry = proposal.decision.on_expiry if proposal.decision else "expire"
    to = LAPSED[on_expiry]
    event = AuditEvent(
        action=f"proposal.{to.value}",
        actor="clock",
        data={"on_expiry": on_expiry, "reason": f"{proposal.tool}: {LAPSE_WORDS[on_expiry]}"},
    )
    if not tx.proposals.move(proposal, to, event):
        return False
    ticket = tx.tickets.get(proposal.ticket_id)
    if ticket_after_answer(tx, ticket, actor="clock"):
        return True
    if on_expiry == "escalate" and ticket.state is TicketState.AWAITING_APPROVAL:
        # Other questions are open and may still be answered; that a person is wanted is said now.
        note = unanswered(tx, ticket.id)
        report.queue(tx, ticket, kind="interim", settings=services.settings, note=note)
    return False


def _retain(services: Services) -> None:
    """Originals are destroyed when their time is over; a halted casemate destroys nothing."""
    shred_aged(services.store, services.settings)


def _revert(services: Services) -> None:
    """Containment reverts by itself when its lease is over."""
    with services.store.read() as tx:
        lapsed = tx.effects.lapsed()
    for effect in lapsed:
        try:
            _undo(services, effect)
        except CasemateError as error:  # one stubborn effect must not hold up the sweep
            log.warning("revert_failed", ticket_id=effect.ticket_id, error=type(error).__name__)


def _undo(services: Services, effect: Effect) -> None:
    _, session = open_case(services, effect.ticket_id)
    with services.store.read() as tx:
        proposal = tx.proposals.get(effect.proposal_id)
    connector = connector_of(services, effect)
    arguments = real_arguments(session, proposal)
    seen = connector.probe(effect.tool, arguments, effect.idempotency_key)
    if seen.state == "no" and effect.state is EffectState.UNKNOWN:
        return  # it never took effect; looking again says so
    if seen.state != "no":
        asked = effect.outcome.get("undo_asked_at")
        now = services.clock.now()
        if asked is not None and now - datetime.fromisoformat(asked) < timedelta(seconds=UNDO_SECONDS):
            return
        with services.store.begin() as tx:
            tx.operations.check_not_halted()
            asking = AuditEvent(action="effect.undo_asked", actor="clock", data={"tool": effect.tool})
            tx.effects.note(effect, {"undo_asked_at": now.isoformat()}, asking)
        sent = connector.undo(effect.tool, arguments, f"{effect.idempotency_key}-undo")
        seen = connector.probe(effect.tool, arguments, effect.idempotency_key)
        if seen.state != "no" and not (seen.blind and sent.accepted):
            log.warning("not_reverted", ticket_id=effect.ticket_id, tool=effect.tool, probe=seen.state)
            return
    with services.store.begin() as tx:
        tx.effects.move(
            effect,
            EffectState.REVERTED,
            outcome={"reverted": True},
            audit=AuditEvent(action="effect.reverted", actor="clock", data={"tool": effect.tool}),
        )


def _reconcile(services: Services) -> None:
    """Effects nobody saw the outcome of: a crash between sending and writing, or a probe that could not tell."""
    before = services.clock.now() - timedelta(seconds=max(DOUBT_SECONDS, 2 * services.settings.lease_seconds))
    with services.store.read() as tx:
        doubtful = tx.effects.unsettled(before=before)
    for effect in doubtful:
        if effect.outcome.get("blind"):  # there is no way to look, and there never will be
            continue
        try:
            _, session = open_case(services, effect.ticket_id)
            with services.store.read() as tx:
                proposal = tx.proposals.get(effect.proposal_id)
                at_work = tx.tickets.get(effect.ticket_id).state is TicketState.EXECUTING
            if at_work:  # its own step looks after it
                continue
            if effect.state is EffectState.DISPATCHED:
                carry_out(services, effect, proposal, session, lease=None)
            else:
                _look_again(services, effect, proposal, session)
        except CasemateError as error:
            log.warning("reconcile_failed", ticket_id=effect.ticket_id, error=type(error).__name__)


def _look_again(services: Services, effect: Effect, proposal: Proposal, session: MaskSession) -> None:
    arguments = real_arguments(session, proposal)
    seen = connector_of(services, effect).probe(effect.tool, arguments, effect.idempotency_key)
    settled(services, effect, seen, session, said={})
