"""The playbook model inside the worker is the one behind the server: same answers, same tickets, nothing sent."""

from __future__ import annotations

import json

import httpx2
import pytest

from agents.build import build_team
from agents.chain import open_chain
from agents.model import ModelClients
from agents.playbook.transport import PlaybookTransport
from core.canonical import JsonObject
from core.errors import EgressBlocked
from core.settings import Settings
from serving.playbook import create_app
from tests.unit.agents.recorded import FRAMEWORKS, let_out, playbook_clients, spec
from tests.unit.agents.test_conformance import benign, malicious


def inside() -> ModelClients:
    return open_chain(Settings(model_fallbacks=["playbook"])).links[-1].clients


@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_a_team_works_with_it_as_with_the_server(framework: str) -> None:
    for made in (malicious, benign):
        mine, theirs = made(), made()
        with let_out():
            here = await build_team(spec(), framework, inside()).run(mine.brief(), mine)
            there = await build_team(spec(), framework, playbook_clients()).run(theirs.brief(), theirs)
        assert here == there
        assert mine.calls == theirs.calls


async def test_nothing_reaches_it_without_a_guard() -> None:
    box = malicious()
    with pytest.raises(EgressBlocked):
        await build_team(spec(), "autogen", inside()).run(box.brief(), box)


async def both(method: str, path: str, body: JsonObject | bytes | None = None) -> list[tuple[int, JsonObject]]:
    """The answers of the transport and of the server."""
    content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    answers = []
    for transport in (PlaybookTransport(), httpx2.ASGITransport(app=create_app())):
        async with httpx2.AsyncClient(transport=transport, base_url="http://model.test/v1") as client:
            answer = await client.request(method, path, content=content)
            answers.append((answer.status_code, answer.json()))
    return answers


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/models", None, 200),
        ("POST", "/chat/completions", b"[" * 100_000, 400),
        ("POST", "/chat/completions", {"messages": []}, 400),
        ("POST", "/chat/completions", {"messages": [{"role": "user", "content": "hello"}]}, 400),
    ],
)
async def test_both_say_the_same_to_what_is_no_chat_of_a_team(
    method: str, path: str, body: JsonObject | bytes | None, status: int
) -> None:
    here, there = await both(method, path, body)
    assert here == there
    assert here[0] == status
