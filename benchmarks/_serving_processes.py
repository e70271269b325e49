"""Starts the model servers that are compared, each as a process of its own, and reads what they count."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx2

#: Seconds until a server must be ready: a large model loads, warms up and captures its graphs.
START_SECONDS = 600


@contextmanager
def casemate(folder: Path, *, device: str, slots: int, extra: Sequence[str] = ()) -> Iterator[str]:
    """`casemate serve`; gives the URL of its API."""
    from tests.servers import free_port

    port = free_port()
    command = [sys.executable, "-m", "cli", "serve", str(folder), "--port", str(port), "--device", device]
    command += ["--max-concurrency", str(slots), "--max-queue", "1024", "--name", "noise", *extra]
    with _running(command, f"http://127.0.0.1:{port}/readyz", folder.parent / "casemate.log"):
        yield f"http://127.0.0.1:{port}/v1"


@contextmanager
def transformers(folder: Path, *, device: str) -> Iterator[str]:
    """`transformers serve` with continuous batching; gives the URL of its API."""
    from tests.servers import free_port

    port = free_port()
    program = str(Path(sys.executable).with_name("transformers"))
    command = [program, "serve", "--continuous-batching", "--device", device]
    command += ["--host", "127.0.0.1", "--port", str(port), str(folder)]
    with _running(command, f"http://127.0.0.1:{port}/health", folder.parent / "transformers.log"):
        yield f"http://127.0.0.1:{port}/v1"


def shared_share(url: str) -> float:
    """Share of prompt tokens that a casemate server has found in its cache so far, 0 to 1."""
    counted = {"prompt": 0.0, "shared": 0.0}
    for line in httpx2.get(url.removesuffix("/v1") + "/metrics", timeout=10).text.splitlines():
        for name in counted:
            if line.startswith(f"casemate_serving_{name}_tokens_total"):
                counted[name] = float(line.rpartition(" ")[2])
    return counted["shared"] / counted["prompt"] if counted["prompt"] else 0.0


@contextmanager
def _running(command: Sequence[str], ready: str, log: Path) -> Iterator[None]:
    from tests.servers import until

    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)

    def answers() -> bool:
        if process.poll() is not None:
            raise SystemExit(f"{' '.join(command)} ended at once: {log.read_text()[-2000:]}")
        try:
            return httpx2.get(ready, timeout=5).status_code == 200
        except httpx2.HTTPError:
            return False

    try:
        until(answers, seconds=START_SECONDS, what=f"the start of {command[0]}")
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
