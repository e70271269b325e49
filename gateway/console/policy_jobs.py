"""What takes longer than a page may: checks and reviews of policies, in threads, a few at a time.

A review stands in the database, so that every gateway process shows it and none need live for it to be read. The
process that makes it says so again and again; where it stops saying so, the review is lost, and its author may have it
made again by whichever process is asked. Checks are of one process: nothing is lost by that but the work.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from core.audit import AuditEvent
from core.canonical import JsonObject
from core.errors import BundleInvalid, CasemateError, Temporary
from core.ids import new_id
from core.log import logger
from core.store.engine import Store
from core.store.reviews import PolicyReview
from gateway.problems import Problem

if TYPE_CHECKING:
    from workflows.workbench import Weighed

T = TypeVar("T")
#: Makes a review; is given what it tells its stages to.
Work = Callable[[Callable[[str], None]], "Weighed"]
#: Seconds after which a review gives up. One of 100,000 past decisions takes about twenty.
REVIEW_SECONDS = 180.0
#: Reviews that run at the same time in this process; others wait.
AT_ONCE = 2
#: Reviews of one person that are kept, the newest, with the texts they are about.
KEPT = 5
#: Seconds after its last sign of life for which a process still counts as making a review …
HELD_SECONDS = 30.0
#: … and between two signs.
SIGN_SECONDS = 8.0
#: Seconds between two words on how far it is, at least: each is a write.
SAY_SECONDS = 0.5
#: Characters of the hash that the editor began with.
HASH = 64

WAITING = "Waiting for another review"
RUNNING = "A review of yours is still running; wait for it, it ends within minutes."

log = logger(__name__)


class TooLong(Exception):
    """The time of a review is up."""


class Job:
    """One review as its author sees it."""

    def __init__(self, store: Store, review: PolicyReview) -> None:
        self._store = store
        self._review = review
        self._now = store.clock.now()

    @property
    def id(self) -> str:
        return self._review.id

    @property
    def start(self) -> str:
        """What the editor began with, for the way back."""
        return self._review.start

    @property
    def stage(self) -> str:
        return self._review.stage

    @property
    def lost(self) -> bool:
        """Whether the process that made it is gone."""
        return self._review.is_lost(self._now)

    @property
    def runs(self) -> bool:
        return self._review.ended_at is None and not self.lost

    @property
    def seconds(self) -> float:
        return max(0.0, ((self._review.ended_at or self._now) - self._review.began_at).total_seconds())

    @cached_property
    def files(self) -> dict[str, str]:
        """The texts it is about.

        Raises:
            VaultError: they do not open.
        """
        with self._store.read() as tx:
            return tx.reviews.files(self.id)

    @cached_property
    def result(self) -> Weighed | None:
        from workflows.workbench import weighed_from

        found = self._outcome.get("weighed")
        return None if found is None else weighed_from(found)

    @property
    def trouble(self) -> str | None:
        """Why there is no result, in one sentence."""
        return self._outcome.get("trouble")

    @cached_property
    def _outcome(self) -> JsonObject:
        if self._review.ended_at is None:
            return {}
        with self._store.read() as tx:
            return tx.reviews.outcome(self.id) or {}


class Jobs:
    """The reviews: at most one of each person runs."""

    def __init__(self, store: Store, *, limit: float = REVIEW_SECONDS, sign: float = SIGN_SECONDS) -> None:
        self._store = store
        self._limit = limit
        self._sign_every = sign
        self._slots = threading.Semaphore(AT_ONCE)
        #: What this process holds: hold → review.
        self._held: dict[str, str] = {}

    def start(self, author: str, files: Mapping[str, str], start: str, work: Work) -> str:
        """Begin a review in this process; gives its id.

        Raises:
            Problem: 409, one of this person runs already.
        """
        holder = new_id("run")
        with self._store.begin() as tx:
            job_id = tx.reviews.begin(
                author,
                files,
                start=start[:HASH],
                stage=WAITING,
                holder=holder,
                until=self._until(),
                keep=KEPT - 1,
                audit=_asked(author),
            )
        if job_id is None:
            raise Problem(HTTPStatus.CONFLICT, RUNNING)
        self._spawn(job_id, holder, work)
        return job_id

    def again(self, job_id: str, author: str, work: Callable[[Mapping[str, str]], Work]) -> None:
        """Make a review here whose process is gone. Once is as good as twice.

        Raises:
            NotFound: there is none of this person.
        """
        job, holder = self.get(job_id, author), new_id("run")
        files = job.files
        with self._store.begin() as tx:
            audit = _asked(author)
            taken = tx.reviews.take(job_id, holder=holder, stage=WAITING, until=self._until(), audit=audit)
        if taken:
            self._spawn(job_id, holder, work(files))

    def get(self, job_id: str, author: str) -> Job:
        """Raises:
        NotFound: there is none of this person.
        """
        with self._store.read() as tx:
            return Job(self._store, tx.reviews.get(job_id, author))

    def close(self) -> None:
        """Let go of what is not done, at the end of the process: its authors are told at once that it was lost."""
        now = self._store.clock.now()
        for holder, job_id in self._held.copy().items():
            with suppress(Temporary), self._store.begin() as tx:
                tx.reviews.hold(job_id, holder=holder, until=now)

    def _spawn(self, job_id: str, holder: str, work: Work) -> None:
        threading.Thread(target=self._run, args=(job_id, holder, work), name=job_id, daemon=True).start()

    def _run(self, job_id: str, holder: str, work: Work) -> None:
        over = threading.Event()
        self._held[holder] = job_id
        threading.Thread(target=self._sign, args=(job_id, holder, over), name=f"{job_id} lives", daemon=True).start()
        try:
            outcome = self._made(job_id, holder, work)
        finally:
            over.set()
            self._held.pop(holder, None)
        try:
            with self._store.begin() as tx:
                tx.reviews.end(job_id, holder=holder, outcome=outcome)
        except CasemateError as error:  # the database is away: whoever waits is told that the review was lost
            log.warning("review_not_kept", error=type(error).__name__)

    def _made(self, job_id: str, holder: str, work: Work) -> JsonObject:
        began, said = time.monotonic(), [0.0]

        def tell(stage: str) -> None:
            now = time.monotonic()
            if now - began > self._limit:
                raise TooLong
            if now - said[0] >= SAY_SECONDS:
                said[0] = now
                with suppress(Temporary), self._store.begin() as tx:
                    if not tx.reviews.hold(job_id, holder=holder, until=self._until(), stage=stage):
                        raise TooLong  # another run has taken it over, so nobody waits for this one

        try:
            with self._slots:
                began = time.monotonic()
                return {"weighed": work(tell).as_json()}
        except TooLong:
            limit = f"The review took longer than {self._limit:.0f} s and was ended"
            return {"trouble": f"{limit}; `casemate policy simulate` has no limit."}
        except BundleInvalid as error:
            more = len(error.problems) - 1
            and_more = f" (and {more} more)" if more else ""
            return {"trouble": f"The texts are no policy that loads: {error.problems[0]}{and_more}"}
        except CasemateError as error:
            return {"trouble": str(error)}
        except Exception as error:  # noqa: BLE001 - the outermost handler of this thread
            log.error("review_failed", error=type(error).__name__)
            return {"trouble": "Something in casemate broke during the review; its log says at what time."}

    def _sign(self, job_id: str, holder: str, over: threading.Event) -> None:
        """Say that this process makes the review, until it has."""
        while not over.wait(self._sign_every):
            try:
                with self._store.begin() as tx:
                    if not tx.reviews.hold(job_id, holder=holder, until=self._until()):
                        return
            except CasemateError as error:
                log.warning("review_not_held", error=type(error).__name__)

    def _until(self) -> datetime:
        return self._store.clock.now() + timedelta(seconds=HELD_SECONDS)


def _asked(author: str) -> AuditEvent:
    return AuditEvent(action="policy.review_asked", actor=f"user:{author}")


class Turns:
    """One at a time for each session; of those that wait only the newest is done at all."""

    def __init__(self) -> None:
        self._newest: dict[str, int] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._waiting: dict[str, int] = {}

    async def take(self, owner: str, work: Callable[[], T]) -> T | None:
        """What `work` gives, done in a thread; None when a newer one came meanwhile."""
        number = self._newest[owner] = self._newest.get(owner, 0) + 1
        lock = self._locks.setdefault(owner, asyncio.Lock())
        self._waiting[owner] = self._waiting.get(owner, 0) + 1
        try:
            async with lock:
                found = await run_in_threadpool(work) if self._newest[owner] == number else None
            return found if self._newest[owner] == number else None
        finally:
            self._waiting[owner] -= 1
            if not self._waiting[owner]:
                for kept in (self._waiting, self._locks, self._newest):
                    kept.pop(owner, None)


@dataclass(frozen=True, slots=True)
class Bench:
    """The workbench of one process."""

    jobs: Jobs
    turns: Turns = field(default_factory=Turns)
    #: Hash of the live bundle → its rules that do nothing.
    idle: dict[str, list[JsonObject]] = field(default_factory=dict)


def bench(request: Request) -> Bench:
    """The workbench of the application that serves `request`."""
    found: Bench = request.app.state.bench
    return found
