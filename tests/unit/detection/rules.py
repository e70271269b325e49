"""Small books of rules for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tools.detection.folders import SIGMA_ENDINGS, YARA_ENDINGS, rule_files
from tools.detection.sigma_book import SigmaBook, read_book
from tools.detection.yara_book import YaraBook, compile_rules
from tools.investigate import match_sigma


def sigma(folder: Path, **files: str) -> SigmaBook:
    """A book of the given files, named without their ending."""
    for name, text in files.items():
        (folder / f"{name}.yml").write_text(text, encoding="utf-8")
    return read_book(rule_files([folder], SIGMA_ENDINGS))


def yara(folder: Path, **files: str) -> YaraBook:
    """The same for YARA."""
    for name, text in files.items():
        (folder / f"{name}.yar").write_text(text, encoding="utf-8")
    return compile_rules(rule_files([folder], YARA_ENDINGS))


def rule(detection: str, *, logsource: str = "{product: windows}", level: str = "high", title: str = "A rule") -> str:
    """The text of a rule; `detection` is its lines without their indent."""
    body = "\n".join(f"  {line}" for line in detection.strip().splitlines())
    return f"title: {title}\nlogsource: {logsource}\nlevel: {level}\nauthor: Ada\ndetection:\n{body}\n"


def run(book: SigmaBook, *events: dict[str, Any], level: str = "informational") -> dict[str, Any]:
    """The whole answer of the tool."""
    inputs = {"ticket": {"fields": {"events": list(events)}}, "sigma_rules": book.given()}
    return match_sigma.run({"level": level}, inputs)


def matches(folder: Path, detection: str, event: dict[str, Any], logsource: str = "{product: windows}") -> bool:
    """Whether one rule matches one event."""
    book = sigma(folder, one=rule(detection, logsource=logsource))
    assert not book.problems, [str(problem) for problem in book.problems]
    return bool(run(book, event)["facts"]["matched"])
