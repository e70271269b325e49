"""Puts intelligence files into the store, all of them or none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from cli.context import person
from core.audit import AuditEvent
from core.intel import IntelRow, ScoreRow, VulnerabilityRow

if TYPE_CHECKING:
    from core.store.engine import Store


#: Endings of files that count when a folder is imported; licences and pictures beside them do not.
FEEDS = frozenset(
    {".csv", ".json", ".adoc", ".asciidoc", ".txt", ".md5", ".sha1", ".sha256", ".ioc", ".list", ".gz", ".stix"}
)


def import_files(store: Store, files: Iterable[Path]) -> dict[str, int]:
    """Read every file first, then write in one transaction; returns how many rows of each sort there were.

    A folder stands for the feeds below it; one of them that holds nothing is passed over.
    """
    from tools.intel_files import NothingFound, read_intel

    names: list[str] = []
    rows: list[IntelRow | VulnerabilityRow | ScoreRow] = []
    for file, named in _files(files):
        try:
            rows += read_intel(file)
        except NothingFound:
            if named:
                raise
            continue
        names.append(file.name)
    indicators = [row for row in rows if isinstance(row, IntelRow)]
    vulnerabilities = [row for row in rows if isinstance(row, VulnerabilityRow)]
    scores = [row for row in rows if isinstance(row, ScoreRow)]
    counted = {"indicators": len(indicators), "vulnerabilities": len(vulnerabilities), "scores": len(scores)}
    event = AuditEvent(action="intel.imported", actor=f"user:{person()}", data={"files": names[:200], **counted})
    with store.begin() as tx:
        if indicators:
            tx.intel.add(indicators, event)
        if vulnerabilities:
            tx.intel.add_vulnerabilities(vulnerabilities, event)
        if scores:
            tx.intel.add_scores(scores, event)
    return counted


def _files(paths: Iterable[Path]) -> Iterator[tuple[Path, bool]]:
    """Each file, and whether it was named itself."""
    for path in paths:
        if path.is_dir():
            yield from ((p, False) for p in sorted(path.rglob("*")) if p.is_file() and p.suffix.lower() in FEEDS)
        else:
            yield path, True
