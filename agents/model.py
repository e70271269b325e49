"""Model clients, made once per process, over one guarded transport: nothing leaves without a guard in context.

A client belongs to the event loop it is first used on, so a process keeps one long-lived loop for its teams.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import httpx2

from agents.features import Discovery
from agents.transport import GuardTransport
from core.canonical import JsonObject

if TYPE_CHECKING:
    from openai import AsyncOpenAI

#: Connections held open to the model endpoint; one for each ticket that thinks at the same moment.
MAX_CONNECTIONS = 64


def without_login(url: str) -> str:
    """A URL as errors and signs of life may show it: a password in it is nobody's business."""
    scheme, separator, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path.partition('?')[0]}"


@dataclass(kw_only=True)
class ModelClients:
    """One model endpoint, as each framework wants it. Nothing connects before the first request."""

    url: str
    name: str
    api_key: str = field(repr=False, default="none")
    #: Seconds one request may take without a byte coming back.
    timeout: float = 120.0
    #: Tokens one answer may have.
    answer_tokens: int = 4096
    #: Called before each request; raises Halted when the kill switch is on.
    before_request: Callable[[], None] = field(default=lambda: None, repr=False)
    #: The transport under the guard; tests put an in-process server here.
    transport: httpx2.AsyncBaseTransport | None = field(default=None, repr=False)

    @cached_property
    def discovery(self) -> Discovery:
        """What the endpoint can do, as far as it was asked."""
        return Discovery(self.name)

    @cached_property
    def http(self) -> httpx2.AsyncClient:
        inner = self.transport or httpx2.AsyncHTTPTransport(
            limits=httpx2.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_CONNECTIONS)
        )
        guarded = GuardTransport(
            inner,
            shown_url=without_login(self.url),
            model=self.name,
            discovery=self.discovery,
            before_request=self.before_request,
        )
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

    async def post(self, path: str, body: JsonObject) -> httpx2.Response:
        """A request of our own, over the same transport. Raises what the transport raises."""
        url = self.url.rstrip("/") + path
        return await self.http.post(url, json=body, headers={"authorization": f"Bearer {self.api_key or 'none'}"})

    async def aclose(self) -> None:
        """Close the connections, on the loop that used them."""
        await self.http.aclose()
