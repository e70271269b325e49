"""A casemate whose playbook model writes down what it is asked, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.settings import Settings

if TYPE_CHECKING:
    from workflows.services import Services


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """What runs, and where it is written down."""

    services: Services
    settings: Settings
    #: One request a line, as JSON.
    record: Path
    #: Of the playbook server.
    pid: int


@contextmanager
def recorded(**changes: Any) -> Iterator[Recorded]:
    """Runs for the life of the block, over a home that goes with it; `changes` are settings."""
    from cli.samples import load_intel
    from tests.servers import answers, free_port, until
    from workers.wiring import open_services, open_store

    with tempfile.TemporaryDirectory(prefix="casemate-bench-") as folder:
        home, port = Path(folder), free_port()
        record = home / "requests.jsonl"
        command = [sys.executable, "-m", "cli", "serve", "playbook", "--port", str(port), "--record", str(record)]
        endpoint = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            until(lambda: answers(port), seconds=60, what="the start of the playbook model")
            settings = Settings(home=home / "home", model_url=f"http://127.0.0.1:{port}/v1", **changes)
            store = open_store(settings)
            load_intel(store)
            services = open_services(settings, ring=lambda _: None, store=store)
            yield Recorded(services=services, settings=settings, record=record, pid=endpoint.pid)
            services.close()
        finally:
            endpoint.terminate()
            endpoint.wait()
