"""Calls accepted tools of MCP servers. Before each call the server must still list exactly what was accepted."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from core.audit import AuditEvent
from core.canonical import JsonObject
from core.errors import CasemateError, Duplicate, NotFound, ToolRefused
from core.log import logger
from core.mcp import Definition, McpServer
from core.store.engine import Store
from tools.mcp import answer
from tools.mcp.pinned import Pinned
from tools.mcp.session import Conversation, Reach

log = logger(__name__)

#: Who notices that a tool changed.
NOTICED = "casemate"


@dataclass(frozen=True, kw_only=True)
class McpCaller:
    """One serves any number of tickets, threads and loops."""

    store: Store
    reach: Reach

    async def read(self, name: str, pinned: Pinned, arguments: JsonObject) -> JsonObject:
        """Call a reading tool; `arguments` are exactly what leaves.

        Raises:
            ToolRefused: it is in quarantine, changed since it was accepted, or gave no usable answer.
        """
        return await self._called(name, pinned, arguments, key=None)

    async def act(self, name: str, pinned: Pinned, arguments: JsonObject, *, key: str) -> JsonObject:
        """Call an acting tool, once for ever under this key.

        Raises:
            ToolRefused: as above, or a request left under this key before.
        """
        found = await self._called(name, pinned, arguments, key=key)
        outcome = "error" if found["facts"]["is_error"] else "done"
        event = AuditEvent(action="mcp.answered", actor=NOTICED, data={"tool": name, "key": key, "outcome": outcome})

        def note() -> None:
            with self.store.begin() as tx:
                tx.mcp.answered(key, outcome, event)

        await asyncio.to_thread(note)
        return found

    async def look(self, server: McpServer, *, actor: str) -> list[str]:
        """List a server's tools and quarantine what is new or changed; returns the names of those."""
        listed = await self.listed(server)
        return await asyncio.to_thread(self._saw, server.name, listed, actor)

    async def listed(self, server: McpServer) -> list[Definition]:
        """What a server lists; nothing is written."""
        return await self.reach.talk(server, lambda conversation: conversation.tools(), tell=True)

    async def _called(self, name: str, pinned: Pinned, arguments: JsonObject, *, key: str | None) -> JsonObject:
        server = await asyncio.to_thread(self._permitted, name, pinned)

        async def work(conversation: Conversation) -> JsonObject:
            await self._check(name, pinned, await conversation.tools())
            if key is not None:
                await asyncio.to_thread(self._leaves, name, key)
            return answer.result(name, await conversation.call(pinned.tool, arguments))

        return await self.reach.talk(server, work)

    def _permitted(self, name: str, pinned: Pinned) -> McpServer:
        """The server, if its tool may be called at this moment."""
        try:
            with self.store.read() as tx:
                tool, server = tx.mcp.tool(name), tx.mcp.server(pinned.server)
        except NotFound:
            raise ToolRefused(f"{name} was removed by an admin; go on without it.") from None
        if not server.on or not tool.callable or tool.seen.hash != pinned.hash:
            raise ToolRefused(f"{name} is in quarantine until an admin accepts it; go on without it.")
        return server

    async def _check(self, name: str, pinned: Pinned, listed: list[Definition]) -> None:
        """Raises:
        ToolRefused: the server lists another tool than was accepted. All that changed is in quarantine from now on.
        """
        now = next((one for one in listed if one.tool == pinned.tool), None)
        if now is not None and now.hash == pinned.hash and now.problem is None:
            return
        try:
            await asyncio.to_thread(self._saw, pinned.server, listed, NOTICED)
        except CasemateError as error:  # it is refused all the same
            log.warning("mcp_quarantine_not_written", tool=name, error=type(error).__name__)
        raise ToolRefused(f"{name} is not what was accepted any more, so it is in quarantine; go on without it.")

    def _leaves(self, name: str, key: str) -> None:
        event = AuditEvent(action="mcp.sent", actor=NOTICED, data={"tool": name, "key": key})
        try:
            with self.store.begin() as tx:
                tx.operations.check_not_halted()
                tx.mcp.sending(key, name=name, audit=event)
        except Duplicate:
            raise ToolRefused(f"{name} may have been carried out before, so it is not sent again.") from None

    def _saw(self, server: str, listed: list[Definition], actor: str) -> list[str]:
        with self.store.begin() as tx:
            return tx.mcp.saw(server, listed, actor=actor)
