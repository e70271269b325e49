"""Draws JSON Schemas and sets of tools at random: what APIs and pydantic write, nested, recursive and at its bounds."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Literal

from core.canonical import Json, JsonObject
from serving.shapes import ToolShape, Wanted

#: Schemas inside of each other.
DEPTH = 3
_CHOICES: tuple[Literal["none", "required", "auto"], ...] = ("none", "none", "required", "auto", "auto")
_WORDS = ("verdict", "host", "user_name", "why", "é", "a b", 'quo"te', "n", "value", "evidence", "T1566", "back\\slash")
_PATTERNS = (r"^E[1-9][0-9]{0,3}$", r"^T[0-9]{4}(\.[0-9]{3})?$", r"^[a-z]+(-[a-z]+)*$", r"@", r"^(a|bb|c{3,5})*$",
             r"^[^\s\"]{2,40}$", r"\d+|^[A-F]{2}$", r"^CVE-\d{4}-\d{4,7}$", r"^\w[\w.-]{0,62}\w$")  # fmt: skip
_FORMATS = ("date", "date-time", "uuid", "ipv4", "ipv6", "email", "uri", "hostname", "made-up")


class Drawn:
    """Schemas out of one sequence of random numbers."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def wanted(self, tools: Sequence[ToolShape]) -> Wanted:
        """What one request might allow: an answer, calls, either, or text with calls; sometimes after a thought."""
        random = self._random
        choice = random.choice(_CHOICES)
        offered = [*random.sample(list(tools), 2), *(self._tool(number) for number in range(random.randint(0, 2)))]
        with_schema = choice == "none" or (choice == "auto" and random.random() < 0.8)
        return Wanted(
            schema=self.schema() if with_schema else None,
            tools=() if choice == "none" else tuple(offered),
            choice=choice,
            parallel=random.random() < 0.5,
            thinking=random.random() < 0.1,
        )

    def schema(self) -> JsonObject:
        """A whole document; half of the time with definitions, one of which holds itself."""
        if self._random.random() < 0.5:
            return self._value(DEPTH, refs=False)
        node = {"type": "object", "required": ["name"], "additionalProperties": False, "properties": {
            "name": self._string(), "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
            "all": {"type": "array", "items": {"$ref": "#/$defs/node"}, "maxItems": 3}}}  # fmt: skip
        return {"$defs": {"node": node, "leaf": self._value(1, refs=False)}} | self._value(DEPTH, refs=True)

    def _tool(self, number: int) -> ToolShape:
        return ToolShape(name=f"tool-{number}", parameters=self._object(2, refs=False))

    def _value(self, depth: int, *, refs: bool) -> JsonObject:
        leaves = [self._string, self._integer, self._number, self._listed, self._boolean]
        if depth == 0:
            return self._random.choice(leaves)()
        if refs and self._random.random() < 0.2:
            return {"$ref": self._random.choice(("#/$defs/node", "#/$defs/leaf")), "description": "a remark"}
        nested = [self._object, self._object, self._array, self._either, self._one_of, self._all_of, self._map]
        if self._random.random() < 0.45:
            return self._random.choice(leaves)()
        return self._random.choice(nested)(depth - 1, refs=refs)

    def _object(self, depth: int, *, refs: bool) -> JsonObject:
        random = self._random
        names = random.sample(_WORDS, random.randint(0, 5))
        found: JsonObject = {
            "type": "object",
            "title": "An object",
            "properties": {name: self._value(depth, refs=refs) for name in names},
            "required": [name for name in names if random.random() < 0.6],
        }
        if random.random() < 0.7:
            found["additionalProperties"] = False
        elif random.random() < 0.5:
            found["additionalProperties"] = self._value(0, refs=refs)
        if names and random.random() < 0.2:
            found["minProperties"] = random.randint(0, len(found["required"]) + 1) if len(names) > 1 else 1
            found["maxProperties"] = random.randint(max(found["minProperties"], len(found["required"])), 6)
        return found

    def _map(self, depth: int, *, refs: bool) -> JsonObject:
        kind = self._random.random()
        if kind < 0.3:
            return {"type": "object", "patternProperties": {r"^x-[a-z]{1,10}$": self._value(depth, refs=refs)}}
        if kind < 0.5:
            return {"type": "object", "propertyNames": {"maxLength": 12}, "maxProperties": 3}
        return {"type": "object", "additionalProperties": self._value(depth, refs=refs)}

    def _array(self, depth: int, *, refs: bool) -> JsonObject:
        random, least = self._random, self._random.randint(0, 3)
        kind = random.random()
        if kind < 0.2:
            values = random.sample(_WORDS, random.randint(3, 6))
            return {"type": "array", "uniqueItems": True, "items": {"enum": values}, "minItems": least}
        if kind < 0.4:
            items = [self._value(depth, refs=refs) for _ in range(random.randint(1, 3))]
            return {"type": "array", "prefixItems": items, "items": random.choice([False, {"type": "integer"}])}
        found = {"type": "array", "items": self._value(depth, refs=refs), "minItems": least}
        return found | ({"maxItems": least + random.randint(0, 4)} if random.random() < 0.5 else {})

    def _either(self, depth: int, *, refs: bool) -> JsonObject:
        parts = [self._value(depth, refs=refs) for _ in range(self._random.randint(1, 3))]
        return {"anyOf": [*parts, {"type": "null"}]}

    def _one_of(self, depth: int, *, refs: bool) -> JsonObject:
        """As pydantic writes unions with a discriminator."""
        kinds = self._random.sample(_WORDS, 2)
        parts = []
        for kind in kinds:
            part = self._object(depth, refs=refs)
            part["properties"]["kind"] = {"const": kind, "default": kind, "type": "string"}
            part.pop("maxProperties", None)
            parts.append(part)
        return {"oneOf": parts, "discriminator": {"propertyName": "kind"}}

    def _all_of(self, depth: int, *, refs: bool) -> JsonObject:
        one = {"type": "object", "properties": {"a": self._value(depth, refs=refs)}, "required": ["a"]}
        other = {"properties": {"b": self._value(depth, refs=refs)}}
        return {"allOf": [one, other], "title": "both"}

    def _string(self) -> JsonObject:
        random, kind = self._random, self._random.random()
        if kind < 0.3:
            return {"type": "string", "pattern": random.choice(_PATTERNS)}
        if kind < 0.5:
            return {"type": "string", "format": random.choice(_FORMATS)}
        if kind < 0.6:
            return {
                "type": "string",
                "pattern": r"^[a-zA-Z0-9_]+$",
                "minLength": 3,
                "maxLength": random.choice((5, 60)),
            }
        least = random.choice((0, 0, 1, 3, 12))
        found: JsonObject = {"type": ["string", "null"] if kind > 0.9 else "string", "minLength": least}
        return found | ({"maxLength": least + random.choice((0, 1, 10, 100, 3000))} if kind > 0.7 else {})

    def _integer(self) -> JsonObject:
        low = self._random.choice((-1000, -7, 0, 1, 42))
        high = low + self._random.choice((0, 1, 9, 1234))
        return self._random.choice((
            {"type": "integer"}, {"type": "integer", "minimum": low}, {"type": "integer", "exclusiveMaximum": high},
            {"type": "integer", "minimum": low, "maximum": high},
            {"type": "integer", "exclusiveMinimum": low - 1, "exclusiveMaximum": high + 1}))  # fmt: skip

    def _number(self) -> JsonObject:
        low = self._random.choice((-1.5, 0, 0.25, 3, 99.999))
        return self._random.choice((
            {"type": "number"}, {"type": "number", "minimum": 0, "maximum": 1},
            {"type": "number", "exclusiveMinimum": low}, {"type": "number", "maximum": low},
            {"type": "number", "exclusiveMinimum": low, "exclusiveMaximum": low + 0.5}))  # fmt: skip

    def _boolean(self) -> JsonObject:
        return {"type": "boolean"}

    def _listed(self) -> JsonObject:
        values: list[Json] = [*_WORDS, 1, 2.5, None, True, {"a": [1]}, []]
        if self._random.random() < 0.3:
            return {"const": self._random.choice(values)}
        return {"enum": self._random.sample(values, self._random.randint(1, 6))}
