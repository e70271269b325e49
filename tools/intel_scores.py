"""EPSS: FIRST's daily file of how likely each CVE is to be exploited within 30 days."""

from __future__ import annotations

import csv
import io
import re

from core.intel import ScoreRow
from tools.intel_values import IntelInvalid, text_of

CVE = re.compile(r"CVE-\d{4}-\d{4,7}")
#: The first line of the file: `#model_version:v2025.03.14,score_date:2025-10-01T12:55:00+0000`.
HEADER = re.compile(r"#\s*model_version:\s*([^,\s]+)(?:\s*,\s*score_date:\s*(\d{4}-\d{2}-\d{2}))?", re.IGNORECASE)


def looks_like_scores(content: bytes) -> bool:
    """Whether the file is FIRST's: its comment line, or its column names."""
    lines = [line.strip().lower() for line in content[:4096].removeprefix(b"\xef\xbb\xbf").splitlines()]
    first = next((line for line in lines if line and not line.startswith(b"#")), b"")
    return b"epss" in [column.strip().strip(b'"') for column in first.split(b",")]


def parse_scores(content: bytes) -> list[ScoreRow]:
    """Every row of the file.

    Raises:
        IntelInvalid: names the line.
    """
    lines = text_of(content).splitlines()
    model, scored, start = "", "", 0
    while start < len(lines) and (lines[start].startswith("#") or not lines[start].strip()):
        if found := HEADER.match(lines[start]):
            model, scored = found.group(1), found.group(2) or ""
        start += 1
    reader = csv.DictReader(io.StringIO("\n".join(lines[start:])), strict=True)
    try:
        columns = [(name or "").strip().lower() for name in reader.fieldnames or []]
        if not {"cve", "epss", "percentile"} <= set(columns):
            raise IntelInvalid(f"line {start + 1}: the columns of EPSS are cve, epss and percentile.")
        reader.fieldnames = columns
        return [_row(row, start + reader.line_num, model, scored) for row in reader if any(row.values())]
    except csv.Error as error:
        raise IntelInvalid(f"line {start + reader.line_num}: the line is not CSV ({error}).") from None


def _row(row: dict[str, str | None], line: int, model: str, scored: str) -> ScoreRow:
    cve = (row.get("cve") or "").strip().upper()
    if not CVE.fullmatch(cve):
        raise IntelInvalid(f"line {line}: `cve` must look like CVE-2024-12345.")
    return ScoreRow(
        cve=cve, epss=_share(row, "epss", line), percentile=_share(row, "percentile", line), model=model, scored=scored
    )


def _share(row: dict[str, str | None], name: str, line: int) -> float:
    try:
        number = float(row.get(name) or "")
    except ValueError:
        number = -1.0
    if not 0.0 <= number <= 1.0:
        raise IntelInvalid(f"line {line}: `{name}` must be a number from 0 to 1.")
    return number
