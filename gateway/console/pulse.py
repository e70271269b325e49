"""Tells open pages that something has changed, so that nobody decides on what is no longer so.

Every write takes an audit event, so the trail's length is a clock of changes: one look a second for all pages together.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool

from core.errors import CasemateError
from core.log import logger
from core.store.engine import Store

log = logger(__name__)

#: Seconds between two looks.
LOOK_SECONDS = 1.0
#: Tickets named in one beat; a page that reads `all` need not know them one by one.
MAX_NAMED = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Beat:
    """What has happened since the beat before."""

    #: The newest audit event.
    sequence: int
    #: Tickets that something was written about; None when there were too many to name.
    tickets: tuple[str, ...] | None
    #: Whether the database answered.
    well: bool = True
    #: Whether the kill switch is on.
    halted: bool = False


class Pulse:
    """One look for all who listen; nobody looks while nobody listens."""

    def __init__(self, store: Store, *, seconds: float = LOOK_SECONDS) -> None:
        self._store = store
        self._seconds = seconds
        self._listeners: set[asyncio.Queue[Beat]] = set()
        self._looking: asyncio.Task[None] | None = None

    async def beats(self) -> AsyncGenerator[Beat]:
        """A beat at once, then one for every change."""
        queue: asyncio.Queue[Beat] = asyncio.Queue()
        self._listeners.add(queue)  # before the first look, or what happens during it would be told to others only
        try:
            first = await run_in_threadpool(self._first)
            queue.put_nowait(first)
            if self._looking is None:
                self._looking = asyncio.create_task(self._look(first.sequence))
            while True:
                yield await queue.get()
        finally:
            self._listeners.discard(queue)
            if not self._listeners and self._looking is not None:
                self._looking.cancel()
                self._looking = None

    async def _look(self, last: int) -> None:
        while True:
            await asyncio.sleep(self._seconds)
            try:
                beat = await run_in_threadpool(self._since, last)
            except CasemateError:  # the database is away; pages say so and go on when it is back
                beat = Beat(sequence=last, tickets=(), well=False)
            except Exception as error:  # noqa: BLE001 - the outermost handler of this task: pages must not wait in vain
                log.error("pulse_broke", error=type(error).__name__)
                beat = Beat(sequence=last, tickets=(), well=False)
            if not beat.well or beat.sequence != last:
                for queue in self._listeners:
                    queue.put_nowait(beat)
            last = beat.sequence

    def _first(self) -> Beat:
        with self._store.read() as tx:
            return Beat(sequence=tx.audit.newest(), tickets=(), halted=tx.operations.halted() is not None)

    def _since(self, last: int) -> Beat:
        with self._store.read() as tx:
            newest = tx.audit.newest()
            if newest == last:
                return Beat(sequence=newest, tickets=())
            halted = tx.operations.halted() is not None
            named = tx.audit.tickets_since(last, limit=MAX_NAMED + 1)
        tickets = None if len(named) > MAX_NAMED else tuple(named)
        return Beat(sequence=newest, tickets=tickets, halted=halted)
