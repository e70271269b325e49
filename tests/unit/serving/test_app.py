"""The endpoints over HTTP: what is asked is answered in OpenAI's form, and what is wrong is named."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import openai
import pytest

from serving.admission import Admission
from serving.app import create_app
from serving.exchange import MAX_REQUEST
from serving.keys import Keys
from serving.parts import Parts
from tests.servers import http_server
from tests.unit.serving.engines import load_tiny, running
from tests.unit.serving.served import House, chat, events, house, refusal

CHAT = "/v1/chat/completions"
TOOL = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}}


@pytest.fixture(scope="module")
def server(tiny_model: Path) -> Iterator[House]:
    with running(replace(load_tiny(tiny_model), name="tiny", context=4096)) as engine, house(engine) as house_:
        yield house_


def test_a_chat_is_answered_and_counted(server: House) -> None:
    with server.client() as client:
        answer = client.chat.completions.create(**chat())
        again = client.chat.completions.create(**chat())
    [choice] = answer.choices
    assert (choice.finish_reason, choice.message.role, choice.message.tool_calls) == ("length", "assistant", None)
    assert choice.message.content
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 12
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + 12
    assert choice.message == again.choices[0].message, "without a temperature the likeliest token is taken"
    assert answer.id.startswith("chatcmpl-")
    assert answer.id != again.id


def test_a_stream_says_the_same_and_counts_when_asked(server: House) -> None:
    whole = server.chat().json()
    with server.client() as client:
        asked = chat(stream=True, stream_options={"include_usage": True})
        chunks: list[Any] = list(client.chat.completions.create(**asked))
    assert "".join(c.choices[0].delta.content or "" for c in chunks[:-1]) == whole["choices"][0]["message"]["content"]
    assert len(chunks) > 4, "it comes in pieces"
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [c.choices[0].finish_reason for c in chunks[:-1]] == [None] * (len(chunks) - 2) + ["length"]
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == whole["usage"]["completion_tokens"]
    silent = events(server.chat(stream=True))
    assert not any("usage" in event for event in silent)
    assert len({event["id"] for event in silent}) == 1


def test_a_stop_ends_an_answer_before_it(server: House) -> None:
    noise: dict[str, Any] = {"temperature": 1.0, "max_tokens": 400}
    for stops in ("e", ["never said", "e", "a"]):
        choice = server.chat(stop=stops, **noise).json()["choices"][0]
        assert choice["finish_reason"] == "stop"
        assert not set(choice["message"]["content"]) & set(stops)
    streamed = events(server.chat(stop="e", stream=True, **noise))
    assert "e" not in "".join(event["choices"][0]["delta"].get("content", "") for event in streamed)
    assert streamed[-1]["choices"][0]["finish_reason"] == "stop"
    server.until_idle()


def test_a_longer_chat_finds_its_beginning_in_the_cache(server: House) -> None:
    text = "A ticket with a long description. " * 30
    first = server.chat(text=text).json()
    messages = [
        {"role": "user", "content": text},
        first["choices"][0]["message"],
        {"role": "user", "content": "Go on."},
    ]
    usage = server.chat(messages=messages).json()["usage"]
    assert usage["prompt_tokens_details"]["cached_tokens"] > 0.8 * first["usage"]["prompt_tokens"]


def test_what_frameworks_send_without_meaning_is_taken(server: House) -> None:
    neutral: dict[str, Any] = {
        "n": 1, "top_p": 1.0, "logprobs": False, "logit_bias": {}, "presence_penalty": 0.0, "frequency_penalty": 0,
        "seed": 7, "user": "casemate", "metadata": {"a": "b"}, "store": False, "response_format": None, "tools": None,
        "tool_choice": "auto", "stop": None, "stream": None, "stream_options": None, "temperature": 0.0,
    }  # fmt: skip
    assert server.chat(**neutral).json()["choices"][0] == server.chat().json()["choices"][0]
    assert server.chat(response_format={"type": "text"}).status_code == 200
    assert server.chat(max_tokens=None, max_completion_tokens=3).json()["usage"]["completion_tokens"] == 3
    assert server.chat(max_tokens=None).json()["usage"]["completion_tokens"] == 64, "the server's own limit"


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": None}, "messages"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0]"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": "x", "tool_calls": [{"function": {"name": "f"}}]}]}, "messages[0]"),
        ({"messages": [{"role": "assistant", "tool_calls": [{}]}]}, "messages[0].tool_calls[0].function"),
        ({"messages": [{"role": "assistant", "function_call": {"name": "f"}}]}, "messages[0].function_call"),
        ({"n": 2}, "n"),
        ({"top_p": 0.5}, "top_p"),
        ({"logprobs": True}, "logprobs"),
        ({"logit_bias": {"5": 1}}, "logit_bias"),
        ({"frequency_penalty": 0.1}, "frequency_penalty"),
        ({"guided_json": {}}, "guided_json"),
        ({"functions": []}, "functions"),
        ({"temperature": 3}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 5, "max_completion_tokens": 6}, "max_tokens"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop"),
        ({"stop": ""}, "stop"),
        ({"stop": "x", "response_format": {"type": "json_object"}}, "stop"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format"),
        ({"tools": [TOOL, TOOL]}, "tools"),
        ({"tools": [{"type": "retrieval"}]}, "tools[0].type"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools[0].function.name"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": "perhaps"}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "other"}}}, "tool_choice"),
        ({"chat_template_kwargs": {"tools": True}}, "chat_template_kwargs"),
        ({"chat_template_kwargs": {"x": []}}, None),
    ],
)  # fmt: skip
def test_what_is_wrong_or_cannot_be_had_is_named(server: House, changes: dict[str, Any], param: str | None) -> None:
    status, named, _ = refusal(server.chat(**changes))
    assert status == 400
    assert named == param or (param is None and named is not None)


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b"\xff\xfe", b'"x"', b"[]"])
def test_what_is_no_request_is_refused(server: House, body: bytes) -> None:
    assert refusal(server.post(CHAT, body))[0] == 400


def test_half_a_character_is_refused(server: House) -> None:
    assert refusal(server.post(CHAT, json.dumps(chat()).replace("ticket", "\\ud83d").encode()))[:2] == (400, "messages")


def test_a_request_is_bounded(server: House) -> None:
    assert refusal(server.post(CHAT, b" " * (MAX_REQUEST + 1)))[0] == 413


@pytest.mark.parametrize("deadline", ["0", "-1", "soon", "nan", "999999"])
def test_a_deadline_is_a_number_of_seconds(server: House, deadline: str) -> None:
    response = server.post(CHAT, chat(), **{"X-Casemate-Deadline-Seconds": deadline})
    assert refusal(response)[:2] == (400, "x-casemate-deadline-seconds")


def test_a_chat_beyond_the_context_is_refused_in_the_words_clients_look_for(server: House) -> None:
    status, _, code = refusal(server.chat(text="word " * 5000))
    assert (status, code) == (400, "context_length_exceeded")
    response = server.chat(max_tokens=4096)
    assert refusal(response)[2] == "context_length_exceeded"
    assert "maximum context length is 4096 tokens" in response.json()["error"]["message"]
    with server.client() as client, pytest.raises(openai.BadRequestError) as told:
        client.chat.completions.create(**chat(max_tokens=4096))
    assert told.value.code == "context_length_exceeded"


def test_the_model_says_what_it_can(server: House) -> None:
    with server.client() as client:
        [model] = client.models.list().data
        assert client.models.retrieve("tiny") == model
    assert (model.id, model.object, model.owned_by) == ("tiny", "model", "casemate")
    assert model.model_extra == {
        "max_model_len": 4096,
        "casemate": {"structured_with_tools": True, "decisions": True},
    }


def test_another_model_is_not_found(server: House) -> None:
    assert refusal(server.chat(model="gpt"))[:2] == (404, "model")
    assert refusal(server.get("/v1/models/gpt"))[2] == "model_not_found"
    assert refusal(server.get("/v1/assistants"))[0] == 404
    assert refusal(server.get(CHAT))[0] == 405
    assert server.chat(model=None).status_code == 200


def test_health_and_readiness(server: House) -> None:
    assert server.get("/healthz").json() == {"status": "ok"}
    assert server.get("/readyz").json() == {"status": "ok", "model": "tiny", "device": "cpu"}


def test_until_the_model_is_there_the_server_is_alive_and_not_ready() -> None:
    parts = Parts(admission=Admission(slots=1, queue=1), max_answer=8)
    with http_server(create_app(parts)) as url:
        empty = House(url=url, parts=parts)
        assert empty.get("/healthz").status_code == 200
        for response in (empty.get("/readyz"), empty.chat(), empty.get("/v1/models")):
            assert refusal(response) == (503, None, "loading")
            assert int(response.headers["Retry-After"]) > 0
        assert "casemate_serving_ready 0.0" in empty.get("/metrics").text


def test_a_model_without_a_chat_template_only_embeds(tiny_model: Path) -> None:
    loaded = replace(load_tiny(tiny_model), name="tiny")
    loaded.tokenizer.chat_template = None
    with running(loaded) as engine, house(engine) as plain:
        [entry] = plain.get("/v1/models").json()["data"]
        assert entry["casemate"] == {"structured_with_tools": False, "decisions": False}
        assert refusal(plain.chat())[:2] == (400, "model")
        answers = [{"name": name, "meaning": "x"} for name in "ab"]
        asked = {"messages": chat()["messages"], "question": "?", "answers": answers}
        assert refusal(plain.post("/v1/decisions", asked))[:2] == (400, "model")
        assert plain.post("/v1/embeddings", {"input": "x"}).status_code == 200


def test_a_fault_of_the_server_is_a_500_that_tells_nothing(server: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server.parts, "max_answer", None)
    response = server.chat(text="Zanzibar", max_tokens=None)
    assert refusal(response)[0] == 500
    assert "Zanzibar" not in response.text
    assert "TypeError" not in response.text


def test_a_request_without_a_temperature_gets_the_servers(server: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def said() -> str:
        return str(server.chat(max_tokens=32).json()["choices"][0]["message"]["content"])

    assert said() == said()
    monkeypatch.setattr(server.parts, "temperature", 2.0)
    assert len({said() for _ in range(3)}) > 1


def test_with_keys_only_who_has_one_may_ask(server: House, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("a-key-of-the-workers\n")
    assert server.parts.warm is not None
    with house(server.parts.warm.engine, keys=Keys(tmp_path / "keys")) as locked:
        assert refusal(locked.chat()) == (401, None, "invalid_api_key")
        assert refusal(locked.get("/v1/models"))[0] == 401
        assert locked.get("/healthz").status_code == locked.get("/metrics").status_code == 200
        with locked.client("a-key-of-the-workers") as client:
            assert client.chat.completions.create(**chat()).choices
            assert client.models.list().data
        with locked.client("another-key-altogether") as client, pytest.raises(openai.AuthenticationError):
            client.chat.completions.create(**chat())


def test_metrics_count_what_happened_and_hold_no_word_of_it(server: House) -> None:
    before = counted(server)
    server.chat(text="Zanzibar")
    server.chat(n=3)
    after = counted(server)

    def rise(name: str) -> float:
        return after.get(name, 0) - before.get(name, 0)

    assert rise('casemate_serving_requests_total{endpoint="chat",outcome="ok"}') == 1
    assert rise('casemate_serving_requests_total{endpoint="chat",outcome="refused"}') == 1
    assert rise("casemate_serving_generated_tokens_total") == 12
    assert rise("casemate_serving_prompt_tokens_total") > 10
    assert rise("casemate_serving_first_token_seconds_count") == rise("casemate_serving_queue_seconds_count") == 1
    assert rise("casemate_serving_request_seconds_count") == 2
    assert after["casemate_serving_ready"] == 1
    assert after["casemate_serving_cache_tokens"] > 0
    assert "Zanzibar" not in server.get("/metrics").text


def counted(server: House) -> dict[str, float]:
    """Every metric by its name and labels."""
    lines = [line for line in server.get("/metrics").text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_every_metric_is_documented_and_nothing_else_is(server: House) -> None:
    page = (Path(__file__).parents[3] / "docs" / "serving.md").read_text()
    written = set(re.findall(r"casemate_serving_[a-z_]+", page))
    lines = server.get("/metrics").text.splitlines()
    kinds = dict(line.split()[2:4] for line in lines if line.startswith("# TYPE"))
    assert written == {name for name in kinds if not name.endswith("_created")}
