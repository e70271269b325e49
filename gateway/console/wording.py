"""Actions and evidence in words, as every list of them says them."""

from __future__ import annotations

from collections.abc import Callable

from core.action import Proposal
from core.canonical import JsonObject
from core.evidence import Evidence
from gateway.parts import Parts
from workflows.card import words_of

#: Tools whose own sentence only counts what they found.
COUNTING = frozenset({"search_logs"})
#: Facts that such a sentence has said already. What was looked for and not found is left to the evidence itself.
COUNTED = frozenset({"rows", "truncated", "events"})
#: Facts that a line has room for, and characters of one.
MOST_FACTS, MOST_CHARACTERS = 5, 60


def telling(item: Evidence) -> JsonObject:
    """What a line about this evidence says beside its sentence: a few facts, masked, if the sentence only counts."""
    if item.tool not in COUNTING:
        return {}
    found = {
        name: value
        for name, value in item.facts.items()
        if value and name not in COUNTED and len(str(value)) <= MOST_CHARACTERS
    }
    return dict(list(found.items())[:MOST_FACTS])


def in_words(our: Parts) -> Callable[[Proposal], tuple[tuple[str, str | None], ...]]:
    """Says an action by what its tool says; a tool that is gone has its name only."""
    tools = {tool.name: tool for tool in our.registry.snapshot().all() if tool.acts}
    return lambda proposal: words_of(tools.get(proposal.tool), proposal)
