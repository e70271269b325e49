"""What is found, and what is taken for something it is not: on marked texts, side by side."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from benchmarks._masking_data import Data, Marked, NoData
from benchmarks._masking_score import Tally
from benchmarks._masking_sides import Side
from core.canonical import Json, JsonObject

#: Kinds of presidio-research that name nobody: a date, a form of address, a web site.
IMPERSONAL = ("DATE_TIME", "TITLE", "DOMAIN_NAME")
#: What the sets of names call a person.
PEOPLE = {"wikigold": "PER", "wnut17": "person"}


def recall(data: Data, sides: Sequence[Side], limit: int | None) -> JsonObject:
    """Every set with every side."""
    return {
        "presidio_research": _or_skipped(lambda: _personal_data(data.presidio_research(), sides, limit)),
        "wikigold": _or_skipped(lambda: _names(data.wikigold(), sides, limit, PEOPLE["wikigold"])),
        "wnut17_test": _or_skipped(lambda: _names(data.wnut17(), sides, limit, PEOPLE["wnut17"])),
    }


def _or_skipped(measure: Callable[[], JsonObject]) -> JsonObject:
    try:
        return measure()
    except NoData as error:
        return {"skipped": str(error)}


def _personal_data(texts: list[Marked], sides: Sequence[Side], limit: int | None) -> JsonObject:
    chosen = _sample(texts, limit)
    found: dict[str, Json] = {}
    for side in sides:
        tally = _tally(side, chosen)
        found[side.name] = {**tally.as_json(), f"recall_without_{'_'.join(IMPERSONAL)}": tally.recall(IMPERSONAL)}
    return {"texts": len(chosen), **found}


def _names(texts: list[Marked], sides: Sequence[Side], limit: int | None, person: str) -> JsonObject:
    chosen = _sample(texts, limit)
    found: dict[str, Json] = {}
    for side in sides:
        tally = _tally(side, chosen)
        whole = tally.as_json()
        people = tally.masked[person] / tally.spans[person] if tally.spans[person] else None
        kept = ("texts_without_gold", "share_of_those_touched", "character_precision", "recall_by_kind", "false_hits")
        found[side.name] = {
            "person_recall": None if people is None else round(people, 4),
            "people": tally.spans[person],
            **{key: whole[key] for key in kept},
        }
    return {"texts": len(chosen), **found}


def _tally(side: Side, texts: list[Marked]) -> Tally:
    tally = Tally()
    for marked in texts:
        tally.add(marked.text, marked.gold, side.hits(marked.text))
    return tally


def _sample(texts: list[Marked], limit: int | None) -> list[Marked]:
    """A few texts from all over the set: neighbours are often alike."""
    if limit is None or limit >= len(texts):
        return texts
    return random.Random(0).sample(texts, limit)
