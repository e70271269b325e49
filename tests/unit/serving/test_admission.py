"""Slots are held by as many as there are, given on in order, and come back whatever happens to who waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from serving.admission import LONGEST_RETRY, Admission, QueueFull


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Guest:
    """A task that takes a slot, says so, and leaves when it is told to."""

    def __init__(self, admission: Admission, order: list[str], name: str, priority: int = 0) -> None:
        self.inside = asyncio.Event()
        self.may_leave = asyncio.Event()
        self.task = asyncio.create_task(self._visit(admission, order, name, priority))

    async def _visit(self, admission: Admission, order: list[str], name: str, priority: int) -> None:
        async with admission.slot(priority):
            order.append(name)
            self.inside.set()
            await self.may_leave.wait()

    async def leave(self) -> None:
        self.may_leave.set()
        await self.task


async def settled() -> None:
    """Let every task run until it waits; each round lets each of them take one step."""
    for _ in range(20):
        await asyncio.sleep(0)


@asynccontextmanager
async def guests(
    admission: Admission, *names_and_priorities: tuple[str, int]
) -> AsyncIterator[tuple[list[Guest], list[str]]]:
    order: list[str] = []
    made = []
    for name, priority in names_and_priorities:
        made.append(Guest(admission, order, name, priority))
        await settled()
    yield made, order
    for guest in made:
        guest.task.cancel()
    await asyncio.gather(*(guest.task for guest in made), return_exceptions=True)


async def test_no_more_run_at_once_than_there_are_slots() -> None:
    admission = Admission(slots=2, queue=8)
    async with guests(admission, ("a", 0), ("b", 0), ("c", 0)) as (made, order):
        assert (order, admission.running, admission.waiting) == (["a", "b"], 2, 1)
        await made[0].leave()
        await made[2].inside.wait()
        assert (order, admission.running, admission.waiting) == (["a", "b", "c"], 2, 0)


async def test_the_lower_priority_goes_first_and_then_who_came_first() -> None:
    admission = Admission(slots=1, queue=8)
    async with guests(admission, ("now", 0), ("later", 5), ("third", 1), ("first", -3), ("fourth", 1)) as (made, order):
        for guest in (made[0], made[3], made[2], made[4], made[1]):
            await guest.inside.wait()
            await guest.leave()
        assert order == ["now", "first", "third", "fourth", "later"]
    assert admission.running == 0


async def test_a_full_queue_says_when_a_place_is_free_from_how_long_slots_were_held() -> None:
    clock = Clock()
    admission = Admission(slots=2, queue=1, clock=clock)
    async with guests(admission, ("a", 0), ("b", 0), ("c", 0)) as (made, _):
        with pytest.raises(QueueFull) as first:
            await admission.slot().__aenter__()
        assert first.value.retry_after == 1, "nothing was measured yet"
        clock.now = 12.0
        await made[0].leave()
        await made[2].inside.wait()
        async with guests(admission, ("d", 0)):
            with pytest.raises(QueueFull) as second:
                await admission.slot().__aenter__()
        assert second.value.retry_after == 6, "two slots, each held for 12 seconds"


async def test_nobody_is_sent_away_for_long() -> None:
    clock = Clock()
    admission = Admission(slots=1, queue=0, clock=clock)
    async with admission.slot():
        clock.now = 10_000.0
    async with admission.slot():
        with pytest.raises(QueueFull) as full:
            await admission.slot().__aenter__()
    assert full.value.retry_after == LONGEST_RETRY


async def test_who_stops_waiting_leaves_the_queue() -> None:
    admission = Admission(slots=1, queue=1)
    async with guests(admission, ("a", 0), ("b", 0)) as (made, _):
        made[1].task.cancel()
        await asyncio.gather(made[1].task, return_exceptions=True)
        assert (admission.running, admission.waiting) == (1, 0)
        async with guests(admission, ("c", 0)) as (third, order):
            await made[0].leave()
            await third[0].inside.wait()
            assert order == ["c"]


async def test_a_slot_given_to_who_stops_in_the_same_moment_is_given_on() -> None:
    admission = Admission(slots=1, queue=2)
    async with guests(admission, ("a", 0), ("b", 0), ("c", 0)) as (made, order):
        made[0].task.cancel()  # gives its slot to b on the next turn of the loop …
        await asyncio.sleep(0)
        made[1].task.cancel()  # … which is told to stop before it has seen it
        await made[2].inside.wait()
        assert (order, admission.running, admission.waiting) == (["a", "c"], 1, 0)
    assert admission.running == 0


async def test_a_slot_is_not_given_to_who_was_told_to_stop_just_before() -> None:
    admission = Admission(slots=1, queue=2)
    async with guests(admission, ("a", 0), ("b", 0), ("c", 0)) as (made, order):
        made[1].task.cancel()
        made[0].task.cancel()
        await made[2].inside.wait()
        assert (order, admission.running) == (["a", "c"], 1)
    assert (admission.running, admission.waiting) == (0, 0)


async def test_a_request_that_fails_gives_its_slot_back() -> None:
    admission = Admission(slots=1, queue=0)
    with pytest.raises(RuntimeError):
        async with admission.slot():
            raise RuntimeError
    assert admission.running == 0
