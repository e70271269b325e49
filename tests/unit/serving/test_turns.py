"""One adapter at a time, and none is kept waiting for ever."""

from __future__ import annotations

import asyncio

from serving.asking import Item, Request
from serving.turns import Turns


class Nowhere:
    """A sink for requests that get no answer."""

    loop: asyncio.AbstractEventLoop | None = None

    def put(self, item: Item) -> None:
        raise AssertionError(item)


def ask(adapter: str | None) -> Request:
    return Request(prompt=[1], budget=1, sink=Nowhere(), adapter=adapter)


def test_requests_of_the_active_adapter_run_at_once() -> None:
    turns = Turns()
    one, two = ask(None), ask(None)
    assert turns.arrive(one) == [one]
    assert turns.arrive(two) == [two]
    assert not turns.due


def test_who_comes_after_another_adapters_request_waits_behind_it() -> None:
    turns = Turns()
    running, other, late = ask(None), ask("a"), ask(None)
    turns.arrive(running)
    assert turns.arrive(other) == []
    assert turns.arrive(late) == []
    assert not turns.due
    turns.leave(running)
    assert turns.due
    assert turns.begin() == [other]
    assert turns.active == "a"
    turns.leave(other)
    assert turns.begin() == [late]


def test_a_turn_takes_all_that_wait_for_the_adapter() -> None:
    turns = Turns()
    running = ask(None)
    turns.arrive(running)
    waiting = [ask(adapter) for adapter in ("a", "b", "a", None, "a")]
    for request in waiting:
        turns.arrive(request)
    turns.leave(running)
    assert turns.begin() == [request for request in waiting if request.adapter == "a"]
    assert turns.counts == (3, 2)


def test_a_busy_adapter_does_not_keep_another_from_its_turn() -> None:
    """Two clients of `a` always come back; `b` runs as soon as those before it are done."""
    turns = Turns()
    turns.arrive(ask("a"))
    running = turns.begin()
    other = ask("b")
    turns.arrive(other)
    for _ in range(3):
        turns.arrive(ask("a"))
    assert turns.leave(running[0]) == []
    assert turns.begin() == [other]


def test_when_the_waiting_one_goes_away_those_behind_it_run() -> None:
    turns = Turns()
    running, other, late = ask(None), ask("a"), ask(None)
    for request in (running, other, late):
        turns.arrive(request)
    assert turns.leave(other) == [late]


def test_while_held_nobody_starts() -> None:
    turns = Turns()
    first, second = ask(None), ask(None)
    turns.arrive(first)
    assert turns.hold() == [first]
    assert turns.arrive(second) == []
    assert not turns.due
    turns.fall(first)
    assert turns.begin() == [first, second]
