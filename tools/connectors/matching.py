"""Conditions on an answer: what must stand where. An answer that is not as expected fulfils nothing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from core.canonical import Json
from tools.connectors import template
from tools.connectors.template import Scope
from tools.connectors.written import Check, Condition

#: What a pointer leads to where there is nothing.
NOTHING = object()


def at(pointer: str, value: Json) -> Json:
    """What stands at a JSON pointer (RFC 6901), or NOTHING."""
    for raw in pointer.split("/")[1:]:
        part = raw.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isascii() and part.isdigit() and int(part[:9]) < len(value):
            value = value[int(part)]
        else:
            return NOTHING
    return value


def passes(check: Check, status: int, answer: Json, scope: Scope) -> bool:
    """Whether an answer has one of the statuses and shows everything that a check wants."""
    return (not check.status or status in check.status) and holds(check.where, answer, scope)


def holds(conditions: Iterable[Condition], answer: Json, scope: Scope) -> bool:
    """Whether all conditions hold."""
    return all(_holds(condition, answer, scope) for condition in conditions)


def _holds(condition: Condition, answer: Json, scope: Scope) -> bool:
    value = at(condition.at, answer)
    if condition.exists is not None:
        return (value is not NOTHING and value is not None) is condition.exists
    if condition.empty is not None:
        return (value is NOTHING or value in (None, "", [], {})) is condition.empty
    if condition.has is not None:
        return any(holds(condition.has, item, scope) for item in _items(value))
    if condition.lacks is not None:
        return isinstance(value, list) and not any(holds(condition.lacks, item, scope) for item in value)
    if condition.every is not None:
        return bool(_items(value)) and all(holds(condition.every, item, scope) for item in _items(value))
    return value is not NOTHING and _is(condition, value, scope)


def _is(condition: Condition, value: Json, scope: Scope) -> bool:
    """The tests of one value that is there."""
    if condition.equals is not None:
        return _same(value, template.fill_json(condition.equals, scope))
    if condition.one_of is not None:
        return any(_same(value, wanted) for wanted in condition.one_of)
    if condition.recent is not None:
        return _recent(value, template.seconds(condition.recent), scope.now)
    if not isinstance(value, str):
        return False
    if condition.same_text is not None:
        return value.casefold() == template.fill_text(condition.same_text, scope).casefold()
    assert condition.same_host is not None
    return _same_host(value.casefold().rstrip("."), template.fill_text(condition.same_host, scope).casefold())


def _items(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _same(one: Json, other: Json) -> bool:
    """Equal, and `true` is not 1."""
    return isinstance(one, bool) is isinstance(other, bool) and one == other


def _same_host(there: str, wanted: str) -> bool:
    """A short name stands for the host whose first label it is; a full name for that host alone."""
    wanted = wanted.rstrip(".")
    return there == wanted or ("." not in wanted and there.partition(".")[0] == wanted)


def _recent(value: Json, seconds: int, now: datetime) -> bool:
    if not isinstance(value, str):
        return False
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return False
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return moment >= now - timedelta(seconds=seconds)
