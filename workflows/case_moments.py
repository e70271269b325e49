"""What a case says of times: log events, sign-ins, mails and registrations with the moment each happened.

Looks at values only that stand under a key which speaks of time and are no longer than a time is, so that a hostile
ticket costs no more than its size.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from core.canonical import Json, JsonObject
from core.evidence import Evidence
from core.ticket import MaskedTicket
from tools.investigate.happened import (
    HOST_KEYS,
    ORIGIN_KEYS,
    RESULT_KEYS,
    SPEAKS_OF_TIME,
    TIME_KEYS,
    WHAT_KEYS,
    WHO_KEYS,
)
from tools.investigate.timestamps import MAX_TEXT, read_moment

#: Moments of one case; the earliest ones are kept.
MAX_MOMENTS = 200
#: Values looked at in one ticket or one piece of evidence.
MAX_VALUES = 20_000
#: Levels of nesting, as in a ticket.
MAX_DEPTH = 32
#: Characters of what happened.
MAX_WHAT = 120
#: Keys that hold when a tool or a feed looked, not when something happened.
_NOT_AN_EVENT = frozenset({"retrieved_at", "checked_at", "fetched_at", "scored", "added", "due"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """One thing that happened, as the case tells it."""

    at: datetime
    #: What happened, masked: `Sign-in activity · USERNAME_K7Q2XB from 198.51.100.23`.
    what: str
    #: Where it stands: `ticket` or evidence ids.
    sources: tuple[str, ...]


def moments(masked: MaskedTicket | None, evidence: Sequence[Evidence]) -> list[Moment]:
    """Everything with a time, earliest first, each once."""
    found: dict[tuple[datetime, str], list[str]] = {}
    for source, at, what in _all(masked, evidence):
        sources = found.setdefault((at, what), [])
        if source not in sources:
            sources.append(source)
    ordered = sorted(found.items(), key=lambda item: item[0])[:MAX_MOMENTS]
    return [Moment(at=at, what=what, sources=tuple(sources)) for (at, what), sources in ordered]


def _all(masked: MaskedTicket | None, evidence: Sequence[Evidence]) -> Iterator[tuple[str, datetime, str]]:
    if masked is not None:
        if masked.occurred_at and (read := read_moment(masked.occurred_at)):
            yield "ticket", read.at.astimezone(UTC), "The alert"
        for at, what in _in(masked.fields, "ticket"):
            yield "ticket", at, what
    for item in evidence:
        if item.error is None:
            for told in (dict(item.facts), item.detail):
                for at, what in _in(told, item.tool):
                    yield item.id, at, what


def _in(value: JsonObject, name: str) -> Iterator[tuple[datetime, str]]:
    """Records of a value: objects that hold a time, or whose nested objects do."""
    budget = MAX_VALUES
    stack: list[tuple[Json, str, int]] = [(value, name, 1)]
    while stack and budget > 0:
        node, label, level = stack.pop()
        if level > MAX_DEPTH:
            continue
        if isinstance(node, list):
            stack.extend((child, label, level + 1) for child in reversed(node[:budget]))
            budget -= len(node)
        elif isinstance(node, dict):
            budget -= len(node)
            yield from _of_record(node, label)
            nested = [(child, key, level + 1) for key, child in node.items() if isinstance(child, dict | list)]
            stack.extend(reversed(nested))


def _of_record(record: JsonObject, label: str) -> Iterator[tuple[datetime, str]]:
    """The moments of one object: the surest key alone where it is one of an event, otherwise each by its name."""
    lowered = {key.lower(): key for key in record}
    sure = next((lowered[key.lower()] for key in ("at", *TIME_KEYS) if key.lower() in lowered), None)
    if sure is not None and (at := _time(record[sure])):
        yield at, _what(record, label)
        return
    for key, value in record.items():
        if key not in _NOT_AN_EVENT and SPEAKS_OF_TIME.search(key) and (at := _time(value)):
            yield at, f"{_plain(key)} ({_plain(label)})"[:MAX_WHAT]


def _time(value: Json) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float) or len(str(value)) > MAX_TEXT:
        return None
    read = read_moment(value)
    return read.at.astimezone(UTC) if read is not None and read.clock else None


def _what(record: JsonObject, label: str) -> str:
    """What happened, who did it and from where, as far as the record tells."""
    flat = dict(_flat(record))
    what = _first(flat, ("subject", "what", "summary", "description", *WHAT_KEYS)) or _plain(label)
    if "subject" in flat:
        what = f"Mail “{what}”"
    who = _first(flat, ("who", *WHO_KEYS))
    origin = _first(flat, ("from", *ORIGIN_KEYS)) or _first(flat, HOST_KEYS)
    result = _first(flat, RESULT_KEYS)
    text = f"{what} · {who}" if who else what
    text += f" from {origin}" if origin else ""
    text += f": {result}" if result else ""
    return " ".join(text.split())[:MAX_WHAT]


def _flat(record: Mapping[str, Json], prefix: str = "", level: int = 1) -> Iterator[tuple[str, str]]:
    """Paths in lower case, three levels deep, and their texts."""
    for key, value in list(record.items())[:100]:
        path = f"{prefix}{key}".lower()
        if isinstance(value, dict) and level < 3:
            yield from _flat(value, f"{path}.", level + 1)
        elif isinstance(value, str) and value:
            yield path, value[:MAX_WHAT]


def _first(flat: Mapping[str, str], keys: Sequence[str]) -> str:
    return next((flat[key.lower()] for key in keys if flat.get(key.lower())), "")


def _plain(name: str) -> str:
    return name.replace("_", " ").strip()
