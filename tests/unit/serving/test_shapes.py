"""What requests may ask for: every answer has its shape, and what cannot be enforced is refused by name."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from enum import StrEnum
from ipaddress import IPv4Address
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from core.assessment import Assessment
from core.canonical import JsonObject
from serving import shapes as shapes_module
from serving.shapes import ShapeRefused, Shapes, Wanted
from tests.unit.serving.batch import COLUMNS, SHAPES, STOP, TOKENIZER, replay, shape_of, texts


class Kind(StrEnum):
    A = "a"
    B = 'b"'


class Mail(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kind: Literal["mail"] = "mail"
    sender: Annotated[str, Field(min_length=1, max_length=12)]


class Login(BaseModel):
    kind: Literal["login"]
    address: IPv4Address
    on: date
    score: Annotated[float, Field(gt=0, lt=1)] = 0.5


class Ticket(BaseModel):
    """What pydantic writes: definitions, unions with and without a tag, bounds, and a model inside of itself."""

    name: Annotated[str, Field(pattern=r"^[A-Z]+-[0-9]{1,6}$", description="Its number")]
    owner: str | None = None
    kinds: set[Kind] = Field(default_factory=set)
    event: Annotated[Mail | Login, Field(discriminator="kind")]
    counts: dict[str, Annotated[int, Field(ge=-3, le=9)]]
    pair: tuple[bool, float | Literal[7]]
    children: Annotated[list[Ticket], Field(max_length=2)] = Field(default_factory=list)
    anything: Any = None


def test_what_pydantic_writes_is_read_by_pydantic() -> None:
    for text in texts(shape_of(Ticket.model_json_schema()), 40, spare=(0, 5, 40, 150)):
        Ticket.model_validate_json(text)


def test_assessments_are_assessments() -> None:
    for text in texts(shape_of(Assessment.model_json_schema()), 12, spare=(0, 20, 200)):
        Assessment.model_validate_json(text)


def test_answers_are_written_as_they_would_be_written_again() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "array", "items": {}}}}
    for text in texts(shape_of(schema | {"required": ["a", "b"]}), 30, spare=(10, 60)):
        value = json.loads(text)
        assert list(value) == ["a", "b"]
        assert json.dumps(value["a"], ensure_ascii=False) in text
        assert "\\/" not in text
        assert "\\u00e" not in text
        text.encode()


def test_text_is_any_unicode_but_no_half_characters_and_no_nul() -> None:
    shape = shape_of({"type": "string"})
    for text in ("é漢😀", 'a "quoted" C:\\path', "line\nline\ttab", "\x01\x1f\x7f\u2028", "<tool_call>", "\U0010ffff"):
        assert replay(shape, json.dumps(text, ensure_ascii=False), budget=80)
    for written in ('"\\ud800"', '"\\u0000"', '"a\nb"', '"\\x"', '"\\u00e9"', '"a\\/b"', '"a'):
        assert not replay(shape, written, budget=80)


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"type": "object", "properties": {"a": {}, "b": {}}, "required": ["b"]}, '{"b": 1}', '{"a": 1}'),
        ({"type": "object", "properties": {"a": {}}, "additionalProperties": False}, '{"a": []}', '{"c": 1}'),
        ({"type": "object", "properties": {"a": {"type": "null"}}, "additionalProperties": {"type": "integer"}},
         '{"a": null, "ab": 2}', '{"a": null, "a": 2}'),
        ({"type": "object", "required": ["x"]}, '{"x": {"y": []}}', "{}"),
        ({"type": "object", "patternProperties": {"^x-": {"type": "integer"}}}, '{"x-a": 1}', '{"y": 1}'),
        ({"type": "object", "propertyNames": {"enum": ["a", "b"]}}, '{"b": true}', '{"c": true}'),
        ({"type": "object", "properties": {"a": {}, "b": {}, "c": {}}, "minProperties": 2, "maxProperties": 2},
         '{"a": 1, "c": 2}', '{"a": 1, "b": 1, "c": 1}'),
        ({"type": "array", "prefixItems": [{"type": "integer"}, {"type": "null"}], "items": False}, "[1]", "[null]"),
        ({"type": "array", "prefixItems": [{"const": 1}], "items": {"const": 2}, "minItems": 2}, "[1, 2, 2]", "[1]"),
        ({"type": "array", "uniqueItems": True, "items": {"enum": [1, 2, 3]}}, "[1, 3]", "[1, 1]"),
        ({"type": "array", "items": {"type": "boolean"}, "maxItems": 2}, "[true, false]", "[true, true, true]"),
        ({"enum": ["a", 1, None, {"b": [1.5]}]}, '{"b": [1.5]}', "2"),
        ({"enum": ["a", "bb", "ccc"], "minLength": 2}, '"bb"', '"a"'),
        ({"const": "é\u2028"}, '"é\u2028"', '"e"'),
        ({"type": "string", "minLength": 2, "maxLength": 3}, '"é\\""', '"abcd"'),
        ({"minLength": 2}, '"ab"', '"a"'),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}], "description": "?"}, "null", "true"),
        ({"oneOf": [{"type": "string", "maxLength": 1}, {"type": "boolean"}]}, "true", '"ab"'),
        ({"type": "object", "properties": {"a": {}}, "anyOf": [{"required": ["a"]}]}, '{"a": 1}', "{}"),
        ({"allOf": [{"minimum": 3}, {"maximum": 5}], "type": "integer"}, "4", "6"),
        ({"$defs": {"a": {"type": "string"}}, "$ref": "#/$defs/a", "maxLength": 1}, '"a"', '"ab"'),
        ({"type": ["string", "null"]}, "null", "1"),
        (True, '{"a": [1, "b", null]}', "nope"),
    ],
)  # fmt: skip
def test_keywords_are_kept(schema: Any, good: str, bad: str) -> None:
    shape = shape_of(
        {"properties": {"v": schema}, "required": ["v"], "type": "object", "$defs": {"a": {"type": "string"}}}
    )
    assert replay(shape, f'{{"v": {good}}}', budget=60)
    assert shape.problem(f'{{"v": {good}}}') is None
    assert not replay(shape, f'{{"v": {bad}}}', budget=60)
    assert texts(shape, 6)


@pytest.mark.parametrize(
    ("schema", "keyword", "place"),
    [
        ({"not": {"type": "string"}}, "not", "/"),
        ({"properties": {"a": {"if": {}, "then": {}}}}, "if", "/properties/a"),
        ({"dependentRequired": {"a": ["b"]}}, "dependentRequired", "/"),
        ({"type": "array", "contains": {"const": 1}}, "contains", "/"),
        ({"type": "array", "items": {"type": "integer", "multipleOf": 5}}, "multipleOf", "/items"),
        ({"type": "number", "multipleOf": 0.1}, "multipleOf", "/"),
        ({"type": "array", "uniqueItems": True, "items": {"type": "string"}}, "uniqueItems", "/"),
        ({"type": "object", "unevaluatedProperties": False}, "unevaluatedProperties", "/"),
        ({"oneOf": [{"type": "integer"}, {"type": "number"}]}, "oneOf", "/"),
        ({"oneOf": [{"type": "object", "properties": {"a": {}}}, {"type": "object", "required": ["b"]}]}, "oneOf", "/"),
        ({"patternProperties": {"a": {}, "b": {}}}, "patternProperties", "/"),
        ({"type": "object", "minProperties": 3}, "minProperties", "/"),
        ({"properties": {"a": {}}, "required": ["b"], "additionalProperties": False}, "required", "/"),
        ({"allOf": [{"pattern": "a"}, {"pattern": "b"}]}, "pattern", "/"),
        ({"allOf": [{"type": "string"}, {"type": "null"}]}, "type", "/"),
        ({"$ref": "#/$defs/none"}, "$ref", "/"),
        ({"$dynamicRef": "#x"}, "$dynamicRef", "/"),
        ({"anyOf": [False]}, "anyOf", "/"),
        ({"const": "abc", "maxLength": 2}, "const", "/"),
        ({"minLength": 3, "maxLength": 2}, "maxLength", "/"),
    ],
)  # fmt: skip
def test_a_keyword_that_cannot_be_enforced_is_named_with_its_place(
    schema: JsonObject, keyword: str, place: str
) -> None:
    with pytest.raises(ShapeRefused, match="cannot be enforced") as refused:
        shape_of(schema)
    assert f"The keyword `{keyword}` at {place} " in str(refused.value)


def test_remarks_are_no_reason_to_refuse() -> None:
    remarks = {"title": "T", "description": "not", "default": 1, "examples": [2], "deprecated": True, "readOnly": True,
               "$comment": "c", "$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "urn:x", "x-ours": {},
               "contentMediaType": "text/plain", "discriminator": {"propertyName": "a"}}  # fmt: skip
    assert texts(shape_of({"type": "integer", "minimum": 5, "maximum": 5, **remarks}), 1) == ["5"]


def test_an_unlimited_request_has_no_shape() -> None:
    assert SHAPES.compile(Wanted()) is None
    assert SHAPES.compile(Wanted(thinking=True)) is None


def test_a_problem_with_an_answer_names_the_keyword() -> None:
    shape = shape_of({"type": "object", "properties": {"a": {"items": {"maxLength": 2}}}})
    assert shape.problem('{"a": ["secret"]}') == "The answer breaks `maxLength` of /properties/a/items."
    assert shape.problem("{") == "The answer is no JSON."
    assert shape.problem("[" * 100_000) == "The answer is no JSON."


def test_a_shape_is_compiled_once_and_the_oldest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shapes_module, "MAX_KEPT", 2)
    shapes = Shapes(TOKENIZER, vocab_size=COLUMNS, stop_token_ids=[STOP])
    first = shapes.compile(Wanted(schema={"const": 1}))
    assert shapes.compile(Wanted(schema={"const": 1})) is first
    shapes.compile(Wanted(schema={"const": 2}))
    shapes.compile(Wanted(schema={"const": 1}))
    shapes.compile(Wanted(schema={"const": 3}))
    assert shapes.compile(Wanted(schema={"const": 1})) is first
    assert shapes.compile(Wanted(schema={"properties": {"a": {}, "b": {}}})) is not shapes.compile(
        Wanted(schema={"properties": {"b": {}, "a": {}}})
    )


def test_shapes_are_compiled_in_many_threads() -> None:
    with ThreadPoolExecutor(max_workers=8) as threads:
        found = list(threads.map(lambda n: shape_of({"const": n % 4}), range(32)))
    assert [texts(shape, 1)[0] for shape in found] == [str(n % 4) for n in range(32)]
