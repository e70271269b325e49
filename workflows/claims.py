"""Claims: a person says that they work on a ticket, so that nobody does the same work twice.

A claim is a courtesy and not a lock: pages show it and warn, and whoever may answer may still answer.
"""

from __future__ import annotations

from datetime import timedelta

from core.audit import AuditEvent
from core.store.engine import Store
from core.worklist import Claim

#: How long a claim lasts after its holder last opened the case or a card of it.
LASTS = timedelta(minutes=30)
#: How much of it must have passed before opening a page writes: not every page view is a write.
WORTH_RENEWING = timedelta(minutes=1)


def claim(store: Store, ticket_id: str, person: str, *, over: bool = False) -> Claim:
    """Claim a ticket; returns the claim that stands now: somebody else's where they have it and `over` is not said.

    Raises:
        NotFound: there is no such ticket.
    """
    with store.begin() as tx:
        tx.claims.lock(ticket_id)
        tx.tickets.get(ticket_id)
        held = tx.claims.of(ticket_id)
        if held is not None and held.person != person and not over:
            return held
        data = {} if held is None or held.person == person else {"from": held.person}
        action = "claim.taken_over" if data else "claim.made"
        event = AuditEvent(action=action, actor=f"user:{person}", ticket_id=ticket_id, data=data)
        return tx.claims.set(ticket_id, person, store.clock.now() + LASTS, event)


def release(store: Store, ticket_id: str, person: str) -> bool:
    """End a claim of this person's; False when the ticket was not theirs."""
    event = AuditEvent(action="claim.released", actor=f"user:{person}", ticket_id=ticket_id, data={})
    with store.begin() as tx:
        return tx.claims.drop(ticket_id, person, event)


def renew(store: Store, ticket_id: str, person: str) -> Claim | None:
    """The claim on a ticket whose page `person` opens, whoever has it; one of their own lasts longer from now."""
    with store.read() as tx:
        held = tx.claims.of(ticket_id)
    now = store.clock.now()
    if held is not None and held.person == person and held.until - now < LASTS - WORTH_RENEWING:
        with store.begin() as tx:
            tx.claims.extend(ticket_id, person, now + LASTS)
            held = tx.claims.of(ticket_id)
    return held
