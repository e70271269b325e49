"""The overview: what a period of work came to, beside the period before it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from core.store.engine import Store
from core.store.figures import Arrived, Waiting, Waits, Worked

T = TypeVar("T")

#: Seconds for which an overview is good.
FRESH_SECONDS = 10.0
#: Seconds for which what is over is good, spans and the period before: little of it changes any more.
SETTLED_SECONDS = 600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Period:
    """One length of time that an overview can be of, in equal spans that begin on a whole hour, or day."""

    name: str
    title: str
    spans: int
    #: Hours of one span.
    hours: int

    def edges(self, now: datetime) -> list[datetime]:
        """Where the spans begin and end; the last one ends in the future and holds `now`."""
        day = now.replace(hour=0, minute=0, second=0, microsecond=0)
        begun = day + timedelta(hours=(now.hour // self.hours) * self.hours) if self.hours < 24 else day
        last = begun + timedelta(hours=self.hours)
        return [last - timedelta(hours=self.hours * number) for number in range(self.spans, -1, -1)]


PERIODS = {
    period.name: period
    for period in (
        Period(name="24h", title="24 hours", spans=24, hours=1),
        Period(name="7d", title="7 days", spans=28, hours=6),
        Period(name="30d", title="30 days", spans=30, hours=24),
        Period(name="90d", title="90 days", spans=90, hours=24),
    )
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Counted:
    """What was counted between some edges."""

    arrived: tuple[Arrived, ...]
    worked: tuple[Worked, ...]
    until_verdict: Waits
    until_decision: Waits
    outcomes: Mapping[str, int]
    feedback: Mapping[str, int]

    def plus(self, later: Counted) -> Counted:
        """Both, one after the other."""
        return Counted(
            arrived=self.arrived + later.arrived,
            worked=self.worked + later.worked,
            until_verdict=self.until_verdict.plus(later.until_verdict),
            until_decision=self.until_decision.plus(later.until_decision),
            outcomes=Counter(self.outcomes) + Counter(later.outcomes),
            feedback=Counter(self.feedback) + Counter(later.feedback),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Totals:
    """A period in a few numbers."""

    arrived: Arrived
    worked: Worked
    until_verdict: Waits
    until_decision: Waits
    #: Answers of policy about proposed actions: `allow`, `ask`, `deny`.
    outcomes: Mapping[str, int]
    agreed: int
    corrected: int

    @classmethod
    def of(cls, counted: Counted) -> Totals:
        return cls(
            arrived=_sum(Arrived, counted.arrived),
            worked=_sum(Worked, counted.worked),
            until_verdict=counted.until_verdict,
            until_decision=counted.until_decision,
            outcomes=counted.outcomes,
            agreed=counted.feedback.get("agreed", 0),
            corrected=counted.feedback.get("corrected", 0),
        )

    @property
    def decided(self) -> int:
        """Actions that policy was asked about."""
        return sum(self.outcomes.values())

    @property
    def auto_allowed(self) -> float | None:
        """The share of proposed actions that policy allowed without asking anybody."""
        return self.outcomes.get("allow", 0) / self.decided if self.decided else None

    @property
    def judged(self) -> int:
        """People's words on verdicts."""
        return self.agreed + self.corrected

    @property
    def corrections(self) -> float | None:
        """The share of people's words on verdicts that correct the team."""
        return self.corrected / self.judged if self.judged else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Overview:
    """Everything on the page."""

    period: Period
    #: When it was counted.
    at: datetime
    edges: tuple[datetime, ...]
    arrived: tuple[Arrived, ...]
    worked: tuple[Worked, ...]
    now: Totals
    before: Totals
    waiting: Waiting
    #: Tickets that were looked at, and hidden values in them by kind, most first.
    masked_in: int
    masked: dict[str, int]
    #: Whether any ticket ever came in.
    ever: bool

    @property
    def since(self) -> datetime:
        return self.edges[0]


class Counting:
    """The overviews of one process, kept for some seconds each, so that many who look cost no more than one.

    Spans that are over hardly change, so they are counted anew less often than the last two.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: dict[str, tuple[datetime, object, object]] = {}
        self._lock = threading.Lock()

    def of(self, period: Period) -> Overview:
        """The period that ends now."""
        return self._fresh(period.name, None, FRESH_SECONDS, lambda: self._overview(period))

    def of_runs(self, since: datetime, until: datetime) -> tuple[Worked, Waits]:
        """What all runs of a period took together, and how long tickets waited for their verdict."""

        def made() -> tuple[Worked, Waits]:
            with self._store.read() as tx:
                (whole,) = tx.figures.worked([since, until])
                return whole, tx.figures.until_verdict(since, until)

        return self._fresh("runs", (since, until), FRESH_SECONDS, made)

    def _overview(self, period: Period) -> Overview:
        now = self._store.clock.now()
        edges = period.edges(now)
        earlier = [edges[0] - (edges[-1] - edges[0]), edges[0]]
        before = self._fresh(f"before {period.name}", edges[0], SETTLED_SECONDS, lambda: self._count(earlier))
        settled = self._fresh(f"settled {period.name}", edges[0], SETTLED_SECONDS, lambda: self._count(edges[:-2]))
        counted = settled.plus(self._count(edges[-3:]))
        with self._store.read() as tx:
            masked_in, masked = tx.figures.masked(edges[0], edges[-1])
            waiting = tx.figures.waiting()
            ever = bool(tx.tickets.recent(limit=1))
        return Overview(
            period=period,
            at=now,
            edges=tuple(edges),
            arrived=counted.arrived,
            worked=counted.worked,
            now=Totals.of(counted),
            before=Totals.of(before),
            waiting=waiting,
            masked_in=masked_in,
            masked=masked,
            ever=ever,
        )

    def _count(self, edges: Sequence[datetime]) -> Counted:
        since, until = edges[0], edges[-1]
        with self._store.read() as tx:
            return Counted(
                arrived=tuple(tx.figures.arrived(edges)),
                worked=tuple(tx.figures.worked(edges)),
                until_verdict=tx.figures.until_verdict(since, until),
                until_decision=tx.figures.until_decision(since, until),
                outcomes=tx.figures.outcomes(since, until),
                feedback=tx.figures.feedback(since, until),
            )

    def _fresh(self, name: str, about: object, seconds: float, make: Callable[[], T]) -> T:
        """What was made of the same name and about the same before, unless it is older than that."""
        with self._lock:
            kept = self._kept.get(name)
        now = self._store.clock.now()
        if kept is not None and kept[1] == about and now - kept[0] < timedelta(seconds=seconds):
            return kept[2]  # type: ignore[return-value]  # what `make` of this name made
        made = make()
        with self._lock:
            self._kept[name] = (now, about, made)
        return made


def _sum(kind: type[T], parts: Sequence[T]) -> T:
    return kind(**{field: sum(getattr(part, field) for part in parts) for field in kind.__slots__})  # type: ignore[attr-defined]  # a dataclass of numbers, with slots
