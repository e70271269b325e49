"""Shows a person who may decide on an action what its tokens stand for. Each look is in the audit trail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from core.audit import AuditEvent
from core.canonical import JsonObject
from core.errors import ApprovalRefused, Shredded
from core.identity import Role
from core.store.engine import Store
from core.store.ticket_vault import TicketVault
from workflows.approvals import ANY_APPROVER

if TYPE_CHECKING:
    from policies.masking.masker import Masker

#: Roles that may look at the original of one token of a ticket.
LOOKERS = (*ANY_APPROVER, Role.ANALYST.value)
#: Characters of a reason for looking.
MAX_REASON = 500


def arguments(
    store: Store, masker: Callable[[], Masker], proposal_id: str, *, person: str, roles: Sequence[str]
) -> JsonObject:
    """The proposal's arguments with their originals. What policy made irreversible stays a token.

    Raises:
        ApprovalRefused: this person holds no role that decides on the action.
        NotFound: there is no such proposal.
        VaultError: the ticket was shredded, or the master key is not here.
    """
    with store.read() as tx:
        proposal = tx.proposals.get(proposal_id)
    wanted = {*ANY_APPROVER, *(proposal.decision.roles if proposal.decision else ())}
    if not wanted & set(roles):
        raise ApprovalRefused(f"Originals are shown to {', '.join(sorted(wanted))}; {person} is none of them.")
    session = masker().session(TicketVault(store, proposal.ticket_id))
    shown = {
        name: session.restore_text(value) if isinstance(value, str) else value
        for name, value in proposal.arguments.items()
    }
    with store.begin() as tx:
        tx.audit.take(
            AuditEvent(
                action="proposal.revealed",
                actor=f"user:{person}",
                ticket_id=proposal.ticket_id,
                data={"proposal": proposal.id, "arguments": sorted(shown)},
            )
        )
    return shown


class RevealRefused(ApprovalRefused):
    """The original of this token is not shown to this person, and why."""


def token(
    store: Store,
    masker: Callable[[], Masker],
    ticket_id: str,
    token: str,
    *,
    person: str,
    roles: Sequence[str],
    reason: str,
) -> str:
    """What one token of a ticket stands for. The audit trail holds who looked, at which token and, masked, why.

    Raises:
        RevealRefused: this person may not look, gives no reason, or the token has no original: it was never issued for
            this ticket, policy made it irreversible, or the ticket was shredded.
        NotFound: there is no such ticket.
        VaultError: the master key is not here.
    """
    _check_looker(person=person, roles=roles, reason=reason)
    with store.read() as tx:
        tx.tickets.get(ticket_id)
    try:
        session = masker().session(TicketVault(store, ticket_id))
    except Shredded:
        raise RevealRefused(
            "The originals of this ticket were destroyed on purpose; nothing brings them back."
        ) from None
    _check_token(token, issued={entry.token for entry in session.entries()})
    original = session.restore_text(token)
    if original == token:
        raise RevealRefused(
            f"Policy makes {token} irreversible: what it stood for was not kept, or is shown to nobody."
        )
    why = session.mask_text(reason.strip())
    with store.begin() as tx:  # before the value is handed out: what is not on record is not seen
        tx.audit.take(
            AuditEvent(
                action="ticket.revealed",
                actor=f"user:{person}",
                ticket_id=ticket_id,
                data={"token": token, "reason": why},
            )
        )
    return original


def _check_looker(*, person: str, roles: Sequence[str], reason: str) -> None:
    if not set(LOOKERS) & set(roles):
        raise RevealRefused(f"Originals are shown to {', '.join(sorted(LOOKERS))}; {person} is none of them.")
    if not reason.strip():
        raise RevealRefused("Say why you need to see it; the reason goes into the audit trail.")
    if len(reason) > MAX_REASON:
        raise RevealRefused(f"The reason has {len(reason)} characters; say it in {MAX_REASON}.")


def _check_token(token: str, *, issued: set[str]) -> None:
    from policies.masking.tokens import TOKEN, is_well_formed

    if token in issued:
        return
    if TOKEN.fullmatch(token) is None:
        raise RevealRefused("That is no token; take one as the ticket or the evidence shows it.")
    why = "was never issued for this ticket" if is_well_formed(token) else "is garbled"
    raise RevealRefused(f"{token} {why}; take one as the ticket or the evidence shows it.")
