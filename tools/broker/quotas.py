"""How many questions may leave, and which answers are given again. In memory: a broker that starts anew counts anew."""

from __future__ import annotations

import json
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from core.canonical import JsonObject
from tools.broker.questions import Refused

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
#: Bytes of answers that are kept.
MAX_CACHED = 32 * 1024 * 1024
#: Counters between two looks for idle ones.
SWEEP_AT = 10_000

Ticks = Callable[[], float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Allowance:
    """So many in so many seconds; `what` names whose they are."""

    key: tuple[str, ...]
    most: int
    seconds: float
    what: str


@dataclass(kw_only=True, slots=True)
class Quotas:
    """Counts what left, over windows that slide."""

    ticks: Ticks = time.monotonic
    _left: dict[tuple[tuple[str, ...], float], deque[float]] = field(default_factory=dict)

    def take(self, allowances: Iterable[Allowance]) -> None:
        """Count one question against all of them, or against none.

        Raises:
            Refused: one of them is used up; says which.
        """
        now = self.ticks()
        counted: list[deque[float]] = []
        for allowance in allowances:
            times = self._left.setdefault((allowance.key, allowance.seconds), deque())
            while times and times[0] <= now - allowance.seconds:
                times.popleft()
            if len(times) >= allowance.most:
                raise Refused(f"The quota of {allowance.most} questions {allowance.what} is used up; go on without it.")
            counted.append(times)
        for times in counted:
            times.append(now)
        if len(self._left) > SWEEP_AT:
            self._left = {key: t for key, t in self._left.items() if t and t[-1] > now - key[1]}


@dataclass(kw_only=True, slots=True)
class Cache:
    """Answers by question, the oldest forgotten first."""

    ticks: Ticks = time.monotonic
    most: int = MAX_CACHED
    #: Question → when it ends, answer as JSON.
    _kept: OrderedDict[str, tuple[float, str]] = field(default_factory=OrderedDict)
    _size: int = 0

    def get(self, key: str) -> JsonObject | None:
        """A copy of the answer, if it still counts."""
        if key not in self._kept:
            return None
        ends, text = self._kept[key]
        if ends <= self.ticks():
            self._drop(key)
            return None
        self._kept.move_to_end(key)
        answer: JsonObject = json.loads(text)
        return answer

    def put(self, key: str, answer: JsonObject, seconds: float) -> None:
        """Keep an answer for so many seconds."""
        text = json.dumps(answer)
        if seconds <= 0 or len(text) > self.most // 4:
            return
        if key in self._kept:
            self._drop(key)
        self._kept[key] = (self.ticks() + seconds, text)
        self._size += len(text)
        while self._size > self.most:
            self._drop(next(iter(self._kept)))

    def __len__(self) -> int:
        return len(self._kept)

    def _drop(self, key: str) -> None:
        self._size -= len(self._kept.pop(key)[1])
