"""Messages to and from one fresh, sandboxed process of a server: one JSON object a line."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp import types
from mcp.shared.message import SessionMessage

from core.errors import SandboxUnavailable
from core.mcp import McpServer
from tools.mcp import room
from tools.mcp.screen import Flooded, Meter, parsed, sorted_out

#: What a client session reads from, and what it writes to.
Incoming = MemoryObjectReceiveStream[SessionMessage | Exception]
Outgoing = MemoryObjectSendStream[SessionMessage]
#: Bytes of a server's complaints that are kept: for the admin who adds it, never for a model.
MAX_COMPLAINT = 2_000
CHUNK = 65_536


class Complaint:
    """The first words of a server's standard error."""

    def __init__(self) -> None:
        self.text = b""


@asynccontextmanager
async def messages(
    server: McpServer, *, bwrap: str, meter: Meter, complaint: Complaint
) -> AsyncIterator[tuple[Incoming, Outgoing]]:
    """Streams of a process that is started now, and of which nothing is left afterwards.

    Raises:
        SandboxUnavailable: it could not be started in a sandbox, or outlived it.
    """
    process = await room.start(server, bwrap=bwrap)
    heard, incoming = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    outgoing, said = anyio.create_memory_object_stream[SessionMessage](0)
    tasks = [
        asyncio.ensure_future(_listen(process, heard, meter)),
        asyncio.ensure_future(_speak(process, said)),
        asyncio.ensure_future(_overhear(process, complaint)),
    ]
    try:
        yield incoming, outgoing
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for stream in (heard, incoming, outgoing, said):
            stream.close()
        await room.end(process)
    if complaint.text.startswith(b"bwrap:"):
        raise SandboxUnavailable("bubblewrap could not make a sandbox for the MCP server: run `casemate sandbox`.")


async def _listen(
    process: asyncio.subprocess.Process, heard: MemoryObjectSendStream[SessionMessage | Exception], meter: Meter
) -> None:
    assert process.stdout is not None
    rest = b""
    # Closed at the end, so that whoever waits for an answer is told that none will come.
    with heard, contextlib.suppress(Flooded, anyio.BrokenResourceError, anyio.ClosedResourceError):
        while chunk := await process.stdout.read(CHUNK):
            meter.take(len(chunk))
            *lines, rest = (rest + chunk).split(b"\n") if b"\n" in chunk else (rest + chunk,)
            for line in lines:
                message = parsed(line)
                forward, answer = sorted_out(message) if message is not None else (None, None)
                if answer is not None:
                    await _write(process, answer)
                if forward is not None:
                    await heard.send(SessionMessage(forward))


async def _speak(process: asyncio.subprocess.Process, said: MemoryObjectReceiveStream[SessionMessage]) -> None:
    async with said:
        async for message in said:
            await _write(process, message.message)


async def _write(process: asyncio.subprocess.Process, message: types.JSONRPCMessage) -> None:
    assert process.stdin is not None
    line = message.model_dump_json(by_alias=True, exclude_none=True).encode() + b"\n"
    # A server that died is judged by its answer, which will be missing.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(line)
        await process.stdin.drain()


async def _overhear(process: asyncio.subprocess.Process, complaint: Complaint) -> None:
    assert process.stderr is not None
    while chunk := await process.stderr.read(CHUNK):
        complaint.text += chunk[: MAX_COMPLAINT - len(complaint.text)]
