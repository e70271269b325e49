"""What tells open pages that something has changed: nothing is missed, and nothing that breaks stops it for good."""

from __future__ import annotations

import asyncio
import threading

from core.audit import AuditEvent
from core.store.engine import Store
from gateway.console.pulse import Beat, Pulse

#: Seconds a test waits for a beat at most, and between two looks.
PATIENCE, LOOK = 10.0, 0.01


class Held(Pulse):
    """A pulse whose first look at a listener's behalf can be held up."""

    def __init__(self, store: Store) -> None:
        super().__init__(store, seconds=LOOK)
        self.seen, self.go = threading.Event(), threading.Event()

    def _first(self) -> Beat:
        beat = super()._first()
        self.seen.set()
        assert self.go.wait(PATIENCE)
        return beat


class Breaking(Pulse):
    """A pulse whose next look breaks as nobody foresaw."""

    broken = False

    def _since(self, last: int) -> Beat:
        if not self.broken:
            self.broken = True
            raise ZeroDivisionError
        return super()._since(last)


def write(store: Store) -> int:
    """Let something happen; gives its number."""
    with store.begin() as tx:
        tx.audit.take(AuditEvent(action="test", actor="test"))
    with store.read() as tx:
        return tx.audit.newest()


def test_what_happens_while_somebody_begins_to_listen_is_told_to_them_too(store: Store) -> None:
    async def heard() -> tuple[int, list[int]]:
        pulse = Held(store)
        pulse.go.set()
        one, two = pulse.beats(), pulse.beats()
        await asyncio.wait_for(anext(one), PATIENCE)
        pulse.go.clear()
        pulse.seen.clear()
        beginning = asyncio.create_task(anext(two))
        assert await asyncio.to_thread(pulse.seen.wait, PATIENCE)
        number = await asyncio.to_thread(write, store)
        assert (await asyncio.wait_for(anext(one), PATIENCE)).sequence == number
        pulse.go.set()
        beats = [await beginning, await asyncio.wait_for(anext(two), PATIENCE)]
        for listening in (one, two):
            await listening.aclose()
        return number, [beat.sequence for beat in beats]

    number, told = asyncio.run(heard())
    assert number in told


def test_a_look_that_breaks_is_said_and_the_next_goes_on(store: Store) -> None:
    async def heard() -> list[bool]:
        listening = Breaking(store, seconds=LOOK).beats()
        await anext(listening)
        wells = [(await asyncio.wait_for(anext(listening), PATIENCE)).well]
        await asyncio.to_thread(write, store)
        wells.append((await asyncio.wait_for(anext(listening), PATIENCE)).well)
        await listening.aclose()
        return wells

    assert asyncio.run(heard()) == [False, True]
