"""The way out to one model endpoint: every request of every framework passes here, checked, counted and made to fit.

Fails closed without a guard in context.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2

from agents.completion import read_completion, tokens
from agents.features import Discovery
from agents.fitting import encoded, says_too_long
from agents.meter import Meter, RequestRefused, guard_now, meter_now
from agents.shape import shaped
from core.canonical import JsonObject
from core.errors import CasemateError, EgressBlocked, ModelUnavailable

#: Bytes of one answer; a completion of a million tokens is below it.
MAX_ANSWER = 8 * 1024 * 1024
#: Statuses that say "not now" or "not configured", and not "this request is wrong".
UNAVAILABLE = frozenset({401, 403, 404, 408, 409, 425, 429})
#: Seconds that a busy endpoint is left alone at least, whatever it says.
LEAST_WAIT = 0.5
#: Seconds in which an endpoint says what it can do.
DISCOVERY_SECONDS = 5.0
#: How long a casemate server may take for a request, in seconds: no answer is of use after the run's time.
DEADLINE = "X-Casemate-Deadline-Seconds"
#: Seconds more than that, so that a run ends by its own clock and not by an error of the server.
DEADLINE_GRACE = 2.0


class GuardTransport(httpx2.AsyncBaseTransport):
    """Fails closed: a run's first failure ends all of its requests."""

    def __init__(
        self,
        inner: httpx2.AsyncBaseTransport,
        *,
        shown_url: str,
        model: str,
        discovery: Discovery,
        before_request: Callable[[], None],
    ) -> None:
        self._inner = inner
        self._url = shown_url
        self._model = model
        self._discovery = discovery
        self._before_request = before_request

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        meter = meter_now()
        if meter is not None and meter.failure is not None:
            raise meter.failure
        if not request.url.path.endswith("/chat/completions"):
            return await self._asked(request, meter)
        try:
            return await self._chat(request, meter)
        except CasemateError as error:
            if meter is not None and meter.failure is None:
                meter.failure = error
            raise

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def _chat(self, request: httpx2.Request, meter: Meter | None) -> httpx2.Response:
        """A completion, read and mended; in a run shaped for the role whose turn it is and shortened until it fits."""
        features = await self._discovery.find(lambda: self._list_models(request))
        whole: JsonObject = json.loads(await request.aread())
        role = meter.turn() if meter is not None else None
        wanted = shaped(whole, role, features)
        body = wanted if meter is None else meter.fitting.fit(wanted, features.window)
        while True:
            sent = request if body is whole else _with_body(request, encoded(body))
            if meter is not None and features.casemate:
                sent.headers[DEADLINE] = f"{max(0.0, meter.seconds_left) + DEADLINE_GRACE:.1f}"
            response = await self._asked(sent, meter)
            if meter is None or not says_too_long(response.status_code, response.content):
                break
            meter.fitting.refused(body)
            shorter = meter.fitting.fit(wanted, features.window)
            if shorter == body:
                raise RequestRefused("A request is too long for the model, and nothing is left in it to shorten.")
            body = shorter
        completion = self._judge(response)
        if meter is not None:
            if role is not None and role.answers == "assessment":
                meter.assessing = body
            meter.answers += 1
            meter.tokens_in += tokens(completion, "prompt_tokens")
            meter.tokens_out += tokens(completion, "completion_tokens")
            if features.window is not None:
                meter.fitting.answered(body, tokens(completion, "prompt_tokens"))
        return httpx2.Response(200, json=completion)

    async def _asked(self, request: httpx2.Request, meter: Meter | None) -> httpx2.Response:
        """One answer, counted as one request however often the endpoint is too busy for it."""
        if meter is not None:
            meter.count()
        while True:
            response = await self._sent(request)
            wait = _wait(response)
            if wait is None or meter is None or wait >= meter.seconds_left:
                return response
            await asyncio.sleep(wait)

    async def _sent(self, request: httpx2.Request) -> httpx2.Response:
        guard = guard_now()
        if guard is None:
            raise EgressBlocked("A model request was made without an egress guard, so it was not sent.")
        self._before_request()
        body = await request.aread()
        if body:
            guard.check(body)
        try:
            return await _read(await self._inner.handle_async_request(request))
        except (httpx2.HTTPError, httpx2.StreamError, OSError) as error:
            raise ModelUnavailable(
                f"The model endpoint {self._url} does not answer ({type(error).__name__}); "
                "start it or set CASEMATE_MODEL_URL."
            ) from None

    async def _list_models(self, request: httpx2.Request) -> httpx2.Response:
        """The endpoint's list of models; carries nothing of a ticket, and is no request of the run."""
        url = request.url.copy_with(path=request.url.path.removesuffix("/chat/completions") + "/models")
        key = {name: request.headers[name] for name in ("authorization",) if name in request.headers}
        times = httpx2.Timeout(DISCOVERY_SECONDS).as_dict()
        return await self._sent(httpx2.Request("GET", url, headers=key, extensions={"timeout": times}))

    def _judge(self, response: httpx2.Response) -> JsonObject:
        status = response.status_code
        if status >= 500 or status in UNAVAILABLE or 300 <= status < 400:
            raise ModelUnavailable(
                f"The model endpoint {self._url} answered {status}; check that it is healthy and that "
                "CASEMATE_MODEL_URL, CASEMATE_MODEL_NAME and CASEMATE_MODEL_API_KEY are right."
            )
        if status >= 400:
            raise RequestRefused(f"The model endpoint refused the request with status {status}.")
        completion = read_completion(response.content, self._model)
        if completion is None:
            raise ModelUnavailable(
                f"The model endpoint {self._url} answered something that is not a chat completion; "
                "point CASEMATE_MODEL_URL at an OpenAI-compatible endpoint."
            )
        return completion


def _with_body(request: httpx2.Request, body: bytes) -> httpx2.Request:
    headers = {name: value for name, value in request.headers.items() if name.lower() != "content-length"}
    return httpx2.Request(request.method, request.url, headers=headers, content=body, extensions=request.extensions)


def _wait(response: httpx2.Response) -> float | None:
    """Seconds after which a busy endpoint wants to be asked again; None when it does not say, or is not busy."""
    said = response.headers.get("retry-after")
    if response.status_code != 429 or said is None:
        return None
    try:
        seconds = float(said)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
    return max(LEAST_WAIT, seconds)


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
    kept = {name: response.headers[name] for name in ("retry-after",) if name in response.headers}
    return httpx2.Response(response.status_code, headers=kept, content=bytes(content))
