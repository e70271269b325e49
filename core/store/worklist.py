"""Lists of cases and of questions to people, quick however many there are.

Every query walks an index and stops at a bound: pages go on from a sequence, counts stop counting, and where no index
answers all filters together, the rarest one leads and the newest `LOOKED_AT` of its cases are looked at.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, literal, or_, select, union_all
from sqlalchemy.orm import InstrumentedAttribute, Session

from core.action import ProposalState
from core.clock import Clock
from core.decision import Decision
from core.store.console_schema import ClaimRow, HeadlineRow
from core.store.schema import ApprovalRow, ProposalRow, TicketRow
from core.ticket import TicketState
from core.worklist import GROUPS, Asked, CaseLine, Cases, Filters, Group

#: Cases of the leading filter that one page looks at when further filters or words narrow them.
LOOKED_AT = 1_000
#: Titles that one page searches for words.
TITLES_SEARCHED = 10_000
#: No group is counted further than this.
MOST_COUNTED = 10_000
#: External ids that begin alike; whoever finds more should type more.
MOST_NAMED = 100
#: Sources, kinds and teams that filters offer.
MOST_CHOICES = 50
#: Stands for having no verdict or severity yet.
NONE = "none"
#: Before every sequence there can be.
_END = 2**62

Condition = ColumnElement[bool]


@dataclass(frozen=True, kw_only=True, slots=True)
class Choices:
    """What there is to filter by."""

    sources: tuple[str, ...]
    kinds: tuple[str, ...]
    teams: tuple[str, ...]


class Worklist:
    """Reads only."""

    def __init__(self, session: Session, clock: Clock) -> None:
        self._session = session
        self._clock = clock

    # --- cases

    def cases(self, filters: Filters, *, before: int | None = None, limit: int = 50) -> Cases:
        """One page of the cases that pass all filters, newest first."""
        if filters.until is not None:
            end = self._first(filters.until)
            before = end if before is None or (end is not None and end < before) else before
        found = self._cases(filters, before=before, limit=limit)
        return found if filters.since is None else self._since(filters.since, found)

    def _since(self, since: datetime, found: Cases) -> Cases:
        """Without what came in earlier. Cases come newest first, so nothing younger stands behind one that is older."""
        first = self._first(since)
        if first is None:
            return Cases(lines=(), older=None)
        lines = tuple(line for line in found.lines if line.sequence >= first)
        goes_on = found.older is not None and found.older > first and len(lines) == len(found.lines)
        return Cases(lines=lines, older=found.older if goes_on else None)

    def _first(self, since: datetime) -> int | None:
        """The oldest case that came in from then on."""
        in_order = select(TicketRow.sequence).order_by(TicketRow.created_at, TicketRow.sequence)
        return self._session.scalar(in_order.where(TicketRow.created_at >= since).limit(1))

    def _cases(self, filters: Filters, *, before: int | None, limit: int) -> Cases:
        end = _END if before is None else before
        named, filters = self._named(filters)
        if named is not None:
            return Cases(lines=tuple(self._lines(self._passing(named, filters, end), limit)), older=None)
        words = filters.search.casefold().split()
        if filters.claimed_by:
            return self._full(self._claimed(filters, words, end), limit)
        leads = _leads(filters)
        if not words and len(leads) <= 1:
            return self._full(_walk(leads[0] if leads else (), end, limit + 1), limit)
        return self._searched(leads, words, end, limit)

    def lines(self, ticket_ids: Collection[str]) -> dict[str, CaseLine]:
        """These cases, by their id."""
        if not ticket_ids:
            return {}
        rows = self._session.execute(_CASE.where(TicketRow.id.in_(ticket_ids)))
        return {row.id: _line(row) for row in rows}

    def any(self) -> bool:
        """Whether a ticket was ever handed in."""
        return self._session.scalar(select(TicketRow.sequence).where(TicketRow.sequence < _END).limit(1)) is not None

    def counts(self) -> dict[Group, int]:
        """Cases by group; a group that has more than `MOST_COUNTED` is said to have one more than that."""
        found = self._session.execute(_COUNTS).mappings().one()
        return {
            group: min(MOST_COUNTED + 1, sum(found[state.value] for state in states))
            for group, states in GROUPS.items()
        }

    def choices(self) -> Choices:
        """Sources, kinds and teams that tickets have."""
        return Choices(sources=self._distinct(_SOURCES), kinds=self._distinct(_KINDS), teams=self._distinct(_TEAMS))

    # --- questions to people

    def waiting(self, filters: Filters, *, limit: int) -> list[Asked]:
        """Questions about cases that pass the filters, soonest expiry first, those that never expire last.

        A search is the caller's to apply, and so is a claim; the group is `waiting` whatever is said.
        """
        pending = _ASKED.where(ProposalRow.state == ProposalState.PENDING.value)
        if filters.since is not None:
            pending = pending.where(ProposalRow.created_at >= filters.since)
        if filters.until is not None:
            pending = pending.where(ProposalRow.created_at < filters.until)
        leads = _leads(replace(filters, group=None))
        if leads:
            pending = pending.join(TicketRow, TicketRow.id == ProposalRow.ticket_id)
            pending = pending.where(*(or_(*lead) for lead in leads))
        soon = pending.where(ProposalRow.expires_at.is_not(None)).order_by(ProposalRow.expires_at, ProposalRow.id)
        rows = list(self._session.execute(soon.limit(limit)))
        if len(rows) < limit:
            never = pending.where(ProposalRow.expires_at.is_(None)).order_by(ProposalRow.created_at, ProposalRow.id)
            rows += self._session.execute(never.limit(limit - len(rows)))
        return [_asked(row) for row in rows]

    def questions(self, proposal_ids: Collection[str]) -> list[Asked]:
        """These questions, whatever has become of them; those that policy never spoke of are left out."""
        if not proposal_ids:
            return []
        known = _ASKED.where(ProposalRow.id.in_(proposal_ids), ProposalRow.decision.is_not(None))
        return [_asked(row) for row in self._session.execute(known)]

    def answered(self, proposal_ids: Collection[str]) -> dict[str, frozenset[str]]:
        """Who has answered these proposals."""
        if not proposal_ids:
            return {}
        query = select(ApprovalRow.proposal_id, ApprovalRow.person).where(ApprovalRow.proposal_id.in_(proposal_ids))
        found: dict[str, set[str]] = {}
        for row in self._session.execute(query):
            found.setdefault(row.proposal_id, set()).add(row.person)
        return {proposal_id: frozenset(people) for proposal_id, people in found.items()}

    # --- inside

    def _full(self, query: Select[Any], limit: int) -> Cases:
        """A page of a query that leaves nothing out."""
        found = list(self._session.scalars(query.limit(limit + 1)))
        shown = found[:limit]
        return Cases(lines=tuple(self._lines(shown, limit)), older=shown[-1] if len(found) > limit else None)

    def _searched(self, leads: list[Sequence[Condition]], words: list[str], end: int, limit: int) -> Cases:
        """A page found by looking at a bounded number of cases, one by one."""
        counted = [(self._count(lead), lead) for lead in leads]
        rarest, lead = min(counted, key=lambda pair: pair[0], default=(LOOKED_AT + 1, ()))
        if words and rarest > LOOKED_AT:
            looked, lead = TITLES_SEARCHED, ()
            titles = select(HeadlineRow.sequence, HeadlineRow.title).where(HeadlineRow.sequence < end)
            window = titles.order_by(HeadlineRow.sequence.desc()).limit(looked).subquery()
            query = select(window.c.sequence).where(*_holding(window.c.title, words))
            if leads:
                query = query.join(TicketRow, TicketRow.sequence == window.c.sequence)
        else:
            looked = LOOKED_AT
            window = _walk(lead, end, looked).subquery()
            query = select(window.c.sequence).join(TicketRow, TicketRow.sequence == window.c.sequence)
            if words:
                query = query.join(HeadlineRow, HeadlineRow.sequence == window.c.sequence)
                query = query.where(*_holding(HeadlineRow.title, words))
        query = query.where(*(or_(*other) for other in leads if other is not lead))
        page = self._full(query.order_by(window.c.sequence.desc()), limit)
        if page.older is not None:
            return page
        many, last = self._session.execute(select(func.count(), func.min(window.c.sequence)).select_from(window)).one()
        return replace(page, older=last, stopped=True) if many >= looked else page

    def _count(self, lead: Sequence[Condition]) -> int:
        """How many cases pass, as far as that matters."""
        window = _walk(lead, _END, LOOKED_AT + 1).subquery()
        return self._session.scalar(select(func.count()).select_from(window)) or 0

    def _named(self, filters: Filters) -> tuple[list[int] | None, Filters]:
        """The cases that a search names by an id, or None; a search for a source becomes the filter it is."""
        said = filters.search.strip()
        filters = replace(filters, search=said)
        if not said:
            return None, filters
        if said.startswith("tkt_"):
            return list(self._session.scalars(select(TicketRow.sequence).where(TicketRow.id == said))), filters
        begins = or_(*(self._begins(TicketRow.external_id, way) for way in {said, said.upper(), said.lower()}))
        found = list(self._session.scalars(select(TicketRow.sequence).where(begins).limit(MOST_NAMED)))
        if found:
            return found, filters
        source = said.lower()
        if not filters.source and self._session.scalar(
            select(TicketRow.sequence).where(TicketRow.source == source).limit(1)
        ):
            return None, replace(filters, source=source, search="")
        return None, filters

    def _begins(self, column: InstrumentedAttribute[str], prefix: str) -> Condition:
        """That a text begins so, in the form that each database answers from its index."""
        if self._session.get_bind().dialect.name == "postgresql":
            return column.startswith(prefix, autoescape=True)
        return and_(column >= prefix, column < prefix + "\U0010ffff")

    def _passing(self, sequences: list[int], filters: Filters, end: int) -> list[int]:
        query = select(TicketRow.sequence).where(TicketRow.sequence.in_(sequences), TicketRow.sequence < end)
        query = query.where(*(or_(*lead) for lead in _leads(filters)))
        if filters.claimed_by:
            query = query.where(TicketRow.id.in_(self._ids_claimed(filters.claimed_by)))
        return list(self._session.scalars(query))

    def _claimed(self, filters: Filters, words: list[str], end: int) -> Select[Any]:
        query = select(TicketRow.sequence).where(
            TicketRow.id.in_(self._ids_claimed(filters.claimed_by)), TicketRow.sequence < end
        )
        query = query.where(*(or_(*lead) for lead in _leads(filters))).order_by(TicketRow.sequence.desc())
        if words:
            query = query.join(HeadlineRow, HeadlineRow.sequence == TicketRow.sequence)
            query = query.where(*_holding(HeadlineRow.title, words))
        return query

    def _ids_claimed(self, person: str) -> list[str]:
        claimed = select(ClaimRow.ticket_id).where(ClaimRow.person == person, ClaimRow.until > self._clock.now())
        return list(self._session.scalars(claimed))

    def _lines(self, sequences: Sequence[int], limit: int) -> list[CaseLine]:
        if not sequences:
            return []
        query = _CASE.where(TicketRow.sequence.in_(sequences)).order_by(TicketRow.sequence.desc()).limit(limit)
        return [_line(row) for row in self._session.execute(query)]

    def _distinct(self, query: Select[Any]) -> tuple[str, ...]:
        return tuple(value for value in self._session.scalars(query) if value)


_CASE_COLUMNS = (
    TicketRow.sequence,
    TicketRow.id,
    TicketRow.source,
    TicketRow.external_id,
    TicketRow.version,
    TicketRow.kind,
    TicketRow.team,
    TicketRow.state,
    TicketRow.verdict,
    TicketRow.severity,
    TicketRow.confidence,
    TicketRow.created_at,
    HeadlineRow.title,
)
_CASE = select(*_CASE_COLUMNS).outerjoin(HeadlineRow, HeadlineRow.sequence == TicketRow.sequence)
_ASKED = select(
    ProposalRow.id,
    ProposalRow.ticket_id,
    ProposalRow.state,
    ProposalRow.digest,
    ProposalRow.proposed_by,
    ProposalRow.decision,
    ProposalRow.expires_at,
    ProposalRow.created_at,
)


def _jumping(column: InstrumentedAttribute[str]) -> Select[Any]:
    """The values of an indexed column, by jumping from each to the next: few values, many rows."""
    found = select(func.min(column).label("value"), literal(1).label("number")).cte(recursive=True)
    following = select(func.min(column)).where(column > found.c.value).scalar_subquery()
    found = found.union_all(
        select(following, found.c.number + 1).where(found.c.value.is_not(None), found.c.number < MOST_CHOICES)
    )
    return select(found.c.value).where(found.c.value.is_not(None))


_SOURCES, _KINDS, _TEAMS = _jumping(TicketRow.source), _jumping(TicketRow.kind), _jumping(TicketRow.team)


def _counting() -> Select[Any]:
    columns = []
    for state in TicketState:
        some = select(literal(1)).where(TicketRow.state == state.value).limit(MOST_COUNTED + 1).subquery()
        columns.append(select(func.count()).select_from(some).scalar_subquery().label(state.value))
    return select(*columns)


_COUNTS = _counting()


def _leads(filters: Filters) -> list[Sequence[Condition]]:
    """The filters that an index answers, each as the conditions of which one must hold."""
    found: list[Sequence[Condition]] = []
    if filters.group is not None:
        found.append([TicketRow.state == state.value for state in GROUPS[filters.group]])
    for column, value in (
        (TicketRow.verdict, filters.verdict),
        (TicketRow.severity, filters.severity),
        (TicketRow.source, filters.source),
        (TicketRow.kind, filters.kind),
        (TicketRow.team, filters.team),
    ):
        if value:
            found.append([column.is_(None) if value == NONE else column == value])
    return found


def _walk(lead: Sequence[Condition], end: int, most: int) -> Select[Any]:
    """The newest sequences for which one of the conditions holds, each condition by its own index."""
    older = TicketRow.sequence < end
    walks = [
        select(TicketRow.sequence).where(condition, older).order_by(TicketRow.sequence.desc()).limit(most)
        for condition in lead
    ] or [select(TicketRow.sequence).where(older).order_by(TicketRow.sequence.desc()).limit(most)]
    if len(walks) == 1:
        return walks[0]
    together = union_all(*(select(walk.subquery().c.sequence) for walk in walks)).subquery()
    return select(together.c.sequence).order_by(together.c.sequence.desc()).limit(most)


def _holding(title: ColumnElement[str] | InstrumentedAttribute[str], words: list[str]) -> list[Condition]:
    return [func.lower(title).contains(word, autoescape=True) for word in words]


def _line(row: Any) -> CaseLine:
    return CaseLine(
        sequence=row.sequence,
        ticket_id=row.id,
        source=row.source,
        external_id=row.external_id,
        version=row.version,
        kind=row.kind,
        team=row.team,
        state=TicketState(row.state),
        verdict=row.verdict,
        severity=row.severity,
        confidence=row.confidence,
        title=row.title or "",
        created_at=row.created_at,
    )


def _asked(row: Any) -> Asked:
    return Asked(
        proposal_id=row.id,
        ticket_id=row.ticket_id,
        state=ProposalState(row.state),
        digest=row.digest,
        proposed_by=row.proposed_by,
        decision=Decision.from_json(row.decision),
        expires_at=row.expires_at,
        created_at=row.created_at,
    )
