"""Messages to and from a server over streamable HTTP. A fresh session for every call."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

import anyio
import httpx
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.message import SessionMessage

from core.mcp import McpServer
from tools.mcp.address import Fixed
from tools.mcp.screen import sorted_out
from tools.mcp.stdio import Incoming, Outgoing

# What they log holds whole messages.
for _name in ("mcp", "mcp.client.streamable_http", "client", "httpx", "httpcore", "httpx_sse"):
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)


@asynccontextmanager
async def messages(
    server: McpServer, transport: Fixed, headers: Mapping[str, str]
) -> AsyncIterator[tuple[Incoming, Outgoing]]:
    """Streams of a session that is opened now and closed afterwards."""
    client = httpx.AsyncClient(
        transport=transport,
        headers={**headers, "Accept-Encoding": "identity", "User-Agent": "casemate"},
        timeout=httpx.Timeout(server.seconds),
        follow_redirects=False,
        trust_env=False,
    )
    async with client, streamable_http_client(server.url, http_client=client) as (read, write, _):
        heard, incoming = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        transport.meter.at_flood = heard.close
        screening = asyncio.ensure_future(_screen(read, write, heard))
        try:
            yield incoming, write
        finally:
            screening.cancel()
            await asyncio.gather(screening, return_exceptions=True)
            for stream in (heard, incoming):
                stream.close()


async def _screen(
    read: MemoryObjectReceiveStream[SessionMessage | Exception],
    write: MemoryObjectSendStream[SessionMessage],
    heard: MemoryObjectSendStream[SessionMessage | Exception],
) -> None:
    with heard, suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
        async for item in read:
            if isinstance(item, Exception):  # no JSON-RPC: there is nothing to wait for any more
                return
            forward, answer = sorted_out(item.message)
            if answer is not None:
                await write.send(SessionMessage(answer))
            if forward is not None:
                await heard.send(SessionMessage(forward))
