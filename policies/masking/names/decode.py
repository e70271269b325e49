"""Scores of words into spans of names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from policies.masking.names.wordpiece import Words

if TYPE_CHECKING:
    from policies.masking.rules import Entity

Scores = npt.NDArray[np.float32]

ENTITIES: tuple[Entity, ...] = ("PERSON", "ADDRESS", "LOCATION", "ORGANIZATION", "NRP")
#: Columns of the model's output.
LABELS = ("O", *(f"{place}-{entity}" for entity in ENTITIES for place in "BI"))
#: Capitalised like a person in any text, and nobody to protect.
NOBODY = frozenset({"god", "gods", "lord", "allah", "buddha", "christ", "jesus", "jesus christ", "satan", "santa"})


@dataclass(frozen=True, slots=True)
class Found:
    """A name in a text; the score is how sure the model is that these words are a name at all, 0 to 1."""

    start: int
    end: int
    entity: Entity
    score: float


@dataclass(frozen=True, slots=True)
class Thresholds:
    """How sure the model must be of a word, for each entity in the order of `ENTITIES`."""

    values: Scores

    @classmethod
    def of(cls, values: Mapping[str, float]) -> Thresholds:
        return cls(np.array([values[entity] for entity in ENTITIES], dtype=np.float32))


def names_of(text: str, words: Words, scores: Scores, thresholds: Thresholds) -> Iterator[Found]:
    """Spans of words that are more likely a name than the threshold of their best entity asks for."""
    if not words.starts:
        return
    shares = _shares(scores)
    begins, inside = shares[:, 1::2], shares[:, 2::2]
    entities = begins + inside
    named = 1.0 - shares[:, 0]
    best = entities.argmax(axis=1)
    chosen = named >= thresholds.values[best]
    opens = np.take_along_axis(begins, best[:, None], 1)[:, 0] > np.take_along_axis(inside, best[:, None], 1)[:, 0]
    for first, last in _runs(text, words, chosen, opens):
        place = slice(first, last)
        low, high = _trimmed(text, words.starts[first], words.ends[last - 1])
        if low < high and text[low:high].casefold() not in NOBODY:
            entity = ENTITIES[int(entities[place].sum(axis=0).argmax())]
            yield Found(low, high, entity, round(float(named[place].mean()), 4))


def _shares(scores: Scores) -> Scores:
    """Softmax over the labels."""
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: Scores = raised / raised.sum(axis=1, keepdims=True)
    return shares


def _runs(text: str, words: Words, chosen: npt.NDArray[Any], opens: npt.NDArray[Any]) -> Iterator[tuple[int, int]]:
    """Runs of chosen words, cut where a new name opens after a gap. A hyphen inside a name belongs to it."""
    first = last = -1
    for index in map(int, np.flatnonzero(chosen)):
        if first >= 0 and not (_continues(text, words, last, index) and not (opens[index] and _apart(words, index))):
            yield first, last + 1
            first = -1
        if first < 0:
            first = index
        last = index
    if first >= 0:
        yield first, last + 1


def _continues(text: str, words: Words, last: int, index: int) -> bool:
    """Whether a word is the next one, or only one mark glued to both stands between."""
    if index == last + 1:
        return True
    between = text[words.ends[last] : words.starts[index]]
    return index == last + 2 and len(between) == 1 and between in "-'’."


def _apart(words: Words, index: int) -> bool:
    return words.starts[index] > words.ends[index - 1]


def _trimmed(text: str, low: int, high: int) -> tuple[int, int]:
    """The span without marks at its ends."""
    while low < high and not text[low].isalnum():
        low += 1
    while low < high and not text[high - 1].isalnum():
        high -= 1
    return low, high
