"""Scores masking against gold spans: what of them is gone, how much else is gone, and which texts were left alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from core.canonical import Json, JsonObject

#: A gold span is masked when this share of its letters and digits is gone.
MASKED = 0.9


@dataclass(frozen=True, slots=True)
class Gold:
    """A span that people marked."""

    start: int
    end: int
    kind: str


@dataclass(frozen=True, slots=True)
class Hit:
    """A stretch of a text that a reader of the masked text no longer sees, and who took it for what."""

    start: int
    end: int
    entity: str
    recognizer: str = ""


def flags_of(text: str, spans: Iterable[Gold | Hit]) -> bytearray:
    """One for each letter or digit of a text that lies in a span; blanks and marks count nowhere."""
    flags = bytearray(len(text))
    for span in spans:
        for place in range(max(span.start, 0), min(span.end, len(text))):
            flags[place] = text[place].isalnum()
    return flags


def is_masked(text: str, gold: Gold, gone: bytearray) -> bool:
    """Whether nearly all letters and digits of a span are gone; one without any must not show at all."""
    letters = sum(character.isalnum() for character in text[gold.start : gold.end])
    return letters > 0 and sum(gone[gold.start : gold.end]) >= MASKED * letters


@dataclass(slots=True)
class Tally:
    """Counts over the texts of one set for one side."""

    spans: Counter[str] = field(default_factory=Counter)
    masked: Counter[str] = field(default_factory=Counter)
    #: Letters and digits that are gone, and those of them that lie in a gold span.
    gone: int = 0
    rightly: int = 0
    plain_texts: int = 0
    plain_touched: int = 0
    #: Hits that meet no gold span, and the letters and digits in them.
    false_hits: Counter[str] = field(default_factory=Counter)
    false_letters: Counter[str] = field(default_factory=Counter)

    def add(self, text: str, gold: Sequence[Gold], hits: Sequence[Hit]) -> None:
        """Count one text."""
        marked, gone = flags_of(text, gold), flags_of(text, hits)
        for span in gold:
            self.spans[span.kind] += 1
            self.masked[span.kind] += is_masked(text, span, gone)
        self.gone += sum(gone)
        self.rightly += sum(a & b for a, b in zip(marked, gone, strict=True))
        if not gold:
            self.plain_texts += 1
            self.plain_touched += bool(hits)
        for hit in hits:
            if not any(marked[hit.start : hit.end]):
                name = f"{hit.entity} {hit.recognizer}".strip()
                self.false_hits[name] += 1
                self.false_letters[name] += sum(gone[hit.start : hit.end])

    def recall(self, without: Iterable[str] = ()) -> float | None:
        """Share of gold spans that are masked, of all kinds but some."""
        left = set(without)
        total = sum(count for kind, count in self.spans.items() if kind not in left)
        return _share(sum(count for kind, count in self.masked.items() if kind not in left), total)

    def precision(self) -> float | None:
        """Share of the letters and digits that are gone which lie in a gold span."""
        return _share(self.rightly, self.gone)

    def as_json(self) -> JsonObject:
        by_kind: dict[str, Json] = {
            kind: {"spans": count, "masked": self.masked[kind], "recall": _share(self.masked[kind], count)}
            for kind, count in self.spans.most_common()
        }
        false: list[Json] = [
            {"what": name, "hits": count, "letters": self.false_letters[name]}
            for name, count in self.false_hits.most_common(12)
        ]
        return {
            "spans": self.spans.total(),
            "recall": self.recall(),
            "recall_by_kind": by_kind,
            "character_precision": self.precision(),
            "texts_without_gold": self.plain_texts,
            "share_of_those_touched": _share(self.plain_touched, self.plain_texts),
            "false_hits": false,
        }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
