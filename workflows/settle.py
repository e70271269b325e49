"""A person settles what no probe can: whether an action whose outcome is unknown took effect."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from core.action import Effect, EffectState
from core.audit import AuditEvent
from core.canonical import JsonObject
from core.errors import ApprovalRefused, NotFound
from core.store.engine import Store
from core.store.ticket_vault import TicketVault
from core.store.transaction import Transaction

if TYPE_CHECKING:
    from policies.masking.masker import Masker


def unknown(tx: Transaction, now: datetime) -> list[Effect]:
    """Effects that left and whose outcome nobody has seen, oldest first."""
    found = tx.effects.unsettled(before=now)
    return sorted((e for e in found if e.state is EffectState.UNKNOWN), key=lambda effect: effect.created_at)


def settle(
    store: Store, effect_id: str, *, done: bool, person: str, reason: str, masker: Callable[[], Masker]
) -> EffectState:
    """Write into the ledger what a person saw at the target; the ledger says who.

    Raises:
        NotFound: there is no effect of this id whose outcome is unknown.
        ApprovalRefused: no reason is given, or somebody or a probe settled it a moment earlier.
    """
    if not reason.strip():
        raise ApprovalRefused("Say how you know, for those who read the case later.")
    with store.read() as tx:
        found = next((effect for effect in unknown(tx, store.clock.now()) if effect.id == effect_id), None)
    if found is None:
        raise NotFound(f"No effect {effect_id[:40]!r} has an unknown outcome; `casemate effect list` shows those.")
    # Masked before the transaction: a new token is a transaction of its own.
    said = masker().session(TicketVault(store, found.ticket_id)).mask_text(reason)
    to = EffectState.CONFIRMED if done else EffectState.FAILED
    outcome: JsonObject = {"settled_by": f"user:{person}", "settled_because": said}
    with store.begin() as tx:
        moved = tx.effects.move(
            found,
            to,
            outcome=outcome,
            audit=AuditEvent(action="effect.settled", actor=f"user:{person}", data={"tool": found.tool}),
        )
    if not moved:
        raise ApprovalRefused("Somebody, or a probe, settled this effect a moment earlier; look at the case again.")
    return to
