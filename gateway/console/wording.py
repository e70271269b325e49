"""Actions in words, as every list of them says them."""

from __future__ import annotations

from collections.abc import Callable

from core.action import Proposal
from gateway.parts import Parts
from workflows.card import words_of


def in_words(our: Parts) -> Callable[[Proposal], tuple[tuple[str, str | None], ...]]:
    """Says an action by what its tool says; a tool that is gone has its name only."""
    tools = {tool.name: tool for tool in our.registry.snapshot().all() if tool.acts}
    return lambda proposal: words_of(tools.get(proposal.tool), proposal)
