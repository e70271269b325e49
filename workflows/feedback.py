"""What a person says of a team's verdict: that it is right, or what it should have been and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from core.assessment import Verdict
from core.audit import AuditEvent
from core.errors import ApprovalRefused
from core.store.engine import Store
from core.store.feedback import Feedback
from core.store.ticket_vault import TicketVault

if TYPE_CHECKING:
    from policies.masking.masker import Masker

#: Roles whose word on a verdict counts.
GIVERS = ("analyst", "approver", "admin")
#: Characters of a reason: two paragraphs.
MAX_REASON = 2_000


class FeedbackRefused(ApprovalRefused):
    """This person's word on this verdict cannot be kept, and why."""


def give(
    store: Store,
    masker: Callable[[], Masker],
    ticket_id: str,
    *,
    person: str,
    roles: Sequence[str],
    verdict: Verdict,
    reason: str = "",
) -> Feedback:
    """Agree with the newest verdict of a ticket, or correct it; the newest word of a person counts.

    Raises:
        FeedbackRefused: there is no verdict yet, a correction has no reason, or this person is none of `GIVERS`.
        NotFound: there is no such ticket.
        VaultError: a reason was given that cannot be masked, because the ticket was shredded or the key is not here.
    """
    if not set(GIVERS) & set(roles):
        raise FeedbackRefused(f"Feedback is for {', '.join(GIVERS)}; {person} is none of them.")
    if len(reason) > MAX_REASON:
        raise FeedbackRefused(f"The reason has {len(reason)} characters; say it in {MAX_REASON}.")
    with store.read() as tx:
        tx.tickets.get(ticket_id)
        run = tx.assessments.latest(ticket_id)
    if run is None:
        raise FeedbackRefused(f"Ticket {ticket_id} has no verdict yet; wait for its team.")
    agrees = verdict is run.assessment.verdict
    if not agrees and not reason.strip():
        raise FeedbackRefused("A correction needs a reason: what did the team overlook, or get wrong?")
    kept = masker().session(TicketVault(store, ticket_id)).mask_text(reason.strip()) if reason.strip() else ""
    with store.begin() as tx:
        said = {"assessment": run.id, "team": run.assessment.verdict.value, "person": verdict.value}
        return tx.feedback.add(
            ticket_id=ticket_id,
            assessment_id=run.id,
            person=person,
            verdict=verdict,
            agrees=agrees,
            reason=kept,
            audit=AuditEvent(action="feedback.given", actor=f"user:{person}", ticket_id=ticket_id, data=said),
        )
