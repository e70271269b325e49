"""The arguments of an action as a form: one field each, of the kind that the tool's JSON schema asks for.

Fields are named by their place, never by the argument: names of arguments may come from an MCP server. A field counts
as changed only when what came back is not what was shown, because browsers rewrite line ends and drop what no form
can hold; what was not touched keeps its bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from core.canonical import Json, JsonObject, canonical_bytes

#: `lines`: a list of texts, one a line. `json`: whatever no other kind holds.
Kind = Literal["text", "choice", "truth", "number", "lines", "json"]


class FieldInvalid(Exception):
    """A field that cannot be read; the sentence names it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """One argument in the form."""

    name: str
    #: Its name in the form: `arg0`.
    key: str
    kind: Kind
    meaning: str
    choices: tuple[str, ...]
    #: What the form shows: what was typed, else the value as it is.
    text: str


def fields_of(schema: JsonObject, arguments: JsonObject, typed: Mapping[str, str] | None = None) -> list[Field]:
    """The form for these arguments; `typed` is what came back of an earlier one."""
    found = []
    for number, (name, said) in enumerate(_properties(schema, arguments)):
        key, value = f"arg{number}", arguments.get(name)
        kind = _kind(said, value)
        text = _text(kind, value)
        if typed is not None:
            # A box that is not ticked sends nothing.
            text = typed.get(key, "" if kind == "truth" else text)
        choices = tuple(str(choice) for choice in said.get("enum", ())) if kind == "choice" else ()
        meaning = str(said.get("description", ""))
        found.append(Field(name=name, key=key, kind=kind, meaning=meaning, choices=choices, text=text))
    return found


def changes_in(schema: JsonObject, arguments: JsonObject, typed: Mapping[str, str]) -> JsonObject:
    """The arguments that somebody changed, as values.

    Raises:
        FieldInvalid: a number or JSON that is none.
    """
    changed: JsonObject = {}
    before = {field.key: field for field in fields_of(schema, arguments)}
    for field in fields_of(schema, arguments, typed):
        if _as_sent(field.text) == _as_sent(before[field.key].text):
            continue
        value = _value(field)
        if value != arguments.get(field.name):
            changed[field.name] = value
    return changed


def _properties(schema: JsonObject, arguments: JsonObject) -> list[tuple[str, JsonObject]]:
    known: JsonObject = schema.get("properties", {})
    return [*known.items(), *((name, {}) for name in arguments if name not in known)]


def _kind(said: JsonObject, value: Json) -> Kind:
    if "enum" in said and isinstance(value, str | None):
        return "choice"
    match said.get("type"):
        case "string" if isinstance(value, str | None):
            return "text"
        case "boolean" if isinstance(value, bool | None):
            return "truth"
        case "integer" | "number" if isinstance(value, int | float | None):
            return "number"
        case "array" if isinstance(value, list | None) and all(_fits_a_line(item) for item in value or ()):
            return "lines" if said.get("items", {}).get("type") == "string" else "json"
        case _:
            return "json"


def _fits_a_line(item: Json) -> bool:
    return isinstance(item, str) and "\n" not in item and "\r" not in item and item != ""


def _text(kind: Kind, value: Json) -> str:
    match kind:
        case "truth":
            return "true" if value else ""
        case "lines":
            return "\n".join(value or ())
        case "text" | "choice":
            return value or ""
        case "number":
            return "" if value is None else json.dumps(value)
        case "json":
            return "" if value is None else json.dumps(value, ensure_ascii=False, indent=2)


def _value(field: Field) -> Json:
    text = _as_sent(field.text)
    match field.kind:
        case "truth":
            return bool(text)
        case "lines":
            return [line for line in text.split("\n") if line]
        case "text" | "choice":
            return text
        case "number" | "json":
            try:
                value = json.loads(text)
                canonical_bytes(value)  # refuses NaN and numbers that JSON readers disagree on
            except (ValueError, RecursionError):
                wanted = "a number" if field.kind == "number" else "JSON"
                raise FieldInvalid(f"`{field.name[:80]}` is not {wanted}; nothing was changed.") from None
            return value


def _as_sent(text: str) -> str:
    """What is left of a text once a browser has sent it in a form."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")
