"""Which masking is stricter: what a treatment shows, and whether anything gives the value back."""

from __future__ import annotations

from collections.abc import Mapping

from policies.masking.rules import MaskingRules
from policies.masking.tokens import ENTITIES

#: What a model sees of a value (2 all, 1 its end, 0 nothing), and whether a tool or a report may get it back.
_LOOSENESS: dict[str, tuple[int, bool]] = {
    "keep": (2, True),
    "partial": (1, False),
    "token": (0, True),
    "redact": (0, False),
    # Of an indicator: its entity is treated as such entities are.
    "mask": (0, False),
}


def allows(loose: str, strict: str) -> bool:
    """Whether `strict` shows and gives back no more than `loose` does."""
    return all(ours <= theirs for ours, theirs in zip(_of(strict), _of(loose), strict=True))


def shown_by(rules: MaskingRules) -> dict[str, str]:
    """What rules show: the treatment of each kind of data, and the handling of each kind of indicator."""
    handling = {f"indicators.{name}": word for name, word in rules.indicators.model_dump().items()}
    return {**{entity: rules.treatment(entity) for entity in ENTITIES}, **handling}


def loosest(one: Mapping[str, str], other: Mapping[str, str]) -> dict[str, str]:
    """What has been shown after both were in force; what only one of them speaks of counts as kept."""
    names = dict.fromkeys((*one, *other))
    return {name: _looser(one.get(name, "keep"), other.get(name, "keep")) for name in names}


def looser_kinds(shown: Mapping[str, str], needed: Mapping[str, str]) -> list[str]:
    """The kinds of data that were shown more openly than they must be."""
    return [name for name, word in needed.items() if not allows(word, shown.get(name, "keep"))]


def _looser(one: str, other: str) -> str:
    if allows(one, other):
        return one
    return other if allows(other, one) else "keep"


def _of(word: str) -> tuple[int, bool]:
    return _LOOSENESS.get(word, (2, True))  # a word of another release shows everything
