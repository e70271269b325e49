"""A busy endpoint is waited for as long as it says, within the run's time."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.responses import JSONResponse

from agents.build import build_team
from agents.team import TeamResult
from core.assessment import Verdict
from core.canonical import JsonObject
from core.errors import Halted, ModelUnavailable
from tests.unit.agents.endpoint import OURS, Endpoint, sure
from tests.unit.agents.recorded import FRAMEWORKS, clients_of, let_out, spec
from tests.unit.agents.test_conformance import malicious

pytestmark = pytest.mark.parametrize("framework", FRAMEWORKS)


def busy(after: str | None, *, times: int = 1) -> Any:
    """The shortest course, put off at first."""
    left = [times]

    def answer(body: JsonObject) -> Any:
        if left[0]:
            left[0] -= 1
            headers = {} if after is None else {"retry-after": after}
            return JSONResponse({"error": {"message": "queue full"}}, status_code=429, headers=headers)
        return sure(body)

    return answer


async def run(framework: str, endpoint: Endpoint, **budget: float) -> TeamResult:
    box = malicious()
    with let_out():
        return await build_team(spec("phishing", **budget), framework, clients_of(endpoint.app)).run(box.brief(), box)


@pytest.mark.parametrize("after", ["0", "-3", "Thu, 01 Jan 2026 00:00:00 GMT"])
async def test_it_is_asked_again_when_it_says(framework: str, after: str) -> None:
    endpoint = Endpoint(busy(after))
    result = await run(framework, endpoint)
    assert result.assessment.verdict is Verdict.SUSPICIOUS
    assert result.note is None
    assert len(endpoint.chats) == 4
    assert endpoint.raw[0] == endpoint.raw[1]
    assert result.model_requests == 3, "what was put off was not answered"


@pytest.mark.parametrize("after", ["3600", "Fri, 31 Dec 2100 00:00:00 GMT"])
async def test_it_is_not_waited_for_beyond_the_run_s_time(framework: str, after: str) -> None:
    endpoint = Endpoint(busy(after))
    with pytest.raises(ModelUnavailable, match="answered 429"):
        await run(framework, endpoint)
    assert len(endpoint.chats) == 1


@pytest.mark.parametrize("after", [None, "soon", "Monday"])
async def test_who_does_not_say_when_is_down(framework: str, after: str | None) -> None:
    endpoint = Endpoint(busy(after))
    with pytest.raises(ModelUnavailable, match="answered 429"):
        await run(framework, endpoint)
    assert len(endpoint.chats) == 1


async def test_an_endpoint_that_stays_busy_uses_up_the_time_and_counts_as_down(framework: str) -> None:
    endpoint = Endpoint(busy("0", times=1000))
    with pytest.raises(ModelUnavailable):
        await run(framework, endpoint, seconds=2)
    assert 2 <= len(endpoint.chats) <= 5


async def test_the_kill_switch_ends_the_waiting(framework: str) -> None:
    endpoint = Endpoint(busy("0", times=1000))

    def before() -> None:
        if endpoint.chats:
            raise Halted("The kill switch is on; lift it with casemate resume.")

    box = malicious()
    with let_out(), pytest.raises(Halted):
        await build_team(spec(), framework, clients_of(endpoint.app, before)).run(box.brief(), box)
    assert len(endpoint.chats) == 1


async def test_a_busy_decision_is_waited_for_too(framework: str) -> None:
    chances = {"malicious": 0.0, "suspicious": 0.5, "benign": 0.5, "needs_information": 0.0}
    answers = [JSONResponse({}, status_code=429, headers={"retry-after": "0"}), chances]
    endpoint = Endpoint(entry=OURS, decide=lambda _: answers.pop(0))
    result = await run(framework, endpoint)
    assert (result.assessment.confidence, result.confidence_by) == (0.5, "probability")
    assert result.model_requests == 4
