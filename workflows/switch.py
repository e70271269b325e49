"""The kill switch: stops every model call and every effect of the whole installation, and lets it go on."""

from __future__ import annotations

from core.audit import AuditEvent
from core.store.engine import Store

#: Characters of a reason; it stands on every page while it holds.
MAX_REASON = 500


def halt(store: Store, *, actor: str, reason: str) -> None:
    """Stop. Tickets still come in and wait; a second halt replaces the reason of the first.

    What was sent to a model or a target before this moment cannot be called back.
    """
    event = AuditEvent(action="operations.halted", actor=actor, data={"reason": reason[:MAX_REASON]})
    with store.begin() as tx:
        tx.operations.halt(on=True, reason=reason[:MAX_REASON], audit=event)


def resume(store: Store, *, actor: str) -> bool:
    """Go on; False when nothing was stopped."""
    with store.begin() as tx:
        if tx.operations.halted() is None:
            return False
        tx.operations.halt(on=False, reason="", audit=AuditEvent(action="operations.resumed", actor=actor))
    return True
