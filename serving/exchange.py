"""One request and its answer over HTTP: key, size, deadline, a client that goes away, errors, and what is counted."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Literal

from fastapi import Request
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from core.canonical import JsonObject
from core.log import logger
from serving.admission import QueueFull
from serving.errors import DoesNotFit, EngineFailed
from serving.parts import Model, Parts
from serving.refusals import Refused, deadline_exceeded, queue_full

#: Bytes of one request; a chat that fills a context of a million tokens is a quarter of it.
MAX_REQUEST = 16 * 1024 * 1024
#: The header by which a client says how many seconds its answer may take, waiting included.
DEADLINE_HEADER = "x-casemate-deadline-seconds"
#: Seconds of a request that does not say, and the most one may ask for.
DEFAULT_DEADLINE = 600.0
MAX_DEADLINE = 3600.0

log = logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """What the work of one request needs besides its body. `arrived` is of `time.monotonic`."""

    parts: Parts
    model: Model
    body: bytes
    arrived: float

    def first_token(self) -> None:
        """Count how long the first token took."""
        self.parts.metrics.first_token.observe(time.monotonic() - self.arrived)

    @asynccontextmanager
    async def slot(self, priority: int) -> AsyncIterator[None]:
        """Hold a slot of the server while inside, and count how long it took to get it."""
        asked = time.monotonic()
        async with self.parts.admission.slot(priority):
            self.parts.metrics.queue.observe(time.monotonic() - asked)
            yield


#: Answers a request with a document, or with the events of a stream.
Work = Callable[[Turn], Awaitable[JsonObject | AsyncGenerator[JsonObject, None]]]


class ClientGone(Exception):
    """Nobody is there any more to take the answer."""


class Exchange(Response):
    """An answer that is worked out while it is sent, so that one place sees how the request ended."""

    def __init__(self, endpoint: str, parts: Parts, request: Request, work: Work) -> None:
        super().__init__()
        self._endpoint = endpoint
        self._parts = parts
        self._request = request
        self._work = work
        self._sent: Literal["nothing", "document", "events"] = "nothing"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; what is refused before the first byte has its status, later it is an event of the stream."""
        try:
            async with self._counted(), self._sentences():
                check_key(self._parts, self._request)
                self._parts.admission.check_room()  # before anything is read and rendered for it
                async with asyncio.timeout(_deadline(self._request)):
                    body = await _body(self._request)
                    await while_connected(receive, self._answer(body, scope, receive, send))
        except ClientGone:
            return
        except Refused as refusal:
            match self._sent:
                case "nothing":
                    await refusal.response()(scope, receive, send)
                case "events":
                    await _send(send, refusal.document)
                    await _finish(send)
                case "document":  # it is on its way, whole
                    return

    async def _answer(self, body: bytes, scope: Scope, receive: Receive, send: Send) -> None:
        turn = Turn(parts=self._parts, model=self._parts.model, body=body, arrived=time.monotonic())
        answer = await self._work(turn)
        if isinstance(answer, dict):
            self._sent = "document"
            await JSONResponse(answer)(scope, receive, send)
            return
        async with aclosing(answer) as events:
            async for event in events:
                if self._sent == "nothing":
                    self._sent = "events"
                    await send({"type": "http.response.start", "status": 200, "headers": _STREAM})
                await _send(send, event)
        await _finish(send)

    @asynccontextmanager
    async def _sentences(self) -> AsyncIterator[None]:
        """Errors of the parts below as what a client may be told."""
        try:
            yield
        except TimeoutError:
            raise deadline_exceeded() from None
        except QueueFull as full:
            raise queue_full(full.retry_after) from None
        except DoesNotFit as error:
            raise Refused(str(error), param="messages", code="context_length_exceeded") from None
        except EngineFailed as error:
            if self._parts.failure is not None:
                self._parts.on_failure()
            raise Refused(str(error), status=HTTPStatus.SERVICE_UNAVAILABLE, code="engine_failed") from None
        except (Refused, ClientGone):
            raise
        except Exception as error:  # noqa: BLE001 - the outermost handler of a request
            log.error("request_failed", error=type(error).__name__)
            told = "Something in the model server broke; its log says at what time."
            raise Refused(told, status=HTTPStatus.INTERNAL_SERVER_ERROR) from None

    @asynccontextmanager
    async def _counted(self) -> AsyncIterator[None]:
        arrived, outcome = time.monotonic(), "cancelled"
        metrics = self._parts.metrics
        try:
            yield
            outcome = "ok"
        except Refused as refusal:
            outcome = refusal.outcome
            raise
        finally:
            metrics.requests.labels(self._endpoint, outcome).inc()
            metrics.duration.observe(time.monotonic() - arrived)


def check_key(parts: Parts, request: Request) -> None:
    """Raises:
    Refused: 401, this server has keys and the request has none of them.
    """
    if parts.keys is not None:
        parts.keys.check(request.headers.get("authorization", ""))


async def while_connected(receive: Receive, work: Coroutine[Any, Any, None]) -> None:
    """Do the work, or stop it when the client goes away. The request's body must have been read.

    Raises:
        ClientGone: the work was stopped.
    """
    task, gone = asyncio.ensure_future(work), asyncio.ensure_future(_gone(receive))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientGone
    finally:
        task.cancel()
        gone.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)
    task.result()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _body(request: Request) -> bytes:
    parts = bytearray()
    try:
        async for part in request.stream():
            parts += part
            if len(parts) > MAX_REQUEST:
                raise Refused(
                    f"The request is larger than {MAX_REQUEST} bytes; shorten the chat.",
                    status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                )
    except ClientDisconnect:
        raise ClientGone from None
    return bytes(parts)


def _deadline(request: Request) -> float:
    told = request.headers.get(DEADLINE_HEADER)
    if told is None:
        return DEFAULT_DEADLINE
    try:
        seconds = float(told)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= MAX_DEADLINE:
        raise Refused(
            f"Header `{DEADLINE_HEADER}` must be a number of seconds, more than 0 and at most {MAX_DEADLINE:g}.",
            param=DEADLINE_HEADER,
        )
    return seconds


_STREAM = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # a proxy that collects events would make them late
]


async def _send(send: Send, event: JsonObject) -> None:
    line = f"data: {json.dumps(event, ensure_ascii=False)}\n\n"
    await send({"type": "http.response.body", "body": line.encode(), "more_body": True})


async def _finish(send: Send) -> None:
    await send({"type": "http.response.body", "body": b"data: [DONE]\n\n", "more_body": False})
