"""Where the value of an argument comes from: which evidence shows it, and whether a record of our own does.

Compared masked, where equal originals are equal. An agent can have almost any value answered to it: by spelling it out
in a query, or by handing it to a tool that takes it apart. So what a tool answered to something an agent composed shows
where a value comes from only if the value also stands where no agent can write: in the ticket, or in evidence whose
question itself stands there.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from core.canonical import Json, JsonObject, scalars_of, strings_of
from core.decision import ArgumentFacts
from core.evidence import Evidence, Trust
from tools.investigate.refang import refang

#: Shorter values occur in longer texts by chance.
SHORTEST_QUOTE = 4
#: Tools that answer whatever an agent wrote, with nothing of their own beside it.
COMPOSED = frozenset({"run_python"})


class Provenance:
    """Of the values of one call. `ticket` is the ticket as models see it, `evidence` in the order it was gathered."""

    def __init__(self, ticket: JsonObject, evidence: Sequence[Evidence]) -> None:
        self._ticket = ticket
        self._evidence = [item for item in evidence if item.error is None and item.tool not in COMPOSED]

    def of(self, real: Json, masked: Json) -> ArgumentFacts:
        """What policy knows of an argument. Trusted: a record of our own holds exactly this value."""
        wanted = _plain(str(masked))
        sources, trusted = [], False
        for number, (item, values) in enumerate(zip(self._evidence, self._values, strict=True)):
            if _holds(values, wanted) and (self._asked_by_itself[number] or self._stands(wanted)):
                sources.append(item.id)
            trusted = trusted or (wanted in values and item.trust is Trust.INTERNAL)
        return ArgumentFacts(value=real, trusted=trusted, sources=tuple(sources))

    @cached_property
    def _values(self) -> list[frozenset[str]]:
        """What each evidence shows; a call without arguments never asks."""
        return [frozenset(map(_plain, scalars_of([e.facts, e.detail]))) for e in self._evidence]

    @cached_property
    def _asked_by_itself(self) -> list[bool]:
        """For each evidence, whether nothing in its question was composed by an agent."""
        known: list[bool] = []
        for item in self._evidence:
            texts = [_plain(text) for text in strings_of(item.arguments)]
            # A record of our own repeats no value that it does not hold.
            known.append(item.trust is Trust.INTERNAL or all(self._stands(text, known) for text in texts))
        return known

    def _stands(self, text: str, known: Sequence[bool] | None = None) -> bool:
        """Whether a text stands in the ticket, or in evidence that nobody composed (of those judged so far)."""
        if not text or text in self._text or refang(text) in self._text:
            return True
        judged = self._asked_by_itself if known is None else known
        return any(fine and _holds(values, text) for fine, values in zip(judged, self._values, strict=False))

    @cached_property
    def _text(self) -> str:
        return "\n".join(map(_plain, scalars_of(self._ticket)))


def _holds(values: frozenset[str], wanted: str) -> bool:
    if wanted in values:
        return True
    # A defanged indicator is quoted when the evidence has it as it is meant.
    meant = refang(wanted)
    return len(wanted) >= SHORTEST_QUOTE and any(wanted in value or meant in value for value in values)


def _plain(text: str) -> str:
    return text.casefold().strip()
