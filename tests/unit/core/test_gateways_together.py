"""What several gateway processes count and hold together, the same on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, Event
from typing import TypeVar

import pytest

from core.audit import AuditEvent
from core.clock import FixedClock
from core.errors import NotFound, Temporary
from core.passwords import Turns
from core.store.engine import Store

T = TypeVar("T")
EVENT = AuditEvent(action="test", actor="test")
WINDOW = timedelta(minutes=10)
#: How many do the same at once, and how many tries they have.
CROWD, LIMIT = 8, 3


def together(work: Callable[[], T]) -> list[T]:
    """What `work` gives each of a crowd that begins at the same moment."""
    barrier = Barrier(CROWD)

    def one(_: int) -> T:
        barrier.wait()
        return work()

    with ThreadPoolExecutor(CROWD) as pool:
        return list(pool.map(one, range(CROWD)))


def take(store: Store, place: str = "192.0.2.1") -> bool:
    with store.begin() as tx:
        return tx.tries.take(place, limit=LIMIT, lasts=WINDOW, audit=EVENT)


def begin(store: Store, holder: str = "run_1") -> str | None:
    until = store.clock.now() + timedelta(seconds=30)
    with store.begin() as tx:
        return tx.reviews.begin(
            "ada", {"a.yaml": "ü"}, start="", stage="Waiting", holder=holder, until=until, keep=5, audit=EVENT
        )


def test_of_a_crowd_from_one_place_only_so_many_try(any_store: Store, clock: FixedClock) -> None:
    assert sorted(together(lambda: take(any_store))) == [False] * (CROWD - LIMIT) + [True] * LIMIT
    with any_store.read() as tx:
        assert tx.tries.waits_until("192.0.2.1", limit=LIMIT) == clock.now() + WINDOW
        assert tx.tries.waits_until("192.0.2.2", limit=LIMIT) is None
        assert len([event for event in tx.audit.all() if event["action"] == "test"]) == 1
    assert take(any_store, "192.0.2.2")
    with any_store.begin() as tx:
        tx.tries.give_back("192.0.2.1")
    assert [take(any_store), take(any_store)] == [True, False]
    clock.advance(seconds=WINDOW.total_seconds())
    assert take(any_store)


def test_of_many_reviews_that_one_person_begins_at_once_one_is_made(any_store: Store) -> None:
    begun = together(lambda: begin(any_store))
    assert len([one for one in begun if one is not None]) == 1


def test_a_review_that_was_taken_over_hears_its_new_holder_only(any_store: Store, clock: FixedClock) -> None:
    id_ = begin(any_store)
    assert id_ is not None

    def taken() -> bool:
        until = clock.now() + timedelta(seconds=30)
        with any_store.begin() as tx:
            return tx.reviews.take(id_, holder="run_2", stage="Again", until=until, audit=EVENT)

    assert not taken()
    clock.advance(seconds=30)
    assert sorted(together(taken)) == [False] * (CROWD - 1) + [True]
    until = clock.now() + timedelta(seconds=60)
    with any_store.begin() as tx:
        assert not tx.reviews.hold(id_, holder="run_1", until=until)
        assert not tx.reviews.end(id_, holder="run_1", outcome={"from": "the first"})
        assert tx.reviews.hold(id_, holder="run_2", until=until, stage="Nearly")
        assert tx.reviews.end(id_, holder="run_2", outcome={"from": "the second"})
        assert not tx.reviews.end(id_, holder="run_2", outcome={"from": "the second, late"})
    with any_store.read() as tx:
        found = tx.reviews.get(id_, "ada")
        assert (found.stage, found.ended_at, found.is_lost(clock.now())) == ("Nearly", clock.now(), False)
        assert (tx.reviews.outcome(id_), tx.reviews.files(id_)) == ({"from": "the second"}, {"a.yaml": "ü"})
        with pytest.raises(NotFound):
            tx.reviews.get(id_, "adam")


def test_a_few_are_let_in_and_whoever_is_too_many_is_sent_away() -> None:
    for full in (Turns(at_once=1, waiting=0), Turns(at_once=1, waiting=1, seconds=0)):
        with full.turn(), pytest.raises(Temporary, match="few seconds"), full.turn():
            pass
        with full.turn():  # who was sent away holds no place
            pass


def test_whoever_waits_is_let_in_when_another_leaves() -> None:
    turns, waiting, entered = Turns(at_once=1, waiting=1, seconds=60), Event(), Event()

    def enter() -> None:
        waiting.set()
        with turns.turn():
            entered.set()

    with ThreadPoolExecutor(1) as pool:
        with turns.turn():
            late = pool.submit(enter)
            assert waiting.wait(10)
            assert not entered.is_set()
        late.result(60)
    assert entered.is_set()
