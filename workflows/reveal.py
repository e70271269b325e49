"""Shows a person who may decide on an action what its tokens stand for. Each look is in the audit trail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from core.audit import AuditEvent
from core.canonical import JsonObject
from core.errors import ApprovalRefused
from core.store.engine import Store
from core.store.ticket_vault import TicketVault
from workflows.approvals import ANY_APPROVER

if TYPE_CHECKING:
    from policies.masking.masker import Masker


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
