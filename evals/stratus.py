"""CloudTrail of detonated attacks: one ticket for each detonation, whose technique is known."""

from __future__ import annotations

import json
import re
from pathlib import Path

from evals.example import Example, data_folder

_TECHNIQUE = re.compile(r"\((T\d{4}(?:\.\d{3})?)\)")


def examples() -> list[Example]:
    """Every detonation; nothing in the ticket says which attack it was."""
    folder = data_folder("stratus-detonation-logs")
    return [_example(folder, path) for path in sorted((folder / "logs").glob("*.json"))]


def _example(folder: Path, path: Path) -> Example:
    platform, tactic, _ = path.stem.split(".", 2)
    page = folder / "techniques" / f"{path.stem}.md"
    text = page.read_text(encoding="utf-8") if page.is_file() else ""
    return Example(
        name=path.stem,
        group=tactic,
        ticket={
            "source": "cloud",
            "external_id": path.stem,
            "title": f"Unusual activity in an account at {platform.upper()}",
            "body": "The account's log of this activity is attached as events.",
            "fields": {"events": json.loads(path.read_text(encoding="utf-8"))},
        },
        attack=True,
        techniques=frozenset(_TECHNIQUE.findall(text)),
        tactic=tactic,
    )
