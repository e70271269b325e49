"""Checks and reviews that run in threads, and what they make of people's time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest

from core.action import Approval
from core.errors import Temporary
from core.ids import new_id
from gateway.console.policy_jobs import KEPT, Job, Jobs, Turns
from gateway.problems import Problem
from tests.console.site import AUDIT, Site
from workflows.workbench import FEW_ANSWERS, Weighed, answer_time, effort

#: Seconds a test waits for a thread at most.
PATIENCE = 10.0


def ended(jobs: Jobs, work: Callable[[Callable[[str], None]], Weighed], owner: str = "one") -> Job:
    """A review that has ended."""
    over = threading.Event()

    def until(tell: Callable[[str], None]) -> Weighed:
        try:
            return work(tell)
        finally:
            over.set()

    job = jobs.start(owner, {}, "", until)
    assert over.wait(PATIENCE)
    for thread in threading.enumerate():
        if thread.name == job.id:
            thread.join(PATIENCE)
    return job


def result(_tell: Callable[[str], None]) -> Weighed:
    return Weighed(bundle_hash="a", base_hash="b", rules=1, examples=1, tests=0, review={}, diffs=())


def test_a_session_has_one_review_at_a_time_and_others_their_own() -> None:
    jobs, go = Jobs(), threading.Event()

    def held(tell: Callable[[str], None]) -> Weighed:
        tell("Holding")
        assert go.wait(PATIENCE)
        return result(tell)

    first = jobs.start("one", {}, "", held)
    with pytest.raises(Problem, match="still running"):
        jobs.start("one", {}, "", result)
    assert ended(jobs, result, "two").result is not None
    assert first.runs
    go.set()
    for thread in threading.enumerate():
        if thread.name == first.id:
            thread.join(PATIENCE)
    assert first.result is not None
    assert ended(jobs, result).result is not None


def test_a_review_whose_time_is_up_ends_at_its_next_word() -> None:
    def slow(tell: Callable[[str], None]) -> Weighed:
        tell("Later")
        return result(tell)

    job = ended(Jobs(limit=-1), slow)
    assert job.result is None
    assert "took longer than" in str(job.trouble)


def test_what_goes_wrong_is_a_sentence() -> None:
    def away(_tell: Callable[[str], None]) -> Weighed:
        raise Temporary("The store is away; try again.")

    def broken(_tell: Callable[[str], None]) -> Weighed:
        raise ZeroDivisionError("with a secret in it")

    jobs = Jobs()
    assert ended(jobs, away).trouble == "The store is away; try again."
    assert "secret" not in str(ended(jobs, broken).trouble)


def test_old_reviews_are_forgotten() -> None:
    jobs = Jobs()
    made = [ended(jobs, result) for _ in range(KEPT + 2)]
    with pytest.raises(Exception, match="is gone"):
        jobs.get(made[0].id, "one")
    assert jobs.get(made[-1].id, "one") is made[-1]


def test_of_several_checks_only_the_newest_is_made_and_answered() -> None:
    turns, began, go = Turns(), threading.Event(), threading.Event()
    done: list[int] = []

    def work(number: int) -> int:
        done.append(number)
        began.set()
        assert number != 1 or go.wait(PATIENCE)
        return number

    async def three() -> list[int | None]:
        first = asyncio.create_task(turns.take("one", lambda: work(1)))
        assert await asyncio.to_thread(began.wait, PATIENCE)
        rest = [asyncio.create_task(turns.take("one", partial(work, n))) for n in (2, 3)]
        other = await turns.take("two", lambda: 9)
        go.set()
        return [other, await first, *[await one for one in rest]]

    assert asyncio.run(three()) == [9, None, None, 3]
    assert done == [1, 3]


def test_peoples_time_is_the_median_of_their_answers(site: Site) -> None:
    waiting = site.waiting()
    review = {"simulation": {"questions": [{"approvals": 2, "before": 5, "after": 1}]}}
    with site.store.read() as tx:
        assumed = answer_time(tx, site.store)
    assert (assumed.minutes, assumed.answers) == (5.0, 0)
    assert effort(review, assumed).saved == 40
    with site.store.begin() as tx:
        for number, proposal in enumerate(waiting[:FEW_ANSWERS]):
            given = Approval(
                id=new_id("apr"),
                proposal_id=proposal.id,
                person="abe",
                roles=("approver",),
                approve=True,
                reason="",
                digest=proposal.digest,
                created_at=proposal.created_at + timedelta(minutes=10 * (number + 1)),
            )
            tx.proposals.answer(given, AUDIT)
    with site.store.read() as tx:
        found = answer_time(tx, site.store)
    assert (found.minutes, found.answers) == (30.0, FEW_ANSWERS)
