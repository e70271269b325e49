"""Real conversations of casemate's agents with a model, kept in a file so that a machine without a sandbox can replay
them: what teams asked the playbook model while they worked the demo tickets, request by request, masked as always.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

from core.canonical import JsonObject

#: The requests of one ticket's team, in order; each is a chat-completions body.
Conversation = Sequence[JsonObject]


def record(count: int) -> list[Conversation]:
    """Work `count` tickets and give what was asked for each. The same sample twice has other tokens for its names."""
    from benchmarks._recorded import recorded
    from benchmarks.overhead import run_journey, samples

    with recorded() as house:
        tickets, found, seen = samples(), list[Conversation](), 0
        for number in range(count):
            ticket, framework = tickets[number % len(tickets)], ("autogen", "adk")[number % 2]
            run_journey(house.services, framework, [ticket], mark=f"bench-{number}")
            lines = house.record.read_text(encoding="utf-8").splitlines()
            found.append([json.loads(line) for line in lines[seen:]])
            seen = len(lines)
    return found


def save(conversations: Sequence[Conversation], file: Path) -> None:
    """One conversation a line, compressed."""
    with gzip.open(file, "wt", encoding="utf-8") as out:
        out.writelines(json.dumps(conversation) + "\n" for conversation in conversations)


def load(file: Path) -> list[Conversation]:
    """What `save` wrote."""
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
