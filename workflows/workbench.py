"""What the policy workbench looks at: texts that somebody is writing, what they would do, and what it costs people.

Nothing here changes anything; `workflows/activation.py` does that.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import PurePosixPath
from statistics import median
from typing import TYPE_CHECKING

from core.canonical import JsonObject
from core.errors import BundleInvalid, Problem
from core.store.engine import Store
from core.store.transaction import Transaction
from workflows.simulation import MINUTES
from workflows.text_diff import FileDiff, Line, file_diffs

if TYPE_CHECKING:
    from policies.bundle import Bundle
    from policies.trial import Trial
    from tools.registry import Registry

#: Characters of a whole bundle that is checked while somebody types: about a second's work.
WHOLE_LIMIT = 150_000
#: Characters of one file that is checked by itself while somebody types.
FILE_LIMIT = 150_000
#: Days of decisions that rules are counted over, and of answers that people's time is taken from.
COUNTED_DAYS, ANSWERED_DAYS = 30, 90
#: Fewest answers whose median says something, and most that are looked at.
FEW_ANSWERS, MOST_ANSWERS = 5, 1_000
#: Flips that a review on the screen shows.
SHOWN_FLIPS = 200

_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\.ya?ml", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """What is to be said of texts as they stand."""

    #: Each names its file without any folder.
    problems: tuple[Problem, ...]
    #: Only this file was looked at, and only by itself; None: all of them together.
    only: str | None = None
    #: Of a bundle that loads.
    bundle_hash: str | None = None
    rules: int = 0
    #: Examples and tests that were run and hold.
    held: int = 0

    @property
    def loads(self) -> bool:
        return self.bundle_hash is not None and not self.problems


@dataclass(frozen=True, kw_only=True, slots=True)
class Weighed:
    """What texts would do in the place of what is live."""

    bundle_hash: str
    #: The bundle it was compared with.
    base_hash: str
    rules: int
    examples: int
    tests: int
    review: JsonObject
    diffs: tuple[FileDiff, ...]

    @property
    def broken(self) -> list[str]:
        """Invariants of its own that it breaks; with one of them it cannot go live."""
        return [one["id"] for one in self.review["proof"]["invariants"] if one["status"] == "violated"]

    def as_json(self) -> JsonObject:
        """What `weighed_from` takes."""
        return asdict(self)


def weighed_from(found: JsonObject) -> Weighed:
    """What `Weighed.as_json` gave."""
    diffs = (FileDiff(**{**one, "lines": tuple(Line(**line) for line in one["lines"])}) for one in found["diffs"])
    return Weighed(**{**found, "diffs": tuple(diffs)})


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerTime:
    """How long people take from a question to their answer."""

    minutes: float
    #: Answers it is the median of; 0 when there were too few, and `minutes` is an assumption.
    answers: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Effort:
    """What a change costs or saves people, had it been live all along."""

    #: Answers that were given for the questions policy asked, and that would have been.
    before: int
    after: int
    time: AnswerTime

    @property
    def saved(self) -> float:
        """Minutes of people's time; less than none when it costs more."""
        return (self.before - self.after) * self.time.minutes


def check(files: Mapping[str, str], registry: Registry) -> Checked:
    """Every problem of a bundle's texts, each with its line, or what it has when it loads."""
    from policies.bundle import BundleSource, examine_bundle

    misnamed = _misnamed(files)
    if misnamed:
        return Checked(problems=misnamed)
    bundle, trials, problems = examine_bundle(BundleSource.from_files(files), tools=registry.shapes())
    return Checked(
        problems=tuple(map(_bare, problems)),
        bundle_hash=bundle.hash if bundle is not None else None,
        rules=len(bundle.rules) if bundle is not None else 0,
        held=sum(not trial.failed for trial in trials),
    )


def check_one(name: str, text: str) -> Checked:
    """The problems of one file that can be told without the others."""
    from policies.bundle import BundleSource, check_file

    problems = _misnamed({name: text}) or check_file(BundleSource.from_files({name: text}), name)
    return Checked(problems=tuple(map(_bare, problems)), only=name)


def weigh(
    store: Store,
    registry: Registry,
    files: Mapping[str, str],
    live: Bundle,
    *,
    tell: Callable[[str], None] = lambda _stage: None,
) -> Weighed:
    """What these texts would do: the review that approvers see, also where they break an invariant of their own.

    `tell` is given a few words on each stage as it begins; what it raises ends the work.

    Raises:
        BundleInvalid: they are no bundle that loads.
        Temporary: the store is away.
    """
    from policies.bundle import BundleSource, examine_bundle
    from workflows.review import look_at

    tell("Loading")
    misnamed = _misnamed(files)
    if misnamed:
        raise BundleInvalid(list(misnamed))
    bundle, trials, problems = examine_bundle(BundleSource.from_files(files), tools=registry.shapes())
    if bundle is None or problems:
        raise BundleInvalid([_bare(problem) for problem in problems])
    found = look_at(store, registry, bundle, live, tell=tell, limit=SHOWN_FLIPS)
    tell("Comparing the texts")
    kinds = Counter(_kind(trial) for trial in trials)
    return Weighed(
        bundle_hash=bundle.hash,
        base_hash=live.hash,
        rules=len(bundle.rules),
        examples=kinds["example"],
        tests=kinds["test"],
        review=found,
        diffs=file_diffs(live.files, bundle.files),
    )


def answer_time(tx: Transaction, store: Store) -> AnswerTime:
    """The median time from a question about an action to an answer of a person, of the last `ANSWERED_DAYS` days."""
    since = store.clock.now() - timedelta(days=ANSWERED_DAYS)
    seconds = tx.policy_figures.answer_seconds(since=since, limit=MOST_ANSWERS)
    if len(seconds) < FEW_ANSWERS:
        return AnswerTime(minutes=MINUTES, answers=0)
    return AnswerTime(minutes=median(seconds) / 60, answers=len(seconds))


def effort(review: JsonObject, time: AnswerTime) -> Effort:
    """What the answers would have taken people, by a review."""
    questions = review["simulation"]["questions"]
    before, after = (sum(one["approvals"] * one[when] for one in questions) for when in ("before", "after"))
    return Effort(before=before, after=after, time=time)


def _misnamed(files: Mapping[str, str]) -> tuple[Problem, ...]:
    message = "a file is named with letters, digits, `_`, `-` and `.`, and ends in .yaml; rename it"
    return tuple(
        Problem(file=name[:64], line=1, column=1, message=message) for name in files if not _FILE_NAME.fullmatch(name)
    )


def _bare(problem: Problem) -> Problem:
    """The problem by the name of its file alone: people here know no folder."""
    name = PurePosixPath(problem.file).name
    return Problem(file=name, line=problem.line, column=problem.column, message=problem.message)


def _kind(trial: Trial) -> str:
    return "test" if trial.kind == "test" else "example"
