"""Policy, measured: decisions beside the two CEL engines for Python, a simulation of the past, a proof.

Prints one JSON document. Decisions are taken on one core, in turns, on the same calls; bundles are compiled beforehand.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks._policy_peers import CelExpr, CelPython
from benchmarks._policy_rules import RULES, TARGETS, bundle_of, calls
from core.canonical import Json, JsonObject
from core.decision import Facts
from core.log import configure
from policies.bundle import default_bundle_path, load_bundle
from policies.compiled import Bundle
from policies.engine import decide

PARTS = ("decisions", "simulate", "prove")
ROUNDS = 5
#: Calls that each side decides in a round: enough for some tenths of a second.
CALLS = {"casemate": 10_000, "cel_expr_python": 1_000, "cel_python": 100}
#: Decisions that a simulation replays.
PAST = 100_000

#: What the simulated candidate has beside the rules of the default bundle.
_ONE_MORE = """
  - id: nothing-old-at-night
    tools: [quarantine_email, block_indicator, isolate_host, disable_account]
    when: ticket.age_minutes > 240 && time.hour < 6
    then: deny
    examples:
      - {given: {ticket: {age_minutes: 300}, time: {hour: 3}}, expect: deny}
"""

Side = Callable[[Facts], str]


def decisions() -> JsonObject:
    """Fifty rules spread over the acting tools, and fifty about one tool."""
    return {
        "rules": RULES,
        "rounds": ROUNDS,
        "spread_over_tools": _race(list(TARGETS)),
        "all_on_one_tool": _race(["isolate_host"]),
    }


def _race(tools: Sequence[str]) -> JsonObject:
    bundle = bundle_of(tools)
    sides: dict[str, Side] = {
        "casemate": lambda facts: decide(bundle, facts).outcome.value,
        "cel_expr_python": CelExpr(bundle).outcome,
        "cel_python": CelPython(bundle).outcome,
    }
    best: dict[str, float] = dict.fromkeys(sides, 0.0)
    for _ in range(ROUNDS):
        for name, side in sides.items():
            best[name] = max(best[name], _per_second(side, calls(tools, CALLS[name])))
    found: dict[str, Json] = {"tools": len(tools), "outcomes": _outcomes(bundle, calls(tools, CALLS["casemate"]))}
    found |= {f"{name}_per_second": round(speed) for name, speed in best.items()}
    for name in ("cel_expr_python", "cel_python"):
        same = [sides[name](facts) == sides["casemate"](facts) for facts in calls(tools, CALLS["cel_python"])]
        found[f"times_{name}"] = round(best["casemate"] / best[name], 1)
        # They count no limits, so that they allow where a reached limit asks.
        found[f"same_outcome_as_{name}"] = sum(same) / len(same)
    return found


def _per_second(side: Side, situations: Sequence[Facts]) -> float:
    """Decisions a second of CPU time; another process on the machine does not count."""
    started = time.process_time()
    for facts in situations:
        side(facts)
    return len(situations) / (time.process_time() - started)


def _outcomes(bundle: Bundle, situations: Sequence[Facts]) -> JsonObject:
    found = dict.fromkeys(("allow", "ask", "deny"), 0)
    for facts in situations:
        found[decide(bundle, facts).outcome.value] += 1
    return {outcome: count / len(situations) for outcome, count in found.items()}


def simulate(past: int) -> JsonObject:
    """The default bundle's past put before a candidate with one rule more."""
    from benchmarks._policy_history import fill
    from core.settings import Settings
    from policies.source import BundleSource
    from tools.registry import default_registry
    from workers.wiring import open_store
    from workflows.simulate import simulate as simulated

    registry, live = default_registry(), load_bundle(default_bundle_path())
    files = dict(live.files)
    files["actions.yaml"] += _ONE_MORE
    files = {name: text for name, text in files.items() if not name.endswith("_test.yaml")}
    candidate = load_bundle(BundleSource.from_files(files, name="candidate"))
    with tempfile.TemporaryDirectory(prefix="casemate-bench-") as folder:
        store = open_store(Settings(home=Path(folder)))
        started = time.perf_counter()
        fill(store, registry, live, decisions=past)
        filled = time.perf_counter() - started
        seconds, found = _timed(lambda: simulated(store, registry, candidate).as_json())
        store.close()
    return {"decisions": past, "seconds": seconds, "seconds_to_fill": round(filled, 1), "flips": len(found["flips"])}


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    found = work()
    return round(time.perf_counter() - started, 2), found


def prove() -> JsonObject:
    """The invariants that ship with the default bundle, against all tools."""
    from policies.prove import prove as proved
    from tools.registry import default_registry

    bundle, shapes = load_bundle(default_bundle_path()), default_registry().shapes()
    seconds, proof = _timed(lambda: proved(bundle, shapes))
    return {"invariants": len(bundle.invariants), "tools": len(shapes), "holds": proof.ok, "seconds": seconds}


def main() -> None:
    """Measure the parts that were asked for and print the document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=PARTS, action="append", help="one part only; may be given again")
    parser.add_argument("--past", type=int, default=PAST, help=f"decisions that are simulated (default {PAST})")
    options = parser.parse_args()
    configure("error")
    run: dict[str, Callable[[], JsonObject]] = {
        "decisions": decisions,
        "simulate": lambda: simulate(options.past),
        "prove": prove,
    }
    document: dict[str, Json] = {"benchmark": "policy", "cores": os.cpu_count()}
    document |= {part: run[part]() for part in options.part or PARTS}
    print(json.dumps(document, indent=2))


if __name__ == "__main__":
    main()
