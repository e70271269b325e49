"""Who may use the model now: a fixed number of slots, and a bounded queue ordered by priority and arrival."""

from __future__ import annotations

import asyncio
import heapq
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count

from core.errors import Temporary

#: How much the newest request counts in the mean time that a slot is held.
SMOOTHING = 0.1
#: Seconds that nobody is told to wait longer than, whatever the mean says.
LONGEST_RETRY = 60


class QueueFull(Temporary):
    """All slots are held and all places in the queue are taken.

    Attributes:
        retry_after: seconds after which a place should be free.
    """

    def __init__(self, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__(f"The queue is full; try again in {retry_after} seconds.")


@dataclass(order=True, slots=True)
class _Waiting:
    priority: int
    arrival: int
    granted: asyncio.Future[None] = field(compare=False)


class Admission:
    """Slots and their queue. It belongs to one event loop; a task that is cancelled while it waits leaves the queue."""

    def __init__(self, *, slots: int, queue: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._slots = slots
        self._queue = queue
        self._clock = clock
        self._heap: list[_Waiting] = []
        self._arrivals = count()
        self._held_seconds: float | None = None
        self.running = 0

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return len(self._heap)

    def check_room(self) -> None:
        """Raises:
        QueueFull: a request that came now would be sent away.
        """
        if self.running >= self._slots and self.waiting >= self._queue:
            raise QueueFull(self._retry_after())

    @asynccontextmanager
    async def slot(self, priority: int = 0) -> AsyncIterator[None]:
        """Hold a slot while inside; of those who wait, the lowest priority goes first, then who came first.

        Raises:
            QueueFull: there is no place to wait.
        """
        await self._enter(priority)
        since = self._clock()
        try:
            yield
        finally:
            self._leave(self._clock() - since)

    async def _enter(self, priority: int) -> None:
        if self.running < self._slots:
            self.running += 1
            return
        self.check_room()
        mine = _Waiting(priority, next(self._arrivals), asyncio.get_running_loop().create_future())
        heapq.heappush(self._heap, mine)
        try:
            await mine.granted
        except asyncio.CancelledError:
            if mine.granted.done() and not mine.granted.cancelled():  # the slot was given in the same moment
                self._pass_on()
            elif mine in self._heap:
                self._heap.remove(mine)
                heapq.heapify(self._heap)
            raise

    def _leave(self, seconds: float) -> None:
        if self._held_seconds is None:
            self._held_seconds = seconds
        else:
            self._held_seconds += SMOOTHING * (seconds - self._held_seconds)
        self._pass_on()

    def _pass_on(self) -> None:
        """A slot that becomes free goes straight to the next in the queue, so that nobody can step in between."""
        while self._heap:
            granted = heapq.heappop(self._heap).granted
            if not granted.done():  # else its task was cancelled and has not run since
                granted.set_result(None)
                return
        self.running -= 1

    def _retry_after(self) -> int:
        """Seconds until the queue has moved by one place: the slots are freed evenly over the time each is held."""
        seconds = (self._held_seconds or 0.0) / self._slots
        return min(max(1, math.ceil(seconds)), LONGEST_RETRY)
