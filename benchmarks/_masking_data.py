"""Reads the outside data that masking is measured on. It is read by path and never copied."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks._masking_score import Gold

#: Characters of a text of log events: about what a ticket quotes.
LOG_TEXT = 4_000
#: Characters of a short ticket.
TICKET = 300


class NoData(Exception):
    """A data set is not here; the sentence says which."""


@dataclass(frozen=True, slots=True)
class Marked:
    """A text with the spans that people marked in it."""

    text: str
    gold: tuple[Gold, ...]


class Data:
    """The folder of all sets."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, *parts: str) -> Path:
        """A file or folder of a set.

        Raises:
            NoData: it is not here.
        """
        path = self._folder.joinpath(*parts)
        if not path.exists():
            raise NoData(f"{'/'.join(parts)} is not in {self._folder}; set CASEMATE_DATA or --data to its folder")
        return path

    def presidio_research(self) -> list[Marked]:
        """Template texts with planted personal data, 17 kinds."""
        rows = json.loads(self.path("presidio-research", "synth_dataset_v2.json").read_text("utf-8"))
        return [
            Marked(
                row["full_text"],
                tuple(Gold(s["start_position"], s["end_position"], s["entity_type"]) for s in row["spans"]),
            )
            for row in rows
        ]

    def wikigold(self) -> list[Marked]:
        """Sentences of Wikipedia, tagged by hand."""
        return read_conll(self.path("ner-ccby", "wikigold", "wikigold.conll.txt").read_text("utf-8"))

    def wnut17(self) -> list[Marked]:
        """Messages of strangers with names nobody knows, tagged by hand: the test part."""
        return read_conll(self.path("ner-ccby", "WNUT17", "test", "emerging.test.annotated").read_text("utf-8"))

    def panther_events(self) -> list[Any]:
        """Events of many products, each a JSON object."""
        lines = self.path("panther-tests", "tests.jsonl").read_text("utf-8").splitlines()
        return [json.loads(line)["log"] for line in lines]

    def stratus_events(self) -> list[Any]:
        """CloudTrail events of attacks."""
        files = sorted(self.path("stratus-detonation-logs", "logs").glob("*.json"))
        return [event for file in files for event in json.loads(file.read_text("utf-8"))]

    def mails(self) -> list[str]:
        """Whole messages as they came, decoded as far as a text can be."""
        files = sorted(p for p in self.path("spamassassin-mails").rglob("*") if p.is_file())
        named = [p for p in files if p.parent != self.path("spamassassin-mails")]
        return [p.read_bytes().decode("utf-8", errors="replace") for p in named]

    def prose(self) -> list[str]:
        """What people write: mails of colleagues, notes of analysts, sentences of an encyclopaedia by the dozen."""
        lines = [
            line
            for name in ("email__train.jsonl", "email__test.jsonl")
            for line in self.path("bipia", name).read_text("utf-8").splitlines()
        ]
        sentences = [marked.text for marked in self.wikigold()]
        pages = [" ".join(sentences[i : i + 12]) for i in range(0, len(sentences), 12)]
        return [json.loads(line)["context"] for line in lines] + pages

    def tickets(self) -> list[str]:
        """Texts of the length of a short ticket."""
        joined = "\n".join(marked.text for marked in self.presidio_research())
        return [joined[i : i + TICKET] for i in range(0, len(joined) - TICKET, TICKET)]

    def campaign_texts(self) -> Iterator[tuple[str, str]]:
        """(file name, text) of every note on a campaign, and of the lists of indicators beside it."""
        folder = self.path("eset-malware-ioc")
        for file in sorted(folder.rglob("*")):
            if file.is_file() and file.parent != folder:
                yield file.name, file.read_text("utf-8", errors="replace")


def log_texts(events: Sequence[Any]) -> list[str]:
    """Events as JSON lines, as many to a text as a ticket quotes."""
    texts: list[str] = []
    lines: list[str] = []
    size = 0
    for event in events:
        line = json.dumps(event)
        if lines and size + len(line) > LOG_TEXT:
            texts.append("\n".join(lines))
            lines, size = [], 0
        lines.append(line)
        size += len(line)
    return [*texts, "\n".join(lines)] if lines else texts


def read_conll(content: str) -> list[Marked]:
    """Sentences of a file with one word and its tag a line, written as people write: no blank before a comma."""
    sentences = re.split(r"\n[ \t]*\n", content.replace("\r\n", "\n"))
    rows = [[line.split() for line in sentence.splitlines() if len(line.split()) >= 2] for sentence in sentences]
    return [_sentence(row) for row in rows if row]


def _sentence(rows: list[list[str]]) -> Marked:
    text = ""
    gold: list[Gold] = []
    previous = "O"
    for row in rows:
        word, tag = row[0], row[-1]
        tight = re.match(r"[.,;:!?)\]%]|'(?:s|re|ve|ll|d|m|t)?$|n't$", word) or text.endswith(("(", "["))
        start = len(text) if not text or tight else len(text) + 1
        text = f"{text}{'' if start == len(text) else ' '}{word}"
        kind = tag[2:]
        if tag != "O":
            if gold and previous[2:] == kind and not tag.startswith("B-"):
                start = gold.pop().start
            gold.append(Gold(start, len(text), kind))
        previous = tag
    return Marked(text, tuple(gold))
