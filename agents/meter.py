"""What one run may ask of a model and has asked: its guard and its meter, which the transport finds in its context."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Protocol

from agents.fitting import Fitting
from agents.spec import RoleSpec
from core.canonical import JsonObject
from core.errors import CasemateError, Temporary


class Guard(Protocol):
    """The last look at a request before it leaves; `policies.masking.egress.EgressGuard` is one."""

    def check(self, body: bytes) -> None:
        """Raises EgressBlocked when `body` carries an original value of the ticket."""
        ...


class BudgetSpent(Temporary):
    """The run has made as many model requests as its team may."""


class RequestRefused(Temporary):
    """The model endpoint calls the request itself wrong: too long a context, or a feature it lacks."""


@dataclass(kw_only=True, slots=True)
class Meter:
    """What one run has asked of the model, and what stopped it."""

    limit: int
    #: When the run's time is over, by `time.monotonic`.
    deadline: float
    #: Whose turn it is: a request made now is of this role.
    turn: Callable[[], RoleSpec | None] = lambda: None
    requests: int = 0
    answers: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    #: The last request of a role that assesses, as it left.
    assessing: JsonObject | None = None
    fitting: Fitting = field(default_factory=Fitting)
    #: The first failure of the run. Frameworks wrap and reword exceptions; this is the one that happened.
    failure: CasemateError | None = None

    @property
    def seconds_left(self) -> float:
        return self.deadline - time.monotonic()

    def count(self) -> None:
        """One more request.

        Raises:
            BudgetSpent: it is one too many.
        """
        if self.requests >= self.limit:
            raise BudgetSpent(f"The budget of {self.limit} model requests is spent.")
        self.requests += 1


_guard: ContextVar[Guard | None] = ContextVar("casemate_guard", default=None)
_meter: ContextVar[Meter | None] = ContextVar("casemate_meter", default=None)


@contextmanager
def metered(limit: int, *, seconds: float, turn: Callable[[], RoleSpec | None] = lambda: None) -> Iterator[Meter]:
    """Count the model requests made inside, and refuse those beyond `limit`."""
    meter = Meter(limit=limit, deadline=time.monotonic() + seconds, turn=turn)
    token = _meter.set(meter)
    try:
        yield meter
    finally:
        _meter.reset(token)


@contextmanager
def guarded(guard: Guard) -> Iterator[None]:
    """Let model requests out while inside, each checked by `guard`. Holds for this task and those it starts."""
    token = _guard.set(guard)
    try:
        yield
    finally:
        _guard.reset(token)


def guard_now() -> Guard | None:
    """The guard of the run that asks; without one nothing may leave."""
    return _guard.get()


def meter_now() -> Meter | None:
    """The meter of the run that asks."""
    return _meter.get()
