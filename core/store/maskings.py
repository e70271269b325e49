"""How tickets were masked: written with the masked copy, and whenever anything is shown more openly."""

from __future__ import annotations

from typing import cast

from sqlalchemy.orm import Session

from core.audit import AuditEvent
from core.masking import Masking, Profile
from core.store.audit import AuditTrail
from core.store.model_schema import TicketMaskingRow


class Maskings:
    """One row a ticket; tickets of releases that wrote none have none."""

    def __init__(self, session: Session, audit: AuditTrail) -> None:
        self._session = session
        self._audit = audit

    def of(self, ticket_id: str) -> Masking | None:
        row = self._session.get(TicketMaskingRow, ticket_id)
        return Masking(profile=cast(Profile, row.profile), shown=row.shown) if row is not None else None

    def keep(self, ticket_id: str, masking: Masking, audit: AuditEvent | None = None) -> None:
        """`audit` may be left out where the event of the move that it belongs to tells it."""
        self._session.merge(TicketMaskingRow(ticket_id=ticket_id, profile=masking.profile, shown=dict(masking.shown)))
        if audit is not None:
            self._audit.take(audit)
