"""Is a file dangerous to open? Judged as `inspect_file` judges it, without the slow readers."""

from __future__ import annotations

from tools.investigate.files.budget import Budget
from tools.investigate.files.examine import examine


def why_risky(name: str, content: bytes, budget: Budget | None = None) -> list[str]:
    """Every reason to be careful, empty for a file that looks ordinary. Files of one mail share a budget."""
    return examine(name, content, budget or Budget(), quick=True).signs
