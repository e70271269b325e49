"""Filters of the queue that people keep under names of their own."""

from __future__ import annotations

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from core.audit import AuditEvent
from core.clock import Clock
from core.ids import new_id
from core.store.audit import AuditTrail
from core.store.console_schema import SavedViewRow
from core.worklist import SavedView


class SavedViews:
    """Each person's own; nobody sees another's."""

    def __init__(self, session: Session, clock: Clock, audit: AuditTrail) -> None:
        self._session = session
        self._clock = clock
        self._audit = audit

    def of(self, user_id: str) -> list[SavedView]:
        """A person's views, in the order they were made."""
        query = select(SavedViewRow).where(SavedViewRow.user_id == user_id)
        rows = self._session.scalars(query.order_by(SavedViewRow.created_at, SavedViewRow.id))
        return [SavedView(id=row.id, name=row.name, query=row.query) for row in rows]

    def keep(self, user_id: str, *, name: str, query: str, audit: AuditEvent) -> SavedView:
        """A new view, or other filters under a name that the person uses already."""
        self._audit.take(audit)
        row = self._session.scalar(
            select(SavedViewRow).where(SavedViewRow.user_id == user_id, SavedViewRow.name == name)
        )
        if row is None:
            row = SavedViewRow(id=new_id("viw"), user_id=user_id, name=name, query=query, created_at=self._clock.now())
            self._session.add(row)
        row.query = query
        self._session.flush()
        return SavedView(id=row.id, name=row.name, query=row.query)

    def remove(self, user_id: str, view_id: str, audit: AuditEvent) -> bool:
        """Forget one; False when the person has none of this id."""
        gone = self._session.execute(
            delete(SavedViewRow)
            .where(SavedViewRow.user_id == user_id, SavedViewRow.id == view_id)
            .returning(SavedViewRow.id)
        ).first()
        if gone is not None:
            self._audit.take(audit)
        return gone is not None
