"""Walks JSON: the strings in a value, what the name of their key says about them, and JSON quoted inside strings."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from core.canonical import Json
from policies.masking.keys import in_record, is_telling, joined, meaning
from policies.masking.rules import Entity

#: Levels of JSON quoted inside JSON that are looked into.
MAX_QUOTING = 8
#: Digits of a number that could be a card, a telephone or an account.
MIN_DIGITS = 7

#: `{"name": "USER_EMAIL", "value": "…"}` in audit logs and forms.
_LABELS = ("name", "key", "label", "field", "title")
_VALUES = ("value", "values", "stringValue", "multiValue", "val", "oldValue", "newValue")

#: Where in a text a value stands, and what its key says it is.
Hint = tuple[int, int, Entity]


@dataclass(frozen=True, slots=True)
class Slot:
    """A text and the key it stood under."""

    text: str
    key: str = ""

    def hinted(self, text: str) -> Hint | None:
        """What the key says the whole text is, whatever it looks like."""
        value = text.strip()
        start = text.find(value)
        if not self.key or len(value) < 2:
            return None
        entity = meaning(self.key, value)
        return None if entity is None else (start, start + len(value), entity)


def slots_of(value: Json, keep: Collection[str], key: str = "") -> Iterator[Slot]:
    """Every text of a value that is masked: strings, keys, and whole numbers that could be somebody's."""
    if isinstance(value, str):
        yield Slot(value, _hint(key))
    elif isinstance(value, bool):
        return
    elif isinstance(value, int) and _is_personal_number(value, key):
        yield Slot(str(value), _hint(key))
    elif isinstance(value, dict):
        named = _named(value, key)
        for name, child in value.items():
            yield Slot(name)
            if name not in keep:
                yield from slots_of(child, keep, named[name])
    elif isinstance(value, list | tuple):
        for child in value:
            yield from slots_of(child, keep, key)


def rebuild(value: Json, keep: Collection[str], masked: Mapping[Slot, str], key: str = "") -> Json:
    """The same value with its texts replaced; a number stays a number unless it was masked."""
    if isinstance(value, str):
        return masked[Slot(value, _hint(key))]
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        number = str(value)
        shown = masked.get(Slot(number, _hint(key)), number) if _is_personal_number(value, key) else number
        return value if shown == number else shown
    if isinstance(value, dict):
        named = _named(value, key)
        rebuilt: dict[str, Json] = {}
        for name, child in value.items():
            shown = free = masked[Slot(name)]
            count = 2
            while free in rebuilt:  # two spellings of one name became one token
                free = f"{shown} ({count})"
                count += 1
            rebuilt[free] = child if name in keep else rebuild(child, keep, masked, named[name])
        return rebuilt
    if isinstance(value, list | tuple):
        return [rebuild(child, keep, masked, key) for child in value]
    return value


def strings_in(value: Json) -> list[str]:
    """Every string, key and whole number of a value, as text."""
    found: list[str] = []
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            found.append(item)
        elif isinstance(item, int) and not isinstance(item, bool):
            found.append(str(item))
        elif isinstance(item, dict):
            stack.extend(item.values())
            stack.extend(item)
        elif isinstance(item, list | tuple):
            stack.extend(item)
    return found


def nested_texts(text: str, depth: int = 0) -> Iterator[str]:
    """A text, or the texts in it where it is JSON: those say the same without the escapes."""
    inner = text.strip()
    if depth >= MAX_QUOTING or not inner or inner[0] not in '{["':
        yield text
        return
    try:
        # Pairs, not objects: a repeated key must not hide its first value.
        parsed = json.loads(inner, object_pairs_hook=lambda pairs: [part for pair in pairs for part in pair])
    except (ValueError, RecursionError):
        yield text
        return
    for part in strings_in(parsed):
        yield from nested_texts(part, depth + 1)


def parse_quoted(text: str) -> Json:
    """The object or list a text quotes as JSON; None when it quotes none."""
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict | list) else None


def _hint(key: str) -> str:
    """Keys that say nothing about their value share one slot, so that equal strings are masked once."""
    return key if is_telling(key) else ""


def _is_personal_number(value: int, key: str) -> bool:
    """Whether a number is long enough to be a card or an account, or stands under a key that says it is somebody's."""
    return abs(value) >= 10 ** (MIN_DIGITS - 1) or is_telling(key)


def _named(value: Mapping[str, Json], parent: str) -> dict[str, str]:
    """For each name in an object the key its value is read with: with whose it is, and the label beside a `value`."""
    last = parent.rpartition(".")[2]
    named = {name: joined(last, in_record(name, value)) for name in value}
    label = next((value[name] for name in _LABELS if isinstance(value.get(name), str)), "")
    if label and isinstance(label, str) and is_telling(label):
        named.update((name, label) for name in _VALUES if name in value)
    return named
