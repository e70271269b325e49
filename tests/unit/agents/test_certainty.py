"""The probability of the verdict takes the place of the model's own number, and of nothing else."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from fastapi.responses import JSONResponse, PlainTextResponse

from agents.build import build_team
from agents.certainty import MEANINGS, QUESTION
from agents.team import TeamResult
from core.assessment import Assessment, Severity, Verdict
from core.canonical import JsonObject
from core.errors import EgressBlocked, Halted
from tests.unit.agents.endpoint import ANSWER, OURS, Endpoint
from tests.unit.agents.recorded import FRAMEWORKS, OpenGuard, clients_of, let_out, role_of, spec
from tests.unit.agents.test_conformance import malicious

pytestmark = pytest.mark.parametrize("framework", FRAMEWORKS)

CHANCES = {"malicious": 0.15, "suspicious": 0.71239, "benign": 0.1, "needs_information": 0.03761}


async def run(framework: str, endpoint: Endpoint, guard: OpenGuard | None = None, **budget: float) -> TeamResult:
    box = malicious()
    with let_out(guard):
        return await build_team(spec("phishing", **budget), framework, clients_of(endpoint.app)).run(box.brief(), box)


def deciding(decide: Any = lambda _: CHANCES, **more: Any) -> Endpoint:
    return Endpoint(entry=OURS, decide=decide, **more)


async def test_the_confidence_is_the_probability_of_the_verdict(framework: str) -> None:
    endpoint = deciding()
    result = await run(framework, endpoint)
    assert (result.assessment.confidence, result.confidence_by) == (0.7124, "probability")
    plain = await run(framework, Endpoint())
    assert (plain.assessment.confidence, plain.confidence_by) == (0.6, "model")
    assert result.assessment == plain.assessment.model_copy(update={"confidence": 0.7124}), "nothing else changes"
    assert result.model_requests == plain.model_requests + 1
    assert endpoint.paths[-1] == "/decisions"
    assert result.note is None


async def test_it_is_asked_about_the_conversation_of_whoever_had_the_last_word(framework: str) -> None:
    endpoint = deciding()
    await run(framework, endpoint)
    [decision] = endpoint.decisions
    reviewing = next(chat for chat in endpoint.chats if role_of(chat) == "reviewer")
    assert decision["messages"] == reviewing["messages"]
    assert decision["tools"] == reviewing["tools"]
    assert decision["model"] == "playbook"
    assert decision["question"] == QUESTION
    assert decision["answers"] == [{"name": v.value, "meaning": MEANINGS[v]} for v in Verdict]


async def test_the_transcript_keeps_what_was_weighed(framework: str) -> None:
    result = await run(framework, deciding())
    assert json.loads(result.transcript[-1].content)["probabilities"]["benign"] == 0.1


async def test_a_verdict_is_never_raised_by_it(framework: str) -> None:
    result = await run(framework, deciding(lambda _: {**dict.fromkeys(CHANCES, 0.0), "malicious": 1.0}))
    assert result.assessment.verdict is Verdict.SUSPICIOUS
    assert result.assessment.severity is Severity.LOW
    assert (result.assessment.confidence, result.confidence_by) == (0.0, "probability")


@pytest.mark.parametrize(
    "answer",
    [
        JSONResponse({"error": {"message": "no"}}, status_code=500),
        JSONResponse({"error": {"message": "busy"}}, status_code=429),
        JSONResponse({"error": {"code": "context_length_exceeded"}}, status_code=400),
        PlainTextResponse("0.8"),
        JSONResponse([0.8]),
        {"malicious": 0.2, "suspicious": 0.8},
        {**CHANCES, "other": 0.0},
        {**CHANCES, "benign": "0.1"},
        {**CHANCES, "benign": True},
        {**CHANCES, "benign": -0.1, "malicious": 0.35},
        {**CHANCES, "benign": 0.9},
        PlainTextResponse('{"answers": {"malicious": NaN, "suspicious": 1, "benign": 0, "needs_information": 0}}'),
        PlainTextResponse("[" * 100_000),
    ],
    ids=["500", "429", "400", "text", "list", "two", "five", "word", "true", "negative", "sum", "nan", "deep"],
)
async def test_without_a_sound_answer_the_model_s_own_number_stays(framework: str, answer: Any) -> None:
    endpoint = deciding(lambda _: answer)
    result = await run(framework, endpoint)
    assert len(endpoint.decisions) == 1
    assert (result.assessment.confidence, result.confidence_by, result.note) == (0.6, "model", None)


async def test_no_budget_is_exceeded_for_it(framework: str) -> None:
    endpoint = deciding()
    result = await run(framework, endpoint, model_requests=3)
    assert endpoint.decisions == []
    assert (result.assessment.confidence, result.confidence_by, result.model_requests) == (0.6, "model", 3)
    assert result.note is None


async def test_a_decision_that_never_comes_costs_the_run_s_time_and_nothing_else(framework: str) -> None:
    never = asyncio.Event()
    result = await run(framework, deciding(lambda _: never.wait()), seconds=2)
    assert (result.assessment.verdict, result.assessment.confidence) == (Verdict.SUSPICIOUS, 0.6)
    assert (result.confidence_by, result.note) == ("model", None)


async def test_nobody_is_asked_about_an_answer_that_was_not_reviewed(framework: str) -> None:
    def answer(body: JsonObject) -> str:
        return json.dumps(ANSWER) if role_of(body) == "investigator" else "?"

    endpoint = deciding(answer=answer)
    result = await run(framework, endpoint)
    assert endpoint.decisions == []
    assert (result.assessment.confidence, result.confidence_by) == (0.0, "model")


async def test_an_endpoint_that_offers_no_decisions_is_not_asked(framework: str) -> None:
    endpoint = Endpoint(entry={"casemate": {"structured_with_tools": True}})
    result = await run(framework, endpoint)
    assert set(endpoint.paths) == {"/models", "/chat/completions"}
    assert result.confidence_by == "model"


async def test_the_guard_looks_at_the_decision_too(framework: str) -> None:
    endpoint = deciding()
    with pytest.raises(EgressBlocked):
        await run(framework, endpoint, OpenGuard(refuse=QUESTION.encode()))
    assert endpoint.decisions == []


async def test_the_kill_switch_stops_the_decision_too(framework: str) -> None:
    endpoint = deciding()

    def before() -> None:
        if any(role_of(chat) == "responder" for chat in endpoint.chats):
            raise Halted("The kill switch is on; lift it with casemate resume.")

    box = malicious()
    with let_out(), pytest.raises(Halted):
        await build_team(spec(), framework, clients_of(endpoint.app, before)).run(box.brief(), box)
    assert endpoint.decisions == []


async def test_a_model_cannot_say_that_its_number_is_a_probability(framework: str) -> None:
    said = {**ANSWER, "confidence": 1.0, "confidence_by": "probability"}
    heard: list[str] = []

    def answer(body: JsonObject) -> str:
        if role_of(body) == "responder":
            return "Nothing to do."
        heard.append(str(body["messages"][-1]["content"]))
        return json.dumps(said if len(heard) == 1 else ANSWER)

    result = await run(framework, Endpoint(answer))
    assert "confidence_by" in heard[1], "it is told that there is no such field"
    assert (result.assessment.confidence, result.confidence_by) == (0.6, "model")
    assert "confidence_by" not in Assessment.model_fields


async def test_words_that_are_ours_may_leave_whatever_the_ticket_hides(framework: str) -> None:
    texts = build_team(spec(), framework, clients_of(Endpoint().app)).static_texts
    assert {QUESTION, *MEANINGS.values()} <= set(texts)
