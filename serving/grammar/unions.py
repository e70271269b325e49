"""`oneOf`: an answer must fit one alternative only, so the alternatives have to be provably apart."""

from __future__ import annotations

from collections.abc import Callable

from core.canonical import Json, JsonObject
from serving.grammar.merging import same

#: Keywords by the type of value that they are about.
KEYWORDS = {
    "object": ("properties", "required", "additionalProperties", "patternProperties", "propertyNames",
               "minProperties", "maxProperties"),
    "array": ("items", "prefixItems", "minItems", "maxItems", "uniqueItems"),
    "string": ("minLength", "maxLength", "pattern", "format"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}  # fmt: skip

_VALUES: dict[str, list[Json]] = {"boolean": [False, True], "null": [None]}

#: Whether a value fits a schema; what a schema is without references.
Fits = Callable[[JsonObject, Json], bool]
Flat = Callable[[Json], JsonObject]


def types_of(schema: JsonObject) -> tuple[str, ...]:
    """The types that are written for a schema: those named, else those that its keywords are about; none for any."""
    named = schema.get("type")
    if named is not None:
        return (named,) if isinstance(named, str) else tuple(dict.fromkeys(named))
    return tuple(kind for kind, keywords in KEYWORDS.items() if any(keyword in schema for keyword in keywords))


def values_of(schema: JsonObject) -> list[Json] | None:
    """The values, where a schema lists them."""
    if "const" in schema:
        return [schema["const"]]
    if "enum" in schema:
        return list(schema["enum"])
    kinds = types_of(schema)
    if kinds and set(kinds) <= _VALUES.keys():
        return [value for kind in kinds for value in _VALUES[kind]]
    return None


class Apart:
    """Proves that what is written for one alternative does not fit another."""

    def __init__(self, fits: Fits, flat: Flat) -> None:
        self._fits = fits
        self._flat = flat

    def always_named(self, one: JsonObject, other: JsonObject) -> set[str] | None:
        """Properties that must always be written to keep the two apart; None if they cannot be kept apart."""
        for key in ("anyOf", "oneOf"):
            for schema, against in ((one, other), (other, one)):
                if key in schema:
                    found = [self.always_named(self._flat(part), against) for part in schema[key]]
                    return None if any(names is None or names for names in found) else set()
        if self._by_type(one, other) or self._by_value(one, other) or self._by_value(other, one):
            return set()
        if types_of(one) == types_of(other) == ("object",):
            tag = self._tag(one, other)
            return {tag} if tag is not None else set() if _lacks(one, other) and _lacks(other, one) else None
        return None

    def _by_type(self, one: JsonObject, other: JsonObject) -> bool:
        kinds = [{"number" if kind == "integer" else kind for kind in types_of(schema)} for schema in (one, other)]
        # Types that keywords suggest are what is written for one side, and no bound on what the other side takes.
        named = ["type" in schema for schema in (one, other)]
        return bool(kinds[0] and kinds[1] and all(named) and not kinds[0] & kinds[1])

    def _by_value(self, one: JsonObject, other: JsonObject) -> bool:
        """The values of one do not fit the other, nor are values of the other among them."""
        values = values_of(one)
        return values is not None and not any(self._fits(other, value) for value in values if self._fits(one, value))

    def _tag(self, one: JsonObject, other: JsonObject) -> str | None:
        """A property that both have, with listed values that differ."""
        for name in one.get("properties", {}).keys() & other.get("properties", {}).keys():
            values = [values_of(self._flat(side["properties"][name])) for side in (one, other)]
            listed = values[0] is not None and values[1] is not None
            if listed and not any(same(a, b) for a in values[0] or () for b in values[1] or ()):
                return str(name)
        return None


def _lacks(one: JsonObject, other: JsonObject) -> bool:
    """Whether what is written for `one` misses something of `other`, or has something that `other` forbids."""
    own, theirs = one.get("properties", {}), other.get("properties", {})
    offers_more = isinstance(one.get("additionalProperties", True), dict) or not own
    missing = not offers_more and any(name not in own for name in other.get("required", ()))
    forbidden = other.get("additionalProperties") is False and "patternProperties" not in other
    return missing or (forbidden and any(name not in theirs for name in one.get("required", ())))
