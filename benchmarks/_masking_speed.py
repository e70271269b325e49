"""How fast both sides read the same texts: in one process, taking turns, warm; the best round counts."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks._masking_data import Data, log_texts
from core.canonical import Json, JsonObject

#: Rounds of each side; the quickest counts.
ROUNDS = 3
#: Characters of the short tickets, the log text and the mixed corpus that are read in one round.
TICKETS_SIZE, LOG_SIZE, MIXED_SIZE = 60_000, 200_000, 120_000
#: Bytes of the mixed corpus by what they are.
MIX = {"log": 0.60, "mail": 0.25, "prose": 0.15}


@dataclass(frozen=True, slots=True)
class Runner:
    """One side of a race."""

    name: str
    read: Callable[[str], object]
    #: Run before each turn, outside of the time: forgets what the turn before taught it.
    forget: Callable[[], None] = lambda: None


def tickets(data: Data) -> list[str]:
    """Short tickets."""
    return _some(data.tickets(), TICKETS_SIZE)


def logs(data: Data) -> list[str]:
    """Texts of log events."""
    return _some(log_texts(data.panther_events()), LOG_SIZE)


def mixed(data: Data) -> list[str]:
    """What tickets are made of: mostly events, then mails, then what somebody wrote."""
    sources = {
        "log": log_texts([*data.panther_events(), *data.stratus_events()]),
        "mail": data.mails(),
        "prose": data.prose(),
    }
    texts = [text for name, part in MIX.items() for text in _some(sources[name], int(MIXED_SIZE * part))]
    random.Random(0).shuffle(texts)
    return texts


def race(texts: Sequence[str], ours: Runner, theirs: Runner, rounds: int = ROUNDS) -> JsonObject:
    """Both sides on the same texts; MB and seconds of one core where a side uses one."""
    size = sum(len(text.encode("utf-8", "replace")) for text in texts)
    best: dict[str, tuple[float, float]] = {}
    for runner in (ours, theirs):
        for text in texts[:3]:
            runner.read(text)
    for _ in range(rounds):
        for runner in (ours, theirs):
            wall, cpu = _timed(runner, texts)
            best[runner.name] = min(best.get(runner.name, (wall, cpu)), (wall, cpu))
    sides: dict[str, Json] = {
        name: {"mb_per_s": round(size / wall / 1e6, 4), "cores": round(cpu / wall, 2)}
        for name, (wall, cpu) in best.items()
    }
    return {
        "texts": len(texts),
        "bytes": size,
        **sides,
        "ratio": round(best[theirs.name][0] / best[ours.name][0], 1),
        "ratio_of_cpu_time": round(best[theirs.name][1] / best[ours.name][1], 1),
    }


def _timed(runner: Runner, texts: Sequence[str]) -> tuple[float, float]:
    runner.forget()
    wall, cpu = time.perf_counter(), time.process_time()
    for text in texts:
        runner.read(text)
    return time.perf_counter() - wall, time.process_time() - cpu


def _some(texts: Sequence[str], size: int) -> list[str]:
    """Texts from all over a set until there is enough; one that is larger than a third of it is left out."""
    shuffled = [text for text in texts if 0 < len(text) <= size // 3]
    random.Random(0).shuffle(shuffled)
    taken: list[str] = []
    total = 0
    for text in shuffled:
        if total >= size:
            break
        taken.append(text)
        total += len(text)
    return taken
