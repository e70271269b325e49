"""The schema of an MCP tool comes from a stranger: what is accepted of it, and what arguments it lets through."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from core.canonical import JsonObject
from core.errors import ToolRefused
from tools.mcp.schema import check, clash, problem

SCHEMA: JsonObject = {
    "type": "object",
    "properties": {
        "host": {"type": "string", "minLength": 2, "maxLength": 20, "pattern": "^[a-z]+$"},
        "count": {"type": "integer", "minimum": 1, "exclusiveMaximum": 10, "multipleOf": 3},
        "kind": {"enum": ["a", 1, None]},
        "one": {"const": True},
        "list": {"type": "array", "items": {"type": "number"}, "minItems": 1, "maxItems": 3, "uniqueItems": True},
        "deep": {"type": "object", "properties": {"x": {"$ref": "#/$defs/x"}}, "required": ["x"],
                 "additionalProperties": False},
        "either": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "exactly": {"oneOf": [{"type": "integer"}, {"type": "number"}]},
        "both": {"allOf": [{"minLength": 1}, {"maxLength": 2}]},
    },
    "required": ["host"],
    "$defs": {"x": {"type": ["boolean", "string"]}},
}  # fmt: skip


@pytest.mark.parametrize(
    "arguments",
    [
        {"host": "web"},
        {"host": "web", "count": 9, "kind": None, "one": True, "list": [1, 2.5], "deep": {"x": "y"}},
        {"host": "web", "count": 3.0, "either": None, "exactly": 1.5, "both": "ab"},
    ],
)
def test_arguments_that_fit_pass_as_they_are(arguments: JsonObject) -> None:
    assert problem(SCHEMA) is None
    assert check(SCHEMA, arguments) == arguments
    assert Draft202012Validator(SCHEMA).is_valid(arguments)


@pytest.mark.parametrize(
    "change",
    [
        {"host": "w"}, {"host": "w" * 21}, {"host": "WEB"}, {"host": 7}, {"count": 0}, {"count": 10}, {"count": 4},
        {"count": True}, {"kind": "b"}, {"kind": True}, {"one": 1}, {"list": []}, {"list": [1, 2, 3, 4]},
        {"list": ["a"]}, {"list": [1, 1]}, {"deep": {}}, {"deep": {"x": 1}}, {"deep": {"x": "y", "z": 1}},
        {"either": 1}, {"exactly": 1}, {"exactly": "x"}, {"both": ""}, {"both": "abc"}, {"other": 1},
    ],
)  # fmt: skip
def test_arguments_that_do_not_fit_are_refused_without_their_value(change: JsonObject) -> None:
    with pytest.raises(ToolRefused, match="The arguments are: host, count") as refused:
        check(SCHEMA, {"host": "web", **change})
    assert "abc" not in str(refused.value)
    assert "WEB" not in str(refused.value)


def test_missing_argument_is_named() -> None:
    with pytest.raises(ToolRefused, match="`host` is missing"):
        check(SCHEMA, {})


@pytest.mark.parametrize(
    "schema",
    [
        None, [], True, {}, {"type": "array"},
        {"type": "object", "properties": []},
        {"type": "object", "properties": {"a": 1}},
        {"type": "object", "properties": {"a": {"type": "text"}}},
        {"type": "object", "properties": {"a": {"type": [3]}}},
        {"type": "object", "properties": {"a": {"minLength": "1"}}},
        {"type": "object", "properties": {"a": {"maxLength": -1}}},
        {"type": "object", "properties": {"a": {"minimum": "1"}}},
        {"type": "object", "properties": {"a": {"multipleOf": 0}}},
        {"type": "object", "properties": {"a": {"enum": "abc"}}},
        {"type": "object", "properties": {"a": {"pattern": "(?=x)"}}},
        {"type": "object", "properties": {"a": {"pattern": "(a+)\\1"}}},
        {"type": "object", "properties": {"a": {"anyOf": {}}}},
        {"type": "object", "properties": {"a": {"$ref": "https://evil.example/schema"}}},
        {"type": "object", "properties": {"a": {"$ref": "#/$defs/none"}}},
        {"type": "object", "required": "a"},
        {"type": "object", "if": {}, "then": {}},
        {"type": "object", "patternProperties": {"(a+)+$": {}}},
        {"type": "object", "properties": {f"a{n}": {} for n in range(41)}},
        {"type": "object", "properties": {"a": {"description": "x" * 40_000}}},
    ],
)  # fmt: skip
def test_schemas_that_could_not_be_checked_are_not_accepted(schema: Any) -> None:
    assert problem(schema) is not None


def test_nesting_is_bounded() -> None:
    schema: JsonObject = {"type": "string"}
    for _ in range(2000):
        schema = {"type": "object", "properties": {"a": schema}}
    assert problem(schema) is not None


@pytest.mark.parametrize(
    ("properties", "value"),
    [
        # Each level doubles the work.
        ({"a": {"$ref": "#/$defs/d0"}}, [[[[[[1]]]]]]),
        ({"a": {"$ref": "#/$defs/self"}}, "x"),
        ({"a": {"type": "string", "pattern": "^(a+)+$"}}, "a" * 5_000 + "b"),
    ],
)
def test_bombs_are_refused_or_checked_in_bounded_time(properties: JsonObject, value: Any) -> None:
    doubling = {f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 8} for n in range(9)}
    definitions = {**doubling, "d9": {"type": "boolean"}, "self": {"$ref": "#/$defs/self"}}
    schema = {"type": "object", "properties": properties, "$defs": definitions}
    assert problem(schema) is None
    started = time.process_time()
    with pytest.raises(ToolRefused):
        check(schema, {"a": value})
    # A bound on work, not on speed: unbounded, these take minutes or end the process.
    assert time.process_time() - started < 20


def test_action_whose_arguments_are_casemates_own_cannot_be_accepted() -> None:
    assert clash(SCHEMA) is None
    assert "`reason`" in str(clash({"type": "object", "properties": {"reason": {}, "id": {}}}))


_LEAF = st.sampled_from(
    [
        {"type": "string"}, {"type": "integer"}, {"type": "number", "minimum": 0}, {"type": ["string", "null"]},
        {"enum": ["a", "b"]}, {"const": 1}, {"type": "string", "maxLength": 2}, {"type": "boolean"}, {},
    ]
)  # fmt: skip
_SCHEMAS = st.recursive(
    _LEAF,
    lambda inner: st.one_of(
        st.builds(lambda item: {"type": "array", "items": item, "maxItems": 3}, inner),
        st.builds(lambda a, b: {"anyOf": [a, b]}, inner, inner),
        st.builds(lambda a, b: {"allOf": [a, b]}, inner, inner),
        st.builds(lambda a, b: {"oneOf": [a, b]}, inner, inner),
        st.builds(
            lambda a, rest: {"type": "object", "properties": {"k": a}, "required": ["k"], "additionalProperties": rest},
            inner,
            st.booleans(),
        ),
    ),
    max_leaves=6,
)
_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from(["", "a", "abc", 0.5])),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(["k", "z"]), inner)),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(_SCHEMAS, _VALUES)
def test_it_decides_as_a_general_validator_does(inner: JsonObject, value: Any) -> None:
    schema = {"type": "object", "properties": {"a": inner}, "required": ["a"], "additionalProperties": False}
    assert problem(schema) is None
    try:
        check(schema, {"a": value})
        fits = True
    except ToolRefused:
        fits = False
    assert fits is Draft202012Validator(schema).is_valid({"a": value})
