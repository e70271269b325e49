"""What masking must leave alone: indicators in notes on campaigns, and values of events that are nobody's."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks._masking_data import Data
from benchmarks._masking_sides import Casemate
from core.canonical import Json, JsonObject
from policies.masking.spans import Span
from policies.masking.tokens import TOKEN
from tools.investigate.indicators import find
from tools.investigate.refang import refang

#: Altered values shown to whoever judges them.
SAMPLE = 100
#: Letters and digits of a span by which it is recognised in an indicator.
SHORTEST = 4
#: Kinds of indicators that must stay readable.
KINDS = ("hashes", "ips", "domains", "urls")


@dataclass(frozen=True, slots=True)
class Altered:
    """A value that masking changed, for a person to judge."""

    key: str
    original: str
    masked: str


def campaigns(data: Data, ours: Casemate, limit: int | None) -> JsonObject:
    """Share of the indicators of each text that can still be read in the masked text, by kind."""
    listed: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    lost_to: Counter[str] = Counter()
    texts = list(data.campaign_texts())[:limit]
    for _, text in texts:
        masked, spans = ours.session().mask_with_spans(text)
        before, after = find(text), find(masked)
        for kind in KINDS:
            gone = [value for value in getattr(before, kind) if value not in set(getattr(after, kind))]
            listed[kind] += len(getattr(before, kind))
            lost[kind] += len(gone)
            lost_to.update(f"{kind}: {taken_by(value, spans)}" for value in gone)
    by_kind: dict[str, Json] = {
        kind: {"listed": listed[kind], "lost": lost[kind], "readable": _share(listed[kind] - lost[kind], listed[kind])}
        for kind in KINDS
    }
    takers: dict[str, Json] = dict(lost_to.most_common(20))
    total = listed.total()
    return {
        "texts": len(texts),
        "listed": total,
        "readable": _share(total - lost.total(), total),
        "by_kind": by_kind,
        "lost_to": takers,
    }


def taken_by(value: str, spans: Sequence[Span]) -> str:
    """What an indicator was taken for, and by whom."""
    wanted = _letters(value)
    for span in spans:
        found = _letters(refang(span.text))
        # A short span says nothing: `10` stands in many an address.
        if len(found) >= SHORTEST and (found in wanted or wanted in found):
            return f"{span.entity} {span.recognizer}".strip()
    return "a neighbour"


def _letters(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())


def events(data: Data, ours: Casemate, limit: int | None, sample: Path | None) -> JsonObject:
    """Share of the string values of events that masking changes, each event a ticket of its own."""
    found = data.panther_events()[:limit]
    strings = keys_altered = numbers = 0
    altered: list[Altered] = []
    for event in found:
        masked = ours.session().mask_json(event)
        for key, before, after in pairs(event, masked):
            if isinstance(before, str):
                strings += 1
                if before != after:
                    altered.append(Altered(key, before, str(after)))
            elif before != after:
                numbers += 1
        keys_altered += sum(before != after for before, after in _keys(event, masked))
    if sample is not None:
        write_sample(sample, altered)
    entities = Counter(match.group(1) for one in altered for match in TOKEN.finditer(one.masked))
    names = Counter(
        f"{'+'.join(sorted({m.group(1) for m in TOKEN.finditer(one.masked)}))} {one.key}" for one in altered
    )
    by_entity: dict[str, Json] = dict(entities.most_common())
    by_key: dict[str, Json] = dict(names.most_common(40))
    return {
        "events": len(found),
        "strings": strings,
        "altered": len(altered),
        "share_altered": _share(len(altered), strings),
        "numbers_altered": numbers,
        "keys_altered": keys_altered,
        "tokens_by_entity": by_entity,
        "altered_by_entity_and_key": by_key,
    }


def write_sample(path: Path, altered: list[Altered]) -> None:
    """A few of them, drawn the same way each time. Outside data: keep the file outside the project."""
    chosen = random.Random(0).sample(altered, min(SAMPLE, len(altered)))
    rows = [json.dumps({"key": one.key, "original": one.original, "masked": one.masked}) for one in chosen]
    path.write_text("".join(f"{row}\n" for row in rows), "utf-8")


def pairs(before: Json, after: Json, key: str = "") -> Iterator[tuple[str, Json, Json]]:
    """Leaves of a value beside what became of them; masked keys stay in their places."""
    if isinstance(before, dict) and isinstance(after, dict):
        for (name, one), other in zip(before.items(), after.values(), strict=True):
            yield from pairs(one, other, name)
    elif isinstance(before, list) and isinstance(after, list):
        for one, other in zip(before, after, strict=True):
            yield from pairs(one, other, key)
    else:
        yield key, before, after


def _keys(before: Json, after: Json) -> Iterator[tuple[str, str]]:
    if isinstance(before, dict) and isinstance(after, dict):
        yield from zip(before, after, strict=True)
        for one, other in zip(before.values(), after.values(), strict=True):
            yield from _keys(one, other)
    elif isinstance(before, list) and isinstance(after, list):
        for one, other in zip(before, after, strict=True):
            yield from _keys(one, other)


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 5) if whole else None
