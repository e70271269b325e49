"""What a planner knows at one moment: the ticket, the evidence by step, and how paths and templates read them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from core.canonical import Json, JsonObject, canonical_bytes

#: A masked token, whole: type, id, check character.
TOKEN = re.compile(r"[A-Z][A-Z_]*_[A-HJ-KM-NP-TV-Z2-9]{6}")
_PLACEHOLDER = re.compile(r"\{([a-z][^{}]*)\}")
#: Characters of one value inside a sentence.
MAX_SHOWN = 120


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One result of one tool call as the planner was shown it."""

    #: Evidence id; None for a call that was refused.
    id: str | None
    tool: str
    arguments: JsonObject
    internal: bool
    facts: JsonObject
    detail: JsonObject
    error: str | None

    @classmethod
    def of(cls, shown: JsonObject, *, tool: str = "", arguments: JsonObject | None = None) -> Item:
        """Read `Evidence.as_json()`, or a refusal."""
        identity = shown.get("evidence")
        error = shown.get("error")
        return cls(
            id=identity if isinstance(identity, str) else None,
            tool=str(shown.get("tool", tool)),
            arguments=arguments if arguments is not None else _object(shown.get("arguments")),
            internal=shown.get("trust") == "internal",
            facts=_object(shown.get("facts")),
            detail=_object(shown.get("detail")),
            error=str(error) if error is not None else None,
        )

    def as_json(self) -> JsonObject:
        """The shape templates see as `item`: its facts, and the rest by name."""
        return {**self.facts, "detail": self.detail, "arguments": self.arguments, "evidence": self.id}


def call_key(tool: str, arguments: JsonObject) -> bytes:
    """The same call, whoever made it."""
    return tool.encode() + b"\n" + canonical_bytes(arguments)


@dataclass(kw_only=True, slots=True)
class Casebook:
    """The ticket and the evidence, sorted into the steps of a playbook by the planner."""

    ticket: JsonObject
    items: list[Item]
    #: Results by step; a step that is absent has not been answered yet.
    steps: dict[str, list[Item]] = field(default_factory=dict)
    #: Steps whose list was longer than their limit.
    truncated: set[str] = field(default_factory=set)

    def values(self, path: str, item: Json = None) -> list[tuple[Json, Item | None]]:
        """Every value at `path`, with the evidence it stands in. Absent values are left out."""
        first, _, rest = path.partition(".")
        if first == "item":
            return [(v, None) for v in descend(item, rest)]
        if first == "ticket":
            return [(v, None) for v in descend(self.ticket, rest)]
        found: list[tuple[Json, Item | None]] = []
        for result in self.steps.get(first, []):
            head, _, tail = rest.partition(".")
            match head:
                case "detail":
                    here = descend(result.detail, tail)
                case "arguments":
                    here = descend(result.arguments, tail)
                case _:
                    here = descend(result.facts, rest)
            found.extend((value, result) for value in here)
        return found

    def elements(self, path: str) -> list[Json]:
        """The elements an `each` goes through, without repetitions, in order."""
        if path in self.steps:
            return [result.as_json() for result in self.steps[path] if result.error is None]
        flat: list[Json] = []
        for value, _ in self.values(path):
            flat.extend(value if isinstance(value, list) else [value])
        return list({canonical_bytes(element): element for element in flat}.values())

    def fill(self, template: Json, item: Json = None) -> Json:
        """A template with its placeholders filled in; None when one of them has no value.

        `{a.b}` alone keeps the value's type; `{a.b | c.d}` takes the first that has one.
        """
        if isinstance(template, dict):
            filled = {key: self.fill(value, item) for key, value in template.items()}
            return None if any(value is None for value in filled.values()) else filled
        if not isinstance(template, str):
            return template
        whole = _PLACEHOLDER.fullmatch(template)
        if whole:
            return self._first(whole.group(1), item)
        values = {m.group(1): self._first(m.group(1), item) for m in _PLACEHOLDER.finditer(template)}
        if any(value is None for value in values.values()):
            return None
        return _PLACEHOLDER.sub(lambda m: _shown(values[m.group(1)]), template)

    def sentence(self, template: str, item: Json = None) -> str:
        """A template as a sentence; what is missing reads `unknown`."""
        return _PLACEHOLDER.sub(lambda m: _shown(self._first(m.group(1), item), "unknown"), template)

    def _first(self, alternatives: str, item: Json) -> Json:
        for path in alternatives.split("|"):
            for value, _ in self.values(path.strip(), item):
                # An object is no argument: vendors put a name in one place and a record in another.
                if value is not None and value != "" and not isinstance(value, dict | list):
                    return value
        return None


def descend(value: Json, path: str) -> Iterable[Json]:
    """Every value at `path`; lists on the way are gone through."""
    if isinstance(value, list) and path:
        for element in value:
            yield from descend(element, path)
        return
    if not path:
        if value is not None:
            yield value
        return
    head, _, rest = path.partition(".")
    if isinstance(value, dict) and head in value:
        yield from descend(value[head], rest)


def _object(value: Any) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _shown(value: Json, missing: str = "") -> str:
    if value is None:
        return missing
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"
