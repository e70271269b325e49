"""Placeholders in a connector's requests: `${args.host}`, `${found.device|odata}`, `${secret:okta_token}`.

A template is parsed as what it is (JSON, a URL, a query) before anything is put into it, so a value can never change
its shape.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

from core.canonical import Json, JsonObject
from core.errors import ToolRefused
from tools.connectors.quoting import FILTERS, as_query, as_segment, text_of

_PLACE = re.compile(r"\$\{([^{}]*)\}")
_NAME = re.compile(r"(?:args|found|indicator)\.[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)?|args|key|tool|ago\.[0-9]+[smhd]")
_SECRET = re.compile(r"secret:[a-z][a-z0-9_]{0,63}")
_SPAN = re.compile(r"([0-9]{1,6})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class Place:
    """One placeholder: what it names, and what is done to the value, in order."""

    name: str
    filters: tuple[str, ...] = ()


Part: TypeAlias = str | Place
#: Makes a value fit for the place it goes to.
Encode: TypeAlias = Callable[[str, str], str]


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class Scope:
    """What placeholders stand for in one action. Real values: never logged, never in an exception."""

    tool: str
    key: str
    args: JsonObject
    now: datetime
    secret: Callable[[str], str]
    indicator: JsonObject = field(default_factory=dict)
    found: Mapping[str, Json] = field(default_factory=dict)

    def value(self, place: Place) -> Json:
        """What a placeholder stands for, its filters applied.

        Raises:
            ToolRefused: a filter refuses the value.
            SecretMissing: it names a secret that is not there.
        """
        value = self._plain(place.name)
        for name in place.filters:
            value = FILTERS[name](text_of(value, place.name), place.name)
        return value

    def _plain(self, name: str) -> Json:
        if name.startswith("secret:"):
            return self.secret(name.removeprefix("secret:"))
        group, _, rest = name.partition(".")
        match group:
            case "key":
                return self.key
            case "tool":
                return self.tool
            case "ago":
                moment = self.now - timedelta(seconds=seconds(rest))
                return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
            case "args":
                return self.args[rest] if rest else self.args
            case "indicator":
                return self.indicator[rest]
        look_up, _, part = rest.partition(".")
        found = self.found[look_up]
        return found[part] if part else found


def seconds(span: str) -> int:
    """`15m` in seconds.

    Raises:
        ValueError: it is no span of time.
    """
    found = _SPAN.fullmatch(span)
    if found is None:
        raise ValueError(f"`{span[:20]}` is no span of time; write a number and s, m, h or d, such as 15m")
    return int(found[1]) * _SECONDS[found[2]]


def parse(text: str) -> tuple[Part, ...]:
    """A text and its placeholders.

    Raises:
        ValueError: says which placeholder is none.
    """
    parts: list[Part] = []
    end = 0
    for found in _PLACE.finditer(text):
        parts += [text[end : found.start()], _place(found[1])]
        end = found.end()
    if "${" in text[end:] or any("${" in part for part in parts if isinstance(part, str)):
        raise ValueError("a placeholder that `${` opens is not closed; add the brace")
    return tuple(part for part in (*parts, text[end:]) if part != "")


def _place(inside: str) -> Place:
    name, *filters = inside.split("|")
    if _SECRET.fullmatch(name):
        if filters:
            raise ValueError(f"`${{{name}}}` takes no filter; remove what stands behind `|`")
        return Place(name)
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"`${{{inside[:60]}}}` is no placeholder; write args.NAME, found.NAME, indicator.value, indicator.type, "
            "key, tool, ago.15m or, in a header, secret:NAME"
        )
    for unknown in (word for word in filters if word not in FILTERS):
        raise ValueError(f"`|{unknown[:30]}` is no filter; the filters are {', '.join(FILTERS)}")
    return Place(name, tuple(filters))


def places(value: Json) -> Iterator[Place]:
    """Every placeholder in a template, at any depth. Raises as `parse` does."""
    if isinstance(value, str):
        yield from (part for part in parse(value) if isinstance(part, Place))
    elif isinstance(value, dict):
        for child in value.values():
            yield from places(child)
    elif isinstance(value, list | tuple):
        for child in value:
            yield from places(child)


def fill_text(text: str, scope: Scope, encode: Encode | None = None) -> str:
    """The text with its placeholders filled, each encoded for where it stands. Raises as `Scope.value` does."""
    filled = []
    for part in parse(text):
        if isinstance(part, Place):
            value = text_of(scope.value(part), part.name)
            filled.append(encode(value, part.name) if encode else value)
        else:
            filled.append(part)
    return "".join(filled)


def fill_path(text: str, scope: Scope) -> str:
    """A path: what is filled in stays inside its segment."""
    return fill_text(text, scope, as_segment)


def fill_query(pairs: Mapping[str, str], scope: Scope) -> str:
    """A query string or the body of a form, every name and value encoded whole."""
    return "&".join(f"{as_query(name, name)}={as_query(fill_text(text, scope), name)}" for name, text in pairs.items())


def fill_json(value: Json, scope: Scope) -> Json:
    """JSON whose strings may hold placeholders. One that is all of a string gives its value as it is.

    Raises:
        ToolRefused: a value cannot be sent as UTF-8.
    """
    if isinstance(value, dict):
        return {name: fill_json(child, scope) for name, child in value.items()}
    if isinstance(value, list):
        return [fill_json(child, scope) for child in value]
    if not isinstance(value, str):
        return value
    parts = parse(value)
    if len(parts) == 1 and isinstance(parts[0], Place):
        return _sendable(scope.value(parts[0]), parts[0].name)
    return "".join(
        str(_sendable(text_of(scope.value(part), part.name), part.name)) if isinstance(part, Place) else part
        for part in parts
    )


def _sendable(value: Json, name: str) -> Json:
    try:
        str(value).encode()
    except UnicodeEncodeError:
        raise ToolRefused(f"`{name}` holds half a character, so nothing was sent; propose it anew.") from None
    return value
