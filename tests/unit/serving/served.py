"""A model server in this process, on a loopback port, with the tiny model behind it; and clients for it."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from openai import OpenAI

from core.canonical import JsonObject
from serving.admission import Admission
from serving.app import create_app
from serving.engine import Engine
from serving.keys import Keys
from serving.parts import Model, Parts
from tests.servers import http_server, until
from tests.unit.serving.engines import PATIENCE

#: Tokens of an answer that is still being written when a test has looked.
LONG = 6000


@dataclass(frozen=True)
class House:
    """A running server."""

    url: str
    parts: Parts

    def post(self, path: str, body: Any, **headers: str) -> httpx2.Response:
        """A request as it is; bytes are sent as they are."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return httpx2.post(f"{self.url}{path}", content=content, headers=headers, timeout=PATIENCE, trust_env=False)

    def get(self, path: str, **headers: str) -> httpx2.Response:
        return httpx2.get(f"{self.url}{path}", headers=headers, timeout=PATIENCE, trust_env=False)

    def chat(self, **changes: Any) -> httpx2.Response:
        """A chat over HTTP, as a client without a library sends it."""
        return self.post("/v1/chat/completions", chat(**changes))

    @contextmanager
    def client(self, key: str = "none") -> Iterator[OpenAI]:
        """OpenAI's client, which tries nothing twice."""
        with OpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0, timeout=PATIENCE) as client:
            yield client

    @contextmanager
    def held(self) -> Iterator[socket.socket]:
        """A client that has the first bytes of a long answer; it is gone when the block ends."""
        with self.sent(stream=True, max_tokens=LONG) as connection:
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")
            yield connection

    @contextmanager
    def sent(self, *, cut: int = 0, **changes: Any) -> Iterator[socket.socket]:
        """A client that has sent a chat, all but the last `cut` bytes; it is gone when the block ends."""
        body = json.dumps(chat(**changes)).encode()
        host, _, port = self.url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=PATIENCE) as connection:
            head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body[: len(body) - cut])
            yield connection

    def until_idle(self) -> None:
        """Wait until nothing runs or waits, in the server and in its engine."""
        until(lambda: self.counts == (0, 0) and self.running == 0, seconds=PATIENCE, what="the end of all requests")

    @property
    def counts(self) -> tuple[int, int]:
        """Requests that hold a slot, and that wait for one."""
        return self.parts.admission.running, self.parts.admission.waiting

    @property
    def running(self) -> int:
        """Requests inside the engine."""
        assert self.parts.warm is not None
        return self.parts.warm.engine.stats().running


@contextmanager
def house(engine: Engine, *, slots: int = 16, queue: int = 16, keys: Keys | None = None) -> Iterator[House]:
    """A server with this engine, which the caller closes."""
    parts = Parts(
        admission=Admission(slots=slots, queue=queue),
        max_answer=64,
        keys=keys,
        warm=Model(engine=engine),
    )
    with http_server(create_app(parts)) as url:
        yield House(url=url, parts=parts)


def chat(text: str = "Look at this ticket.", **changes: Any) -> JsonObject:
    """A chat with one message and a short answer."""
    return {"model": "tiny", "messages": [{"role": "user", "content": text}], "max_tokens": 12, **changes}


def events(response: httpx2.Response) -> list[JsonObject]:
    """The events of a stream, which must be whole."""
    lines = [line for line in response.text.split("\n\n") if line]
    assert all(line.startswith("data: ") for line in lines)
    assert lines[-1] == "data: [DONE]"
    return [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]


def refusal(response: httpx2.Response) -> tuple[int, str | None, str | None]:
    """Status, param and code of an error in OpenAI's form."""
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"].endswith(".")
    return response.status_code, error["param"], error["code"]
