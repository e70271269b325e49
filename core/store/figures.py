"""What an overview counts, from indexes that hold all it needs: no row of a ticket is read, and none is loaded.

Periods are half-open: from `since`, up to `until`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Integer, and_, bindparam, case, cast, exists, func, or_, select, text
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from core.action import ProposalState
from core.assessment import Verdict
from core.store.columns import UtcDateTime
from core.store.console_schema import FeedbackRow
from core.store.schema import ApprovalRow, AssessmentRow, DecisionRow, ProposalRow, TicketRow, TokenRow
from core.ticket import TicketState

#: Tickets whose masked values are counted at most: the newest of a period.
MASKED_SAMPLE = 500
#: How finely waiting times are told apart: up to this many seconds, in steps of so many.
_STEPS = ((120, 1), (7_200, 10), (432_000, 300), (2**31 - 1, 3_600))

_ARRIVED = {
    "arrived": "count(*)",
    **{verdict.value: f"count(*) FILTER (WHERE verdict = '{verdict.value}')" for verdict in Verdict},
    "escalated": f"count(*) FILTER (WHERE state = '{TicketState.ESCALATED.value}')",
    "failed": f"count(*) FILTER (WHERE state = '{TicketState.FAILED.value}')",
    "superseded": f"count(*) FILTER (WHERE state = '{TicketState.SUPERSEDED.value}')",
}
_WORKED = {
    "answers": "count(*)",
    "seconds": "sum(seconds)",
    "requests": "sum(model_requests)",
    "tokens_in": "sum(tokens_in)",
    "tokens_out": "sum(tokens_out)",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrived:
    """Tickets that came in during one span, by what has become of them since."""

    arrived: int
    malicious: int
    suspicious: int
    benign: int
    needs_information: int
    escalated: int
    failed: int
    superseded: int

    @property
    def without(self) -> int:
        """Those that have no verdict, yet or ever."""
        return self.arrived - self.malicious - self.suspicious - self.benign - self.needs_information


@dataclass(frozen=True, kw_only=True, slots=True)
class Worked:
    """What teams did during one span: answers given, and what they took."""

    answers: int
    seconds: float
    requests: int
    tokens_in: int
    tokens_out: int

    @property
    def per_request(self) -> float | None:
        """Seconds of a run for each request to a model; None when no model was asked."""
        return self.seconds / self.requests if self.requests else None


@dataclass(frozen=True, slots=True)
class Waits:
    """How long things took, as how many fell into each step of seconds; of two periods they add up."""

    steps: Mapping[int, int]

    @property
    def count(self) -> int:
        return sum(self.steps.values())

    @property
    def half(self) -> float | None:
        """Seconds that half took no longer than, to the step; None of nothing."""
        return self._share(0.5)

    @property
    def most(self) -> float | None:
        """Seconds that nine of ten took no longer than."""
        return self._share(0.9)

    def plus(self, other: Waits) -> Waits:
        return Waits(dict(Counter(self.steps) + Counter(other.steps)))

    def _share(self, share: float) -> float | None:
        seen, total = 0, self.count
        for seconds, count in sorted(self.steps.items()):
            seen += count
            if seen >= share * total:
                return float(seconds)
        return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """Questions that people have not answered."""

    count: int
    oldest: datetime | None


class Figures:
    """Reads only."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def arrived(self, edges: Sequence[datetime]) -> list[Arrived]:
        """Tickets that came in, for each span between two of the edges."""
        return [Arrived(**row) for row in self._spans("tickets", _ARRIVED, edges)]

    def worked(self, edges: Sequence[datetime]) -> list[Worked]:
        """What teams did, for each span between two of the edges."""
        return [Worked(**row) for row in self._spans("assessments", _WORKED, edges)]

    def until_verdict(self, since: datetime, until: datetime) -> Waits:
        """From a ticket's arrival to its team's answer."""
        return self._waits(AssessmentRow.after_seconds, AssessmentRow.created_at, since, until)

    def until_decision(self, since: datetime, until: datetime) -> Waits:
        """From a question to a person's answer."""
        return self._waits(ApprovalRow.after_seconds, ApprovalRow.created_at, since, until)

    def waiting(self) -> Waiting:
        """What waits for people now."""
        pending = ProposalRow.state == ProposalState.PENDING.value
        count, oldest = self._session.execute(
            select(func.count(), func.min(ProposalRow.created_at)).where(pending)
        ).one()
        return Waiting(count=count, oldest=oldest)

    def outcomes(self, since: datetime, until: datetime) -> dict[str, int]:
        """What policy answered about proposed actions, by outcome."""
        rows = self._session.execute(
            select(DecisionRow.outcome, func.count())
            .where(DecisionRow.created_at >= since, DecisionRow.created_at < until, DecisionRow.door == "proposal")
            .group_by(DecisionRow.outcome)
        )
        return {outcome: count for outcome, count in rows}  # noqa: C416 — rows are not plain tuples to mypy

    def feedback(self, since: datetime, until: datetime) -> dict[str, int]:
        """What people said of verdicts: `agreed` and `corrected`; of each person on each answer the newest counts."""
        rows = self._session.execute(
            select(FeedbackRow.agrees, func.count())
            .where(FeedbackRow.created_at >= since, FeedbackRow.created_at < until, last_word())
            .group_by(FeedbackRow.agrees)
        )
        counted = {bool(agrees): count for agrees, count in rows}
        return {"agreed": counted.get(True, 0), "corrected": counted.get(False, 0)}

    def masked(self, since: datetime, until: datetime) -> tuple[int, dict[str, int]]:
        """Of the newest tickets of the period, how many, and how many values of each kind are hidden in them."""
        by_ticket = self.masked_in(since, until)
        kinds = sum(by_ticket.values(), Counter[str]())
        return len(by_ticket), dict(kinds.most_common())

    def masked_in(self, since: datetime, until: datetime) -> dict[str, Counter[str]]:
        """The newest tickets of the period, newest first, each with how many values of each kind are hidden in it."""
        newest = self._session.scalars(
            select(TicketRow.id)
            .where(TicketRow.created_at >= since, TicketRow.created_at < until)
            .order_by(TicketRow.created_at.desc(), TicketRow.sequence.desc())
            .limit(MASKED_SAMPLE)
        )
        found: dict[str, Counter[str]] = {ticket_id: Counter() for ticket_id in newest}
        tokens = select(TokenRow.ticket_id, TokenRow.token).where(TokenRow.ticket_id.in_(list(found)))
        for ticket_id, token in self._session.execute(tokens):
            found[ticket_id][token.rpartition("_")[0]] += 1
        return found

    def _spans(self, table: str, columns: dict[str, str], edges: Sequence[datetime]) -> list[dict[str, int]]:
        # One range of the index for each span: grouping by a part of the moment sorts every row first, which takes
        # twice as long. As text, because the expression language needs longer to write it than the database to answer.
        named = ", ".join(f"{wanted} AS {name}" for name, wanted in columns.items())
        query = " UNION ALL ".join(
            f"SELECT {number} AS span, {named} FROM {table} "  # noqa: S608 — names and numbers of ours
            f"WHERE created_at >= :edge{number} AND created_at < :edge{number + 1}"
            for number in range(len(edges) - 1)
        )
        bound = [bindparam(f"edge{number}", edge, UtcDateTime()) for number, edge in enumerate(edges)]
        rows = self._session.execute(text(query).bindparams(*bound)).mappings()
        by_span = {row["span"]: {name: row[name] or 0 for name in columns} for row in rows}
        return [by_span[number] for number in range(len(edges) - 1)]

    def _waits(
        self,
        took: InstrumentedAttribute[float | None],
        at: InstrumentedAttribute[datetime],
        since: datetime,
        until: datetime,
    ) -> Waits:
        step = _step(took)
        counted = self._session.execute(
            select(step, func.count()).where(at >= since, at < until, took.is_not(None)).group_by(step)
        ).all()
        return Waits({int(number): count for number, count in counted})


def last_word() -> ColumnElement[bool]:
    """That nobody said anything newer of the same answer: of each person the newest word counts."""
    newer = aliased(FeedbackRow)
    later = exists().where(
        newer.assessment_id == FeedbackRow.assessment_id,
        newer.person == FeedbackRow.person,
        or_(newer.created_at > FeedbackRow.created_at,
            and_(newer.created_at == FeedbackRow.created_at, newer.id > FeedbackRow.id)),
    )  # fmt: skip
    return ~later


def _step(took: InstrumentedAttribute[float | None]) -> ColumnElement[int]:
    """Seconds as whole steps, which get longer with the time."""
    seconds = cast(took, Integer)
    ladder = [(seconds < until, seconds - seconds % width) for until, width in _STEPS]
    return case(*ladder[:-1], else_=ladder[-1][1])
