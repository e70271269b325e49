"""The decision log: every answer of policy, written in the transaction of what it leads to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Text, select
from sqlalchemy import cast as as_type
from sqlalchemy.orm import Session

from core.clock import Clock
from core.decision import Decision
from core.decision_log import DecisionEntry, Door, LoggedDecision, PastDecision
from core.errors import NotFound
from core.store.schema import DecisionRow

#: Rows that are fetched from the database at a time.
BATCH = 1_000


class Decisions:
    """Append-only. No audit event of its own: the event of what a decision leads to names it."""

    def __init__(self, session: Session, clock: Clock) -> None:
        self._session = session
        self._clock = clock

    def add(self, entry: DecisionEntry) -> None:
        """Keep one decision. Masks nothing: the entry must be masked already."""
        self._session.add(
            DecisionRow(
                id=entry.id,
                ticket_id=entry.ticket_id,
                proposal_id=entry.proposal_id,
                door=entry.door,
                tool=entry.tool,
                facts=entry.facts,
                sealed=entry.sealed,
                outcome=entry.decision.outcome.value,
                decision=entry.decision.as_json(),
                bundle_hash=entry.decision.bundle_hash,
                microseconds=entry.microseconds,
                created_at=self._clock.now(),
            )
        )

    def get(self, decision_id: str) -> LoggedDecision:
        """Raises:
        NotFound: there is no such decision.
        """
        row = self._session.scalar(select(DecisionRow).where(DecisionRow.id == decision_id))
        if row is None:
            raise NotFound(f"There is no decision {decision_id}; `casemate policy log` lists them.")
        return _logged(row)

    def of(self, ticket_id: str) -> list[LoggedDecision]:
        """A ticket's decisions, oldest first."""
        rows = self._session.scalars(
            select(DecisionRow).where(DecisionRow.ticket_id == ticket_id).order_by(DecisionRow.sequence)
        )
        return [_logged(row) for row in rows]

    def latest_of_proposal(self, proposal_id: str) -> LoggedDecision | None:
        """The newest decision on a proposal."""
        row = self._session.scalar(_of_proposal(select(DecisionRow), proposal_id))
        return _logged(row) if row is not None else None

    def search(
        self,
        *,
        ticket_id: str | None = None,
        tool: str | None = None,
        outcome: str | None = None,
        door: Door | None = None,
        rule: str | None = None,
        bundle_hash: str | None = None,
        since: datetime | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> list[LoggedDecision]:
        """Decisions that fit everything given, newest first. `bundle_hash` may be the beginning of one.

        The `sequence` of the last one found, given as `before`, leads on from there.
        """
        query = select(DecisionRow).order_by(DecisionRow.sequence.desc())
        exact = {"ticket_id": ticket_id, "tool": tool, "outcome": outcome, "door": door}
        for name, wanted in exact.items():
            if wanted is not None:
                query = query.where(getattr(DecisionRow, name) == wanted)
        if bundle_hash is not None:
            query = query.where(DecisionRow.bundle_hash.startswith(bundle_hash, autoescape=True))
        if since is not None:
            query = query.where(DecisionRow.created_at >= since)
        if before is not None:
            query = query.where(DecisionRow.sequence < before)
        if rule is None:
            query = query.limit(limit)
        else:  # the text is looked at in the database, the list of rules here
            query = query.where(as_type(DecisionRow.decision, Text).contains(f'"{rule}"', autoescape=True))
        found: list[LoggedDecision] = []
        with closing(self._session.scalars(query.execution_options(yield_per=BATCH))) as rows:
            for row in rows:
                if rule is None or rule in row.decision["rules"]:
                    found.append(_logged(row))
                if len(found) >= limit:
                    break
        return found

    def all_since(self, since: datetime | None = None) -> Iterator[PastDecision]:
        """Every decision since then (default: ever), oldest first, a batch at a time."""
        query = _past().order_by(DecisionRow.sequence)
        if since is not None:
            query = query.where(DecisionRow.created_at >= since)
        with closing(self._session.execute(query.execution_options(yield_per=BATCH))) as rows:
            for row in rows:
                yield PastDecision(*row)

    def past_of_proposal(self, proposal_id: str) -> PastDecision | None:
        """The newest decision on a proposal, as a replay reads it."""
        row = self._session.execute(_of_proposal(_past(), proposal_id)).first()
        return PastDecision(*row) if row is not None else None


def _past() -> Any:
    return select(
        DecisionRow.id,
        DecisionRow.ticket_id,
        DecisionRow.proposal_id,
        DecisionRow.door,
        DecisionRow.tool,
        as_type(DecisionRow.facts, Text),
        DecisionRow.sealed,
        as_type(DecisionRow.decision, Text),
        DecisionRow.bundle_hash,
        DecisionRow.created_at,
    )


def _of_proposal(query: Any, proposal_id: str) -> Any:
    return query.where(DecisionRow.proposal_id == proposal_id).order_by(DecisionRow.sequence.desc()).limit(1)


def _logged(row: DecisionRow) -> LoggedDecision:
    return LoggedDecision(
        id=row.id,
        ticket_id=row.ticket_id,
        proposal_id=row.proposal_id,
        door=cast(Door, row.door),
        tool=row.tool,
        facts=row.facts,
        sealed=row.sealed,
        decision=Decision.from_json(row.decision),
        microseconds=row.microseconds,
        sequence=row.sequence,
        created_at=row.created_at,
    )
