"""A conversation that outgrows the model's window goes on with less detail, and the run says so."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi.responses import JSONResponse

from agents.build import build_team
from agents.team import TeamResult
from core.assessment import Verdict
from core.canonical import JsonObject
from tests.unit.agents.endpoint import Endpoint, sure
from tests.unit.agents.recorded import FRAMEWORKS, OpenGuard, clients_of, let_out, role_of, spec, tool_call
from tests.unit.agents.test_conformance import malicious

pytestmark = pytest.mark.parametrize("framework", FRAMEWORKS)

#: Calls of tools that the recorded toolbox answers at length.
CALLS = 6
#: Bytes that the detail of each answer has.
LENGTH = 5_000
REFUSAL = {"error": {"message": "This model's maximum context length is 8192 tokens.", "type": "BadRequestError"}}


def gathers(body: JsonObject, *, limit: int | None = None, words: JsonObject = REFUSAL) -> Any:
    """The investigator looks six times and then answers; a request longer than `limit` bytes is refused."""
    if limit is not None and len(json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()) > limit:
        return JSONResponse(words, status_code=400)
    looked = sum(message["role"] == "tool" for message in body["messages"])
    if role_of(body) != "investigator" or looked >= CALLS:
        return sure(body)
    return tool_call("similar_cases", {"values": [str(looked)]}, f"c{looked}")


async def run(framework: str, endpoint: Endpoint, **budget: float) -> tuple[TeamResult, OpenGuard]:
    box = malicious()
    box.results["similar_cases"]["detail"] = {"cases": ["x" * LENGTH]}
    with let_out() as guard:
        done = await build_team(spec("phishing", **budget), framework, clients_of(endpoint.app)).run(box.brief(), box)
    return done, guard


def details(body: JsonObject) -> list[Any]:
    return [json.loads(m["content"]).get("detail") for m in body["messages"] if m["role"] == "tool"]


def shown(endpoint: Endpoint) -> JsonObject:
    """The investigator's last request."""
    return [chat for chat in endpoint.chats if role_of(chat) == "investigator"][-1]


async def whole(framework: str) -> int:
    """Bytes of the longest request, when nothing is shortened."""
    endpoint = Endpoint(gathers)
    result, _ = await run(framework, endpoint)
    assert result.note is None
    assert all(isinstance(detail, dict) for detail in details(shown(endpoint)))
    return max(map(len, endpoint.raw))


async def test_what_the_endpoint_refuses_is_shortened_and_sent_again(framework: str) -> None:
    limit = await whole(framework) - LENGTH
    endpoint = Endpoint(lambda body: gathers(body, limit=limit))
    result, guard = await run(framework, endpoint)
    assert result.assessment.verdict is Verdict.SUSPICIOUS
    told = details(shown(endpoint))
    short = sum(isinstance(detail, str) for detail in told)
    assert 0 < short < CALLS
    assert all("call similar_cases again with the same arguments" in detail for detail in told[:short])
    assert told[-1] == {"cases": ["x" * LENGTH]}
    assert result.note == (
        f"{short} tool results were shortened to their summaries, so that the requests fit into the model's context "
        "window."
    )
    assert result.model_requests == len(endpoint.chats) == len(guard.bodies), "each was counted and looked at"
    assert guard.bodies == endpoint.raw, "what was looked at is what left"
    assert len(endpoint.chats) == 3 + CALLS + 1, "one refusal, and the room is known from then on"


async def test_a_window_that_is_known_is_never_run_into(framework: str) -> None:
    # The endpoint counts five bytes a token.
    longest = await whole(framework)
    window = (longest - LENGTH) // 5 + 4096

    def answer(body: JsonObject) -> Any:
        size = len(json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode())
        assert size // 5 + body["max_tokens"] <= window
        said = gathers(body)
        message = {"content": said} if isinstance(said, str) else said
        choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}
        return JSONResponse({"choices": [choice], "usage": {"prompt_tokens": size // 5, "completion_tokens": 9}})

    endpoint = Endpoint(answer, entry={"max_model_len": window - 2000})
    result, _ = await run(framework, endpoint)
    assert result.assessment.verdict is Verdict.SUSPICIOUS
    assert any(isinstance(detail, str) for detail in details(shown(endpoint)))
    assert len(endpoint.chats) == 3 + CALLS


async def test_when_nothing_is_left_to_shorten_the_ticket_is_undecided(framework: str) -> None:
    endpoint = Endpoint(lambda body: gathers(body, limit=100))
    result, _ = await run(framework, endpoint)
    assert result.assessment.verdict is Verdict.NEEDS_INFORMATION
    assert result.note == "A request is too long for the model, and nothing is left in it to shorten."
    assert len(endpoint.chats) == 2, "once as it was, once with a shorter answer"
    assert [chat["max_tokens"] for chat in endpoint.chats] == [4096, 2048]


async def test_refusals_count_against_the_budget_of_requests(framework: str) -> None:
    limit = await whole(framework) - LENGTH
    endpoint = Endpoint(lambda body: gathers(body, limit=limit))
    result, _ = await run(framework, endpoint, model_requests=CALLS + 1)
    assert result.note is not None
    assert "budget of 7 model requests is spent" in result.note
    assert len(endpoint.chats) == CALLS + 1


async def test_another_refusal_is_none_of_it(framework: str) -> None:
    words = {"error": {"message": "tools are not supported"}}
    endpoint = Endpoint(lambda body: gathers(body, limit=100, words=words))
    result, _ = await run(framework, endpoint)
    assert result.note == "The model endpoint refused the request with status 400."
    assert len(endpoint.chats) == 1
    assert result.assessment.verdict is Verdict.NEEDS_INFORMATION
