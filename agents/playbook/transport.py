"""The playbook model inside the worker itself: answers the requests of a client without a server and a network."""

from __future__ import annotations

import asyncio

import httpx2

from agents.playbook.completion import complete, models, read_request, refusal
from agents.playbook.library import shipped_playbooks
from core.errors import ToolRefused


class PlaybookTransport(httpx2.AsyncBaseTransport):
    """Never goes down: nothing is sent anywhere."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        body = await request.aread()
        if request.url.path.endswith("/models"):
            return httpx2.Response(200, json=models())
        # Long evidence takes a while to read, and the loop belongs to all tickets of the process.
        return await asyncio.to_thread(_answer, body)


def _answer(body: bytes) -> httpx2.Response:
    try:
        return httpx2.Response(200, json=complete(shipped_playbooks(), read_request(body), body))
    except ToolRefused as refused:
        return httpx2.Response(400, json=refusal(str(refused)))
