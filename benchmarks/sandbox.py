"""What a sandboxed call costs, beside a cold Python in bubblewrap and a bare cold Python. Prints one JSON document.

The call is the same on every side: a Python process that is handed a small JSON request, imports what reading JSON
takes, and answers it. `cold_bwrap` is what casemate itself did before it had a pool: the same root, the same
namespaces, a Python started for the call. `bare` is a subprocess of the same Python without any sandbox.
The sides take turns, so that a busy moment of the machine falls on all of them.
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
import time
from collections.abc import Callable

from core.canonical import JsonObject
from core.log import configure
from tools.limits import Limits
from tools.sandbox import kernel
from tools.sandbox.pooled import PooledSandbox
from tools.sandbox.root import root
from tools.sandbox.sandbox import make_sandbox
from tools.sandbox.tiers import BWRAP, ISOLATION, TIERS, TMP_BYTES, Tier

#: Seconds between two calls of the warm measurement, in which the pool fills up again.
PAUSE = 0.02
CALL = "tools.sandbox.probes.processes:environment"
REQUEST = json.dumps({"entry": CALL, "arguments": {}, "inputs": {}}).encode()
#: A program that answers like a tool, started cold.
COLD = "import json, sys; call = json.load(sys.stdin); print(json.dumps({'result': {'got': call['arguments']}}))"


def cold(command: list[str]) -> Callable[[], None]:
    """One call in a process that starts for it."""

    def call() -> None:
        ran = subprocess.run(command, input=REQUEST, capture_output=True, env={}, cwd="/", check=True)
        assert json.loads(ran.stdout) == {"result": {"got": {}}}

    return call


def sides() -> dict[str, Callable[[], None]]:
    """What a sandboxed call is compared with."""
    inside = root(TMP_BYTES)
    python = [inside.python, "-I", "-S", "-B", "-c", COLD]
    return {"cold_bwrap": cold([BWRAP, *ISOLATION, *inside.arguments, "--", *python]), "bare": cold(python)}


async def latency(sandbox: PooledSandbox, calls: int) -> dict[str, list[float]]:
    """Seconds of each call, by side; the sides take turns."""
    others = sides()
    spent: dict[str, list[float]] = {"casemate": [], **{name: [] for name in others}}
    await sandbox.run(CALL, {"arguments": {}})
    for _ in range(calls):
        for name, call in others.items():
            started = time.perf_counter()
            call()
            spent[name].append(time.perf_counter() - started)
        await asyncio.sleep(PAUSE)
        started = time.perf_counter()
        await sandbox.run(CALL, {"arguments": {}})
        spent["casemate"].append(time.perf_counter() - started)
    return spent


async def sustained(sandbox: PooledSandbox, calls: int, at_once: int) -> float:
    """Calls per second when `at_once` callers never wait between two."""
    waiting = iter(range(calls))

    async def caller() -> None:
        for _ in waiting:
            await sandbox.run(CALL, {"arguments": {}}, Limits())

    started = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(at_once)))
    return calls / (time.perf_counter() - started)


def sustained_cold(calls: int, at_once: int) -> float:
    """The same of `cold_bwrap`."""
    from concurrent.futures import ThreadPoolExecutor

    call = sides()["cold_bwrap"]
    started = time.perf_counter()
    with ThreadPoolExecutor(at_once) as pool:
        for done in [pool.submit(call) for _ in range(calls)]:
            done.result()
    return calls / (time.perf_counter() - started)


def measure(tier: Tier, calls: int) -> JsonObject:
    """One tier beside the cold sides."""
    sandbox = make_sandbox(tier)
    try:
        spent = asyncio.run(latency(sandbox, calls))
        rate = asyncio.run(sustained(sandbox, 5 * calls, 4))
    finally:
        sandbox.close()
    cold_rate = sustained_cold(calls, 4)
    shown: JsonObject = {name: _milliseconds(values) for name, values in spent.items()}
    median = {name: statistics.median(values) for name, values in spent.items()}
    return {
        **shown,
        "cold_bwrap_over_casemate": round(median["cold_bwrap"] / median["casemate"], 1),
        "bare_over_casemate": round(median["bare"] / median["casemate"], 1),
        "sustained_calls_per_second": round(rate, 1),
        "sustained_over_cold_bwrap": round(rate / cold_rate, 1),
    }


def _milliseconds(values: list[float]) -> JsonObject:
    ordered = sorted(values)
    return {
        "median_ms": round(statistics.median(ordered) * 1e3, 2),
        "p99_ms": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] * 1e3, 2),
    }


def main(argv: list[str] | None = None) -> int:
    """Measure both tiers where they work."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=300, help="calls of each side")
    options = parser.parse_args(argv)
    configure("error")
    report: JsonObject = {
        "machine": {"python": platform.python_version(), "kernel": platform.release(), "cores": os.cpu_count(),
                    "landlock": kernel.landlock_version()},
        "calls": options.calls,
    }  # fmt: skip
    for tier in TIERS:
        try:
            report[tier] = measure(tier, options.calls)
        except Exception as error:  # noqa: BLE001 - said in the report; the other tier is measured all the same
            report[tier] = {"skipped": str(error)}
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
