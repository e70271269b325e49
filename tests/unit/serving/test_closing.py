"""Every answer is whole when its tokens run out, and none is cut short before it must be."""

from __future__ import annotations

import json
from functools import partial
from random import Random
from typing import Any

import pytest

from serving import closing
from serving.grammar.following import Follower
from serving.shapes import ToolShape, Wanted
from tests.unit.serving.batch import STOP, TOKENIZER, allowed, constraint, draw, replay, shape_of, state_of

TREE: Any = {
    "$defs": {"node": {
        "type": "object", "required": ["name", "left"], "additionalProperties": False, "properties": {
            "name": {"type": "string", "pattern": "^n(-[a-f]{3})+$"},
            "left": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
            "all": {"type": "array", "items": {"$ref": "#/$defs/node"}, "minItems": 2}}}},
    "$ref": "#/$defs/node",
}  # fmt: skip
SCHEMAS: dict[str, Any] = {
    "recursion": TREE,
    "any JSON": {},
    "optional properties": {"properties": {f"a{n}": {"type": "array", "minItems": n, "items": {}} for n in range(5)}},
    "lengths": {"type": "array", "minItems": 3, "items": {"type": "string", "minLength": 7, "maxLength": 9}},
    "dear alternatives": {
        "anyOf": [{"const": "x" * 200}, {"type": "array", "minItems": 30, "items": {"const": 12345}}, {"const": 1}]},
    "patterns": {"type": "string", "pattern": r"^(a[b-z]{30}|c\d*|[äöü]{3,}é)$"},
    "formats": {"properties": {name: {"format": name} for name in ("uuid", "date-time", "uri")}, "required": ["uuid"]},
    "numbers": {"type": "array", "items": {"type": "number", "minimum": 100.25, "maximum": 1e6}},
    "wide characters": {"type": "string", "pattern": "^[\U0001f600-\U0001f64f一-龥]{2,40}$"},
    "an end inside of itself": {"type": "object", "properties": {
        "a": {"$ref": "#"},
        "b": {"type": "object", "properties": {"c": {"$ref": "#/properties/b"}}, "required": ["c"]}}},
}  # fmt: skip
WANTED = {
    "calls": Wanted(
        tools=(ToolShape(name="t", parameters=TREE), ToolShape(name="u", parameters={})), choice="required"
    ),
    "either": Wanted(schema=TREE, tools=(ToolShape(name="u", parameters={}),), choice="auto"),
    "text with calls": Wanted(tools=(ToolShape(name="t", parameters=TREE),), choice="auto"),
    "thought": Wanted(schema=TREE, thinking=True),
    **{name: Wanted(schema=schema) for name, schema in SCHEMAS.items()},
}


@pytest.mark.parametrize("name", sorted(WANTED))
def test_an_answer_is_whole_however_few_tokens_it_has(name: str) -> None:
    shape = shape_of(WANTED[name])
    for seed, spare in enumerate((0, 0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 90)):
        # An end is never chosen where the text could go on: the budget has to do it.
        drawn = draw(shape, budget=shape.least + spare, random=Random(seed), stop=0)
        assert drawn.stopped or name == "text with calls"
        assert shape.problem(drawn.text) is None


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_the_shortest_answer_takes_as_many_tokens_as_is_said(name: str) -> None:
    shape = shape_of(WANTED[name])
    drawn = draw(shape, budget=shape.least, random=Random(0))
    assert len(drawn.tokens) + 1 <= shape.least


def test_only_an_answer_that_the_budget_ended_says_so() -> None:
    shape = shape_of({"type": "string"})
    assert draw(shape, budget=20, random=Random(1), stop=0).closed
    held = constraint(rows=1)
    handle = held.admit(shape, budget=20)
    state = state_of(handle)
    for token in TOKENIZER.encode('"ab"'):
        allowed(held, state)
        state.generated_tokens.append(token)
    assert allowed(held, state) == [[STOP]]
    assert not held.closed(handle)


ANSWER = {
    "verdict": "benign", "why": 'He said "yes", C:\\Users\\x\nand that is all of it. ' * 3,
    "list": ["T1566.002", "T1078"], "score": 0.93,
    "more": [{"claim": "It is so.", "n": 3}, {"claim": "Is it?", "n": None}],
}  # fmt: skip
FORM = {
    "type": "object", "required": ["verdict", "why", "list", "score", "more"], "properties": {
        "verdict": {"enum": ["benign", "malicious"]}, "why": {"type": "string", "minLength": 1, "maxLength": 500},
        "list": {"type": "array", "maxItems": 20, "items": {"type": "string", "pattern": r"^T\d{4}(\.\d{3})?$"}},
        "score": {"type": "number", "minimum": 0, "maximum": 1},
        "more": {"type": "array", "items": {"type": "object", "required": ["claim"], "properties": {
            "claim": {"type": "string", "minLength": 1, "maxLength": 80}, "n": {"type": ["integer", "null"]}}}}},
}  # fmt: skip


@pytest.mark.parametrize("spare", [1, 5, 500])
def test_a_good_answer_is_let_through_token_by_token_even_if_it_hardly_fits(spare: int) -> None:
    text = json.dumps(ANSWER, ensure_ascii=False)
    assert replay(shape_of(FORM), text, budget=len(TOKENIZER.encode(text)) + 1 + spare)


def test_lengths_are_kept_to_the_character() -> None:
    shape = shape_of({"type": "string", "minLength": 50, "maxLength": 60})
    for length in (49, 50, 60, 61):
        for char in ("a", "é", "\\n", '\\"', "\\u0001"):
            assert replay(shape, f'"{char * length}"', budget=400) == (50 <= length <= 60)


@pytest.mark.parametrize("name", sorted(WANTED))
def test_no_token_makes_the_end_dearer_than_the_bounds_say(name: str) -> None:
    """What may be left unlooked at rests on this."""
    shape, random = shape_of(WANTED[name]), Random(name)
    bounds, vocabulary = shape.bounds, shape.bounds.vocabulary
    for _ in range(3):
        held = constraint(rows=1)
        state = state_of(held.admit(shape, budget=100_000))
        follower = Follower(bounds.plan)
        while len(state.generated_tokens) < 60:
            choices = [token for token in allowed(held, state)[0] if token != STOP]
            if not choices:
                break
            before = max(follower.stacks.bounds[way] for way in follower.ways)
            for token in random.sample(choices, min(20, len(choices))):
                assert follower.cost(vocabulary.texts[token]) <= before + bounds.reach
            token = random.choice(choices)
            follower.feed(vocabulary.texts[token])
            state.generated_tokens.append(token)
            assert follower.ways


def test_an_answer_with_too_many_readings_is_ended_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closing, "Follower", partial(Follower, ways=5))
    many = "|".join(f"(a|b)*{letter}" for letter in "cdefghijkl")
    shape = shape_of({"type": "string", "pattern": f"^(({many})(a|b)*){{1,200}}$"})
    drawn = draw(shape, budget=400, random=Random(0), stop=0)
    assert drawn.stopped
    assert drawn.closed
    assert len(drawn.tokens) < 60
    assert shape.problem(drawn.text) is None
