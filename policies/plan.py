"""The rules of one tool made ready to decide quickly: which facts they read, their tests, and what each would answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """All that one tool's decisions need."""
