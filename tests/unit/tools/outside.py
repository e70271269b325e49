"""Data that others made, read by path and skipped where it is absent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("CASEMATE_DATA", Path(__file__).parents[3] / ".." / "shared" / "data")).resolve()


def files(*parts: str, pattern: str = "*") -> list[Path]:
    """Files of a data set in a fixed order; the test is skipped where the set is absent."""
    found = sorted(
        p for p in DATA.joinpath(*parts).rglob(pattern) if p.is_file() and p.name not in {"README.md", "LICENSE"}
    )
    if not found:
        pytest.skip(f"the data set {'/'.join(parts)} is not here; set CASEMATE_DATA to its folder")
    return found
