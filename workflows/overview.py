"""The overview: what a period of work came to, beside the period before it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from core.store.engine import Store
from core.store.figures import Arrived, Waiting, Waits, Worked

T = TypeVar("T")

#: Seconds for which the numbers of the period before are good: little of it changes any more.
BEFORE_SECONDS = 600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Period:
    """One length of time that an overview can be of, in equal spans that begin on a whole hour, or day."""

    name: str
    title: str
    spans: int
    #: Hours of one span.
    hours: int
    #: Seconds for which its numbers are good.
    fresh: float

    def edges(self, now: datetime) -> list[datetime]:
        """Where the spans begin and end; the last one ends in the future and holds `now`."""
        day = now.replace(hour=0, minute=0, second=0, microsecond=0)
        begun = day + timedelta(hours=(now.hour // self.hours) * self.hours) if self.hours < 24 else day
        last = begun + timedelta(hours=self.hours)
        return [last - timedelta(hours=self.hours * number) for number in range(self.spans, -1, -1)]


PERIODS = {
    period.name: period
    for period in (
        Period(name="24h", title="24 hours", spans=24, hours=1, fresh=10),
        Period(name="7d", title="7 days", spans=28, hours=6, fresh=10),
        Period(name="30d", title="30 days", spans=30, hours=24, fresh=60),
        Period(name="90d", title="90 days", spans=90, hours=24, fresh=60),
    )
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Totals:
    """A period in a few numbers."""

    arrived: Arrived
    worked: Worked
    until_verdict: Waits
    until_decision: Waits
    #: Answers of policy about proposed actions: `allow`, `ask`, `deny`.
    outcomes: dict[str, int]
    #: What people said of verdicts: `agreed`, `corrected`.
    feedback: dict[str, int]

    @property
    def decided(self) -> int:
        return sum(self.outcomes.values())

    @property
    def auto_allowed(self) -> float | None:
        """The share of proposed actions that policy allowed without asking anybody."""
        return self.outcomes.get("allow", 0) / self.decided if self.decided else None

    @property
    def corrections(self) -> float | None:
        """The share of people's words on verdicts that correct the team."""
        said = sum(self.feedback.values())
        return self.feedback.get("corrected", 0) / said if said else None


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
    """The overviews of one process, kept for some seconds each, so that many who look cost no more than one."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: dict[str, tuple[datetime, object]] = {}
        self._lock = threading.Lock()

    def of(self, period: Period) -> Overview:
        """The period that ends now."""
        return self._fresh(period.name, period.fresh, lambda: self._count(period))

    def _count(self, period: Period) -> Overview:
        now = self._store.clock.now()
        edges = period.edges(now)
        earlier = edges[0] - (edges[-1] - edges[0])
        before = self._fresh(f"before {period.name}", BEFORE_SECONDS, lambda: self._totals(earlier, edges[0]))
        with self._store.read() as tx:
            arrived, worked = tx.figures.arrived(edges), tx.figures.worked(edges)
            masked_in, masked = tx.figures.masked(edges[0], edges[-1])
            waiting = tx.figures.waiting()
            ever = bool(tx.tickets.recent(limit=1))
        return Overview(
            period=period,
            at=now,
            edges=tuple(edges),
            arrived=tuple(arrived),
            worked=tuple(worked),
            now=self._totals(edges[0], edges[-1], arrived=_sum(Arrived, arrived), worked=_sum(Worked, worked)),
            before=before,
            waiting=waiting,
            masked_in=masked_in,
            masked=masked,
            ever=ever,
        )

    def _totals(
        self, since: datetime, until: datetime, *, arrived: Arrived | None = None, worked: Worked | None = None
    ) -> Totals:
        with self._store.read() as tx:
            return Totals(
                arrived=arrived or tx.figures.arrived([since, until])[0],
                worked=worked or tx.figures.worked([since, until])[0],
                until_verdict=tx.figures.until_verdict(since, until),
                until_decision=tx.figures.until_decision(since, until),
                outcomes=tx.figures.outcomes(since, until),
                feedback=tx.figures.feedback(since, until),
            )

    def _fresh(self, name: str, seconds: float, make: Callable[[], T]) -> T:
        with self._lock:
            kept = self._kept.get(name)
        now = self._store.clock.now()
        if kept is not None and now - kept[0] < timedelta(seconds=seconds):
            return kept[1]  # type: ignore[return-value]  # what `make` of this name made before
        made = make()
        with self._lock:
            self._kept[name] = (now, made)
        return made


def _sum(kind: type[T], parts: list[T]) -> T:
    from dataclasses import fields

    return kind(**{field.name: sum(getattr(part, field.name) for part in parts) for field in fields(kind)})  # type: ignore[arg-type]  # a dataclass of numbers
