"""Keeps a result small enough for a model's context. What is cut says so; nothing is dropped in silence."""

from __future__ import annotations

import json

from core.canonical import Json, JsonObject

#: Characters of JSON one result may show.
MAX_DETAIL = 24_000
#: Ever smaller limits for (characters of a text, items of a list), tried until the result fits.
STEPS = ((8_000, 60), (4_000, 50), (1_500, 40), (600, 25), (250, 12), (80, 5))


def fit(detail: JsonObject, longest: int = MAX_DETAIL) -> JsonObject:
    """The same object, or one in which long texts and lists end in a mark that tells how much is missing."""
    if _size(detail) <= longest:
        return detail
    for text, items in STEPS:
        smaller = _cut(detail, text, items)
        if _size(smaller) <= longest:
            return smaller  # type: ignore[no-any-return]
    return {"cut": f"The result is {_size(detail)} characters long, too long to show; ask for less of it."}


def _size(value: Json) -> int:
    return len(json.dumps(value, ensure_ascii=False))


def _cut(value: Json, text: int, items: int) -> Json:
    if isinstance(value, str) and len(value) > text:
        return f"{value[:text]}… [cut: {len(value) - text} more characters]"
    if isinstance(value, list):
        kept = [_cut(item, text, items) for item in value[:items]]
        return kept if len(value) <= items else [*kept, f"… [cut: {len(value) - items} more]"]
    if isinstance(value, dict):
        return {key: _cut(child, text, items) for key, child in value.items()}
    return value
