"""Checks and reviews that run in threads, and what they make of people's time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from core.action import Approval
from core.clock import FixedClock
from core.errors import NotFound, Temporary
from core.ids import new_id
from core.store.engine import Store
from gateway.console.policy_jobs import HELD_SECONDS, KEPT, Job, Jobs, Turns
from gateway.problems import Problem
from tests.console.site import AUDIT, Site, another
from tests.console.workbench import form, texts
from workflows.text_diff import FileDiff, Line
from workflows.workbench import FEW_ANSWERS, Weighed, answer_time, effort

#: Seconds a test waits for a thread at most.
PATIENCE = 10.0


def join(job_id: str) -> None:
    """Wait until the thread that makes this review is through."""
    for thread in threading.enumerate():
        if thread.name == job_id:
            thread.join(PATIENCE)
            assert not thread.is_alive()


def ended(jobs: Jobs, work: Callable[[Callable[[str], None]], Weighed], author: str = "ada") -> Job:
    """A review that has ended."""
    job_id = jobs.start(author, {"actions.yaml": "rules: []"}, "", work)
    join(job_id)
    return jobs.get(job_id, author)


def result(_tell: Callable[[str], None]) -> Weighed:
    line = Line(kind="same", before=1, after=1, text="ü")
    diff = FileDiff(name="actions.yaml", change="changed", lines=(line,), added=0, removed=0)
    return Weighed(bundle_hash="a", base_hash="b", rules=1, examples=1, tests=0, review={"x": [1]}, diffs=(diff,))


def test_a_person_has_one_review_at_a_time_and_others_their_own(store: Store) -> None:
    jobs, go, begun = Jobs(store), threading.Event(), threading.Event()

    def held(tell: Callable[[str], None]) -> Weighed:
        tell("Holding")
        begun.set()
        assert go.wait(PATIENCE)
        return result(tell)

    first = jobs.start("ada", {}, "", held)
    assert begun.wait(PATIENCE)
    with pytest.raises(Problem, match="still running"):
        Jobs(store).start("ada", {}, "", result)
    assert ended(jobs, result, "adam").result == result(print)
    assert (jobs.get(first, "ada").runs, jobs.get(first, "ada").stage) == (True, "Holding")
    go.set()
    join(first)
    assert jobs.get(first, "ada").result is not None
    assert ended(jobs, result).result is not None


def test_a_review_whose_time_is_up_ends_at_its_next_word(store: Store) -> None:
    def slow(tell: Callable[[str], None]) -> Weighed:
        tell("Later")
        return result(tell)

    job = ended(Jobs(store, limit=-1), slow)
    assert job.result is None
    assert "took longer than" in str(job.trouble)


def test_what_goes_wrong_is_a_sentence(store: Store) -> None:
    def away(_tell: Callable[[str], None]) -> Weighed:
        raise Temporary("The store is away; try again.")

    def broken(_tell: Callable[[str], None]) -> Weighed:
        raise ZeroDivisionError("with a secret in it")

    jobs = Jobs(store)
    assert ended(jobs, away).trouble == "The store is away; try again."
    assert "secret" not in str(ended(jobs, broken).trouble)


def test_reviews_are_forgotten_by_number_and_by_age(store: Store, clock: FixedClock) -> None:
    jobs = Jobs(store)
    made = [ended(jobs, result) for _ in range(KEPT + 1)]
    with pytest.raises(NotFound, match="is gone"):
        jobs.get(made[0].id, "ada")
    assert jobs.get(made[1].id, "ada").result is not None
    with pytest.raises(NotFound, match="is gone"):
        jobs.get(made[-1].id, "adam")
    with store.begin() as tx:
        tx.reviews.forget(before=clock.now())
    assert jobs.get(made[1].id, "ada")
    clock.advance(seconds=1)
    with store.begin() as tx:
        tx.reviews.forget(before=clock.now())
    with pytest.raises(NotFound, match="is gone"):
        jobs.get(made[-1].id, "ada")


def test_no_copy_of_the_database_shows_the_texts_or_what_was_found(store: Store, tmp_path: Path) -> None:
    job = ended(Jobs(store), lambda _tell: replace(result(_tell), review={"who": "nora-of-the-board"}))
    assert job.result is not None
    assert (job.result.review, job.files) == ({"who": "nora-of-the-board"}, {"actions.yaml": "rules: []"})
    store.close()
    raw = b"".join(path.read_bytes() for path in tmp_path.glob("casemate.db*"))
    assert b"nora-of-the-board" not in raw
    assert b"rules: []" not in raw


def test_a_review_is_read_from_any_process_and_only_by_its_author(site: Site) -> None:
    with another(site) as other, other.client("ada") as there, other.client("adam") as adam, site.client("ada") as here:
        to = here.post("/policy/review", data=form(texts())).headers["location"]
        join(to.rsplit("/", 1)[1])
        assert "Make it live" in there.get(to).text
        assert "Edit the policy" in there.get("/policy/edit", params={"review": to.rsplit("/", 1)[1]}).text
        for request in (adam.get(to), adam.post(f"{to}/again"), adam.post(f"{to}/propose", data={"reason": "x"})):
            assert request.status_code == 404


def test_a_process_that_ends_in_good_order_lets_go_of_its_reviews(store: Store) -> None:
    jobs, go, reached = Jobs(store), threading.Event(), threading.Event()

    def held(tell: Callable[[str], None]) -> Weighed:
        reached.set()
        assert go.wait(PATIENCE)
        return result(tell)

    job_id = jobs.start("ada", {}, "", held)
    assert reached.wait(PATIENCE)
    assert not jobs.get(job_id, "ada").lost
    jobs.close()
    assert jobs.get(job_id, "ada").lost
    go.set()
    join(job_id)


def test_a_review_whose_process_is_gone_says_so_and_is_made_again_elsewhere(site: Site) -> None:
    late, reached = threading.Event(), threading.Event()

    def stuck(tell: Callable[[str], None]) -> Weighed:
        reached.set()
        assert late.wait(PATIENCE)
        return result(tell)

    gone = Jobs(site.store, sign=threading.TIMEOUT_MAX)
    job_id = gone.start("ada", texts(), "", stuck)
    assert reached.wait(PATIENCE)
    with another(site) as other, other.client("ada") as ada:
        to = f"/policy/review/{job_id}"
        assert "Run it again" not in ada.get(to).text
        site.clock.advance(seconds=HELD_SECONDS)
        page = ada.get(to)
        assert "This review was lost" in page.text
        assert ada.get(to, headers={"HX-Request": "true"}).headers["HX-Redirect"] == to
        former = [thread for thread in threading.enumerate() if thread.name == job_id]
        assert ada.post(f"{to}/again").headers["location"] == to
        for thread in [one for one in threading.enumerate() if one.name == job_id and one not in former]:
            thread.join(PATIENCE)
        assert ada.post(f"{to}/again").status_code == 303
        late.set()
        join(job_id)
        assert gone.get(job_id, "ada").result != result(print)
        assert "Make it live" in ada.get(to).text


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
