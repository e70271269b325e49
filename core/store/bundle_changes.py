"""The questions whether a bundle may go live, and the answers people give to them."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.audit import AuditEvent
from core.bundle_change import CHANGE_TRANSITIONS, BundleAnswer, BundleChange, ChangeState
from core.canonical import JsonObject
from core.clock import Clock
from core.decision import Decision
from core.errors import NotFound, TriageError
from core.store.answers import columns, fields
from core.store.audit import AuditTrail
from core.store.schema import BundleAnswerRow, BundleChangeRow
from core.store.sealing import Sealer


class BundleChanges:
    """Changes move only through `CHANGE_TRANSITIONS`, by conditional update: the first mover wins."""

    def __init__(self, session: Session, clock: Clock, sealer: Sealer, audit: AuditTrail) -> None:
        self._session = session
        self._clock = clock
        self._sealer = sealer
        self._audit = audit

    def ask(self, change: BundleChange, *, review: JsonObject, audit: AuditEvent) -> None:
        """Keep a question with what the change does; its bundle is kept already."""
        self._audit.take(audit)
        self._session.add(
            BundleChangeRow(
                id=change.id,
                bundle_hash=change.bundle_hash,
                base_hash=change.base_hash,
                author=change.author,
                reason=change.reason,
                state=change.state.value,
                decision=change.decision.as_json(),
                digest=change.digest,
                review=self._sealer.close(review, context=f"review:{change.id}"),
                expires_at=change.expires_at,
                created_at=change.created_at,
                updated_at=change.updated_at,
            )
        )
        self._session.flush()

    def get(self, change_id: str) -> BundleChange:
        """Raises:
        NotFound: there is no such change.
        """
        return _change(self._row(change_id))

    def review(self, change_id: str) -> JsonObject:
        """What the change does, as it was when it was asked (`workflows/review.py`).

        Raises:
            NotFound: there is no such change.
            VaultError: it does not open.
        """
        return self._sealer.open(self._row(change_id).review, context=f"review:{change_id}")

    def recent(self, *, state: ChangeState | None = None, limit: int = 100) -> list[BundleChange]:
        """Changes, newest first."""
        query = select(BundleChangeRow).order_by(BundleChangeRow.created_at.desc(), BundleChangeRow.id.desc())
        if state is not None:
            query = query.where(BundleChangeRow.state == state.value)
        return [_change(row) for row in self._session.scalars(query.limit(limit))]

    def waiting(self) -> list[BundleChange]:
        """Changes that wait for people, oldest first."""
        rows = self._session.scalars(
            select(BundleChangeRow)
            .where(BundleChangeRow.state == ChangeState.PENDING.value)
            .order_by(BundleChangeRow.created_at, BundleChangeRow.id)
        )
        return [_change(row) for row in rows]

    def overdue(self) -> list[BundleChange]:
        """Waiting changes whose time is up."""
        now = self._clock.now()
        return [change for change in self.waiting() if change.expires_at is not None and change.expires_at <= now]

    def outdate(self, *, live: str, actor: str) -> None:
        """Close what waits and was meant for another bundle than the one that is live now."""
        for change in self.waiting():
            if change.base_hash != live:
                event = AuditEvent(action="policy.change_outdated", actor=actor, data={"live": live})
                self.move(change, ChangeState.OUTDATED, event)

    def move(self, change: BundleChange, to: ChangeState, audit: AuditEvent) -> bool:
        """Go from the state `change` was read in to `to`; False when somebody else moved it first.

        Raises:
            TriageError: the table does not permit the move.
        """
        if to not in CHANGE_TRANSITIONS[change.state]:
            raise TriageError(f"Change {change.id} cannot go from {change.state.value} to {to.value}.")
        moved = self._session.execute(
            update(BundleChangeRow)
            .where(BundleChangeRow.id == change.id, BundleChangeRow.state == change.state.value)
            .values(state=to.value, updated_at=self._clock.now())
            .returning(BundleChangeRow.id)
        ).first()
        if moved is None:
            return False
        about = {"change": change.id, "bundle": change.bundle_hash, "to": to.value}
        self._audit.take(AuditEvent(action=audit.action, actor=audit.actor, data={**audit.data, **about}))
        return True

    def answer(self, answer: BundleAnswer, audit: AuditEvent) -> None:
        """Keep one person's answer.

        Raises:
            Duplicate: this person has answered already.
        """
        self._audit.take(audit)
        self._session.add(BundleAnswerRow(change_id=answer.change_id, **columns(answer)))
        self._session.flush()

    def answers(self, change_id: str) -> list[BundleAnswer]:
        """The answers to a change, oldest first."""
        rows = self._session.scalars(
            select(BundleAnswerRow)
            .where(BundleAnswerRow.change_id == change_id)
            .order_by(BundleAnswerRow.created_at, BundleAnswerRow.id)
        )
        return [BundleAnswer(change_id=row.change_id, **fields(row)) for row in rows]

    def _row(self, change_id: str) -> BundleChangeRow:
        row = self._session.get(BundleChangeRow, change_id)
        if row is None:
            raise NotFound(f"There is no change {change_id[:80]}; `casemate policy candidates` shows those that wait.")
        return row


def _change(row: BundleChangeRow) -> BundleChange:
    return BundleChange(
        id=row.id,
        bundle_hash=row.bundle_hash,
        base_hash=row.base_hash,
        author=row.author,
        reason=row.reason,
        state=ChangeState(row.state),
        decision=Decision.from_json(row.decision),
        digest=row.digest,
        expires_at=row.expires_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
