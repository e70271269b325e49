"""Model clients, made once per process, over one guarded transport: nothing leaves without a guard in context.

A client belongs to the event loop it is first used on, so a process keeps one long-lived loop for its teams.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import httpx2

from agents.completion import read_completion, tokens
from core.canonical import JsonObject
from core.errors import CasemateError, EgressBlocked, ModelUnavailable, Temporary

if TYPE_CHECKING:
    from openai import AsyncOpenAI

#: Connections held open to the model endpoint; one for each ticket that thinks at the same moment.
MAX_CONNECTIONS = 64
#: Bytes of one answer; a completion of a million tokens is below it.
MAX_ANSWER = 8 * 1024 * 1024
#: Tokens of one answer asked for; an assessment takes under a quarter.
MAX_ANSWER_TOKENS = 4096
#: Statuses that say "not now" or "not configured", and not "this request is wrong".
_UNAVAILABLE = frozenset({401, 403, 404, 408, 409, 425, 429})


class Guard(Protocol):
    """The last look at a request before it leaves; `policies.masking.egress.EgressGuard` is one."""

    def check(self, body: bytes) -> None:
        """Raises EgressBlocked when `body` carries an original value of the ticket."""
        ...


class BudgetSpent(Temporary):
    """The run has made as many model requests as its team may."""


class RequestRefused(Temporary):
    """The model endpoint calls the request itself wrong: too long a context, or a feature it lacks."""


@dataclass(kw_only=True, slots=True)
class Meter:
    """What one run has asked of the model, and what stopped it."""

    limit: int
    requests: int = 0
    answers: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    #: The first failure of the run. Frameworks wrap and reword exceptions; this is the one that happened.
    failure: CasemateError | None = None


_guard: ContextVar[Guard | None] = ContextVar("casemate_guard", default=None)
_meter: ContextVar[Meter | None] = ContextVar("casemate_meter", default=None)


@contextmanager
def metered(limit: int) -> Iterator[Meter]:
    """Count the model requests made inside, and refuse those beyond `limit`."""
    meter = Meter(limit=limit)
    token = _meter.set(meter)
    try:
        yield meter
    finally:
        _meter.reset(token)


@contextmanager
def guarded(guard: Guard) -> Iterator[None]:
    """Let model requests out while inside, each checked by `guard`. Holds for this task and those it starts."""
    token = _guard.set(guard)
    try:
        yield
    finally:
        _guard.reset(token)


def without_login(url: str) -> str:
    """A URL as errors and signs of life may show it: a password in it is nobody's business."""
    scheme, separator, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path.partition('?')[0]}"


class GuardTransport(httpx2.AsyncBaseTransport):
    """Every request to a model passes here, whichever framework sends it. Fails closed without a guard in context."""

    def __init__(self, inner: httpx2.AsyncBaseTransport, clients: ModelClients) -> None:
        self._inner = inner
        self._url = without_login(clients.url)
        self._name = clients.name
        self._before_request = clients.before_request

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        meter = _meter.get()
        if meter is not None and meter.failure is not None:
            raise meter.failure
        try:
            return await self._guarded(request, meter)
        except CasemateError as error:
            if meter is not None and meter.failure is None:
                meter.failure = error
            raise

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def _guarded(self, request: httpx2.Request, meter: Meter | None) -> httpx2.Response:
        guard = _guard.get()
        if guard is None:
            raise EgressBlocked("A model request was made without an egress guard, so it was not sent.")
        self._before_request()
        guard.check(await request.aread())
        if meter is not None:
            if meter.requests >= meter.limit:
                raise BudgetSpent(f"The budget of {meter.limit} model requests is spent.")
            meter.requests += 1
        try:
            response = await _read(await self._inner.handle_async_request(request))
        except (httpx2.HTTPError, httpx2.StreamError, OSError) as error:
            raise ModelUnavailable(
                f"The model endpoint {self._url} does not answer ({type(error).__name__}); "
                "start it or set CASEMATE_MODEL_URL."
            ) from None
        completion = self._judge(response)
        if meter is not None:
            meter.answers += 1
            meter.tokens_in += tokens(completion, "prompt_tokens")
            meter.tokens_out += tokens(completion, "completion_tokens")
        return httpx2.Response(200, json=completion)

    def _judge(self, response: httpx2.Response) -> JsonObject:
        status = response.status_code
        if status >= 500 or status in _UNAVAILABLE or 300 <= status < 400:
            raise ModelUnavailable(
                f"The model endpoint {self._url} answered {status}; check that it is healthy and that "
                "CASEMATE_MODEL_URL, CASEMATE_MODEL_NAME and CASEMATE_MODEL_API_KEY are right."
            )
        if status >= 400:
            raise RequestRefused(f"The model endpoint refused the request with status {status}.")
        completion = read_completion(response.content, self._name)
        if completion is None:
            raise ModelUnavailable(
                f"The model endpoint {self._url} answered something that is not a chat completion; "
                "point CASEMATE_MODEL_URL at an OpenAI-compatible endpoint."
            )
        return completion


@dataclass(kw_only=True)
class ModelClients:
    """The one model endpoint of a process, as each framework wants it. Nothing connects before the first request."""

    url: str
    name: str
    api_key: str = field(repr=False, default="none")
    #: Seconds one request may take without a byte coming back.
    timeout: float = 120.0
    #: Called before each request; raises Halted when the kill switch is on.
    before_request: Callable[[], None] = field(default=lambda: None, repr=False)
    #: The transport under the guard; tests put an in-process server here.
    transport: httpx2.AsyncBaseTransport | None = field(default=None, repr=False)

    @cached_property
    def http(self) -> httpx2.AsyncClient:
        inner = self.transport or httpx2.AsyncHTTPTransport(
            limits=httpx2.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_CONNECTIONS)
        )
        guarded = GuardTransport(inner, self)
        # No proxy and no .netrc: the transport is given, and the environment must not add another way out.
        return httpx2.AsyncClient(transport=guarded, timeout=self.timeout, trust_env=False)

    @cached_property
    def openai(self) -> AsyncOpenAI:
        from openai import AsyncOpenAI

        return AsyncOpenAI(
            base_url=self.url,
            api_key=self.api_key or "none",
            http_client=self.http,
            max_retries=0,
            timeout=self.timeout,
        )

    @cached_property
    def by_framework(self) -> dict[str, Any]:
        """Each framework's own wrapping of the client, filled in by its adapter and shared by all its teams."""
        return {}

    async def aclose(self) -> None:
        """Close the connections, on the loop that used them."""
        await self.http.aclose()


async def _read(response: httpx2.Response) -> httpx2.Response:
    """The whole answer, within bounds, so that no framework ever waits on a stream."""
    content = bytearray()
    try:
        async for part in response.aiter_bytes():
            content += part
            if len(content) > MAX_ANSWER:
                raise httpx2.DecodingError(f"The answer is longer than {MAX_ANSWER} bytes.")
    finally:
        await response.aclose()
    return httpx2.Response(response.status_code, content=bytes(content))
