"""What fitness tests of model endpoints found; the last one of each model at each endpoint is kept."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.audit import AuditEvent
from core.canonical import JsonObject
from core.clock import Clock
from core.store.audit import AuditTrail
from core.store.model_schema import ModelProbeRow


class Probes:
    """Reports as `agents.probe_report` writes them; nothing of a ticket is in them."""

    def __init__(self, session: Session, clock: Clock, audit: AuditTrail) -> None:
        self._session = session
        self._clock = clock
        self._audit = audit

    def keep(self, report: JsonObject, audit: AuditEvent) -> None:
        """In place of the one before of the same `url` and `model`."""
        self._session.merge(
            ModelProbeRow(url=report["url"], model=report["model"], report=report, created_at=self._clock.now())
        )
        self._audit.take(audit)

    def last(self) -> list[JsonObject]:
        """Every report that is kept, with the time it was made at."""
        rows = self._session.scalars(select(ModelProbeRow).order_by(ModelProbeRow.url, ModelProbeRow.model))
        return [{**row.report, "at": row.created_at.isoformat(timespec="seconds")} for row in rows]
