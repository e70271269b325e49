"""What is said of a schema that no grammar can hold an answer to."""

from __future__ import annotations

from core.errors import CasemateError

#: Characters of a place that are told.
MAX_PLACE = 120


class ShapeRefused(CasemateError):
    """The answer cannot be held to what was asked for; the sentence names the keyword and its place."""


class Impossible(ShapeRefused):
    """No value fits. Among alternatives that one is passed over."""


def refused(place: str, keyword: str, why: str) -> ShapeRefused:
    """A refusal that says which keyword, where, and why."""
    return ShapeRefused(_sentence(place, keyword, why))


def impossible(place: str, keyword: str, why: str) -> Impossible:
    """The same where no value fits."""
    return Impossible(_sentence(place, keyword, why))


def _sentence(place: str, keyword: str, why: str) -> str:
    shown = place if len(place) <= MAX_PLACE else place[:MAX_PLACE] + "…"
    return f"The keyword `{keyword}` at {shown or '/'} cannot be enforced: {why}"
