"""Does a rule hold for an event? The rule is plain data made by `tools.detection.sigma_book`, which says its form."""

from __future__ import annotations

import ipaddress
import operator
from collections.abc import Callable, Iterator
from datetime import UTC
from functools import lru_cache
from typing import Any

from tools.investigate.sigma.events import Event, Scalar, as_text
from tools.investigate.timestamps import read_time

Test = list[Any]
#: How texts are compared; a `=` after the word means with regard to case.
TEXT: dict[str, Callable[[str, str], bool]] = {
    "is": operator.eq, "contains": operator.contains, "starts": str.startswith, "ends": str.endswith,
}  # fmt: skip
COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "!=": operator.ne,
}  # fmt: skip


Check = Callable[[Event], bool]


def check(node: list[Any]) -> Check:
    """The condition as a function, which is made once and asked for every event."""
    match node:
        case ["and", parts]:
            return _every([check(part) for part in parts])
        case ["or", parts]:
            return _some(_joined(parts))
        case ["not", part]:
            inner = check(part)
            return lambda event: not inner(event)
        case ["field", name, [word, text]] if word in TEXT:
            return _words(str(name), str(word), (str(text),))
        case ["field", name, test]:
            return lambda event: _field(event, name, test)
        case ["any", test]:
            return lambda event: any(_is(test, value) for value in event.everything())
    raise ValueError("no such node")


def _every(checks: list[Check]) -> Check:
    def every(event: Event) -> bool:
        for one in checks:  # noqa: SIM110 - a generator costs twice the time, and this is all that the tool does
            if not one(event):
                return False
        return True

    return every


def _some(checks: list[Check]) -> Check:
    def some(event: Event) -> bool:
        for one in checks:  # noqa: SIM110 - as above
            if one(event):
                return True
        return False

    return some


def _joined(parts: list[Any]) -> list[Check]:
    """Alternatives of one field that are compared in one way are looked at together."""
    together: dict[tuple[str, str], list[str]] = {}
    others: list[Check] = []
    for part in parts:
        match part:
            case ["field", name, [word, text]] if word in TEXT:
                together.setdefault((str(name), str(word)), []).append(str(text))
            case _:
                others.append(check(part))
    return [*(_words(name, word, tuple(texts)) for (name, word), texts in together.items()), *others]


def _words(name: str, word: str, wanted: tuple[str, ...]) -> Check:
    """Whether any value of a field is, contains, starts or ends with any of these, without regard to case."""
    match word:
        case "is":
            these = frozenset(wanted)
            return lambda event: any(text in these for text in event.lower(name))
        case "starts":
            return lambda event: any(text.startswith(wanted) for text in event.lower(name))
        case "ends":
            return lambda event: any(text.endswith(wanted) for text in event.lower(name))
    return lambda event: any(one in text for text in event.lower(name) for one in wanted)


def holds(node: list[Any], event: Event) -> bool:
    """Whether the condition is true for the event."""
    return check(node)(event)


def grounds(node: list[Any], event: Event) -> Iterator[tuple[str, str]]:
    """Fields and values that made a condition true, without those of what is denied."""
    match node:
        case ["and" | "or", parts]:
            for part in parts:
                if holds(part, event):
                    yield from grounds(part, event)
        case ["field", name, test] if event.get(name) and _field(event, name, test):
            found = next((value for value in event.get(name) if _is(test, value)), "")
            yield name, str(found)
        case ["any", test]:
            yield from (("", str(value)) for value in event.everything() if _is(test, value))


def _field(event: Event, name: str, test: Test) -> bool:
    values = event.get(name)
    match test:
        case ["null"]:
            return not values
        case ["exists", wanted]:
            return bool(values) is bool(wanted)
        case ["same", other, starts, ends]:
            others = [str(value).lower() for value in event.get(other)]
            return any(_same(str(value).lower(), text, starts=starts, ends=ends) for value in values for text in others)
    return any(_is(test, value) for value in values)


def _same(value: str, other: str, *, starts: bool, ends: bool) -> bool:
    if starts and ends:
        return other in value
    if starts:
        return value.startswith(other)
    return value.endswith(other) if ends else value == other


def _is(test: Test, value: Scalar) -> bool:
    text = as_text(value)
    word = str(test[0])
    if word in TEXT:
        return TEXT[word](text.lower(), str(test[1]))
    if word.endswith("="):
        return TEXT[word[:-1]](text, str(test[1]))
    match test:
        case ["regex", pattern]:
            return _search(pattern, text)
        case ["number", wanted]:
            return text == str(wanted) or _as_number(value) == float(wanted)
        case ["bool", wanted]:
            return text.lower() == ("true" if wanted else "false")
        case ["network", network]:
            return _inside(text, network)
        case ["compare", sign, wanted]:
            number = _as_number(value)
            return number is not None and COMPARE[str(sign)](number, float(wanted))
        case ["part", part, wanted]:
            return _part(text, str(part)) == int(wanted)
    return False


def _as_number(value: Scalar) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _search(pattern: str, text: str) -> bool:
    return _compiled(pattern).search(text.encode("utf-8", "replace").decode()) is not None


@lru_cache(maxsize=20_000)
def _compiled(pattern: str) -> Any:
    # RE2 takes time that grows with the text alone, whatever the pattern: neither a rule nor an event can stall it.
    import re2  # noqa: PLC0415, RUF100 - loaded beforehand by the sandbox

    return re2.compile(pattern)


def _inside(text: str, network: str) -> bool:
    try:
        address = ipaddress.ip_address(text.strip().strip("[]"))
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any(item in _network(network) for item in (address, mapped) if item is not None)


@lru_cache(maxsize=5_000)
def _network(network: str) -> Any:
    return ipaddress.ip_network(network)


def _part(text: str, part: str) -> int | None:
    moment = read_time(text)
    if moment is None:
        return None
    moment = moment.astimezone(UTC)
    return moment.isocalendar().week if part == "week" else int(getattr(moment, part))
