"""What operators steer and watch: the kill switch and the heartbeats of processes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from core.audit import AuditEvent
from core.canonical import JsonObject
from core.clock import Clock
from core.errors import Halted
from core.store.audit import AuditTrail
from core.store.schema import HeartbeatRow, SwitchRow

#: The row that stops every model call and effect.
KILL_SWITCH = "halted"


@dataclass(frozen=True, kw_only=True, slots=True)
class Halt:
    """That everything is stopped: why, by whom, since when."""

    reason: str
    actor: str
    at: datetime


class Operations:
    """Switches and heartbeats."""

    def __init__(self, session: Session, clock: Clock, audit: AuditTrail) -> None:
        self._session = session
        self._clock = clock
        self._audit = audit

    def halt(self, *, on: bool, reason: str, audit: AuditEvent) -> None:
        """Turn the kill switch on or off."""
        self._session.merge(
            SwitchRow(name=KILL_SWITCH, on=on, reason=reason, actor=audit.actor, updated_at=self._clock.now())
        )
        self._audit.take(audit)

    def halted(self) -> str | None:
        """Why everything is stopped, or None."""
        row = self._session.get(SwitchRow, KILL_SWITCH)
        return (row.reason or "no reason given") if row is not None and row.on else None

    def halt_in_force(self) -> Halt | None:
        """The halt that holds now, with who it was and when."""
        row = self._session.get(SwitchRow, KILL_SWITCH)
        return Halt(reason=row.reason, actor=row.actor, at=row.updated_at) if row is not None and row.on else None

    def check_not_halted(self) -> None:
        """Raises:
        Halted: the kill switch is on.
        """
        reason = self.halted()
        if reason is not None:
            raise Halted(f"Casemate is halted ({reason}); run `casemate resume` when it may go on.")

    def beat(self, process: str, kind: str, data: JsonObject) -> None:
        """Say that a process is alive."""
        self._session.merge(HeartbeatRow(process=process, kind=kind, at=self._clock.now(), data=data))

    def alive(self, *, since: datetime) -> list[JsonObject]:
        """Processes heard of after `since`."""
        rows = self._session.scalars(
            select(HeartbeatRow).where(HeartbeatRow.at >= since).order_by(HeartbeatRow.process)
        )
        return [{"process": r.process, "kind": r.kind, "at": r.at.isoformat(), "data": r.data} for r in rows]

    def forget(self, *, before: datetime) -> None:
        """Drop heartbeats of processes that are long gone."""
        self._session.execute(delete(HeartbeatRow).where(HeartbeatRow.at < before))
