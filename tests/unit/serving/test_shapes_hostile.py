"""Schemas that would hold up or mislead the server are refused before anything is made of them."""

from __future__ import annotations

import pytest

from core.canonical import JsonObject
from serving.shapes import ShapeRefused
from tests.unit.serving.batch import shape_of


def deep(levels: int) -> JsonObject:
    schema: JsonObject = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


def laughs(keyword: str) -> JsonObject:
    """A few lines that stand for 2^60 parts."""
    definitions = {f"a{n}": {keyword: [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(60)}
    return {"$defs": definitions | {"a60": {"type": "string"}}, "$ref": "#/$defs/a0"}


@pytest.mark.parametrize(
    "schema",
    [
        deep(500), {"enum": list(range(5000))}, {"description": "x" * 10_000_000}, {"x": [[]] * 20_000},
        {"properties": {f"p{n}": {} for n in range(1000)}}, laughs("allOf"), laughs("anyOf"), {"$ref": "#"},
        {"anyOf": [{"$ref": "#"}, {"$ref": "#"}, {"type": "null"}]}, {"type": "array", "minItems": 10**9},
        {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]},
        {"type": "integer", "minimum": 10**400},
        {"type": "object", "properties": {f"p{n}": {} for n in range(200)}, "minProperties": 100},
        {"$ref": "https://example.org/schema"}, {"const": 1, "anyOf": [{"$ref": "https://example.org/schema"}]},
        {"const": 1, "anyOf": [{"$ref": "#/nothing"}]}, {"const": "\ud800"}, {"maximum": float("nan")},
        {"properties": {"a": {"$schema": "http://json-schema.org/draft-07/schema#"}}}, {"type": "strange"},
        {"minLength": -1}, {"const": 1, "allOf": [{"anyOf": [{"$ref": "#/allOf/0"}] * 2}]},
    ],
)  # fmt: skip
def test_a_hostile_schema_is_refused(schema: JsonObject) -> None:
    with pytest.raises(ShapeRefused):
        shape_of(schema)


def test_an_answer_is_checked_in_bounded_time() -> None:
    branches = [{"properties": {"x": {"$ref": "#"}}, "type": "object", "required": [name]} for name in "ab"]
    shape = shape_of({"anyOf": [*branches, {"type": "null"}]})
    text = '{"x": ' * 60 + "1" + "}" * 60
    assert shape.problem(text) == "The answer cannot be checked: its schema branches too much."
