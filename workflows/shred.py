"""Destroys a ticket's originals: on a person's order, or when their time is over. What is masked stays."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from core.action import EffectState
from core.audit import AuditEvent
from core.canonical import JsonObject
from core.errors import CasemateError, Temporary, VaultError
from core.log import logger
from core.settings import Settings
from core.store.engine import Store
from core.store.ticket_vault import TicketVault
from core.store.transaction import Transaction
from core.store.vault import OPEN_PROPOSALS, UNSETTLED_EFFECTS
from core.ticket import FINISHED, TRANSITIONS, Ticket, TicketState
from core.vault import MemoryVault, TokenVault
from workflows import report

if TYPE_CHECKING:
    from policies.masking.masker import Masker

log = logger(__name__)

#: Tickets that one sweep shreds, so that it never holds up the others for long.
SHRED_BATCH = 20
#: What the source of a ticket reads that was shredded before it was finished.
CUT_SHORT = "The originals of this ticket were destroyed on order before it was finished; work on it has ended."


class NotShreddable(CasemateError):
    """A ticket whose originals are still needed; the sentence says for what."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shredding:
    """What became of an order to shred."""

    ticket_id: str
    at: datetime
    #: True when it had been done before and nothing was left to do.
    already: bool
    #: Reports that lay in the folder for pick-up and held what policy restores for their reader.
    reports_removed: int
    #: On SQLite, whether its write-ahead log was emptied at once; None elsewhere.
    log_emptied: bool | None

    def as_json(self) -> JsonObject:
        return {
            "ticket_id": self.ticket_id,
            "shredded_at": self.at.isoformat(),
            "already": self.already,
            "reports_removed": self.reports_removed,
            "log_emptied": self.log_emptied,
        }


def shred(
    store: Store,
    settings: Settings,
    ticket_id: str,
    *,
    actor: str,
    reason: str,
    masker: Callable[[], Masker],
    force: bool = False,
) -> Shredding:
    """Destroy a ticket's data key and everything that only it opens. `force` ends a ticket still in progress.

    Needs no master key. The reason is masked: it stays in the audit trail for ever.

    Raises:
        NotShreddable: it is in progress, or an action's outcome or undo still needs the originals.
        NotFound: there is no such ticket.
    """
    with store.read() as tx:
        tx.tickets.get(ticket_id)
    said = {"reason": _masked(store, masker, ticket_id, reason), "forced": force}
    event = AuditEvent(action="vault.shredded", actor=actor, data=said)
    shredding = _destroy(store, settings, ticket_id, event, force=force)
    return replace(shredding, log_emptied=store.forget_deleted())


def _masked(store: Store, masker: Callable[[], Masker], ticket_id: str, reason: str) -> str:
    vault: TokenVault
    try:
        vault = TicketVault(store, ticket_id)
    except (VaultError, Temporary):  # shredded before, or no master key: that must keep nothing from being destroyed
        vault = MemoryVault()
    return masker().session(vault).mask_text(reason)


def _destroy(store: Store, settings: Settings, ticket_id: str, event: AuditEvent, *, force: bool = False) -> Shredding:
    with store.begin() as tx:
        ticket = tx.tickets.get(ticket_id, lock=True)
        already = ticket.shredded_at is not None
        if not already:
            check_shreddable(tx, ticket, force=force)
            if ticket.state not in FINISHED:
                _cut_short(tx, ticket, settings, actor=event.actor)
            tx.vault.shred(ticket_id, event)
        # Before the commit: killed in between, retention would never come back for them.
        removed = _remove_reports(settings.report_folder / ticket.source, ticket_id)
        at = tx.tickets.get(ticket_id).shredded_at or store.clock.now()
    return Shredding(ticket_id=ticket_id, at=at, already=already, reports_removed=removed, log_emptied=None)


def check_shreddable(tx: Transaction, ticket: Ticket, *, force: bool) -> None:
    """Raises:
    NotShreddable: the sentence says what must happen first.
    """
    for effect in tx.effects.of(ticket.id):
        if effect.state in UNSETTLED_EFFECTS:
            raise NotShreddable(
                f"{effect.tool} ({effect.id}) of {ticket.id} is {effect.state.value}: without the originals nobody "
                "could find out whether it took effect; wait until it is settled."
            )
        if effect.state is EffectState.CONFIRMED and effect.reverts_at is not None:
            raise NotShreddable(
                f"{effect.tool} ({effect.id}) of {ticket.id} is to be undone at {effect.reverts_at.isoformat()}, "
                "which needs the originals; shred it after that."
            )
    if force:
        return
    if ticket.state not in FINISHED:
        raise NotShreddable(
            f"Ticket {ticket.id} is {ticket.state.value}, not closed: let it finish, or end it with --force."
        )
    if any(proposal.state in OPEN_PROPOSALS for proposal in tx.proposals.of(ticket.id)):
        raise NotShreddable(f"An action of {ticket.id} is still open; answer it first, or void it with --force.")


def shred_aged(store: Store, settings: Settings) -> int:
    """Retention: destroy the originals of tickets that have been finished for long; returns how many."""
    days = settings.retention_days
    if not days:
        return 0
    with store.read() as tx:
        aged = tx.vault.aged(before=store.clock.now() - timedelta(days=days), limit=SHRED_BATCH)
    done = 0
    for ticket_id in aged:
        event = AuditEvent(action="vault.shredded", actor="clock", data={"reason": f"retention of {days} days"})
        try:
            _destroy(store, settings, ticket_id, event)
        except NotShreddable as error:  # it changed since the look a moment ago
            log.warning("not_shredded", ticket_id=ticket_id, error=type(error).__name__)
        else:
            done += 1
    if done:
        store.forget_deleted()
    return done


def _cut_short(tx: Transaction, ticket: Ticket, settings: Settings, *, actor: str) -> None:
    """Nobody works on it any more, and its source hears so."""
    tx.proposals.supersede(ticket.id, actor=actor)
    if TicketState.ESCALATED not in TRANSITIONS[ticket.state]:
        return  # it rests with a person already, or its report is on the way and goes out with its tokens
    event = AuditEvent(action="ticket.escalated", actor=actor, data={"state": ticket.state.value})
    ended = tx.tickets.set_state(ticket.id, TicketState.ESCALATED, audit=event, trouble=CUT_SHORT)
    report.queue(tx, ended, kind="escalated", settings=settings, note=CUT_SHORT)


def _remove_reports(folder: Path, ticket_id: str) -> int:
    """Delete the ticket's reports that still lie in the folder for pick-up; those taken away are their reader's."""
    removed = 0
    for file in folder.glob(f"*.{ticket_id[-8:]}.*.json"):
        try:
            said = json.loads(file.read_text(encoding="utf-8"))
            if said["ticket"]["id"] == ticket_id:
                file.unlink()
                removed += 1
        except (OSError, ValueError, KeyError, TypeError):
            continue  # picked up at this moment, or not a report of ours
    return removed
