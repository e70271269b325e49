"""Asks an endpoint that may answer anything: bounded in time and size, without redirects, and read without trust.

Only made-up texts of ours go out here, so there is no egress guard; requests for tickets have another way out.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NoReturn

import httpx2

from agents.completion import tokens
from agents.fitting import says_too_long
from agents.probe_report import Outcome
from core.canonical import Json, JsonObject

#: Bytes of one answer; ten times what any check needs.
MAX_ANSWER = 1024 * 1024
#: Characters that are kept of what an endpoint says went wrong.
MAX_SAID = 200
#: Seconds that a busy endpoint (429) is left alone before it is asked again, at most.
MAX_WAIT = 10.0


class Failed(Exception):
    """An answer that a check cannot go on with."""

    def __init__(self, outcome: Outcome, sentence: str) -> None:
        super().__init__(sentence)
        self.outcome = outcome
        self.sentence = sentence


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One tool call as it came."""

    id: str
    name: str
    #: None when they are no JSON object.
    arguments: JsonObject | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """The message of one chat completion."""

    content: str
    calls: tuple[Call, ...]
    #: Whether it ran out of tokens.
    cut: bool
    prompt_tokens: int

    def as_message(self) -> JsonObject:
        """The message as the next request repeats it."""
        calls = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(call.arguments or {})},
            }
            for call in self.calls
        ]
        return {"role": "assistant", "content": self.content or None, **({"tool_calls": calls} if calls else {})}


@dataclass(frozen=True, kw_only=True, slots=True)
class Streamed:
    """How a streamed answer came in."""

    first_seconds: float
    #: From the first piece to the last.
    more_seconds: float
    #: What came after the first piece: tokens where the endpoint counts them, else pieces.
    more: int


class Asked:
    """One endpoint and one model of it. Belongs to the event loop it is made on."""

    def __init__(self, url: str, *, model: str, key: str, seconds: float) -> None:
        """`seconds` bound each request as a whole."""
        self.model = model
        self._url = url.rstrip("/")
        self._key = key
        self._seconds = seconds
        # No proxy, no .netrc, and a redirect is an answer: the key goes to this address and nowhere else.
        self._http = httpx2.AsyncClient(timeout=seconds, trust_env=False, follow_redirects=False)

    async def aclose(self) -> None:
        await self._http.aclose()

    async def get(self, path: str) -> bytes:
        """The answer to a GET. Raises Failed."""
        return await self._whole("GET", path, None)

    async def post(self, path: str, body: JsonObject) -> Json:
        """The JSON in the answer to a POST. Raises Failed."""
        content = await self._whole("POST", path, {"model": self.model, **body})
        try:
            value: Json = json.loads(content)
        except (ValueError, RecursionError):
            raise Failed(Outcome.BROKEN, "The answer is no JSON.") from None
        return value

    async def chat(self, body: JsonObject) -> Said:
        """One chat completion. Raises Failed."""
        return _said(await self.post("/chat/completions", body))

    async def stream(self, body: JsonObject) -> Streamed:
        """How fast one chat completion comes in. Raises Failed."""
        started = time.monotonic()
        times: list[float] = []
        counted = 0
        body = {"model": self.model, **body, "stream": True, "stream_options": {"include_usage": True}}
        async with self._sent("POST", "/chat/completions", body) as response:
            if response.status_code != 200:
                self._judge(response.status_code, await _bounded(response))
            async for event in _events(response):
                counted = max(counted, tokens(event, "completion_tokens"))
                if _tells(event):
                    times.append(time.monotonic())
        if not times:
            raise Failed(Outcome.BROKEN, "The stream holds no piece of an answer; it should be events of JSON.")
        return Streamed(
            first_seconds=times[0] - started,
            more_seconds=times[-1] - times[0],
            more=max(counted, len(times)) - 1,
        )

    async def _whole(self, method: str, path: str, body: JsonObject | None) -> bytes:
        until = time.monotonic() + self._seconds
        while True:
            async with self._sent(method, path, body) as response:
                content = await _bounded(response)
            if response.status_code == 200:
                return content
            if response.status_code != 429:
                self._judge(response.status_code, content)
            wait = _wait(response.headers.get("retry-after", ""))
            if time.monotonic() + wait > until:
                raise Failed(Outcome.SILENT, f"It is too busy (429) for {self._seconds:g} seconds.")
            await asyncio.sleep(wait)

    @asynccontextmanager
    async def _sent(self, method: str, path: str, body: JsonObject | None) -> AsyncIterator[httpx2.Response]:
        headers = {"Authorization": f"Bearer {self._key}", "Accept-Encoding": "identity"}
        try:
            async with (
                asyncio.timeout(self._seconds),
                self._http.stream(method, self._url + path, json=body, headers=headers) as response,
            ):
                yield response
        except (TimeoutError, httpx2.TimeoutException):
            raise Failed(Outcome.SILENT, f"No whole answer came in {self._seconds:g} seconds.") from None
        except (httpx2.RemoteProtocolError, httpx2.DecodingError) as error:
            raise Failed(Outcome.BROKEN, f"The answer is no HTTP that can be read ({type(error).__name__}).") from None
        except UnicodeEncodeError:
            raise Failed(
                Outcome.REFUSED, "The key holds characters that no header can carry; look at its file."
            ) from None
        except (httpx2.HTTPError, httpx2.StreamError, OSError) as error:
            raise Failed(Outcome.SILENT, f"The endpoint does not answer ({type(error).__name__}).") from None

    def _judge(self, status: int, content: bytes) -> NoReturn:
        """Raise what an answer means that is no success."""
        said = self._explained(content)
        if 300 <= status < 400:
            raise Failed(
                Outcome.BROKEN, f"It redirects ({status}), which is never followed; give the address it leads to."
            )
        if status in {401, 403}:
            raise Failed(Outcome.REFUSED, f"It refuses the key ({status}); name a file that holds it with --key-file.")
        if status >= 500 and not says_too_long(status, content):
            raise Failed(Outcome.BROKEN, f"It fails with status {status}{said}.")
        raise Failed(Outcome.REFUSED, f"It refuses the request with status {status}{said}.")

    def _explained(self, content: bytes) -> str:
        """What an endpoint says went wrong, without the key if it repeats that."""
        try:
            value = json.loads(content)
        except (ValueError, RecursionError):
            return ""
        error = value.get("error", value) if isinstance(value, dict) else None
        text = error.get("message") if isinstance(error, dict) else error
        if not isinstance(text, str) or not text.strip():
            return ""
        plain = " ".join(text.replace(self._key, "…").split()) if self._key else " ".join(text.split())
        return f": {plain[:MAX_SAID].rstrip('.')}"


async def _bounded(response: httpx2.Response) -> bytes:
    """The whole body, if it is of a sane size and not packed."""
    content = bytearray()
    async for part in _parts(response):
        content += part
    return bytes(content)


async def _parts(response: httpx2.Response) -> AsyncIterator[bytes]:
    if response.headers.get("content-encoding", "identity") != "identity":
        raise Failed(Outcome.BROKEN, "The answer is compressed although that was not asked for.")
    size = 0
    async for part in response.aiter_raw():
        size += len(part)
        if size > MAX_ANSWER:
            raise Failed(Outcome.BROKEN, f"The answer is longer than {MAX_ANSWER} bytes.")
        yield part


async def _events(response: httpx2.Response) -> AsyncIterator[JsonObject]:
    """The JSON objects of a stream of server-sent events, until it says that it is done."""
    rest = b""
    async for part in _parts(response):
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            data = line.strip().removeprefix(b"data:").strip()
            if data == b"[DONE]":
                return
            try:
                event = json.loads(data) if line.startswith(b"data:") else None
            except (ValueError, RecursionError):
                raise Failed(Outcome.BROKEN, "An event of the stream is no JSON.") from None
            if isinstance(event, dict):
                yield event


def _tells(event: JsonObject) -> bool:
    """Whether an event brings a piece of the answer, be it thoughts or a call."""
    choices = event.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    delta = first.get("delta") if isinstance(first, dict) else None
    pieces = ("content", "reasoning_content", "reasoning", "tool_calls")
    return isinstance(delta, dict) and any(delta.get(name) for name in pieces)


def _wait(told: str) -> float:
    """Seconds until a busy endpoint may be asked again."""
    try:
        seconds = float(told)
    except ValueError:
        return 1.0
    return min(max(seconds, 0.1), MAX_WAIT) if math.isfinite(seconds) else MAX_WAIT


def _said(value: Json) -> Said:
    choices = value.get("choices") if isinstance(value, dict) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    message = first.get("message") if isinstance(first, dict) else None
    if not isinstance(first, dict) or not isinstance(message, dict):
        raise Failed(Outcome.BROKEN, "The answer is JSON, but no chat completion.")
    content, calls = message.get("content"), message.get("tool_calls")
    if content is not None and not isinstance(content, str):
        raise Failed(Outcome.BROKEN, "The content of the message is no text.")
    if calls is not None and not isinstance(calls, list):
        raise Failed(Outcome.BROKEN, "The tool calls of the message are no list.")
    return Said(
        content=content or "",
        calls=tuple(_call(call, number) for number, call in enumerate(calls or [])),
        cut=first.get("finish_reason") == "length",
        prompt_tokens=tokens(value, "prompt_tokens"),
    )


def _call(call: Json, number: int) -> Call:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise Failed(Outcome.BROKEN, "A tool call names no function.")
    arguments = function.get("arguments")
    try:
        value = json.loads(arguments) if isinstance(arguments, str) else arguments
    except (ValueError, RecursionError):
        value = None
    identity = call.get("id")
    return Call(
        id=identity if isinstance(identity, str) and identity else f"call_{number}",
        name=function["name"],
        arguments=value if isinstance(value, dict) else None,
    )
