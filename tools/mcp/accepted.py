"""The tools that are there now: those that ship, and those of MCP servers that an admin accepted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from core.errors import Temporary
from core.log import logger
from core.mcp import PinnedTool
from core.store.engine import Store
from core.store.transaction import Transaction
from tools.arguments import NoArguments
from tools.mcp.connector import NAME
from tools.mcp.pinned import Pinned
from tools.mcp.schema import closed
from tools.registry import Registry, Tool

log = logger(__name__)

#: Seconds between two looks at the store. A tool that was taken back is refused at once all the same: each call asks.
LOOK_SECONDS = 2.0


def tools_of(tx: Transaction) -> list[Tool]:
    """Tools that may be called, of the servers that are on."""
    on = {server.name for server in tx.mcp.servers() if server.on}
    return [tool_of(kept) for kept in tx.mcp.tools() if kept.server in on and kept.callable]


def tool_of(kept: PinnedTool) -> Tool:
    """The tool that an accepted pin stands for."""
    assert kept.accepted is not None
    assert kept.acceptance is not None
    pinned = Pinned(
        server=kept.server,
        tool=kept.accepted.tool,
        hash=kept.accepted.hash,
        schema=closed(kept.accepted.schema),
        acceptance=kept.acceptance,
    )
    return Tool(
        name=kept.name,
        description=kept.accepted.description,
        arguments=NoArguments,
        mcp=pinned,
        connector=NAME if kept.acceptance.acts else None,
        # Of its description nothing is shown to people who approve: its server wrote it.
        does=f"Calls a tool of the MCP server {kept.server}; what that changes, its admin knows.",
        undone="casemate cannot undo it: a person must.",
    )


class LiveRegistry(Registry):
    """Follows what is accepted in the store. Safe to share between threads; only one of them looks at a time."""

    def __init__(self, shipped: Registry, store: Store, *, ticks: Callable[[], float] = time.monotonic) -> None:
        """`ticks` are the seconds that looks are spaced by."""
        super().__init__(shipped.all())
        self._shipped = shipped
        self._store = store
        self._ticks = ticks
        self._looking = threading.Lock()
        self._look_at = float("-inf")
        self._stamp = ""
        self._snapshot = shipped

    def snapshot(self) -> Registry:
        """The tools of this moment, for one piece of work."""
        if self._ticks() >= self._look_at and self._looking.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._looking.release()
        return self._snapshot

    def _by_name(self) -> Mapping[str, Tool]:
        return {tool.name: tool for tool in self.snapshot().all()}

    def _look(self) -> None:
        try:
            with self._store.read() as tx:
                stamp = tx.mcp.stamp()
                found = tools_of(tx) if stamp != self._stamp else None
        except Temporary as error:  # those of before stay; a call finds out by itself
            log.warning("mcp_tools_unknown", error=type(error).__name__)
            found, stamp = None, self._stamp
        if found is not None:
            self._snapshot = Registry([*self._shipped.all(), *found])
        self._stamp = stamp
        self._look_at = self._ticks() + LOOK_SECONDS
