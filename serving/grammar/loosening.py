"""Which counts of characters the masks leave to the follower of a text.

With a vocabulary of 150,000 tokens, xgrammar takes seconds to compile a string of at most 1,000 characters, or a tenth
of a second for each mask of one. Without the count both take microseconds, and counting is what following a text does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from serving.grammar.nodes import Alt, Chars, Node, Ref, Repeat, alt

#: Counts up to this stay in the masks, and higher ones where the characters are few, as digits are.
KEPT, KEPT_OF_FEW, FEW = 8, 32, 16
#: So do as many of the characters that are asked for at least, where none of them has an escape.
_KEPT_LEAST = 4


@dataclass(frozen=True, slots=True)
class Run:
    """A repeated character: one of `plain`, or an escape if there are any."""

    plain: Chars
    escapes: Node | None

    def kept(self, least: int) -> int:
        """How many of the characters that are asked for at least the masks ask for."""
        return min(least, _KEPT_LEAST) if self.escapes is None else 0


def run_of(node: Repeat, rules: Mapping[str, Node]) -> Run | None:
    """What is repeated, if it is a character and long or endless runs of it are allowed."""
    body = rules[node.body.name] if isinstance(node.body, Ref) else node.body
    parts = body.parts if isinstance(body, Alt) else (body,)
    plain = [part for part in parts if isinstance(part, Chars)]
    escapes = [part for part in parts if not isinstance(part, Chars)]
    if len(plain) != 1 or (escapes and not isinstance(node.body, Ref)):
        return None
    few = not escapes and sum(high - low + 1 for low, high in plain[0].ranges) <= FEW
    if node.most is not None and node.most <= (KEPT_OF_FEW if few else KEPT):
        return None
    return Run(plain[0], alt(*escapes) if escapes else None)


def uncounted(node: Repeat, rules: Mapping[str, Node]) -> Run | None:
    """What is repeated, if the masks allow fewer or more than `node` does."""
    run = run_of(node, rules)
    return None if run is None or (node.most is None and node.least == run.kept(node.least)) else run
