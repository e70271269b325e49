"""Real conversations of casemate's agents with a model, kept in a file so that a machine without a sandbox can replay
them: what teams asked the playbook model while they worked the demo tickets, request by request, masked as always.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from core.canonical import JsonObject
from core.settings import Settings

#: The requests of one ticket's team, in order; each is a chat-completions body.
Conversation = Sequence[JsonObject]


def record(count: int) -> list[Conversation]:
    """Work `count` tickets and give what was asked for each. The same sample twice has other tokens for its names."""
    from benchmarks.overhead import run_journey, samples
    from cli.samples import load_intel
    from tests.servers import answers, free_port, until
    from workers.wiring import open_services, open_store

    with tempfile.TemporaryDirectory(prefix="casemate-bench-") as folder:
        home, port = Path(folder), free_port()
        kept = home / "requests.jsonl"
        command = [sys.executable, "-m", "cli", "serve", "playbook", "--port", str(port), "--record", str(kept)]
        endpoint = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            until(lambda: answers(port), seconds=60, what="the start of the playbook model")
            settings = Settings(home=home / "home", model_url=f"http://127.0.0.1:{port}/v1")
            store = open_store(settings)
            load_intel(store)
            services = open_services(settings, ring=lambda _: None, store=store)
            tickets, found, seen = samples(), list[Conversation](), 0
            for number in range(count):
                ticket, framework = tickets[number % len(tickets)], ("autogen", "adk")[number % 2]
                run_journey(services, framework, [ticket], mark=f"bench-{number}")
                lines = kept.read_text(encoding="utf-8").splitlines()
                found.append([json.loads(line) for line in lines[seen:]])
                seen = len(lines)
            services.close()
        finally:
            endpoint.terminate()
            endpoint.wait()
    return found


def save(conversations: Sequence[Conversation], file: Path) -> None:
    """One conversation a line, compressed."""
    with gzip.open(file, "wt", encoding="utf-8") as out:
        out.writelines(json.dumps(conversation) + "\n" for conversation in conversations)


def load(file: Path) -> list[Conversation]:
    """What `save` wrote."""
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
