"""Puts intelligence files into the store, all of them or none."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from cli.context import person
from core.audit import AuditEvent
from core.intel import IntelRow, VulnerabilityRow

if TYPE_CHECKING:
    from core.store.engine import Store


def import_files(store: Store, files: Iterable[Path]) -> dict[str, int]:
    """Read every file first, then write in one transaction; returns how many rows of each sort there were."""
    from tools.intel_files import read_intel

    names, rows = [], []
    for file in files:
        rows += list(read_intel(file))
        names.append(file.name)
    indicators = [row for row in rows if isinstance(row, IntelRow)]
    vulnerabilities = [row for row in rows if isinstance(row, VulnerabilityRow)]
    counted = {"indicators": len(indicators), "vulnerabilities": len(vulnerabilities)}
    event = AuditEvent(action="intel.imported", actor=f"user:{person()}", data={"files": names, **counted})
    with store.begin() as tx:
        if indicators:
            tx.intel.add(indicators, event)
        if vulnerabilities:
            tx.intel.add_vulnerabilities(vulnerabilities, event)
    return counted
