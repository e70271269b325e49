"""What an operator looks for: tickets that stand still, messages that do not arrive, effects in doubt, the trail."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, union_all
from sqlalchemy.orm import Session

from core.action import EffectState
from core.canonical import JsonObject
from core.store.schema import AuditRow, EffectRow, OutboxRow, TicketRow
from core.ticket import RESTING, TicketState

#: Rows of one list; more of one kind have one cause.
LISTED = 20
#: States in which a ticket that says why it stands still is stuck.
_WORKING = [state.value for state in TicketState if state not in RESTING]
_SET_ASIDE = [TicketState.ESCALATED.value, TicketState.FAILED.value]
_DOUBTFUL = [EffectState.FAILED.value, EffectState.UNKNOWN.value]


@dataclass(frozen=True, kw_only=True, slots=True)
class Stuck:
    """A ticket that does not go on, and why; or the one that casemate has been at for longest."""

    ticket_id: str
    state: TicketState
    trouble: str
    since: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Undelivered:
    """A message that its receiver does not have."""

    id: str
    ticket_id: str
    kind: str
    destination: str
    attempts: int
    #: When it is tried next; of a dead one it is not.
    due_at: datetime
    dead: bool
    error: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Doubtful:
    """An effect that failed, or of which nobody knows whether it took place."""

    id: str
    ticket_id: str
    tool: str
    connector: str
    state: EffectState
    #: Masked.
    outcome: JsonObject
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One event of the audit trail."""

    sequence: int
    at: str
    action: str
    actor: str
    ticket_id: str | None
    data: JsonObject


class Upkeep:
    """Reads only."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def stuck(self) -> list[Stuck]:
        """Tickets that somebody works on and that do not go on, oldest first."""
        rows = self._session.scalars(
            select(TicketRow)
            .where(TicketRow.state.in_(_WORKING), TicketRow.trouble.is_not(None))
            .order_by(TicketRow.sequence)
            .limit(LISTED)
        )
        return [_stuck(row) for row in rows]

    def oldest(self) -> Stuck | None:
        """The ticket that casemate has been at for longest; None where it has nothing to do."""
        first = [
            select(TicketRow.sequence).where(TicketRow.state == state).order_by(TicketRow.sequence).limit(1).subquery()
            for state in _WORKING
        ]
        found = union_all(*(select(one.c.sequence) for one in first)).subquery()
        row = self._session.scalar(
            select(TicketRow)
            .where(TicketRow.sequence.in_(select(found.c.sequence)))
            .order_by(TicketRow.created_at)
            .limit(1)
        )
        if row is None:
            return None
        return Stuck(ticket_id=row.id, state=TicketState(row.state), trouble=row.trouble or "", since=row.created_at)

    def set_aside(self) -> list[Stuck]:
        """Tickets that casemate could not finish, newest first."""
        rows = self._session.scalars(
            select(TicketRow).where(TicketRow.state.in_(_SET_ASIDE)).order_by(TicketRow.sequence.desc()).limit(LISTED)
        )
        return [_stuck(row) for row in rows]

    def undelivered(self) -> tuple[int, list[Undelivered]]:
        """How many messages wait to be tried again, and those that were tried in vain, dead ones first."""
        away = OutboxRow.delivered_at.is_(None)
        waiting = self._session.scalar(
            select(func.count()).select_from(OutboxRow).where(away, OutboxRow.dead.is_(False))
        )
        rows = self._session.scalars(
            select(OutboxRow)
            .where(away, OutboxRow.attempts > 0, OutboxRow.error.is_not(None))
            .order_by(OutboxRow.dead.desc(), OutboxRow.due_at)
            .limit(LISTED)
        )
        return waiting or 0, [_undelivered(row) for row in rows]

    def effects(self) -> dict[str, dict[str, int]]:
        """Connector → state → how many effects."""
        rows = self._session.execute(
            select(EffectRow.connector, EffectRow.state, func.count()).group_by(EffectRow.connector, EffectRow.state)
        )
        counted: dict[str, dict[str, int]] = defaultdict(dict)
        for connector, state, count in rows:
            counted[connector][state] = count
        return dict(counted)

    def last_failure(self, connector: str) -> Doubtful | None:
        """The newest effect by a connector that failed or is in doubt."""
        row = self._session.scalar(
            select(EffectRow)
            .where(EffectRow.connector == connector, EffectRow.state.in_(_DOUBTFUL))
            .order_by(EffectRow.updated_at.desc())
            .limit(1)
        )
        return _doubtful(row) if row is not None else None

    def unknown(self) -> list[Doubtful]:
        """Effects of which nobody knows whether they took place, oldest first."""
        rows = self._session.scalars(
            select(EffectRow)
            .where(EffectRow.state == EffectState.UNKNOWN.value)
            .order_by(EffectRow.updated_at)
            .limit(LISTED)
        )
        return [_doubtful(row) for row in rows]

    def trail(
        self,
        *,
        action: str | None = None,
        actor: str | None = None,
        ticket_id: str | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[Event]:
        """Audit events that fit everything given, newest first; `action` is how it begins."""
        query = select(AuditRow).order_by(AuditRow.sequence.desc()).limit(limit)
        if action:
            query = query.where(AuditRow.action.startswith(action, autoescape=True))
        if actor:
            query = query.where(AuditRow.actor == actor)
        if ticket_id:
            query = query.where(AuditRow.ticket_id == ticket_id)
        if before is not None:
            query = query.where(AuditRow.sequence < before)
        return [_event(row) for row in self._session.scalars(query)]


def _stuck(row: TicketRow) -> Stuck:
    return Stuck(
        ticket_id=row.id,
        state=TicketState(row.state),
        trouble=row.trouble or "",
        since=row.trouble_since or row.updated_at,
    )


def _undelivered(row: OutboxRow) -> Undelivered:
    return Undelivered(
        id=row.id,
        ticket_id=row.ticket_id,
        kind=row.kind,
        destination=row.destination,
        attempts=row.attempts,
        due_at=row.due_at,
        dead=row.dead,
        error=row.error,
    )


def _doubtful(row: EffectRow) -> Doubtful:
    return Doubtful(
        id=row.id,
        ticket_id=row.ticket_id,
        tool=row.tool,
        connector=row.connector,
        state=EffectState(row.state),
        outcome=row.outcome,
        at=row.updated_at,
    )


def _event(row: AuditRow) -> Event:
    return Event(
        sequence=row.sequence,
        at=row.at,
        action=row.action,
        actor=row.actor,
        ticket_id=row.ticket_id,
        data=row.data,
    )
