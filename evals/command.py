"""`python -m evals run`: measures verdicts on outside data and prints one document."""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from core.canonical import JsonObject
from core.errors import CasemateError
from core.log import configure
from evals import mails, panther, stratus
from evals.example import DataAbsent, Example
from evals.office import Office, Worked, opened
from evals.tally import tally

SUITES: dict[str, Callable[[], list[Example]]] = {
    "mails": mails.examples,
    "panther": panther.examples,
    "panther-tune": partial(panther.examples, "tune"),
    "panther-held": partial(panther.examples, "held"),
    "stratus": stratus.examples,
}
FRAMEWORKS = {"autogen": ["autogen"], "adk": ["adk"], "both": ["autogen", "adk"]}


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit 0 when every example was finished, 1 when one was not, 3 when the data is absent."""
    asked = _parser().parse_args(arguments)
    configure("error")
    try:
        examples = chosen(SUITES[asked.suite](), limit=asked.limit, seed=asked.seed)
        with (
            tempfile.TemporaryDirectory(prefix="casemate-evals-") as folder,
            opened(Path(folder), at_once=asked.at_once) as office,
        ):
            documents = [
                run(office, asked.suite, examples, framework, each=asked.each)
                for framework in FRAMEWORKS[asked.framework]
            ]
    except DataAbsent as absent:
        sys.stderr.write(f"Skipped: {absent}\n")
        return 3
    except CasemateError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write((json.dumps(documents, indent=2) if asked.json else "\n\n".join(map(as_text, documents))) + "\n")
    return 0 if all(document["finished"] == document["examples"] for document in documents) else 1


def chosen(examples: list[Example], *, limit: int | None, seed: int) -> list[Example]:
    """All examples, or a sample that the same seed repeats."""
    if limit is None or limit >= len(examples):
        return examples
    return random.Random(seed).sample(examples, limit)  # noqa: S311 - a sample, not a secret


def run(
    office: Office, suite: str, examples: Sequence[Example], framework: str, *, each: Path | None = None
) -> JsonObject:
    """Work a suite on one framework. `each` gets one JSON line for every example as it is done."""
    results: list[Worked] = []
    for result in office.work(examples, framework):
        results.append(result)
        if each is not None:
            with each.open("a", encoding="utf-8") as file:
                file.write(json.dumps(_line(result), ensure_ascii=False) + "\n")
    return tally(suite, framework, results)


def as_text(document: JsonObject) -> str:
    """The document for a terminal."""
    lines = [f"{document['suite']} on {document['framework']}"]
    for key, value in document.items():
        if key in {"suite", "framework"}:
            continue
        if isinstance(value, dict):
            lines += [f"  {key}"] + [f"    {name}: {_compact(item)}" for name, item in value.items()]
        else:
            lines.append(f"  {key}: {value}")
    return "\n".join(lines)


def _compact(item: object) -> str:
    return ", ".join(f"{key} {value}" for key, value in item.items()) if isinstance(item, dict) else str(item)


def _line(result: Worked) -> JsonObject:
    return {
        "name": result.example.name,
        "group": result.example.group,
        "attack": result.example.attack,
        "framework": result.framework,
        "kind": result.kind,
        "end": result.end,
        "verdict": result.verdict,
        "techniques": list(result.techniques),
        "summary": result.summary,
        "note": result.note,
        "trouble": result.trouble,
        "requests": result.requests,
        "seconds": round(result.seconds, 2),
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m evals", description="Measures verdicts on outside data.")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("run", help="work a suite and count its verdicts")
    command.add_argument("--suite", choices=sorted(SUITES), required=True)
    command.add_argument("--framework", choices=sorted(FRAMEWORKS), default="autogen")
    command.add_argument("--limit", type=int, help="work a sample of this size")
    command.add_argument("--seed", type=int, default=1, help="which sample")
    command.add_argument("--at-once", type=int, default=4, help="tickets in flight")
    command.add_argument("--each", type=Path, help="append one JSON line for every ticket to this file")
    command.add_argument("--json", action="store_true", help="print JSON")
    return parser
