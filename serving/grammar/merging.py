"""JSON Schemas put together: references followed, `allOf` and siblings of references merged into one object."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from core.canonical import Json, JsonObject
from serving.grammar.refusal import ShapeRefused, impossible, refused

_LOWEST = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_HIGHEST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
#: Keywords that narrow what is allowed; everything else is a remark.
MEANT = frozenset(
    (*_LOWEST, *_HIGHEST, "$ref", "allOf", "anyOf", "oneOf", "type", "enum", "const", "pattern", "format",
     "multipleOf", "properties", "required", "additionalProperties", "patternProperties", "propertyNames", "items",
     "prefixItems", "uniqueItems", "not", "if", "dependentRequired", "dependentSchemas", "dependencies", "contains",
     "unevaluatedProperties", "unevaluatedItems", "additionalItems", "$dynamicRef", "$recursiveRef")
)  # fmt: skip
#: Alternatives that two lists of alternatives may have together.
MAX_PRODUCT = 64
#: Parts of a schema with all references followed, where a few lines can stand for billions.
MAX_LOOKS = 20_000


class Merging:
    """Follows references within one document."""

    def __init__(self, root: Json) -> None:
        self._root = root
        self._looks = 0

    def flat(self, schema: Json, place: str, seen: frozenset[int] = frozenset()) -> JsonObject:
        """One object without references, `allOf` and remarks that allows the same values.

        Raises:
            ShapeRefused: a reference leads nowhere or round in a circle, or two parts cannot be merged.
        """
        self._looks += 1
        if self._looks > MAX_LOOKS:
            raise ShapeRefused(f"The schema, with its references followed, has more than {MAX_LOOKS} parts.")
        if schema is True:
            return {}
        if schema is False:
            raise impossible(place, "false", "it allows no value at all.")
        if id(schema) in seen:
            raise refused(place, "$ref", "it leads back to itself with nothing in between.")
        seen = seen | {id(schema)}
        found = {key: value for key, value in schema.items() if key in MEANT and key not in ("$ref", "allOf")}
        if "$ref" in schema:
            found = self.merged(self.flat(*self._target(schema["$ref"], place), seen), found, place)
        for index, part in enumerate(schema.get("allOf", ())):
            found = self.merged(found, self.flat(part, f"{place}/allOf/{index}", seen), place)
        return found

    def merged(self, one: JsonObject, other: JsonObject, place: str) -> JsonObject:
        """What both allow. Neither holds references or `allOf` at its top."""
        if not one or not other:
            return one or other
        found = {**other, **one}
        for key in one.keys() & other.keys():
            if not same(one[key], other[key]):
                found[key] = self._joined(key, one, other, place)
        if {"const", "enum"} <= found.keys():
            found["enum"] = _common([found.pop("const")], found["enum"])
        if "properties" in found:
            found["properties"] = _properties(one, other, place)
        return found

    def _target(self, ref: str, place: str) -> tuple[Json, str]:
        if ref != "#" and not ref.startswith("#/"):
            raise refused(place, "$ref", "only references within the schema are followed (`#/$defs/…`).")
        at: Any = self._root
        for part in ref[1:].split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            if isinstance(at, dict) and name in at:
                at = at[name]
            elif isinstance(at, list) and name.isdecimal() and int(name) < len(at):
                at = at[int(name)]
            else:
                raise refused(place, "$ref", "it leads to nothing.")
        if not isinstance(at, dict | bool):
            raise refused(place, "$ref", "what it leads to is no schema.")
        return at, ref[1:]

    def _joined(self, key: str, one: JsonObject, other: JsonObject, place: str) -> Json:
        first, second = one[key], other[key]
        if key in _LOWEST or key in _HIGHEST:
            choose: Callable[..., Json] = max if key in _LOWEST else min
            return choose(first, second)
        match key:
            case "type":
                return _types(first, second, place)
            case "required":
                return list(dict.fromkeys([*first, *second]))
            case "properties":
                return {}  # joined when all keys are known
            case "additionalProperties" if first in (True, False) and second in (True, False):
                return False
            case "enum":
                return _common(first, second)
            case "const":
                raise impossible(place, key, "two different constants are asked for at once.")
            case "items" | "propertyNames":
                return {"allOf": [first, second]}
            case "uniqueItems":
                return True
            case "format":
                return first  # a remark beside another
            case "anyOf" if len(first) * len(second) <= MAX_PRODUCT:
                return [{"allOf": [a, b]} for a in first for b in second]
            case _:
                raise refused(place, key, "it is given twice, differently, for the same value; write it once.")


def _types(first: Json, second: Json, place: str) -> list[str]:
    sets = [{given} if isinstance(given, str) else set(given) for given in (first, second)]
    wide = [given | ({"integer"} if "number" in given else set()) for given in sets]
    common = wide[0] & wide[1]
    if not common:
        raise impossible(place, "type", "no value is of both types.")
    if "number" in common:
        common.discard("integer")
    return sorted(common)


def _properties(one: JsonObject, other: JsonObject, place: str) -> JsonObject:
    """Properties of both; one that is closed allows no others than its own."""
    sides = (one, other)
    names = dict.fromkeys(name for side in sides for name in side.get("properties", ()))
    differ = any(name not in side.get("properties", {}) for side in sides for name in names)
    for side in sides:
        extra = side.get("additionalProperties", True)
        if extra is False:
            names = {name: None for name in names if name in side.get("properties", {})}
        elif differ and extra is not True:
            raise refused(place, "additionalProperties", "it meets properties from another part; write them together.")
    given = {name: [side["properties"][name] for side in sides if name in side.get("properties", {})] for name in names}
    return {name: parts[0] if len(parts) == 1 or same(*parts) else {"allOf": parts} for name, parts in given.items()}


def _common(first: list[Json], second: list[Json]) -> list[Json]:
    return [value for value in first if any(same(value, other) for other in second)]


def same(one: Json, other: Json) -> bool:
    """Whether two JSON values are the same value: true is not 1, and 1.0 is."""
    if isinstance(one, bool) != isinstance(other, bool):
        return False
    if isinstance(one, dict | list):
        return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    return bool(one == other)
