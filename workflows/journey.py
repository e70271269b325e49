"""A ticket's journey, in the order it lives: state → step. Read this first, then follow a call.

    received → masked → investigating → decided → (awaiting_approval → executing)* → reported → closed

`advance` runs one step for one ticket: take the lease, do what the state asks for, move on, let go.
It may be called any number of times, by any number of workers, in any order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from core.audit import AuditEvent
from core.errors import (
    BundleInvalid,
    CasemateError,
    Halted,
    LeaseLost,
    SandboxUnavailable,
    TargetUnavailable,
    Temporary,
    TriageError,
    VaultError,
)
from core.log import logger
from core.ticket import RESTING, TRANSITIONS, Lease, Ticket, TicketState
from workflows import decide, deliver, execute, investigate, mask, report
from workflows.services import Services

log = logger(__name__)

Step = Callable[[Services, Lease], TicketState]

#: What is done for a ticket in each state. States that rest (`core.ticket.RESTING`) have no step:
#: awaiting_approval moves when a person answers (`workflows/approvals.py`).
STEPS: dict[TicketState, Step] = {
    TicketState.RECEIVED: mask.run,  # the first door: a masked copy, and which team will see it
    TicketState.MASKED: investigate.begin,  # say that a team is at work
    TicketState.INVESTIGATING: investigate.run,  # the room: a team, its tools, its verdict
    TicketState.DECIDED: decide.run,  # the second door: policy on every proposed action
    TicketState.EXECUTING: execute.run,  # carry out what is approved, once each
    TicketState.REPORTED: deliver.run,  # the report has left; then the ticket is closed
}

#: Longest wait between two tries of a step, in seconds.
LONGEST_WAIT = 60
#: Troubles that an operator mends; tickets wait for that instead of failing.
MENDABLE = (Temporary, Halted, SandboxUnavailable, VaultError, BundleInvalid)


@dataclass(frozen=True, kw_only=True, slots=True)
class Advanced:
    """What became of one call: the state now, or None when there was nothing to do."""

    state: TicketState | None
    #: Ring again: the next step can run at once.
    ring: bool


def advance(services: Services, ticket_id: str) -> Advanced:
    """Run the next step of a ticket, if it has one and nobody else runs it."""
    taken = _take(services, ticket_id)
    if taken is None:
        return Advanced(state=None, ring=False)
    lease, ticket = taken
    with services.keeper.keep(lease):
        try:
            state = STEPS[lease.state](services, lease)
        except LeaseLost:
            log.info("lease_lost", ticket_id=ticket_id, state=lease.state.value)
            return Advanced(state=None, ring=False)
        except MENDABLE as error:
            return _wait(services, lease, ticket, error)
        except TriageError as error:
            return _escalate(services, lease, str(error))
        except Exception as error:  # noqa: BLE001 - the outermost handler: a bug must not take the worker down
            return _stumble(services, lease, ticket, error)
    log.info("advanced", ticket_id=ticket_id, before=lease.state.value, after=state.value)
    if state in {TicketState.AWAITING_APPROVAL, TicketState.ESCALATED}:
        deliver.send_due(services, ticket_id=ticket_id)  # the source learns of it now, not at the next sweep
    return Advanced(state=state, ring=state not in RESTING)


def _take(services: Services, ticket_id: str) -> tuple[Lease, Ticket] | None:
    with services.store.begin() as tx:
        lease = tx.tickets.lease(ticket_id, owner=services.owner, seconds=services.settings.lease_seconds)
        if lease is None:
            return None
        ticket = tx.tickets.get(ticket_id)
        if ticket.deliveries <= services.settings.max_deliveries:
            return lease, ticket
        sentence = (
            f"This ticket broke its worker {services.settings.max_deliveries} times in state {lease.state.value}; "
            f"look at the workers' logs, then run `casemate ticket retry {ticket_id}`."
        )
        tx.tickets.move(
            lease,
            TicketState.FAILED,
            trouble=sentence,
            audit=AuditEvent(action="ticket.dead_letter", actor=services.owner, data={"state": lease.state.value}),
        )
        report.queue(tx, ticket, kind="failed", settings=services.settings, note=sentence)
    log.error("dead_letter", ticket_id=ticket_id, state=lease.state.value)
    return None


def _wait(services: Services, lease: Lease, ticket: Ticket, error: CasemateError) -> Advanced:
    """Something outside is unwell: keep the ticket where it is and come back."""
    now = services.clock.now()
    since = ticket.trouble_since or now
    patience = timedelta(seconds=services.settings.model_patience)
    patient = isinstance(error, Halted | TargetUnavailable)  # what was approved is carried out when that is over
    if not patient and now - since >= patience and TicketState.ESCALATED in TRANSITIONS[lease.state]:
        return _escalate(services, lease, str(error))
    wait = min(2 ** min(ticket.retries + 1, 10), LONGEST_WAIT)
    log.warning("waiting", ticket_id=lease.ticket_id, trouble=type(error).__name__, seconds=wait)
    return _later(services, lease, str(error), seconds=wait)


def _later(services: Services, lease: Lease, sentence: str, *, seconds: float) -> Advanced:
    not_before = services.clock.now() + timedelta(seconds=seconds)
    try:
        with services.store.begin() as tx:
            tx.tickets.release(lease, not_before=not_before, trouble=sentence)
    except (Temporary, LeaseLost):  # the database itself is the trouble: the lease runs out by itself
        return Advanced(state=None, ring=False)
    return Advanced(state=lease.state, ring=False)


def _escalate(services: Services, lease: Lease, sentence: str) -> Advanced:
    """Casemate cannot finish this ticket: give it to a person, and say so to its source."""
    if TicketState.ESCALATED not in TRANSITIONS[lease.state]:
        return _later(services, lease, sentence, seconds=LONGEST_WAIT)
    with services.store.begin() as tx:
        ticket = tx.tickets.move(
            lease,
            TicketState.ESCALATED,
            trouble=sentence,
            audit=AuditEvent(action="ticket.escalated", actor=services.owner, data={"state": lease.state.value}),
        )
        report.queue(tx, ticket, kind="escalated", settings=services.settings, note=sentence)
    log.warning("escalated", ticket_id=lease.ticket_id, state=lease.state.value)
    deliver.send_due(services, ticket_id=lease.ticket_id)
    return Advanced(state=TicketState.ESCALATED, ring=False)


def _stumble(services: Services, lease: Lease, ticket: Ticket, error: Exception) -> Advanced:
    """A bug or a poison ticket: try again, but count it, so that the dead letter catches a loop."""
    log.error(
        "stumbled",
        ticket_id=lease.ticket_id,
        state=lease.state.value,
        error=type(error).__name__,
        delivery=ticket.deliveries,
        at=_where(error),
    )
    with services.store.begin() as tx:
        tx.tickets.stumble(lease, not_before=services.clock.now() + timedelta(seconds=2**ticket.deliveries))
    return Advanced(state=lease.state, ring=False)


def _where(error: Exception) -> str:
    """File and line of the innermost frame: enough to find a bug, and no ticket text."""
    trace = error.__traceback__
    place = ""
    while trace is not None:
        place = f"{trace.tb_frame.f_code.co_filename.rsplit('/', 2)[-1]}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
