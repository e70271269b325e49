"""Casemate's model server beside `transformers serve` and plain `generate`, on real conversations of casemate's agents.

Models have random weights, so nothing is downloaded; what is measured does not depend on what they say. With a GPU the
shapes are 1.5B, 8B and 14B in bfloat16, without one a tiny model in float32, and the document says which. All sides
run one after the other in one process run, each alone on the machine. Prints one JSON document; quote the ratios.

`--record FILE` keeps the conversations for a machine that cannot run casemate's sandbox; `--conversations FILE` uses
them there. `--out FILE` keeps the document as well.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import _serving_processes as processes
from benchmarks._serving_conversations import Conversation, load, record, save
from benchmarks._serving_load import Asking, replay
from core.canonical import JsonObject
from core.log import configure

#: Conversations that are recorded; more at once than these repeat some.
CONVERSATIONS = 32
#: Seconds that plain `generate` gets.
PLAIN_SECONDS = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What is run for each size of model."""

    device: str
    sizes: tuple[str, ...]
    #: Conversations at once.
    at_once: tuple[int, ...]
    #: Requests of each conversation.
    turns: int
    #: Tokens of each answer.
    max_tokens: int
    #: Whole conversations at once, for what prefix sharing gives.
    whole_at_once: tuple[int, ...]


ON_CPU = Plan(device="cpu", sizes=("tiny",), at_once=(1, 8, 32), turns=2, max_tokens=128, whole_at_once=(1, 8))
ON_GPU = Plan(
    device="cuda",
    sizes=("1.5b", "8b", "14b"),
    at_once=(1, 8, 32, 128),
    turns=4,
    max_tokens=128,
    whole_at_once=(1, 8, 32),
)
#: Requests that no conversation has more of.
ALL_TURNS = 1000
#: Tokens of an answer where only the first one is timed.
FEW_TOKENS = 8


def measure(plan: Plan, size: str, folder: Path, file: Path) -> JsonObject:
    """All sides on one size of model."""
    _in_process("make", str(folder), size, plan.device)
    conversations = load(file)
    found: JsonObject = {}
    with processes.casemate(folder, device=plan.device, slots=max(plan.at_once)) as url:
        found["casemate"] = _loads(plan, url, "noise", conversations, constrained=True)
        found["casemate_unconstrained"] = _loads(plan, url, "noise", conversations, constrained=False)
    with processes.casemate(folder, device=plan.device, slots=max(plan.at_once)) as url:
        found["whole_conversations"] = _whole(plan, url, conversations)
        found["prefix_hit_rate"] = round(processes.shared_share(url), 3)
    without = ["--no-prefix-sharing"]
    with processes.casemate(folder, device=plan.device, slots=max(plan.at_once), extra=without) as url:
        found["whole_conversations_without_prefix_sharing"] = _whole(plan, url, conversations)
    with processes.transformers(folder, device=plan.device) as url:
        found["transformers_serve"] = _loads(plan, url, str(folder), conversations, constrained=False)
    arguments = [str(folder), str(file), plan.device, str(plan.max_tokens), str(plan.turns), str(PLAIN_SECONDS)]
    found["plain_generate"] = _json_of([sys.executable, "-m", "benchmarks._serving_plain", *arguments])
    bandwidth = _in_process("bandwidth", str(folder), size, plan.device)
    return {**compared(found, bandwidth), "measured": {**found, "memory": bandwidth}}


def _loads(
    plan: Plan, url: str, model: str, conversations: Sequence[Conversation], *, constrained: bool
) -> dict[str, JsonObject]:
    """Every number of conversations at once, after a first one that nobody counts."""
    asking = Asking(url=url, model=model, max_tokens=plan.max_tokens, turns=plan.turns, constrained=constrained)
    asyncio.run(replay(asking, conversations[-2:], concurrency=2))
    return {
        str(count): asyncio.run(replay(asking, conversations, concurrency=count)).as_json() for count in plan.at_once
    }


def _whole(plan: Plan, url: str, conversations: Sequence[Conversation]) -> dict[str, JsonObject]:
    """Conversations from their first request to their last, each number of them on conversations of its own."""
    asking = Asking(url=url, model="noise", max_tokens=FEW_TOKENS, turns=ALL_TURNS, constrained=False)
    found: dict[str, JsonObject] = {}
    start = 0
    for count in plan.whole_at_once:
        found[str(count)] = asyncio.run(replay(asking, conversations[start:], concurrency=count)).as_json()
        start = (start + count) % len(conversations)
    return found


def compared(found: JsonObject, memory: JsonObject) -> JsonObject:
    """The ratios that are quoted."""
    ours, free = found["casemate"], found["casemate_unconstrained"]
    theirs = found["transformers_serve"]
    shared, alone = found["whole_conversations"], found["whole_conversations_without_prefix_sharing"]
    plain = found["plain_generate"]["tokens_per_second"]
    rate, first = "tokens_per_second", "first_token_ms_median"
    counts = list(ours)
    read = memory["weight_bytes"] * free[counts[0]][rate] / memory["bytes_per_second"]
    return {
        "prefix_hit_rate": found["prefix_hit_rate"],
        "constraint_cost": {n: round(1 - ours[n][rate] / free[n][rate], 3) for n in counts},
        "casemate_by_transformers_serve": {n: round(free[n][rate] / theirs[n][rate], 2) for n in counts},
        "constrained_by_transformers_serve": {n: round(ours[n][rate] / theirs[n][rate], 2) for n in counts},
        "casemate_by_plain_generate": {n: round(free[n][rate] / plain, 1) for n in counts},
        "first_token_without_by_with_prefix_sharing": {n: round(alone[n][first] / shared[n][first], 2) for n in shared},
        "share_of_memory_bandwidth_at_1": round(read, 3),
    }


def _in_process(what: str, folder: str, size: str, device: str) -> JsonObject:
    """Work with torch, in a process that gives its memory back."""
    return _json_of([sys.executable, "-m", "benchmarks._serving_device", what, folder, size, device])


def _json_of(command: Sequence[str]) -> JsonObject:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed: {done.stderr[-2000:]}")
    answer: JsonObject = json.loads(done.stdout.splitlines()[-1])
    return answer


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=__doc__.split("\n")[0])
    parser.add_argument("--record", type=Path, help="only record conversations into this file")
    parser.add_argument("--conversations", type=Path, help="use those in this file")
    parser.add_argument("--sizes", help="of models, separated by commas: tiny, 1.5b, 8b, 14b")
    parser.add_argument("--at-once", help="numbers of conversations at once, separated by commas")
    parser.add_argument("--out", type=Path, help="also write the document into this file")
    return parser.parse_args()


def main() -> None:
    """Run every size and print the document."""
    configure("error")
    asked = _arguments()
    if asked.record is not None:
        save(record(CONVERSATIONS), asked.record)
        return
    machine = _in_process("describe", "", "", "")
    plan = ON_GPU if machine["gpu"] else ON_CPU
    sizes = tuple(asked.sizes.split(",")) if asked.sizes else plan.sizes
    at_once = tuple(map(int, asked.at_once.split(","))) if asked.at_once else plan.at_once
    plan = replace(plan, sizes=sizes, at_once=at_once)
    document: JsonObject = {
        "benchmark": "serving",
        "machine": {**machine, "cores": os.cpu_count(), "python": platform.python_version()},
        "note": None if machine["gpu"] else "No GPU here: a tiny model on the CPU, whose numbers say nothing of a GPU.",
        "tokens_per_answer": plan.max_tokens,
        "requests_per_conversation": plan.turns,
    }
    with tempfile.TemporaryDirectory(prefix="casemate-serving-") as room:
        file = asked.conversations or Path(room) / "conversations.gz"
        if asked.conversations is None:
            save(record(min(CONVERSATIONS, max(at_once))), file)
        lengths = [len(conversation) for conversation in load(file)]
        document["conversations"] = {"count": len(lengths), "requests_median": statistics.median(lengths)}
        document["models"] = {}
        for size in sizes:
            with tempfile.TemporaryDirectory(dir=room) as place:
                document["models"][size] = measure(plan, size, Path(place) / "model", file)
    text = json.dumps(document, indent=2)
    if asked.out is not None:
        asked.out.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
