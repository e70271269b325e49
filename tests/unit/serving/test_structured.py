"""Answers in the shape asked for, over HTTP: from a model that says noise, so that only the constraint can be why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from core.canonical import JsonObject
from serving.shapes import Shape, Shapes, Wanted
from tests.unit.serving.engines import load_tiny, running
from tests.unit.serving.served import House, events, house, refusal

#: Noise, and different at each turn.
NOISE: dict[str, Any] = {"temperature": 1.0, "max_tokens": 300}
LOOK_UP: JsonObject = {
    "type": "object",
    "properties": {"host": {"type": "string", "maxLength": 16}, "days": {"type": "integer", "minimum": 0}},
    "required": ["host"],
    "additionalProperties": False,
}
CLOSE: JsonObject = {
    "type": "object",
    "properties": {"why": {"enum": ["done", "duplicate"]}},
    "required": ["why"],
    "additionalProperties": False,
}
VERDICT: JsonObject = {
    "type": "object",
    "properties": {
        "verdict": {"enum": ["benign", "malicious"]},
        "reasons": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 3},
    },
    "required": ["verdict", "reasons"],
    "additionalProperties": False,
}
FORMAT = {"type": "json_schema", "json_schema": {"name": "verdict", "strict": True, "schema": VERDICT}}


def tool(name: str, parameters: JsonObject) -> JsonObject:
    return {"type": "function", "function": {"name": name, "description": "Does it.", "parameters": parameters}}


TOOLS = [tool("look_up", LOOK_UP), tool("close", CLOSE)]


@pytest.fixture(scope="module")
def server(tiny_model: Path) -> Iterator[House]:
    with running(replace(load_tiny(tiny_model), name="tiny", context=4096)) as engine, house(engine) as house_:
        yield house_


def choice(server: House, **changes: Any) -> JsonObject:
    response = server.chat(**NOISE | changes)
    assert response.status_code == 200, response.text
    found: JsonObject = response.json()["choices"][0]
    return found


def check_calls(calls: list[JsonObject]) -> None:
    for call in calls:
        assert call["type"] == "function"
        schema = {"look_up": LOOK_UP, "close": CLOSE}[call["function"]["name"]]
        Draft202012Validator(schema).validate(json.loads(call["function"]["arguments"]))
    assert len({call["id"] for call in calls}) == len(calls)
    assert all(call["id"].startswith("call_") for call in calls)


def test_a_required_call_is_made_and_fits_its_schema(server: House) -> None:
    for _ in range(2):
        found = choice(server, tools=TOOLS, tool_choice="required")
        assert (found["finish_reason"], found["message"]["content"]) == ("tool_calls", None)
        check_calls(found["message"]["tool_calls"])


def test_a_named_tool_is_called_once(server: House) -> None:
    named = {"type": "function", "function": {"name": "close"}}
    [call] = choice(server, tools=TOOLS, tool_choice=named)["message"]["tool_calls"]
    assert call["function"]["name"] == "close"
    check_calls([call])


def test_without_parallel_calls_there_is_one(server: House) -> None:
    for _ in range(2):
        found = choice(server, tools=TOOLS, tool_choice="required", parallel_tool_calls=False)
        assert len(found["message"]["tool_calls"]) == 1


def test_with_the_choice_none_nothing_is_called(server: House) -> None:
    found = choice(server, tools=TOOLS, tool_choice="none", max_tokens=40)
    assert "tool_calls" not in found["message"]
    assert "<tool_call>" not in found["message"]["content"]


def test_of_its_own_accord_a_model_may_write_or_call(server: House) -> None:
    found = choice(server, tools=TOOLS)
    check_calls(found["message"].get("tool_calls", []))
    assert found["finish_reason"] in {"stop", "length", "tool_calls"}


def test_an_answer_fits_its_schema(server: House) -> None:
    for _ in range(2):
        found = choice(server, response_format=FORMAT)
        assert found["finish_reason"] == "stop"
        Draft202012Validator(VERDICT).validate(json.loads(found["message"]["content"]))


def test_a_json_object_is_one(server: House) -> None:
    assert isinstance(json.loads(choice(server, response_format={"type": "json_object"})["message"]["content"]), dict)


def test_with_tools_and_a_schema_it_is_calls_or_the_answer(server: House) -> None:
    for _ in range(2):
        message = choice(server, tools=TOOLS, response_format=FORMAT)["message"]
        check_calls(message.get("tool_calls", []))
        if message["content"] is not None:
            assert "tool_calls" not in message
            Draft202012Validator(VERDICT).validate(json.loads(message["content"]))


def test_a_stream_gives_calls_whole_and_in_order(server: House) -> None:
    streamed = events(server.chat(**NOISE, tools=TOOLS, tool_choice="required", stream=True))
    deltas = [event["choices"][0]["delta"] for event in streamed]
    calls = [call for delta in deltas for call in delta.get("tool_calls", [])]
    assert [call["index"] for call in calls] == list(range(len(calls)))
    check_calls(calls)
    assert streamed[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_a_stream_of_an_answer_fits_its_schema(server: House) -> None:
    streamed = events(server.chat(**NOISE, response_format=FORMAT, stream=True))
    text = "".join(event["choices"][0]["delta"].get("content", "") for event in streamed)
    Draft202012Validator(VERDICT).validate(json.loads(text))
    assert len(streamed) > 3, "it comes in pieces"


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_is_whole_within_its_tokens_and_says_so(server: House, *, stream: bool) -> None:
    schema = {"type": "object", "properties": {"text": {"type": "string", "minLength": 20}}, "required": ["text"]}
    tight = {"type": "json_schema", "json_schema": {"name": "text", "schema": schema}}
    least = shortest(server, response_format=tight)
    response = server.chat(temperature=1.0, max_tokens=least, response_format=tight, stream=stream)
    if stream:
        streamed = events(response)
        last, text = streamed[-1]["choices"][0], "".join(e["choices"][0]["delta"].get("content", "") for e in streamed)
    else:
        last = response.json()["choices"][0]
        text = last["message"]["content"]
    assert len(json.loads(text)["text"]) >= 20
    assert (last["finish_reason"], last["casemate"]) == ("stop", {"closed_early": True})


def test_an_answer_that_ended_by_itself_was_not_closed(server: House) -> None:
    one = {"type": "json_schema", "json_schema": {"name": "one", "schema": {"enum": ["yes", "no"]}}}
    assert "casemate" not in choice(server, response_format=one)


def shortest(server: House, **changes: Any) -> int:
    """What the server says an answer needs at least."""
    response = server.chat(max_tokens=1, **changes)
    assert refusal(response)[:2] == (400, "max_tokens")
    [number] = [int(word) for word in response.json()["error"]["message"].split() if word.isdigit()]
    return number


def test_fewer_tokens_than_the_shape_takes_are_refused_with_the_number(server: House) -> None:
    for changes in ({"response_format": FORMAT}, {"tools": TOOLS, "tool_choice": "required"}):
        least = shortest(server, **changes)
        assert least > 5
        assert server.chat(max_tokens=least, **changes).status_code == 200
        assert server.chat(max_tokens=least - 1, **changes).status_code == 400


def test_no_room_for_the_shortest_answer_is_a_context_that_is_too_long(server: House) -> None:
    short, long = (server.chat(text=" a" * words).json()["usage"]["prompt_tokens"] for words in (10, 110))
    full = 10 + (4096 - 5 - short) * 100 // (long - short)
    response = server.chat(text=" a" * full, max_tokens=None, response_format=FORMAT)
    assert refusal(response)[2] == "context_length_exceeded"
    assert server.chat(text=" a" * full, max_tokens=None).status_code == 200


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"response_format": {**FORMAT, "json_schema": {"schema": {"not": {}}}}}, "response_format"),
        ({"tools": [tool("t", {"type": "object", "properties": {"a": {"not": {"type": "null"}}}})]}, "tools"),
        ({"tools": [tool("t", {"$ref": "https://example.org/x"})], "response_format": FORMAT}, "tools"),
    ],
)  # fmt: skip
def test_a_schema_that_cannot_be_enforced_is_refused(server: House, changes: dict[str, Any], param: str) -> None:
    response = server.chat(**changes)
    assert refusal(response)[:2] == (400, param)
    assert "`" in response.json()["error"]["message"], "it names the keyword"


def test_a_thought_comes_before_the_shape_and_apart_from_it(server: House) -> None:
    thinking = {"chat_template_kwargs": {"enable_thinking": True}}
    message = choice(server, response_format=FORMAT, **thinking)["message"]
    Draft202012Validator(VERDICT).validate(json.loads(message["content"]))
    streamed = events(server.chat(**NOISE, response_format=FORMAT, stream=True, **thinking))
    deltas = [event["choices"][0]["delta"] for event in streamed]
    Draft202012Validator(VERDICT).validate(json.loads("".join(delta.get("content", "") for delta in deltas)))
    assert any(delta.get("reasoning_content") for delta in deltas)


def test_calls_and_their_results_go_round(server: House) -> None:
    messages: list[JsonObject] = [{"role": "user", "content": "Look it up."}]
    for _ in range(3):
        message = choice(server, messages=messages, tools=TOOLS, tool_choice="required")["message"]
        results = [{"role": "tool", "tool_call_id": call["id"], "content": "{}"} for call in message["tool_calls"]]
        messages += [message, *results]
    assert choice(server, messages=messages, tools=TOOLS, tool_choice="none", max_tokens=8)["message"]["content"]


def test_shapes_and_free_text_share_a_batch(server: House) -> None:
    kinds: list[dict[str, Any]] = [{"response_format": FORMAT}, {"tools": TOOLS, "tool_choice": "required"}, {}]
    with ThreadPoolExecutor(max_workers=9) as threads:
        responses = list(threads.map(lambda n: server.chat(**NOISE, **kinds[n % 3]), range(9)))
    for number, response in enumerate(responses):
        message = response.json()["choices"][0]["message"]
        if number % 3 == 0:
            Draft202012Validator(VERDICT).validate(json.loads(message["content"]))
        elif number % 3 == 1:
            check_calls(message["tool_calls"])


class Unheld(Shapes):
    """A fault: answers are held to one schema and checked against another."""

    def compile(self, wanted: Wanted) -> Shape | None:
        checked = super().compile(wanted)
        held = super().compile(replace(wanted, schema={"type": "integer"}))
        assert checked is not None
        assert held is not None
        checked.compiled, checked.bounds, checked.least = held.compiled, held.bounds, held.least
        return checked


def test_an_answer_that_left_its_shape_is_withheld_and_counted(tiny_model: Path) -> None:
    loaded = replace(load_tiny(tiny_model), name="tiny")
    with running(loaded) as engine, house(engine) as server:
        engine.shapes = Unheld(loaded.tokenizer, vocab_size=loaded.vocab_size, stop_token_ids=loaded.stop_token_ids)
        response = server.chat(**NOISE, response_format=FORMAT)
        assert refusal(response) == (502, None, "constraint_failed")
        streamed = events(server.chat(**NOISE, response_format=FORMAT, stream=True))
        assert streamed[-1]["error"]["code"] == "constraint_failed"
        text = server.get("/metrics").text
    assert "casemate_serving_constraint_failures_total 2.0" in text
    assert 'outcome="constraint_failed"} 2.0' in text


def test_what_the_constraint_did_is_counted(server: House) -> None:
    text = server.get("/metrics").text
    assert "casemate_serving_constraint_failures_total 0.0" in text
    assert "casemate_serving_closed_early_total" in text
