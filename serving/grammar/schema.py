"""A JSON Schema as nodes, or a refusal that names the keyword which no grammar can hold an answer to.

What is written may be narrower than what the schema allows (properties in their order and none that is not listed),
never wider.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from jsonschema.protocols import Validator

from core.canonical import Json, JsonObject
from serving.grammar import numbers
from serving.grammar.limits import MAX_COUNT, MAX_DEPTH
from serving.grammar.merging import Merging
from serving.grammar.nodes import Grammar, Node, Ref, Text, alt, seq, words
from serving.grammar.objects import COLON, Chain, Link, More, entry
from serving.grammar.patterns import PatternRefused
from serving.grammar.refusal import Impossible, ShapeRefused, impossible, refused
from serving.grammar.strings import Strings
from serving.grammar.unions import KEYWORDS, Apart, types_of, values_of
from serving.grammar.validating import TooMuchWork, fits, matches, validator_of

#: Keywords that no grammar keeps, and what to write instead.
_REFUSED = {
    "not": "say what is allowed, not what is not.",
    "if": "write the cases as anyOf.",
    "dependentRequired": "write the cases as anyOf.",
    "dependentSchemas": "write the cases as anyOf.",
    "dependencies": "write the cases as anyOf.",
    "contains": "what an array holds somewhere is not counted; use prefixItems.",
    "additionalItems": "it belongs to an older standard; use prefixItems and items.",
    "unevaluatedProperties": "use additionalProperties.",
    "unevaluatedItems": "use items.",
    "$dynamicRef": "use $ref.",
    "$recursiveRef": "use $ref.",
}
_ALL = ("object", "array", "string", "number", "boolean", "null")


class Schemas:
    """Adds the values of one schema document to a grammar."""

    def __init__(self, grammar: Grammar, strings: Strings, root: Json) -> None:
        self._grammar = grammar
        self._strings = strings
        self._root = root
        self._merging = Merging(root)
        self.validator: Validator = validator_of(root)
        self._apart = Apart(self._fits, lambda schema: self._merging.flat(schema, ""))
        #: Rules by schema object, which is kept so that its id is not given to another.
        self._rules: dict[int, tuple[Json, Ref]] = {}
        self._anything: JsonObject = {}
        self._depth = 0

    def whole(self) -> Node:
        """What the whole document allows.

        Raises:
            ShapeRefused: a keyword cannot be enforced, or no value fits.
        """
        return self.node(self._root)

    def node(self, schema: Json, place: str = "") -> Node:
        """A value that `schema` allows.

        Raises:
            ShapeRefused: a keyword cannot be enforced, or no value fits.
        """
        known = self._rules.get(id(schema)) if isinstance(schema, dict) else None
        if known is not None:
            return known[1]
        if self._depth > MAX_DEPTH:
            raise refused(place, "allOf", f"schemas are more than {MAX_DEPTH} deep inside of each other.")
        flat = self._merging.flat(schema, place)
        schema = self._anything if not flat else schema
        if id(schema) in self._rules:
            return self._rules[id(schema)][1]
        self._depth += 1
        try:
            if not (flat.keys() & _NESTING) and types_of(flat) not in _NESTED:
                return self._value(flat, place)
            ref = self._grammar.opened()
            if isinstance(schema, dict):
                self._rules[id(schema)] = (schema, ref)
            self._grammar.rules[ref.name] = ref  # no text at all, should this turn out to be impossible
            self._grammar.rules[ref.name] = self._value(flat, place)
            return ref
        finally:
            self._depth -= 1

    def _value(self, flat: JsonObject, place: str) -> Node:
        for keyword, instead in _REFUSED.items():
            if keyword in flat:
                raise refused(place, keyword, instead)
        if "const" in flat or "enum" in flat:
            return self._listed(flat, place)
        for keyword in ("anyOf", "oneOf"):
            if keyword in flat:
                return self._union(flat, keyword, place)
        return _possible([partial(self._typed, kind, flat, place) for kind in types_of(flat) or _ALL])

    def _listed(self, flat: JsonObject, place: str) -> Node:
        fitting = [value for value in values_of(flat) or [] if self._fits(flat, value)]
        if not fitting:
            raise impossible(place, "enum" if "enum" in flat else "const", "none of its values fits the rest.")
        return self._grammar.rule(words(json.dumps(value, ensure_ascii=False) for value in fitting))

    def _union(self, flat: JsonObject, keyword: str, place: str) -> Node:
        base = {key: value for key, value in flat.items() if key != keyword}
        branches = []
        for index, part in enumerate(flat[keyword]):
            with suppress(Impossible):
                own = self._merging.flat(part, f"{place}/{keyword}/{index}")
                branches.append(self._merging.merged(base, own, f"{place}/{keyword}/{index}"))
        if keyword == "oneOf":
            branches = self._kept_apart(branches, place)
        if not branches:
            raise impossible(place, keyword, "no alternative allows a value.")
        return _possible(
            [partial(self.node, branch, f"{place}/{keyword}/{index}") for index, branch in enumerate(branches)]
        )

    def _kept_apart(self, branches: list[JsonObject], place: str) -> list[JsonObject]:
        names: list[set[str]] = [set() for _ in branches]
        for index, one in enumerate(branches):
            for other in range(index):
                tags = self._apart.always_named(one, branches[other])
                if tags is None:
                    why = (
                        f"alternatives {other} and {index} may both fit one value; use anyOf, or give each a constant."
                    )
                    raise refused(place, "oneOf", why)
                names[index] |= tags
                names[other] |= tags
        return [
            branch | {"required": list(dict.fromkeys([*branch.get("required", ()), *sorted(tags)]))} if tags else branch
            for branch, tags in zip(branches, names, strict=True)
        ]

    def _typed(self, kind: str, flat: JsonObject, place: str) -> Node:
        match kind:
            case "object":
                return self._object(flat, place)
            case "array":
                return self._array(flat, place)
            case "string":
                self._count(flat, "minLength", place)
                return self._strings.node(flat, place)
            case "integer":
                # A rule, because objects write their entries down more than once.
                return self._grammar.rule(numbers.integer(_of_numbers(flat), place))
            case "number":
                return self._grammar.rule(numbers.number(_of_numbers(flat), place))
            case "boolean":
                return alt(Text("true"), Text("false"))
            case _:
                return Text("null")

    def _object(self, flat: JsonObject, place: str) -> Node:
        properties = dict(flat.get("properties", {}))
        required = list(dict.fromkeys(flat.get("required", ())))
        extra = flat.get("additionalProperties", True)
        for name in required:
            if name not in properties and extra is False:
                raise impossible(place, "required", f"{name!r} is asked for and not allowed.")
            properties.setdefault(name, extra)
        links = []
        for name, value in properties.items():
            link = self._link(flat, name, value, name in required, place)
            links += [] if link is None else [link]
        more = self._names(flat, properties, place)
        least = self._count(flat, "minProperties", place)
        if more is not None and least > sum(link.required for link in links) + 1:
            raise refused(place, "minProperties", "names that are not listed could be given twice; list them.")
        chain = Chain(self._grammar, links, more, least, flat.get("maxProperties"))
        return self._whole(chain.node("{", "}"), "minProperties", place)

    def _link(self, flat: JsonObject, name: str, value: Json, required: bool, place: str) -> Link | None:
        """None: the property is optional and can never be there."""
        at = f"{place}/properties/{name}"
        forbidden = value is False or ("propertyNames" in flat and not self._fits(flat["propertyNames"], name))
        if forbidden and required:
            raise impossible(at, "required", "the property is asked for and not allowed.")
        if forbidden:
            return None
        schemas = [value, *(other for pattern, other in flat.get("patternProperties", {}).items()
                            if self._matches(pattern, name, place))]  # fmt: skip
        return Link(entry(name, self.node(value if len(schemas) == 1 else {"allOf": schemas}, at)), required)

    def _names(self, flat: JsonObject, properties: JsonObject, place: str) -> More | None:
        """Properties that are not listed: free ones, or those of one pattern."""
        patterns, extra = flat.get("patternProperties", {}), flat.get("additionalProperties", True)
        if patterns:
            if properties:
                return None
            if len(patterns) > 1 or "propertyNames" in flat:
                raise refused(place, "patternProperties", "only one pattern for names can be kept; list them.")
            pattern, value = next(iter(patterns.items()))
            name = self._strings.node({"pattern": pattern}, f"{place}/patternProperties")
            return More(seq(name, COLON, self.node(value, f"{place}/patternProperties")))
        if extra is False or (properties and extra is True):
            return None
        if "propertyNames" in flat:
            if properties:
                raise refused(place, "propertyNames", "it meets listed properties; list all of them.")
            name = self.node({"allOf": [flat["propertyNames"], {"type": "string"}]}, f"{place}/propertyNames")
        else:
            name = self._strings.other_than(properties)
        return More(seq(name, COLON, self.node(extra, f"{place}/additionalProperties")))

    def _array(self, flat: JsonObject, place: str) -> Node:
        first, items = flat.get("prefixItems", []), flat.get("items", True)
        least, most = self._count(flat, "minItems", place), flat.get("maxItems")
        if flat.get("uniqueItems") and (most is None or most > 1):
            return self._different(flat, least, most, place)
        links = [Link(self.node(item, f"{place}/prefixItems/{index}"), required=index < least)
                 for index, item in enumerate(first) if most is None or index < most]  # fmt: skip
        more = None if items is False or len(links) < len(first) else More(self.node(items, f"{place}/items"))
        if any(not link.required for link in links):
            # What follows an item that was left out would stand in its place.
            return self._whole(self._as_far_as(links, more, least, most), "minItems", place)
        return self._whole(Chain(self._grammar, links, more, least, most).node("[", "]"), "minItems", place)

    def _as_far_as(self, links: list[Link], more: More | None, least: int, most: int | None) -> Node | None:
        """Every beginning of the list that is long enough, and the whole with more after it."""
        every = [Link(link.node, required=True) for link in links]
        chains = [Chain(self._grammar, every[:end], None, least, most) for end in range(least, len(every))]
        chains.append(Chain(self._grammar, every, more, least, most))
        found = [node for chain in chains if (node := chain.node("[", "]")) is not None]
        return alt(*found) if found else None

    def _different(self, flat: JsonObject, least: int, most: int | None, place: str) -> Node:
        """Items that differ, in the order in which the schema lists their values."""
        item = self._merging.flat(flat.get("items", True), f"{place}/items")
        values = values_of(item)
        if values is None or "prefixItems" in flat:
            raise refused(place, "uniqueItems", "only items with listed values (enum) can be kept different.")
        links = [Link(Text(json.dumps(value, ensure_ascii=False)), required=False)
                 for value in values if self._fits(item, value)]  # fmt: skip
        return self._whole(Chain(self._grammar, links, None, least, most).node("[", "]"), "uniqueItems", place)

    def _whole(self, node: Node | None, keyword: str, place: str) -> Node:
        if node is None:
            raise refused(place, keyword, "no number of entries fits it and the rest.")
        return node

    def _count(self, flat: JsonObject, keyword: str, place: str) -> int:
        least = int(flat.get(keyword, 0))
        if least > MAX_COUNT:
            raise refused(place, keyword, f"it asks for more than {MAX_COUNT}.")
        return least

    def _matches(self, pattern: str, name: str, place: str) -> bool:
        try:
            return matches(pattern, name)
        except (PatternRefused, TooMuchWork) as problem:
            raise refused(place, "patternProperties", str(problem)) from problem

    def _fits(self, schema: Json, value: Json) -> bool:
        try:
            return fits(self.validator.evolve(schema=schema), value)
        except TooMuchWork as problem:
            raise ShapeRefused("The schema branches too much to be held against a value.") from problem


#: Keywords and types that may hold the schema itself again.
_NESTING = frozenset({"anyOf", "oneOf"})
_NESTED = {(), ("object",), ("array",)}


def _possible(makers: Sequence[Callable[[], Node]]) -> Node:
    """Any one of the alternatives that some value fits."""
    found, last = [], None
    for make in makers:
        try:
            found.append(make())
        except Impossible as error:
            last = error
    if last is not None and not found:
        raise last
    return alt(*found)


def _of_numbers(flat: JsonObject) -> JsonObject:
    return {key: flat[key] for key in KEYWORDS["number"] if key in flat}
