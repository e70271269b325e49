"""What is said of a schema that no grammar can hold an answer to."""

from __future__ import annotations

from core.errors import CasemateError

#: Characters of a place that are told.
MAX_PLACE = 120


class ShapeRefused(CasemateError):
    """The answer cannot be held to what was asked for; the sentence names the keyword and its place."""


def refused(place: str, keyword: str, why: str) -> ShapeRefused:
    """A refusal that says which keyword, where, and why."""
    shown = place if len(place) <= MAX_PLACE else place[:MAX_PLACE] + "…"
    return ShapeRefused(f"The keyword `{keyword}` at {shown or '/'} cannot be enforced: {why}")
