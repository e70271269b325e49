"""Parts of a schema that hold at once become one, or are refused where they cannot."""

from __future__ import annotations

from typing import Any

import pytest

from serving.shapes import ShapeRefused
from tests.unit.serving.batch import replay, shape_of, texts

A = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
B = {"properties": {"b": {"type": "boolean"}, "a": {"minimum": 5}}}
CLOSED = {"additionalProperties": False}


@pytest.mark.parametrize(
    ("parts", "good", "bad"),
    [
        ([A, B], '{"a": 5, "b": true}', '{"a": 4}'),
        ([A | CLOSED, B], '{"a": 5}', '{"a": 5, "b": true}'),
        ([A | CLOSED, {**A, **CLOSED, "maxProperties": 3}], '{"a": 1}', "{}"),
        ([A, {"required": ["a", "c"]}], '{"a": 1, "c": null}', '{"a": 1}'),
        ([{"type": ["string", "null"]}, {"type": ["null", "integer"]}], "null", '"a"'),
        ([{"type": "number"}, {"type": "integer"}], "3", "3.5"),
        ([{"type": ["integer", "number"]}, {"type": "number"}, {"maximum": 9}], "0.5", "10"),
        ([{"enum": ["a", "b", 1]}, {"enum": ["b", True, "a"]}], '"b"', "1"),
        ([{"enum": ["a", "b"]}, {"const": "b"}], '"b"', '"a"'),
        ([{"const": {"x": 1}}, {"const": {"x": 1}}], '{"x": 1}', "{}"),
        ([{"minLength": 2, "maxLength": 9}, {"minLength": 1, "maxLength": 4}], '"abcd"', '"abcde"'),
        ([{"type": "array", "items": {"type": "integer"}}, {"items": {"minimum": 3}}], "[3]", "[2]"),
        ([{"type": "array", "items": {"enum": [1, 2]}}, {"uniqueItems": True}], "[1, 2]", "[2, 2]"),
        ([{"uniqueItems": False, "type": "array", "maxItems": 1}, {"uniqueItems": True}], "[[]]", "[1, 2]"),
        ([{"anyOf": [{"const": 1}, {"type": "string"}]}, {"anyOf": [{"const": "x"}, {"const": 1}]}], '"x"', '"y"'),
        ([{"format": "date"}, {"format": "made-up", "type": "string"}], '"2024-02-28"', '"today"'),
        ([True, {"const": 1}, {}], "1", "2"),
        ([{"propertyNames": {"maxLength": 2}}, {"propertyNames": {"minLength": 2}}, {"type": "object"}],
         '{"ab": 1}', '{"a": 1}'),
        ([{"type": "object", "properties": {"ab": {}}}, {"patternProperties": {"^a": {"type": "null"}}}],
         '{"ab": null}', '{"ab": 1}'),
        ([{"type": "object", "properties": {"ab": {}, "abc": {}}}, {"propertyNames": {"maxLength": 2}}],
         '{"ab": 1}', '{"abc": 1}'),
        ([A, {"properties": {"b": {}}, "patternProperties": {"a": {"maximum": 3}}}], '{"a": 3, "b": 1}', '{"a": 4}'),
        ([{"anyOf": [False, {"const": 1}, {"type": "array", "minItems": 2}]}, {"minimum": 1}], "1", "0"),
        ([{"type": ["integer", "string"], "minimum": 2, "maximum": 1}], '"a"', "1"),
        ([{"$ref": "#/$defs/x~1y"}, {"$ref": "#/$defs/list/anyOf/0"}], "4", "9"),
    ],
)  # fmt: skip
def test_all_parts_are_kept(parts: list[Any], good: str, bad: str) -> None:
    definitions = {"x/y": {"type": "integer", "minimum": 3}, "list": {"anyOf": [{"maximum": 8}]}}
    shape = shape_of({"$defs": definitions, "allOf": parts})
    assert replay(shape, good, budget=60)
    assert shape.problem(good) is None
    assert not replay(shape, bad, budget=60)
    assert texts(shape, 4)


@pytest.mark.parametrize(
    ("parts", "keyword"),
    [
        ([{"const": 1}, {"const": 2}], "const"),
        ([{"properties": {"b": {}}, "additionalProperties": {"type": "null"}}, A], "additionalProperties"),
        ([{"oneOf": [{"type": "null"}]}, {"oneOf": [{"type": "string"}]}], "oneOf"),
        ([{"anyOf": [{"const": n} for n in range(9)]}, {"anyOf": [{"const": -n} for n in range(9)]}], "anyOf"),
        ([{"multipleOf": 2}, {"multipleOf": 3}], "multipleOf"),
        ([False, {}], "false"),
        ([{"$ref": "#/allOf/0/x"}], "$ref"),
        ([{"$ref": "#/$defs"}, {"$ref": "#/$defs/no"}], "$ref"),
        ([{"type": "object", "properties": {"a": False}, "required": ["a"]}], "required"),
        ([{"type": "object", "properties": {"a": {}, "b": {}}, "patternProperties": {"(": {}}}], "patternProperties"),
        ([{"type": "object", "properties": {"a": {}}, "additionalProperties": {"type": "null"},
           "propertyNames": {"maxLength": 3}}], "propertyNames"),
        ([{"type": "array", "prefixItems": [{}], "uniqueItems": True, "items": {"enum": [1]}}], "uniqueItems"),
        ([{"type": "array", "minItems": 3, "maxItems": 2}], "minItems"),
    ],
)  # fmt: skip
def test_what_cannot_be_one_is_refused(parts: list[Any], keyword: str) -> None:
    with pytest.raises(ShapeRefused) as refused:
        shape_of({"$defs": {"a": {}}, "allOf": parts})
    assert f"`{keyword}`" in str(refused.value)


@pytest.mark.parametrize(
    "branches",
    [
        [{"type": "string"}, {"type": "integer"}],
        [{"enum": ["a", "b"]}, {"type": "integer"}],
        [{"enum": ["a", "b"]}, {"type": "string", "minLength": 2}],
        [{"anyOf": [{"type": "null"}, {"type": "boolean"}]}, {"type": "string", "maxLength": 4}],
        [A | CLOSED, {"type": "object", "properties": {"b": {}}, "required": ["b"], **CLOSED}],
        [{"type": "object", "properties": {"k": {"const": n}}, **CLOSED} for n in range(3)],
    ],
)
def test_alternatives_that_are_apart_are_kept_apart(branches: list[Any]) -> None:
    assert texts(shape_of({"oneOf": branches}), 10)
