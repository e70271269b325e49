"""The JSON Schema of an MCP tool's arguments: which schemas are accepted, and arguments checked by them.

The schema comes from a stranger, so it is not handed to a general validator: patterns run in linear time (RE2), only
keywords that are understood are accepted, references stay inside, and the work of one check is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import re2

from core.canonical import Json, JsonObject, canonical_bytes
from core.errors import ToolRefused

#: Bytes of a schema.
MAX_SCHEMA = 32_768
#: Schemas inside one another.
MAX_DEPTH = 12
#: Schemas looked at for one set of arguments; nested alternatives would multiply.
MAX_STEPS = 20_000
#: Schemas and references on the way to one value; a schema that refers to itself would never end.
MAX_REFERENCES = 60
#: Arguments of one tool.
MAX_ARGUMENTS = 40
ARGUMENT = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
    "array": (list,),
    "object": (dict,),
}
#: Keywords that say nothing about what is valid.
_WORDS = frozenset({"title", "description", "default", "examples", "$schema", "$id", "$comment", "format",
                    "deprecated", "readOnly", "writeOnly", "contentEncoding", "contentMediaType"})  # fmt: skip
_CHECKED = frozenset({"type", "properties", "required", "additionalProperties", "enum", "const", "items", "minItems",
                      "maxItems", "uniqueItems", "minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum",
                      "exclusiveMaximum", "multipleOf", "pattern", "anyOf", "oneOf", "allOf", "$ref", "$defs",
                      "definitions"})  # fmt: skip
_WHOLE = ("minItems", "maxItems", "minLength", "maxLength")
_NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")


class Unusable(Exception):
    """Why a schema is not accepted, in one sentence."""


def problem(schema: Json) -> str | None:
    """Why a tool with this schema cannot be accepted, in one sentence; None when it can."""
    try:
        _usable(schema)
    except Unusable as found:
        return f"{found}."
    return None


def _usable(schema: Json) -> None:
    if not isinstance(schema, dict) or schema.get("type") != "object":
        raise Unusable("its schema is not that of an object")
    try:
        size = len(canonical_bytes(schema))
    except (ValueError, TypeError, RecursionError):
        raise Unusable("its schema is not plain JSON") from None
    if size > MAX_SCHEMA:
        raise Unusable(f"its schema is larger than {MAX_SCHEMA} bytes")
    names = schema.get("properties", {})
    if not isinstance(names, dict) or len(names) > MAX_ARGUMENTS:
        raise Unusable(f"it has more than {MAX_ARGUMENTS} arguments")
    if not all(ARGUMENT.fullmatch(name) for name in names):
        raise Unusable("an argument's name is not letters, digits and underscores, so no rule could speak of it")
    _known(schema, schema, depth=0)


def clash(schema: JsonObject) -> str | None:
    """Why a tool with this schema cannot act: casemate asks for a reason and evidence by these names itself."""
    from tools.registry import PROPOSAL_PROPERTIES

    taken = sorted(set(schema.get("properties", {})) & set(PROPOSAL_PROPERTIES))
    return f"it has an argument `{taken[0]}`, which casemate asks for itself with every action." if taken else None


def closed(schema: JsonObject) -> JsonObject:
    """The schema as models and people see it: with its argument names, and nothing beside them."""
    return {
        **schema,
        "properties": dict(schema.get("properties", {})),
        "required": list(schema.get("required", [])),
        "additionalProperties": False,
    }


def check(schema: JsonObject, arguments: JsonObject) -> JsonObject:
    """The arguments, if they fit an accepted schema.

    Raises:
        ToolRefused: names the first argument at fault, without repeating its value.
    """
    schema = closed(schema)
    fault = next(_Walk(schema).faults(schema, arguments, "arguments"), None)
    if fault is not None:
        wanted = ", ".join(schema["properties"]) or "none"
        raise ToolRefused(f"{fault}. The arguments are: {wanted}.")
    return arguments


def _known(schema: Json, root: JsonObject, *, depth: int) -> None:
    if isinstance(schema, bool):
        return
    if not isinstance(schema, dict):
        raise Unusable("a part of its schema is no schema")
    if depth > MAX_DEPTH:
        raise Unusable(f"its schema is nested deeper than {MAX_DEPTH}")
    strange = sorted(set(schema) - _WORDS - _CHECKED)
    if strange:
        raise Unusable(f"its schema uses `{strange[0][:40]}`, which casemate does not check")
    _known_type(schema)
    _known_numbers(schema)
    if "enum" in schema and not isinstance(schema["enum"], list):
        raise Unusable("`enum` in its schema is no list")
    if "pattern" in schema:
        _compiled(schema["pattern"])
    if "$ref" in schema:
        _target(schema["$ref"], root)
    required = schema.get("required", [])
    if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
        raise Unusable("`required` in its schema is no list of names")
    for child in _children(schema):
        _known(child, root, depth=depth + 1)


def _known_numbers(schema: JsonObject) -> None:
    for word in _WHOLE:
        if word in schema and (not _is(schema[word], "integer") or schema[word] < 0):
            raise Unusable(f"`{word}` in its schema is no whole number")
    for word in (*_NUMBERS, "multipleOf"):
        if word in schema and not _is(schema[word], "number"):
            raise Unusable(f"`{word}` in its schema is no number")
    if "multipleOf" in schema and schema["multipleOf"] <= 0:
        raise Unusable("`multipleOf` in its schema is not positive")


def _known_type(schema: JsonObject) -> None:
    kinds = schema.get("type", [])
    for kind in kinds if isinstance(kinds, list) else [kinds]:
        if not isinstance(kind, str) or kind not in _TYPES:
            raise Unusable("its schema names a type that is none")


def _children(schema: JsonObject) -> Iterator[Json]:
    for word in ("properties", "$defs", "definitions"):
        group = schema.get(word, {})
        if not isinstance(group, dict):
            raise Unusable(f"`{word}` in its schema is no object")
        yield from group.values()
    for word in ("anyOf", "oneOf", "allOf"):
        group = schema.get(word, [])
        if not isinstance(group, list):
            raise Unusable(f"`{word}` in its schema is no list")
        yield from group
    for word in ("items", "additionalProperties"):
        if word in schema:
            yield schema[word]


def _target(reference: Json, root: JsonObject) -> Json:
    match = re.fullmatch(r"#/(\$defs|definitions)/([A-Za-z0-9_.-]{1,80})", str(reference))
    group = root.get(match[1], {}) if match else {}
    if not match or not isinstance(group, dict) or match[2] not in group:
        raise Unusable("its schema refers to something that is not in it")
    return group[match[2]]


def _compiled(pattern: Json) -> Any:
    try:
        return re2.compile(str(pattern), _options())
    except re2.error:
        raise Unusable("a pattern in its schema cannot be matched in linear time") from None


def _options() -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    return options


def _is(value: Json, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES[kind])


class _Walk:
    """One check of one set of arguments."""

    def __init__(self, root: JsonObject) -> None:
        self._root = root
        self._steps = 0

    def faults(self, schema: Json, value: Json, place: str, depth: int = 0) -> Iterator[str]:
        self._steps += 1
        if self._steps > MAX_STEPS or depth > MAX_REFERENCES:
            raise ToolRefused("The arguments take too long to check against the tool's schema; send simpler ones.")
        if schema is True:
            return
        if schema is False:
            yield f"`{place}` may not be there"
            return
        if "$ref" in schema:
            yield from self.faults(_target(schema["$ref"], self._root), value, place, depth + 1)
        yield from self._plain(schema, value, place)
        if isinstance(value, dict):
            yield from self._object(schema, value, place, depth + 1)
        elif isinstance(value, list):
            yield from self._list(schema, value, place, depth + 1)
        yield from self._choices(schema, value, place, depth + 1)

    def _plain(self, schema: JsonObject, value: Json, place: str) -> Iterator[str]:
        kinds = schema.get("type")
        kinds = kinds if isinstance(kinds, list) else [kinds] if kinds else []
        if kinds and not any(_is(value, kind) for kind in kinds):
            yield f"`{place}` should be {' or '.join(kinds)}"
            return
        if "enum" in schema and not any(_same(value, word) for word in schema["enum"]):
            yield f"`{place}` is none of the values its schema lists"
        if "const" in schema and not _same(value, schema["const"]):
            yield f"`{place}` is not the one value its schema has"
        if isinstance(value, str):
            if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
                yield f"`{place}` is too short or too long"
            elif "pattern" in schema and not _compiled(schema["pattern"]).search(value):
                yield f"`{place}` does not have the form its schema asks for"
        elif _is(value, "number") and not _in_bounds(schema, value):
            yield f"`{place}` is out of bounds"

    def _object(self, schema: JsonObject, value: JsonObject, place: str, depth: int) -> Iterator[str]:
        properties = schema.get("properties", {})
        for name in schema.get("required", []):
            if name not in value:
                yield f"`{name}` is missing"
        rest = schema.get("additionalProperties", True)
        for name, child in value.items():
            if name in properties:
                yield from self.faults(properties[name], child, name, depth)
            elif rest is False:
                yield f"`{place}` has a key that the tool does not know"
            else:
                yield from self.faults(rest, child, place, depth)

    def _list(self, schema: JsonObject, value: list[Json], place: str, depth: int) -> Iterator[str]:
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
            yield f"`{place}` has too few or too many items"
            return
        if schema.get("uniqueItems") is True and len({canonical_bytes(item) for item in value}) != len(value):
            yield f"`{place}` has an item twice"
        if "items" in schema:
            for item in value:
                yield from self.faults(schema["items"], item, place, depth)

    def _choices(self, schema: JsonObject, value: Json, place: str, depth: int) -> Iterator[str]:
        for part in schema.get("allOf", []):
            yield from self.faults(part, value, place, depth)
        for word in ("anyOf", "oneOf"):
            if word in schema:
                fit = sum(next(self.faults(part, value, place, depth), None) is None for part in schema[word])
                if fit == 0 or (word == "oneOf" and fit > 1):
                    yield f"`{place}` has none of the forms its schema allows"


def _same(value: Json, other: Json) -> bool:
    return type(value) is type(other) and bool(value == other)


def _in_bounds(schema: JsonObject, value: float) -> bool:
    return (
        ("minimum" not in schema or value >= schema["minimum"])
        and ("maximum" not in schema or value <= schema["maximum"])
        and ("exclusiveMinimum" not in schema or value > schema["exclusiveMinimum"])
        and ("exclusiveMaximum" not in schema or value < schema["exclusiveMaximum"])
        and ("multipleOf" not in schema or value % schema["multipleOf"] == 0)
    )
