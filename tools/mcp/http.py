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

Heard = MemoryObjectSendStream[SessionMessage | Exception]
Said = MemoryObjectReceiveStream[SessionMessage]
#: Seconds the end of a session may take to be told to the server.
GOODBYE = 2.0

# What they log holds whole messages.
for _name in ("mcp", "mcp.client.streamable_http", "client", "httpx", "httpcore", "httpx_sse"):
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)


@asynccontextmanager
async def messages(
    server: McpServer, transport: Fixed, headers: Mapping[str, str]
) -> AsyncIterator[tuple[Incoming, Outgoing]]:
    """Streams of a session that is opened now and closed afterwards.

    The library's transport has a task of its own: when it breaks, it cancels whatever runs inside it again and again,
    and a session that is cancelled so leaves its streams open.
    """
    heard, incoming = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    outgoing, said = anyio.create_memory_object_stream[SessionMessage](0)
    transport.meter.at_flood = heard.close
    done = asyncio.Event()
    client = httpx.AsyncClient(
        transport=transport,
        headers={**headers, "Accept-Encoding": "identity", "User-Agent": "casemate"},
        timeout=httpx.Timeout(server.seconds),
        follow_redirects=False,
        trust_env=False,
    )
    carrying = asyncio.ensure_future(_carry(server.url, client, heard, said, done))
    try:
        yield incoming, outgoing
    finally:
        done.set()
        await asyncio.wait({carrying}, timeout=GOODBYE)
        carrying.cancel()
        await asyncio.gather(carrying, return_exceptions=True)
        for stream in (heard, incoming, outgoing, said):
            stream.close()


async def _carry(url: str, client: httpx.AsyncClient, heard: Heard, said: Said, done: asyncio.Event) -> None:
    # However it ends, whoever waits for an answer is told that none will come.
    with heard:
        async with client, streamable_http_client(url, http_client=client) as (read, write, _):
            tasks = [asyncio.ensure_future(_screen(read, write, heard)), asyncio.ensure_future(_speak(said, write))]
            try:
                await done.wait()
            finally:
                for task in tasks:
                    task.cancel()
                for stream in (read, write):
                    stream.close()


async def _screen(read: Incoming, write: Outgoing, heard: Heard) -> None:
    with heard, suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
        async for item in read:
            if isinstance(item, Exception):  # no JSON-RPC: there is nothing to wait for any more
                return
            forward, answer = sorted_out(item.message)
            if answer is not None:
                await write.send(SessionMessage(answer))
            if forward is not None:
                await heard.send(SessionMessage(forward))


async def _speak(said: Said, write: Outgoing) -> None:
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
        async for message in said:
            await write.send(message)
