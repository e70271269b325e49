"""Masking, measured on data that nobody here wrote, beside Presidio in the same process. Prints one JSON document.

Recall and precision, speed, what stays readable, and the slowest texts of 1 MB. First loads are reported apart;
everything else is warm. Where a data set is not here, its part says so.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from benchmarks import _masking_evidence, _masking_hostile, _masking_recall, _masking_speed
from benchmarks._masking_data import Data, NoData
from benchmarks._masking_presidio import Presidio
from benchmarks._masking_sides import (
    Casemate,
    Side,
    default_bundle,
    forget_names,
    name_model,
    pattern_reader,
    personal_bundle,
    warm,
)
from core.canonical import Json, JsonObject
from core.log import configure
from policies.masking.opening import open_masker

#: Where outside data lies when nothing says where.
BESIDE = Path(__file__).parents[2] / "shared" / "data"
PARTS = ("recall", "speed", "evidence", "hostile")

Loaded = TypeVar("Loaded")


class Sides:
    """What is compared, loaded once; how long each took to load."""

    def __init__(self) -> None:
        self.seconds_to_load: dict[str, Json] = {}
        self.default = self._load("casemate", lambda: Casemate("casemate", warm(open_masker(default_bundle()))))
        self.personal = Casemate("casemate_personal", warm(open_masker(personal_bundle())))
        self.installed = self._load("presidio_as_installed", lambda: Presidio("presidio_as_installed"))
        self.model = name_model()
        self.same_model = Presidio("presidio_same_model", self.model) if self.model is not None else None

    def all(self) -> Sequence[Side]:
        return [self.default, self.personal, self.installed, *([self.same_model] if self.same_model else [])]

    def _load(self, name: str, load: Callable[[], Loaded]) -> Loaded:
        start = time.perf_counter()
        loaded = load()
        self.seconds_to_load[name] = round(time.perf_counter() - start, 2)
        return loaded


def speed(data: Data, sides: Sides) -> JsonObject:
    """Patterns against patterns, and everything against everything with the same name model."""
    race, runner = _masking_speed.race, _masking_speed.Runner
    patterns = runner("casemate", pattern_reader(sides.default.masker))
    presidio = runner(sides.installed.name, sides.installed.hits)
    found: dict[str, Json] = {
        "threads": "patterns: one on both sides; the name model: `cores` says how many were busy",
        "patterns_on_tickets": race(_masking_speed.tickets(data), patterns, presidio),
        "patterns_on_logs": race(_masking_speed.logs(data), patterns, presidio),
    }
    if sides.same_model is None:
        found["mixed_corpus_same_model"] = {"skipped": "there is no name model yet"}
    else:
        # Our side masks, theirs only reports: what they would still have to do counts for nobody.
        forget = partial(forget_names, sides.model)
        ours = runner("casemate", sides.default.mask, forget)
        theirs = runner(sides.same_model.name, sides.same_model.hits, forget)
        found["mixed_corpus_same_model"] = race(_masking_speed.mixed(data), ours, theirs)
    return found


def evidence(data: Data, sides: Sides, limit: int | None, sample: Path | None) -> JsonObject:
    """What must stay readable."""
    return {
        "campaign_notes": _or_skipped(lambda: _masking_evidence.campaigns(data, sides.default, limit)),
        "events": _or_skipped(lambda: _masking_evidence.events(data, sides.default, limit, sample)),
    }


def _or_skipped(measure: Callable[[], JsonObject]) -> JsonObject:
    try:
        return measure()
    except NoData as error:
        return {"skipped": str(error)}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure masking beside Presidio; prints one JSON document.")
    default = Path(os.environ.get("CASEMATE_DATA") or BESIDE).expanduser()
    parser.add_argument("--data", type=Path, default=default, help="folder of the outside data sets")
    parser.add_argument("--part", choices=(*PARTS, "all"), default="all")
    parser.add_argument("--limit", type=int, help="texts of each set, for a quick look")
    parser.add_argument("--sample", type=Path, help="file for altered values of events, to be judged by a person")
    parser.add_argument("--json", action="store_true", help="the default, and the only form")
    return parser.parse_args()


def main() -> None:
    """Measure what was asked for and print the document."""
    configure("error")
    options = _options()
    data = Data(options.data)
    chosen = PARTS if options.part == "all" else (options.part,)
    document: JsonObject = {"benchmark": "masking"}
    if "hostile" in chosen:
        document["hostile"] = _masking_hostile.in_own_process(options.limit)
    if chosen != ("hostile",):
        sides = Sides()
        document["seconds_to_load"] = sides.seconds_to_load
        measures: dict[str, Callable[[], JsonObject]] = {
            "recall": lambda: _masking_recall.recall(data, sides.all(), options.limit),
            "speed": lambda: _or_skipped(lambda: speed(data, sides)),
            "evidence": lambda: evidence(data, sides, options.limit, options.sample),
        }
        document.update({part: measure() for part, measure in measures.items() if part in chosen})
    print(json.dumps(document, indent=2))


if __name__ == "__main__":
    main()
