"""How well and how fast a name model reads: presidio-research, wikigold (never trained on) and WNUT17's test set.

Run as `python -m policies.masking.training.evaluate --data DIR [--model DIR]`.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from policies.masking.names.model import FOLDER, Found, NameModel, OnnxNames
from policies.masking.training import corpora

#: Share of a name's letters and digits that must be found for the name to count as found.
ENOUGH = 0.9
#: Types of presidio-research that the model is asked for; patterns find the others.
TYPES = ("PERSON", "STREET_ADDRESS", "GPE", "ORGANIZATION", "NRP", "ZIP_CODE")

Gold = tuple[int, int, str]


@dataclass(slots=True)
class Count:
    """Names of one type: how many there are, how many are found as anything, and how many as what they are."""

    gold: int = 0
    found: int = 0
    as_type: int = 0


@dataclass(slots=True)
class Result:
    """What a set of texts gave."""

    types: dict[str, Count] = field(default_factory=dict)
    predicted: int = 0
    right: int = 0
    empty: int = 0
    touched: int = 0

    def recall(self, kind: str) -> float:
        count = self.types[kind]
        return count.found / count.gold

    @property
    def precision(self) -> float:
        """Share of the letters and digits found that lie in a gold span of any type."""
        return self.right / max(1, self.predicted)

    def lines(self) -> Iterable[str]:
        for kind, count in sorted(self.types.items()):
            own = count.as_type / count.gold
            yield f"  {kind:15} {count.found / count.gold:.3f} of {count.gold} (as its own type {own:.3f})"
        yield f"  character precision {self.precision:.3f}"
        if self.empty:
            yield f"  texts without a name touched {self.touched}/{self.empty} = {self.touched / self.empty:.3f}"


SAME = {"PERSON": "PERSON", "STREET_ADDRESS": "ADDRESS", "ZIP_CODE": "ADDRESS", "GPE": "LOCATION"}


def measure(model: NameModel, texts: Sequence[tuple[str, Sequence[Gold]]], kinds: Sequence[str]) -> Result:
    """Counts over texts with their gold spans. What lies in a gold span of another type is no false alarm."""
    result = Result({kind: Count() for kind in kinds})
    for (text, gold), found in zip(texts, model.find([text for text, _ in texts]), strict=True):
        covered = _letters(text, [(name.start, name.end) for name in found])
        golden = _letters(text, [(start, end) for start, end, _ in gold])
        result.predicted += len(covered)
        result.right += len(covered & golden)
        if not gold:
            result.empty += 1
            result.touched += bool(found)
        for start, end, kind in gold:
            if kind in result.types:
                _count(result.types[kind], text, (start, end), found, SAME.get(kind, kind))
    return result


def _count(count: Count, text: str, place: tuple[int, int], found: list[Found], entity: str) -> None:
    wanted = _letters(text, [place])
    if not wanted:
        return
    count.gold += 1
    count.found += len(wanted & _letters(text, [(name.start, name.end) for name in found])) >= ENOUGH * len(wanted)
    same = [(name.start, name.end) for name in found if name.entity == entity]
    count.as_type += len(wanted & _letters(text, same)) >= ENOUGH * len(wanted)


def _letters(text: str, places: Iterable[tuple[int, int]]) -> set[int]:
    return {index for start, end in places for index in range(start, end) if text[index].isalnum()}


def presidio_research(data: Path) -> list[tuple[str, list[Gold]]]:
    rows = json.loads((data / "presidio-research/synth_dataset_v2.json").read_text("utf-8"))
    return [
        (row["full_text"], [(s["start_position"], s["end_position"], s["entity_type"]) for s in row["spans"]])
        for row in rows
    ]


def conll(path: Path) -> list[tuple[str, list[Gold]]]:
    """Sentences of a CoNLL file as texts."""
    marked = [corpora.joined(sentence) for sentence in corpora.read(path)]
    return [(each.text, list(each.spans)) for each in marked]


def kilobytes_per_second(model: NameModel, texts: Sequence[str], batch: int = 64) -> float:
    """Throughput on texts it has not seen, in batches as the masker sends them."""
    began = time.perf_counter()
    for start in range(0, len(texts), batch):
        model.find(texts[start : start + batch])
    return sum(len(text.encode()) for text in texts) / 1000 / (time.perf_counter() - began)


def prose(data: Path) -> list[str]:
    """Wikigold in pieces of about 1,000 characters."""
    made: list[str] = []
    for text, _ in conll(data / "ner-ccby/wikigold/wikigold.conll.txt"):
        if made and len(made[-1]) + len(text) < 1_000:
            made[-1] += " " + text
        else:
            made.append(text)
    return made


def report(folder: Path, data: Path) -> None:
    """Prints everything."""
    model = OnnxNames(folder)
    names = ("PERSON", "LOCATION", "ORGANIZATION")
    sets = {
        "presidio-research": (presidio_research(data), TYPES),
        "wikigold": (conll(data / "ner-ccby/wikigold/wikigold.conll.txt"), names),
        "WNUT17 test": (conll(data / "ner-ccby/WNUT17/test/emerging.test.annotated"), names),
    }
    for name, (texts, kinds) in sets.items():
        print(name)  # noqa: T201
        for line in measure(model, texts, kinds).lines():
            print(line)  # noqa: T201
    texts_of_prose = prose(data)
    for threads in (1, 2):
        speed = kilobytes_per_second(OnnxNames(folder, threads), texts_of_prose)
        print(f"prose, {threads} thread(s): {speed:.0f} KB/s")  # noqa: T201


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, default=FOLDER)
    arguments = parser.parse_args()
    report(arguments.model, arguments.data)


if __name__ == "__main__":
    main()
