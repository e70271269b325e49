"""One conversation with one MCP server: start it, list its tools, perhaps call one, and leave nothing behind.

A conversation serves one call. A server over stdio is a fresh process each time, so nothing it saw of one ticket can
reach another.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar
from weakref import WeakKeyDictionary

from mcp import ClientSession, McpError, types

from core.canonical import JsonObject
from core.errors import CasemateError, ToolRefused
from core.mcp import Definition, McpServer
from core.secret_store import SecretStore, filled
from tools.mcp import http, stdio
from tools.mcp.address import Fixed
from tools.mcp.pinned import definitions
from tools.mcp.screen import Meter

#: Pages of one list, and tools in it; more serve only to tire the reader.
MAX_PAGES = 10
MAX_TOOLS = 200
#: Characters of a server's own error that are passed on.
MAX_SAID = 200
#: What the client library says when a server has gone.
CLOSED = "Connection closed"
#: Conversations of this process at once; servers over stdio are processes.
AT_ONCE = 4

T = TypeVar("T")


class NotReached(ToolRefused):
    """A server that is away, broke off, or took too long."""


class Conversation:
    """What can be asked of a server that has been greeted."""

    def __init__(self, session: ClientSession, server: McpServer) -> None:
        self._session = session
        self._server = server

    async def tools(self) -> list[Definition]:
        """What it lists now."""
        listed: list[types.Tool] = []
        cursor: str | None = None
        for _ in range(MAX_PAGES):
            page = await self._session.list_tools(params=types.PaginatedRequestParams(cursor=cursor))
            listed += page.tools
            cursor = page.nextCursor
            if cursor is None or len(listed) > MAX_TOOLS:
                break
        return definitions(
            self._server.name,
            ((tool.name, tool.description, tool.inputSchema, _read_only(tool)) for tool in listed[:MAX_TOOLS]),
        )

    async def call(self, tool: str, arguments: JsonObject) -> types.CallToolResult:
        """Call a tool. The server's schema of the answer is not looked at: it could be made to hang whoever checks."""
        request = types.CallToolRequest(params=types.CallToolRequestParams(name=tool, arguments=arguments))
        return await self._session.send_request(types.ClientRequest(request), types.CallToolResult)


@dataclass(frozen=True, kw_only=True)
class Reach:
    """How this process reaches servers."""

    secrets: SecretStore
    bwrap: str = "bwrap"
    #: For tests: what answers in the place of the network.
    transport: Callable[[McpServer, Meter], Fixed] = Fixed

    async def talk(self, server: McpServer, work: Callable[[Conversation], Awaitable[T]], *, tell: bool = False) -> T:
        """Have a conversation; `tell` passes on the server's complaints, for the admin who adds it.

        Raises:
            NotReached: it took too long, said too much, broke off, or answered with an error.
            ToolRefused: `work` refused.
            SandboxUnavailable: a server over stdio cannot be put into a sandbox here.
            SecretMissing: a secret that its headers name is not there.
        """
        meter, complaint = Meter(), stdio.Complaint()
        transport = self.transport(server, meter) if server.transport == "http" else None
        try:
            async with (
                _slots(),
                asyncio.timeout(server.seconds),
                self._opened(server, meter, complaint, transport) as conversation,
            ):
                return await work(conversation)
        except TimeoutError:
            said = f"The MCP server {server.name} took longer than {server.seconds:g} seconds and was stopped"
            raise NotReached(f"{said}; treat its result as unknown.") from None
        except Exception as error:  # noqa: BLE001 - the outermost handler: task groups wrap what happened
            own = _inner(error)
            if isinstance(own, CasemateError):
                raise own from None
            raise NotReached(_why(server, own, meter, complaint, transport, tell=tell)) from None

    @asynccontextmanager
    async def _opened(
        self, server: McpServer, meter: Meter, complaint: stdio.Complaint, transport: Fixed | None
    ) -> AsyncIterator[Conversation]:
        if transport is None:
            streams = stdio.messages(server, bwrap=self.bwrap, meter=meter, complaint=complaint)
        else:
            headers = {name: filled(value, self.secrets) for name, value in server.headers.items()}
            streams = http.messages(server, transport, headers)
        who = types.Implementation(name="casemate", version="1")
        async with streams as (read, write), ClientSession(read, write, client_info=who) as session:
            await session.initialize()
            yield Conversation(session, server)


def _read_only(tool: types.Tool) -> bool:
    return bool(tool.annotations and tool.annotations.readOnlyHint)


_SLOTS: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


def _slots() -> asyncio.Semaphore:
    return _SLOTS.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE))


def _inner(error: BaseException) -> BaseException:
    """What really happened, out of the groups that task groups make of it; our own errors first."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    leaves = [_inner(one) for one in error.exceptions]
    return next((leaf for leaf in leaves if isinstance(leaf, CasemateError)), leaves[0])


def _why(
    server: McpServer,
    error: BaseException,
    meter: Meter,
    complaint: stdio.Complaint,
    transport: Fixed | None,
    *,
    tell: bool,
) -> str:
    if meter.flooded:
        return f"The MCP server {server.name} said more than a session may hold and was cut off; ask for less."
    if transport is not None and transport.trouble is not None:
        return f"The MCP server {server.name} was not asked: {transport.trouble}"
    if isinstance(error, McpError) and error.error.message != CLOSED:
        said = " ".join(error.error.message.split())[:MAX_SAID]
        return f"The MCP server {server.name} answered with an error: {said!r}."
    words = " ".join(complaint.text.decode(errors="replace").split())[-MAX_SAID:] if tell else ""
    more = f": {words!r}" if words else ""
    return f"The MCP server {server.name} broke off ({type(error).__name__}){more}; treat its result as unknown."
