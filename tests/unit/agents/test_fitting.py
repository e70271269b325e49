"""The oldest tool results lose their detail, nothing is cut in silence, and the newest one stays whole."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agents.fitting import LEAST_ANSWER, Fitting, encoded_size, says_too_long
from core.canonical import JsonObject

SYSTEM: JsonObject = {"role": "system", "content": "Investigate."}


def evidence(number: int, size: int = 3000, tool: str = "query_logs") -> JsonObject:
    return {
        "evidence": f"E{number}",
        "tool": tool,
        "arguments": {"n": number},
        "trust": "internal",
        "summary": f"Summary {number}.",
        "facts": {"rows": number},
        "detail": {"rows": ["x" * size]},
    }


def told(*results: JsonObject, system: JsonObject = SYSTEM) -> JsonObject:
    """A request in which tools gave these results, each in a message of its own."""
    messages = [system, {"role": "user", "content": "{}"}]
    for number, result in enumerate(results):
        calls = [{"id": f"c{number}", "type": "function", "function": {"name": "query_logs", "arguments": "{}"}}]
        messages.append({"role": "assistant", "content": None, "tool_calls": calls})
        messages.append({"role": "tool", "tool_call_id": f"c{number}", "content": json.dumps(result)})
    return {"model": "m", "messages": messages, "max_tokens": 4096, "tools": []}


def results(body: JsonObject) -> list[JsonObject]:
    return [json.loads(message["content"]) for message in body["messages"] if message["role"] == "tool"]


def test_a_request_that_fits_is_not_touched() -> None:
    body = told(*map(evidence, range(2, 8)))
    assert Fitting().fit(body, None) is body
    assert Fitting().fit(body, 131072) is body


def test_the_oldest_results_keep_their_summary_and_say_how_to_get_the_rest() -> None:
    body = told(*map(evidence, range(2, 8)))
    fitting = Fitting()
    fitting.refused(body)
    shown = results(fitting.fit(body, None))
    assert [isinstance(result["detail"], str) for result in shown] == [True, True, True, False, False, False]
    assert shown[0] == {
        **evidence(2),
        "detail": "Left out to make room; call query_logs again with the same arguments to see it.",
    }
    assert shown[3:] == [evidence(5), evidence(6), evidence(7)]
    assert fitting.shortened == 3
    assert results(body) == [evidence(number) for number in range(2, 8)], "the framework's own messages stay"


def test_what_was_shortened_stays_so_for_the_sake_of_the_prefix() -> None:
    fitting = Fitting()
    fitting.refused(told(*map(evidence, range(2, 8))))
    first = fitting.fit(told(*map(evidence, range(2, 8))), None)
    next_one = fitting.fit(told(*map(evidence, range(2, 8)), evidence(8, size=10)), None)
    assert next_one["messages"][: len(first["messages"])] == first["messages"]


def test_the_newest_result_stays_whole_whatever_its_length() -> None:
    body = told(evidence(2), evidence(3, size=50_000))
    fitting = Fitting()
    for _ in range(5):
        fitting.refused(body)
    shown = results(fitting.fit(body, None))
    assert isinstance(shown[0]["detail"], str)
    assert shown[1] == evidence(3, size=50_000)
    assert fitting.fit(body, None) == fitting.fit(body, None)


def test_a_case_file_is_shortened_from_its_oldest_evidence_on() -> None:
    case = {
        "ticket": {"title": "t"},
        "evidence": [evidence(number) for number in range(1, 7)],
        "assessment": {"verdict": "benign"},
        "proposals": [{"proposal": "prp_1"}],
    }
    body = told(case)
    fitting = Fitting()
    fitting.refused(body)
    [shown] = results(fitting.fit(body, None))
    details = [isinstance(item["detail"], str) for item in shown["evidence"]]
    assert details == sorted(details, reverse=True)
    assert details[0]
    assert not details[-1]
    assert {**shown, "evidence": None} == {**case, "evidence": None}


def test_each_role_is_shortened_for_itself() -> None:
    long = told(*map(evidence, range(2, 8)))
    fitting = Fitting()
    fitting.refused(long)
    fitting.fit(long, None)
    other = told(evidence(2), evidence(3), system={"role": "system", "content": "Review."})
    assert fitting.fit(other, None)["messages"] == other["messages"]


def test_results_without_evidence_are_left_alone() -> None:
    odd: list[JsonObject] = [{"error": "no " * 2000}, {"proposal": "prp_1", "detail": {"x": "y" * 3000}}]
    body = told(*odd, evidence(9))
    body["messages"][3]["content"] = "not JSON " * 500
    fitting = Fitting()
    fitting.refused(body)
    assert fitting.fit(body, None)["messages"] == body["messages"]
    assert fitting.shortened == 0


def test_a_known_window_is_kept_before_the_endpoint_has_to_refuse() -> None:
    body = told(*map(evidence, range(2, 12)))
    fitting = Fitting()
    window = 10_000
    shown = fitting.fit(body, window)
    assert shown["max_tokens"] == LEAST_ANSWER
    assert encoded_size(shown) / 3 + shown["max_tokens"] <= window
    assert 0 < fitting.shortened < 9


def test_the_endpoint_s_own_count_replaces_the_estimate() -> None:
    body = told(*map(evidence, range(2, 12)))
    fitting = Fitting()
    fitting.answered(body, encoded_size(body) // 10)
    assert fitting.fit(body, 10_000) is body, "ten bytes a token"
    fitting.answered(body, 0)
    assert fitting.fit(body, 10_000) is body, "an endpoint that does not count changes nothing"
    fitting.answered(body, encoded_size(body))
    fitting.fit(body, 10_000)
    assert fitting.shortened == 9, "one byte a token"


def test_an_answer_makes_room_before_evidence_does() -> None:
    body = told(evidence(2), evidence(3))
    fitting = Fitting()
    shown = fitting.fit(body, encoded_size(body) // 3 + 3000)
    assert shown == {**body, "max_tokens": 2999}
    assert fitting.shortened == 0


@pytest.mark.parametrize("body", [told(), {"model": "m", "messages": [SYSTEM]}])
def test_where_there_is_nothing_to_shorten_the_request_stays(body: JsonObject) -> None:
    fitting = Fitting()
    fitting.refused(body)
    assert fitting.fit(body, None)["messages"] == body["messages"]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        # casemate and OpenAI
        (400, {"error": {"message": "Too long.", "param": None, "code": "context_length_exceeded"}}),
        # vLLM
        (
            400,
            {"error": {"message": "This model's maximum context length is 8192 tokens. However, you requested 9000."}},
        ),
        (400, {"error": {"message": "The decoder prompt (length 9) is longer than the maximum model length of 8."}}),
        # SGLang
        (
            400,
            {
                "object": "error",
                "message": "The input (9 tokens) is longer than the model's context length (8 tokens).",
            },
        ),
        (400, {"message": "Requested token count exceeds the model's maximum context length of 40960 tokens."}),
        # llama.cpp
        (400, {"error": {"message": "request (9 tokens) exceeds the available context size (8 tokens)", "n_ctx": 8}}),
        (500, {"error": {"code": 500, "message": "Context size has been exceeded.", "type": "server_error"}}),
        # llama-cpp-python
        (500, {"error": {"message": "Requested tokens (2285) exceed context window of 2048"}}),
    ],
)
def test_endpoints_say_that_a_request_is_too_long(status: int, error: Any) -> None:
    assert says_too_long(status, json.dumps(error).encode())


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (400, "Invalid 'tools[0].function.parameters': schema is not supported."),
        (200, "This model's maximum context length is 8192 tokens."),
        (429, "Rate limit: too many tokens in the context window of one minute."),
        (401, "context length"),
    ],
)
def test_other_refusals_are_none_of_it(status: int, text: str) -> None:
    assert not says_too_long(status, text.encode())
