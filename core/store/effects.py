"""The effect ledger: what was done to the world, once each."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import func, select, true, update
from sqlalchemy.orm import Session

from core.action import EFFECT_TRANSITIONS, Effect, EffectState
from core.audit import AuditEvent
from core.canonical import JsonObject
from core.clock import Clock
from core.errors import TriageError
from core.store.audit import AuditTrail
from core.store.schema import EffectRow
from core.store.vault import Vault

#: Purpose of the key under which targets are hashed.
TARGETS = "targets"


class Effects:
    """Rows are planned in the transaction that spends the approval, and move by conditional update."""

    def __init__(self, session: Session, clock: Clock, vault: Vault, audit: AuditTrail) -> None:
        self._session = session
        self._clock = clock
        self._vault = vault
        self._audit = audit

    def plan(self, effect: Effect, audit: AuditEvent) -> None:
        """Write the intent.

        Raises:
            Duplicate (when the transaction ends): the proposal has an effect already.
        """
        self._audit.take(audit)
        self._session.add(
            EffectRow(
                id=effect.id,
                proposal_id=effect.proposal_id,
                ticket_id=effect.ticket_id,
                tool=effect.tool,
                connector=effect.connector,
                idempotency_key=effect.idempotency_key,
                state=effect.state.value,
                target=effect.target,
                source=effect.source,
                outcome=effect.outcome,
                reverts_at=effect.reverts_at,
                attempts=effect.attempts,
                created_at=effect.created_at,
                updated_at=effect.updated_at,
            )
        )
        self._session.flush()

    def move(self, effect: Effect, to: EffectState, *, outcome: JsonObject, audit: AuditEvent) -> bool:
        """Go from the state `effect` was read in to `to`; False when somebody else moved it first."""
        if to not in EFFECT_TRANSITIONS[effect.state]:
            raise TriageError(f"Effect {effect.id} cannot go from {effect.state.value} to {to.value}.")
        attempt = 1 if to is EffectState.DISPATCHED else 0
        moved = self._session.execute(
            update(EffectRow)
            .where(EffectRow.id == effect.id, EffectRow.state == effect.state.value)
            .values(
                state=to.value,
                outcome={**effect.outcome, **outcome},
                attempts=EffectRow.attempts + attempt,
                updated_at=self._clock.now(),
            )
            .returning(EffectRow.id)
        ).first()
        if moved is None:
            return False
        self._audit.take(
            AuditEvent(
                action=audit.action,
                actor=audit.actor,
                ticket_id=effect.ticket_id,
                data={**audit.data, "effect": effect.id, "from": effect.state.value, "to": to.value},
            )
        )
        return True

    def note(self, effect: Effect, outcome: JsonObject, audit: AuditEvent) -> None:
        """Add to what is known of an effect, whatever state it is in."""
        self._session.execute(
            update(EffectRow).where(EffectRow.id == effect.id).values(outcome={**effect.outcome, **outcome})
        )
        self._audit.take(
            AuditEvent(
                action=audit.action,
                actor=audit.actor,
                ticket_id=effect.ticket_id,
                data={**audit.data, "effect": effect.id},
            )
        )

    def of(self, ticket_id: str) -> list[Effect]:
        """A ticket's effects, oldest first."""
        rows = self._session.scalars(
            select(EffectRow).where(EffectRow.ticket_id == ticket_id).order_by(EffectRow.created_at, EffectRow.id)
        )
        return [_effect(row) for row in rows]

    def of_proposals(self, proposal_ids: Collection[str]) -> dict[str, Effect]:
        """The effects of these proposals, by the proposal's id."""
        if not proposal_ids:
            return {}
        rows = self._session.scalars(select(EffectRow).where(EffectRow.proposal_id.in_(proposal_ids)))
        return {row.proposal_id: _effect(row) for row in rows}

    def unsettled(self, *, before: datetime) -> list[Effect]:
        """Effects that were sent, or about to be, and whose outcome nobody has seen since `before`."""
        open_states = [EffectState.DISPATCHED.value, EffectState.UNKNOWN.value]
        rows = self._session.scalars(
            select(EffectRow).where(EffectRow.state.in_(open_states), EffectRow.updated_at <= before)
        )
        return [_effect(row) for row in rows]

    def lapsed(self) -> list[Effect]:
        """Effects that were done, or may have been, whose lease has run out: they must be undone."""
        done = [EffectState.CONFIRMED.value, EffectState.UNKNOWN.value]
        rows = self._session.scalars(
            select(EffectRow).where(EffectRow.state.in_(done), EffectRow.reverts_at <= self._clock.now())
        )
        return [_effect(row) for row in rows]

    def target_hash(self, target: str | None) -> str | None:
        """What the ledger keeps of a real target: equal for equal targets, and nothing to read a name from."""
        if target is None:
            return None
        return hmac.new(self._vault.secret(TARGETS), target.encode(), hashlib.sha256).hexdigest()

    def history(self, tool: str, *, target: str | None, source: str) -> dict[str, int]:
        """How often a tool was carried out in the last hour and day, by any ticket: what limits count.

        All of its effects, those at the same real target (none when it aims at nothing), those for the same source.
        What failed does not count.
        """
        now = self._clock.now()
        same_target = EffectRow.target == self._known_target(target)
        columns = [
            func.count()
            .filter(EffectRow.created_at >= now - timedelta(hours=hours), condition)
            .label(f"{whose}last_{span}")
            for whose, condition in (("", true()), ("target_", same_target), ("source_", EffectRow.source == source))
            for span, hours in (("hour", 1), ("day", 24))
        ]
        counted = self._session.execute(
            select(*columns).where(
                EffectRow.tool == tool,
                EffectRow.created_at >= now - timedelta(days=1),
                EffectRow.state != EffectState.FAILED.value,
            )
        )
        return {name: int(count) for name, count in counted.mappings().one().items()}

    def _known_target(self, target: str | None) -> str:
        """The hash to look for; the key is made when the first target is written, so before that there is none."""
        written = self._session.scalar(select(EffectRow.id).where(EffectRow.target.is_not(None)).limit(1))
        return (self.target_hash(target) or "") if written is not None else ""

    def total(self) -> int:
        """All effects that left the house."""
        return (
            self._session.scalar(
                select(func.count()).select_from(EffectRow).where(EffectRow.state != EffectState.PLANNED.value)
            )
            or 0
        )


def _effect(row: EffectRow) -> Effect:
    return Effect(
        id=row.id,
        proposal_id=row.proposal_id,
        ticket_id=row.ticket_id,
        tool=row.tool,
        connector=row.connector,
        idempotency_key=row.idempotency_key,
        state=EffectState(row.state),
        target=row.target,
        source=row.source,
        outcome=row.outcome,
        reverts_at=row.reverts_at,
        attempts=row.attempts,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
