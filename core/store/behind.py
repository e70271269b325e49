"""The rows behind the numbers of the overview, a page at a time; `core.store.figures` counts the same rows.

Periods are half-open. Lists by time walk an index; those by size look at the index of figures alone to find where a
page ends, and read no row that is not on it or before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from core.store.console_schema import FeedbackRow
from core.store.figures import last_word
from core.store.schema import ApprovalRow, AssessmentRow, DecisionRow, ProposalRow

#: What runs can be sorted by, the most first.
RUN_ORDERS: Mapping[str, ColumnElement[Any] | InstrumentedAttribute[Any]] = MappingProxyType(
    {
        "tokens": AssessmentRow.tokens_in + AssessmentRow.tokens_out,
        "read": AssessmentRow.tokens_in,
        "written": AssessmentRow.tokens_out,
        "requests": AssessmentRow.model_requests,
        "seconds": AssessmentRow.seconds,
        "after": func.coalesce(AssessmentRow.after_seconds, -1.0),
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """Which rows of a period: `limit` of them after the first `offset`."""

    since: datetime
    until: datetime
    offset: int
    limit: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RunLine:
    """One answer of a team and what it took."""

    ticket_id: str
    team: str
    framework: str
    model: str
    requests: int
    tokens_in: int
    tokens_out: int
    seconds: float
    #: Seconds from the ticket's arrival.
    after_seconds: float | None
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerLine:
    """One answer of a person to a question."""

    ticket_id: str
    proposal_id: str
    tool: str
    person: str
    approve: bool
    #: Seconds from the question.
    after_seconds: float | None
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class WordLine:
    """One person's word on a verdict."""

    ticket_id: str
    person: str
    agrees: bool
    verdict: str
    reason: str
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class DecisionLine:
    """One answer of policy about a proposed action."""

    id: str
    ticket_id: str
    proposal_id: str
    tool: str
    outcome: str
    rules: tuple[str, ...]
    at: datetime


class Behind:
    """Reads only."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def runs(self, page: Page, *, by: str) -> list[RunLine]:
        """Answers of teams, the most of `by` (of `RUN_ORDERS`) first."""
        size, at = RUN_ORDERS[by], AssessmentRow.created_at
        order, inside = (size.desc(), at.desc()), (at >= page.since, at < page.until)
        beyond = select(size, at).where(*inside).order_by(*order).offset(page.offset + page.limit).limit(1)
        end = self._session.execute(beyond).first()
        rest = () if end is None else (or_(size > end[0], and_(size == end[0], at >= end[1])),)
        rows = self._session.scalars(
            select(AssessmentRow)
            .where(*inside, *rest)
            .order_by(*order, AssessmentRow.id)
            .offset(page.offset)
            .limit(page.limit)
        )
        return [_run(row) for row in rows]

    def answers(self, page: Page) -> list[AnswerLine]:
        """Answers of people to questions, newest first."""
        at = ApprovalRow.created_at
        rows = self._session.execute(
            select(ApprovalRow, ProposalRow.ticket_id, ProposalRow.tool)
            .join(ProposalRow, ProposalRow.id == ApprovalRow.proposal_id)
            .where(at >= page.since, at < page.until, ApprovalRow.after_seconds.is_not(None))
            .order_by(at.desc(), ApprovalRow.id)
            .offset(page.offset)
            .limit(page.limit)
        )
        return [
            AnswerLine(
                ticket_id=ticket_id, proposal_id=row.proposal_id, tool=tool, person=row.person, approve=row.approve,
                after_seconds=row.after_seconds, at=row.created_at,
            )
            for row, ticket_id, tool in rows
        ]  # fmt: skip

    def words(self, page: Page, *, agrees: bool | None) -> list[WordLine]:
        """What people said of verdicts, newest first: each one's last word on each answer."""
        at = FeedbackRow.created_at
        query = select(FeedbackRow).where(at >= page.since, at < page.until, last_word())
        if agrees is not None:
            query = query.where(FeedbackRow.agrees.is_(agrees))
        rows = self._session.scalars(query.order_by(at.desc(), FeedbackRow.id).offset(page.offset).limit(page.limit))
        return [
            WordLine(
                ticket_id=row.ticket_id, person=row.person, agrees=row.agrees, verdict=row.verdict, reason=row.reason,
                at=row.created_at,
            )
            for row in rows
        ]  # fmt: skip

    def decisions(self, page: Page, *, outcome: str) -> list[DecisionLine]:
        """What policy answered about proposed actions, newest first; `outcome` may be empty."""
        at = DecisionRow.created_at
        query = select(DecisionRow).where(at >= page.since, at < page.until, DecisionRow.door == "proposal")
        if outcome:
            query = query.where(DecisionRow.outcome == outcome)
        rows = self._session.scalars(
            query.order_by(at.desc(), DecisionRow.sequence.desc()).offset(page.offset).limit(page.limit)
        )
        return [
            DecisionLine(
                id=row.id, ticket_id=row.ticket_id or "", proposal_id=row.proposal_id or "", tool=row.tool,
                outcome=row.outcome, rules=tuple(row.decision["rules"]), at=row.created_at,
            )
            for row in rows
        ]  # fmt: skip


def _run(row: AssessmentRow) -> RunLine:
    return RunLine(
        ticket_id=row.ticket_id,
        team=row.team,
        framework=row.framework,
        model=row.model,
        requests=row.model_requests,
        tokens_in=row.tokens_in,
        tokens_out=row.tokens_out,
        seconds=row.seconds,
        after_seconds=row.after_seconds,
        at=row.created_at,
    )
