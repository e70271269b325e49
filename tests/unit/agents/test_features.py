"""What an endpoint can do is asked once, never fatal, and never without a guard."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx2
import pytest
from fastapi.responses import JSONResponse, PlainTextResponse

from agents.build import build_team
from agents.features import AGAIN_SECONDS, PLAIN, Discovery, Features, read_features
from agents.team import TeamResult
from core.assessment import Verdict
from core.canonical import Json
from core.errors import EgressBlocked, Halted, ModelUnavailable
from tests.unit.agents.endpoint import OURS, Endpoint
from tests.unit.agents.recorded import FRAMEWORKS, clients_of, let_out, spec
from tests.unit.agents.test_conformance import malicious

OURS_READ = Features(window=131072, casemate=True, structured_with_tools=True, decisions=True)


@pytest.mark.parametrize(
    ("answer", "features"),
    [
        ({"data": [{"id": "big", **OURS}]}, OURS_READ),
        ({"data": [{"id": "small"}, {"id": "big", **OURS}]}, OURS_READ),
        ({"data": [{"id": "/models/big.gguf", "max_model_len": 4096}]}, Features(window=4096)),
        ({"data": [{"id": "one", "max_model_len": 1}, {"id": "two", "max_model_len": 2}]}, PLAIN),
        ({"data": [{"id": "big", "max_model_len": "4096", "casemate": []}]}, PLAIN),
        ({"data": [{"id": "big", "max_model_len": True}]}, PLAIN),
        ({"data": [{"id": "big", "casemate": {"structured_with_tools": "yes"}}]}, Features(casemate=True)),
        ({"data": [3, "big"]}, PLAIN),
        ({"data": {}}, PLAIN),
        ([], PLAIN),
        ("models", PLAIN),
    ],
)
def test_the_features_of_a_model_are_read_from_the_list(answer: Json, features: Features) -> None:
    assert read_features(json.dumps(answer).encode(), "big") == features


@pytest.mark.parametrize("content", [b"", b"<html>", b"[" * 100_000])
def test_what_is_no_list_of_models_says_nothing(content: bytes) -> None:
    assert read_features(content, "big") == PLAIN


def fetching(*answers: httpx2.Response | Exception) -> tuple[list[int], Any]:
    """A fetch that gives these answers in turn, and how often it was called."""
    calls: list[int] = []

    async def fetch() -> httpx2.Response:
        answer = answers[len(calls)]
        calls.append(len(calls))
        await asyncio.sleep(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return calls, fetch


def listing(entry: dict[str, Any]) -> httpx2.Response:
    return httpx2.Response(200, json={"data": [{"id": "big", **entry}]})


async def test_whoever_comes_first_asks_and_the_others_wait_for_it() -> None:
    discovery = Discovery("big")
    calls, fetch = fetching(listing(OURS))
    found = await asyncio.gather(*(discovery.find(fetch) for _ in range(8)))
    assert set(found) == {OURS_READ}
    assert len(calls) == 1


async def test_an_endpoint_that_is_silent_is_asked_again_later() -> None:
    now = [0.0]
    discovery = Discovery("big", ticks=lambda: now[0])
    calls, fetch = fetching(ModelUnavailable("down"), httpx2.Response(503), listing(OURS))
    assert [await discovery.find(fetch), await discovery.find(fetch), len(calls)] == [PLAIN, PLAIN, 1]
    now[0] += AGAIN_SECONDS
    assert [await discovery.find(fetch), len(calls)] == [PLAIN, 2]
    now[0] += AGAIN_SECONDS
    assert [await discovery.find(fetch), len(calls)] == [OURS_READ, 3]


async def test_an_endpoint_that_lists_nothing_is_not_asked_again() -> None:
    discovery = Discovery("big")
    calls, fetch = fetching(httpx2.Response(404))
    assert [await discovery.find(fetch), await discovery.find(fetch), len(calls)] == [PLAIN, PLAIN, 1]


async def test_what_comes_up_after_a_fall_is_asked_anew() -> None:
    discovery = Discovery("big")
    calls, fetch = fetching(listing(OURS), listing({"max_model_len": 4096}))
    assert await discovery.find(fetch) == OURS_READ
    discovery.forget()
    assert await discovery.find(fetch) == Features(window=4096)
    assert len(calls) == 2


async def run(framework: str, endpoint: Endpoint, *times: None) -> list[TeamResult]:
    clients = clients_of(endpoint.app)
    done = []
    for _ in range(len(times) or 1):
        box = malicious()
        with let_out():
            done.append(await build_team(spec(), framework, clients).run(box.brief(), box))
    return done


@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_a_process_asks_an_endpoint_once_and_no_run_pays_for_it(framework: str) -> None:
    endpoint = Endpoint(entry={"max_model_len": 131072})
    results = await run(framework, endpoint, None, None)
    assert endpoint.paths.count("/models") == 1
    assert endpoint.paths[0] == "/models"
    assert [result.model_requests for result in results] == [3, 3]
    assert sum(result.model_requests for result in results) == len(endpoint.chats)


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize(
    "answer",
    [JSONResponse({"error": "no"}, status_code=500), PlainTextResponse("<html>"), JSONResponse({"data": 1})],
    ids=["500", "html", "no list"],
)
async def test_a_strange_list_of_models_stops_no_run(framework: str, answer: Any) -> None:
    endpoint = Endpoint(entry=answer)
    [result] = await run(framework, endpoint)
    assert endpoint.paths[0] == "/models"
    assert result.assessment.verdict is Verdict.SUSPICIOUS
    assert result.note is None


async def test_nothing_is_asked_without_a_guard_and_nothing_while_the_switch_is_on() -> None:
    endpoint = Endpoint(entry=OURS)
    box = malicious()
    with pytest.raises(EgressBlocked):
        await build_team(spec(), "autogen", clients_of(endpoint.app)).run(box.brief(), box)

    def halted() -> None:
        raise Halted("The kill switch is on; lift it with casemate resume.")

    with let_out(), pytest.raises(Halted):
        await build_team(spec(), "autogen", clients_of(endpoint.app, halted)).run(box.brief(), box)
    assert endpoint.paths == []


async def test_the_key_goes_with_the_question_and_nothing_of_the_ticket() -> None:
    endpoint = Endpoint()
    clients = clients_of(endpoint.app)
    clients.api_key = "s3cret"
    box = malicious()
    with let_out():
        await build_team(spec(), "adk", clients).run(box.brief(), box)
    asked = endpoint.headers[0]
    assert endpoint.paths[0] == "/models"
    assert asked["authorization"] == "Bearer s3cret"
    assert set(asked) <= {"authorization", "host"}
