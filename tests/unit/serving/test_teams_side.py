"""What teams ask of an endpoint beyond chat, against the server itself: features, decisions, a window that is full."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from agents.certainty import probabilities
from agents.features import Features
from agents.meter import Meter, RequestRefused, metered
from agents.model import ModelClients
from core.assessment import Verdict
from core.canonical import JsonObject
from serving.engine import Engine
from tests.unit.agents.recorded import OpenGuard, let_out
from tests.unit.serving.engines import load_tiny, running
from tests.unit.serving.served import House, house

#: Tokens of the server's window; the tiny model reads about a byte a token.
WINDOW = 4096


@pytest.fixture(scope="module")
def engine(tiny_model: Path) -> Iterator[Engine]:
    with running(replace(load_tiny(tiny_model), name="tiny", context=WINDOW)) as engine:
        yield engine


@pytest.fixture(scope="module")
def server(engine: Engine) -> Iterator[House]:
    with house(engine) as house_:
        yield house_


@asynccontextmanager
async def run(server: House) -> AsyncIterator[tuple[ModelClients, Meter, OpenGuard]]:
    """Clients of the server inside one run of a team."""
    clients = ModelClients(url=f"{server.url}/v1", name="tiny")
    with let_out() as guard, metered(20, seconds=60) as meter:
        yield clients, meter, guard
    await clients.aclose()


def chat(*details: int) -> JsonObject:
    """A chat in which tools gave details of these lengths."""
    messages: list[JsonObject] = [{"role": "system", "content": "Triage."}, {"role": "user", "content": "An odd mail."}]
    for number, length in enumerate(details, 2):
        call = {"id": f"c{number}", "type": "function", "function": {"name": "look", "arguments": "{}"}}
        shown = {
            "evidence": f"E{number}",
            "tool": "look",
            "summary": "Odd.",
            "facts": {},
            "detail": {"text": "x" * length},
        }
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": f"c{number}", "content": json.dumps(shown)})
    return {"model": "tiny", "messages": messages, "max_tokens": 8}


async def test_the_server_is_known_for_what_it_is(server: House) -> None:
    async with run(server) as (clients, meter, guard):
        await clients.post("/chat/completions", chat())
    assert clients.discovery.known == Features(window=WINDOW, casemate=True, structured_with_tools=True, decisions=True)
    assert (meter.requests, meter.answers, len(guard.bodies)) == (1, 1, 1)
    assert meter.tokens_in > 0


async def test_the_server_gives_the_probability_of_each_verdict(server: House) -> None:
    async with run(server) as (clients, meter, guard):
        await clients.post("/chat/completions", chat(20))
        meter.assessing = chat(20)
        chances = await probabilities(clients, meter)
    assert chances is not None
    assert set(chances) == set(Verdict)
    assert math.isclose(sum(chances.values()), 1, abs_tol=1e-6)
    assert all(chance > 0 for chance in chances.values())
    assert len(guard.bodies) == 2


async def test_a_conversation_that_outgrows_the_server_goes_on_with_less_detail(server: House) -> None:
    async with run(server) as (clients, meter, guard):
        # Nothing is known of the window, so that the server itself has to refuse.
        clients.discovery.known = Features()
        answer = await clients.post("/chat/completions", chat(6000, 6000, 20))
    assert answer.is_success
    assert meter.fitting.shortened > 0
    assert len(guard.bodies) > 1
    assert b"Left out to make room" in guard.bodies[-1]


async def test_what_cannot_be_shortened_is_refused(server: House) -> None:
    async with run(server) as (clients, meter, _):
        with pytest.raises(RequestRefused, match="nothing is left in it to shorten"):
            await clients.post("/chat/completions", chat(20_000))
    assert isinstance(meter.failure, RequestRefused)
