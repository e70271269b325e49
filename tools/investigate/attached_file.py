"""Is a file dangerous to open? Judged as `inspect_file` judges it, without the slow readers."""

from __future__ import annotations

from tools.investigate.files.budget import Budget
from tools.investigate.files.examine import examine


def judged(name: str, content: bytes, budget: Budget) -> tuple[list[str], list[str]]:
    """Every reason to be careful, and what could not be looked into. Files of one mail share a budget."""
    look = examine(name, content, budget, quick=True)
    return look.signs, look.unread
