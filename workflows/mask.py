"""The first door: a masked copy of the ticket, and the team that will see it."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from core.audit import AuditEvent
from core.store.ticket_vault import TicketVault
from core.ticket import Lease, MaskedTicket, Original, TicketState
from workflows import clouds
from workflows.services import Services

if TYPE_CHECKING:
    from policies.masking.session import MaskSession


def run(services: Services, lease: Lease) -> TicketState:
    """received → masked."""
    from agents.kinds import classify

    with services.store.read() as tx:
        original = tx.tickets.original(lease.ticket_id)
        ticket = tx.tickets.get(lease.ticket_id)
    kind = original.kind or classify(original)
    team = services.teams.for_kind(kind)
    bundle = services.bundle()
    before = clouds.earlier(services, lease.ticket_id)
    profile = before.profile if before else clouds.profile_of(bundle, services.settings.model_chain)
    session = services.masker(bundle).session(TicketVault(services.store, lease.ticket_id, profile=profile))
    masked = mask_ticket(original, session)
    tokens = Counter(entry.entity for entry in session.entries())
    with services.store.begin() as tx:
        tx.tickets.keep_masked(lease, masked, kind=kind, team=team.name, framework=ticket.framework or team.framework)
        tx.maskings.keep(lease.ticket_id, clouds.masked_by(session.rules, profile, before))
        tx.tickets.move(
            lease,
            TicketState.MASKED,
            audit=AuditEvent(
                action="ticket.masked",
                actor=services.owner,
                data={"team": team.name, "bundle": bundle.hash, "masked_for": profile, "tokens": dict(tokens)},
            ),
        )
    return TicketState.MASKED


def mask_ticket(original: Original, session: MaskSession) -> MaskedTicket:
    """Everything a team will see, masked as one piece: a name found in one field is hidden in all."""
    names = [_split(attachment.name) for attachment in original.attachments]
    whole = session.mask_json(
        {
            "title": original.title,
            "body": original.body,
            "fields": original.fields,
            "reporter": original.reporter,
            "names": [stem for stem, _ in names],
        }
    )
    return MaskedTicket(
        title=whole["title"],
        body=whole["body"],
        fields=whole["fields"],
        reporter=whole["reporter"],
        occurred_at=original.occurred_at.isoformat() if original.occurred_at else None,
        attachments=tuple(
            {"index": index, "name": f"{stem}{names[index][1]}", "bytes": len(attachment.content)}
            for index, (stem, attachment) in enumerate(zip(whole["names"], original.attachments, strict=True))
        ),
    )


def _split(name: str) -> tuple[str, str]:
    """A file name without its ending, and the ending: `4111 1111 1111 1111.pdf` is a card, and a kind of file."""
    match = re.fullmatch(r"(.*?)((?:\.[A-Za-z][A-Za-z0-9]{0,7})?)", name, re.DOTALL)
    return (match[1], match[2]) if match else (name, "")
