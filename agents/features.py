"""What an endpoint says it can do, from its list of models: asked once, remembered while it is up, never fatal."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx2

from core.canonical import Json
from core.errors import ModelUnavailable

#: Seconds until an endpoint that did not answer is asked again.
AGAIN_SECONDS = 30.0

Fetch = Callable[[], Awaitable[httpx2.Response]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Features:
    """What goes beyond plain chat completions with tools."""

    #: Tokens of a request and its answer together; None when the endpoint does not tell.
    window: int | None = None
    #: A casemate server.
    casemate: bool = False
    #: A schema is kept also in requests with tools: either calls, or an answer that fits.
    structured_with_tools: bool = False
    #: It answers `/decisions` with probabilities.
    decisions: bool = False


#: An endpoint of which nothing is known.
PLAIN = Features()


def read_features(content: bytes, model: str) -> Features:
    """The features of `model` in an answer to `GET /models`; PLAIN for anything that is not one."""
    try:
        value: Json = json.loads(content)
    except (ValueError, RecursionError):
        return PLAIN
    listed = value.get("data") if isinstance(value, dict) else None
    entries = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    # Servers of one model often take any name for it.
    entry = next((one for one in entries if one.get("id") == model), entries[0] if len(entries) == 1 else {})
    window, ours = entry.get("max_model_len"), entry.get("casemate")
    offered = ours if isinstance(ours, dict) else {}
    return Features(
        window=window if isinstance(window, int) and not isinstance(window, bool) and window > 0 else None,
        casemate=isinstance(ours, dict),
        structured_with_tools=offered.get("structured_with_tools") is True,
        decisions=offered.get("decisions") is True,
    )


class Discovery:
    """One endpoint's features, asked by whoever needs them first. Belongs to the loop it is used on."""

    def __init__(self, model: str, *, ticks: Callable[[], float] = time.monotonic) -> None:
        self._model = model
        self._ticks = ticks
        self._asking = asyncio.Lock()
        self._silent_until = float("-inf")
        #: None until the endpoint was asked.
        self.known: Features | None = None

    async def find(self, fetch: Fetch) -> Features:
        """The features; `fetch` gets the list of models and may raise ModelUnavailable."""
        async with self._asking:
            if self.known is None and self._ticks() >= self._silent_until:
                try:
                    answer = await fetch()
                except ModelUnavailable:
                    answer = httpx2.Response(503)
                if answer.status_code < 500:
                    self.known = read_features(answer.content, self._model) if answer.is_success else PLAIN
                else:
                    self._silent_until = self._ticks() + AGAIN_SECONDS
        return self.known or PLAIN

    def forget(self) -> None:
        """The endpoint went down: what comes up may be another."""
        self.known = None
