"""Real Windows events that fire a Sigma rule, put before `match_sigma`: `python -m evals.sigma --rules FOLDER`.

The data set has the events and what a rule says of itself, not its detection: the folder is a check-out of
SigmaHQ/sigma. Without one, only the log source is measured. Prints one JSON document.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from core.canonical import JsonObject
from evals.example import DataAbsent, data_folder
from tools.detection.books import Rulebooks
from tools.detection.sigma_book import SigmaBook
from tools.investigate import match_sigma
from tools.investigate.sigma.events import Event
from tools.investigate.sigma.sources import source

#: Rules listed by name under one heading.
MAX_NAMED = 30


def events_of(path: Path) -> list[JsonObject]:
    """The events of one file: JSON documents, one after the other."""
    decoder, text, found, at = json.JSONDecoder(), path.read_text(encoding="utf-8").strip(), [], 0
    while at < len(text):
        event, end = decoder.raw_decode(text, at)
        found.append(event)
        at = end + len(text[end:]) - len(text[end:].lstrip())
    return found


def measure(folder: Path, book: SigmaBook) -> JsonObject:
    """For each rule of the data set: does it match its events, and are they taken for the log that it is about?"""
    rules = [json.loads(line) for line in (folder / "rules.jsonl").read_text(encoding="utf-8").splitlines()]
    given = {"rules": {rule["id"]: rule for rule in book.rules}, "problems": [str(p) for p in book.problems]}
    ends: dict[str, list[str]] = {"matched": [], "not_matched": [], "not_supported": [], "absent": []}
    known, others = 0, []
    for rule in rules:
        events = events_of(folder / "events" / f"{rule['id']}.json")
        wanted = {name: rule["logsource"].get(name) for name in ("product", "category", "service")}
        kinds = [source(Event(event)) for event in events]
        known += any(kind.known and kind.fits(wanted) for kind in kinds)
        if rule["id"] not in given["rules"]:
            broken = any(problem.partition(": ")[2].startswith(rule["title"]) for problem in given["problems"])
            ends["not_supported" if broken else "absent"].append(rule["title"])
            continue
        inputs = {"ticket": {"fields": {"events": events}}, "sigma_rules": {"rules": list(book.rules), "problems": []}}
        # `_fired` looks at every match, because the tool itself lists the worst thirty.
        fired = _fired(events, book, inputs)
        ends["matched" if rule["id"] in fired else "not_matched"].append(rule["title"])
        others.append(len(fired - {rule["id"]}))
    asked = len(ends["matched"]) + len(ends["not_matched"])
    return {
        "rules": len(rules),
        **{end: len(titles) for end, titles in ends.items()},
        "share_matched": round(len(ends["matched"]) / asked, 4) if asked else None,
        "share_log_source": round(known / len(rules), 4),
        "other_rules_matched_per_rule": round(sum(others) / len(others), 2) if others else None,
        "named": {end: ends[end][:MAX_NAMED] for end in ("not_matched", "not_supported")},
    }


def _fired(events: list[JsonObject], book: SigmaBook, inputs: JsonObject) -> set[str]:
    found = match_sigma.run({"level": "informational"}, inputs)
    fired = {match["id"] for match in found["detail"]["matches"] if isinstance(match, dict)}
    if found["facts"]["matches"] > len(fired):
        fired = set()
        for rule in book.rules:
            one = {**inputs, "sigma_rules": {"rules": [rule], "problems": []}}
            if match_sigma.run({"level": "informational"}, one)["facts"]["matched"]:
                fired.add(rule["id"])
    return fired


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit 0 when every rule that is there matched, 1 when one did not, 3 when the data is absent."""
    parser = argparse.ArgumentParser(prog="python -m evals.sigma", description=__doc__)
    parser.add_argument("--rules", type=Path, action="append", default=[], help="a check-out of SigmaHQ/sigma")
    asked = parser.parse_args(arguments)
    try:
        folder = data_folder("sigma-regression")
    except DataAbsent as absent:
        sys.stderr.write(f"Skipped: {absent}\n")
        return 3
    document = measure(folder, Rulebooks(sigma=asked.rules).sigma())
    sys.stdout.write(json.dumps(document, indent=2) + "\n")
    return 0 if not document["not_matched"] else 1


if __name__ == "__main__":
    sys.exit(main())
