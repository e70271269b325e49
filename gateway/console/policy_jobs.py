"""What takes longer than a page may: checks and reviews of policies, in threads, a few at a time.

Everything here is of one process and gone when it ends: nothing is lost by that but the work.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from core.canonical import JsonObject
from core.errors import BundleInvalid, CasemateError, NotFound
from core.ids import new_id
from core.log import logger
from gateway.problems import Problem

if TYPE_CHECKING:
    from workflows.workbench import Weighed

T = TypeVar("T")
#: Seconds after which a review gives up. One of 100,000 past decisions takes about twenty.
REVIEW_SECONDS = 180.0
#: Reviews that run at the same time in this process; others wait.
AT_ONCE = 2
#: Finished reviews that are kept, the newest, with the texts they are about.
KEPT = 20

log = logger(__name__)


class TooLong(Exception):
    """The time of a review is up."""


@dataclass(kw_only=True, eq=False)
class Job:
    """One review that somebody asked for."""

    id: str
    #: Digest of the session that asked.
    owner: str
    files: Mapping[str, str] = field(repr=False)
    #: What the editor began with, for the way back.
    start: str
    begun: float
    stage: str = "Waiting for another review"
    result: Weighed | None = None
    #: Why there is no result, in one sentence.
    trouble: str | None = None
    ended: float | None = None

    @property
    def runs(self) -> bool:
        return self.ended is None

    @property
    def seconds(self) -> float:
        return (self.ended or time.monotonic()) - self.begun


class Jobs:
    """The reviews of one process: at most one of each session runs."""

    def __init__(self, *, limit: float = REVIEW_SECONDS) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._slots = threading.Semaphore(AT_ONCE)
        self._jobs: dict[str, Job] = {}

    def start(
        self,
        owner: str,
        files: Mapping[str, str],
        start: str,
        work: Callable[[Callable[[str], None]], Weighed],
    ) -> Job:
        """Begin a review. `work` is given what it tells its stages to.

        Raises:
            Problem: 409, one of this session runs already.
        """
        job = Job(id=new_id("ref"), owner=owner, files=dict(files), start=start, begun=time.monotonic())
        with self._lock:
            if any(other.owner == owner and other.runs for other in self._jobs.values()):
                raise Problem(
                    HTTPStatus.CONFLICT, "A review of yours is still running; wait for it, it ends within minutes."
                )
            done = [one.id for one in self._jobs.values() if not one.runs]
            for old in done[: max(len(done) - KEPT + 1, 0)]:
                del self._jobs[old]
            self._jobs[job.id] = job
        threading.Thread(target=self._run, args=(job, work), name=job.id, daemon=True).start()
        return job

    def get(self, job_id: str, owner: str) -> Job:
        """Raises:
        NotFound: there is none of this session.
        """
        with self._lock:
            job = self._jobs.get(job_id)
        if job is None or job.owner != owner:
            raise NotFound(
                "This review is gone: reviews are kept for a while, and for the session that asked for them."
            )
        return job

    def _run(self, job: Job, work: Callable[[Callable[[str], None]], Weighed]) -> None:
        def tell(stage: str) -> None:
            if job.seconds > self._limit:
                raise TooLong
            job.stage = stage

        try:
            with self._slots:
                job.result = work(tell)
        except TooLong:
            limit = f"The review took longer than {self._limit:.0f} s and was ended"
            job.trouble = f"{limit}; `casemate policy simulate` has no limit."
        except BundleInvalid as error:
            more = len(error.problems) - 1
            and_more = f" (and {more} more)" if more else ""
            job.trouble = f"The texts are no policy that loads: {error.problems[0]}{and_more}"
        except CasemateError as error:
            job.trouble = str(error)
        except Exception as error:  # noqa: BLE001 - the outermost handler of this thread
            log.error("review_failed", error=type(error).__name__)
            job.trouble = "Something in casemate broke during the review; its log says at what time."
        finally:
            job.ended = time.monotonic()


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

    jobs: Jobs = field(default_factory=Jobs)
    turns: Turns = field(default_factory=Turns)
    #: Hash of the live bundle → its rules that do nothing.
    idle: dict[str, list[JsonObject]] = field(default_factory=dict)


def bench(request: Request) -> Bench:
    """The workbench of the application that serves `request`."""
    found: Bench = request.app.state.bench
    return found
