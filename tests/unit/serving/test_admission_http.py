"""Slots over HTTP: who waits, who is sent away, and that whoever goes away takes nothing along."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from serving.engine import Engine
from tests.servers import until
from tests.unit.serving.engines import PATIENCE, load_tiny, running
from tests.unit.serving.served import LONG, House, chat, house, refusal

CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def engine(tiny_model: Path) -> Iterator[Engine]:
    with running(replace(load_tiny(tiny_model), name="tiny")) as engine:
        yield engine


@pytest.fixture
def server(engine: Engine) -> Iterator[House]:
    """One slot and one place to wait."""
    with house(engine, slots=1, queue=1) as house_:
        yield house_
        house_.until_idle()


def waits(server: House, counts: tuple[int, int], what: str) -> None:
    until(lambda: server.counts == counts, seconds=PATIENCE, what=what)


class Later(threading.Thread):
    """A request whose answer is looked at later."""

    def __init__(self, server: House, **changes: Any) -> None:
        super().__init__(daemon=True)
        self._server = server
        self._changes = changes
        self.response: httpx2.Response | None = None
        self.start()

    def run(self) -> None:
        self.response = self._server.chat(**self._changes)

    def done(self) -> httpx2.Response:
        self.join(PATIENCE)
        assert self.response is not None
        return self.response


def test_a_full_server_sends_away_with_the_time_to_come_back(server: House) -> None:
    with server.held():
        second = Later(server)
        waits(server, (1, 1), "the second request in the queue")
        for stream in (False, True):
            response = server.chat(stream=stream)
            assert refusal(response) == (429, None, "queue_full")
            assert 1 <= int(response.headers["Retry-After"]) <= 60
    assert second.done().status_code == 200, "the slot came back when the first client went away"


def test_the_lower_priority_goes_first(engine: Engine) -> None:
    with house(engine, slots=1, queue=2) as server:
        with server.held() as first, server.sent(priority=5, max_tokens=LONG):
            waits(server, (1, 1), "the late request in the queue")
            early = Later(server, priority=-1)
            waits(server, (1, 2), "the early request in the queue")
            first.close()
            assert early.done().status_code == 200
            waits(server, (1, 0), "the turn of the late request")
        server.until_idle()


@pytest.mark.parametrize("stream", [False, True])
def test_a_deadline_in_the_queue_ends_the_request(server: House, *, stream: bool) -> None:
    with server.held():
        response = server.post(CHAT, chat(stream=stream), **{"X-Casemate-Deadline-Seconds": "0.2"})
        assert refusal(response) == (504, None, "deadline_exceeded")
        assert server.counts == (1, 0)


def test_a_deadline_ends_an_answer_that_is_being_written(server: House) -> None:
    response = server.post(CHAT, chat(max_tokens=LONG), **{"X-Casemate-Deadline-Seconds": "0.5"})
    assert refusal(response)[2] == "deadline_exceeded"
    server.until_idle()


def test_an_error_in_a_stream_is_its_last_event(tiny_model: Path) -> None:
    with running(replace(load_tiny(tiny_model), name="tiny")) as engine, house(engine) as server:
        told = threading.Event()
        server.parts.on_failure = told.set
        with httpx2.stream(
            "POST", f"{server.url}{CHAT}", json=chat(stream=True, max_tokens=LONG), timeout=PATIENCE, trust_env=False
        ) as response:
            lines = (line for line in response.iter_lines() if line)
            assert response.status_code == 200
            assert "choices" in next(lines)
            engine.close()
            *_, error, done = lines
        assert json.loads(error.removeprefix("data: "))["error"]["code"] == "engine_failed"
        assert done == "data: [DONE]"
        assert refusal(server.chat())[0] == 503
        assert server.get("/readyz").status_code == server.get("/healthz").status_code == 503
        assert told.is_set(), "the process can end"
        assert server.counts == (0, 0)


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_goes_away_frees_its_slot(server: House, *, stream: bool) -> None:
    with server.sent(stream=stream, max_tokens=LONG):
        waits(server, (1, 0), "the start of the request")
        until(lambda: server.running == 1, seconds=PATIENCE, what="its start in the engine")
    server.until_idle()
    assert 'requests_total{endpoint="chat",outcome="cancelled"} 1.0' in server.get("/metrics").text


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_goes_away_while_it_waits_leaves_the_queue(server: House, *, stream: bool) -> None:
    with server.held():
        with server.sent(stream=stream):
            waits(server, (1, 1), "the request in the queue")
        waits(server, (1, 0), "the end of its waiting")


def test_a_client_that_goes_away_before_its_request_is_whole_leaves_nothing(server: House) -> None:
    with server.sent(cut=200):
        pass
    cancelled = 'requests_total{endpoint="chat",outcome="cancelled"} 1.0'
    until(lambda: cancelled in server.get("/metrics").text, seconds=PATIENCE, what="the end of the request")
    assert server.counts == (0, 0)
