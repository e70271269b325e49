"""Carries out actions through tools of MCP servers. MCP knows no idempotency keys, so nothing is ever sent twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from core.canonical import JsonObject
from core.errors import CasemateError, NotFound, TargetUnavailable, ToolRefused
from tools.connectors.connector import Probe, Send, Sent
from tools.mcp.caller import McpCaller
from tools.mcp.pinned import Pinned
from tools.mcp.session import NotReached

if TYPE_CHECKING:
    from tools.registry import Registry

#: The name under which effects are in the ledger.
NAME = "mcp"


class McpConnector:
    """Sends at most once for each key, also across crashes: that a request leaves is written before it does."""

    name = NAME

    def __init__(self, caller: McpCaller, registry: Callable[[], Registry]) -> None:
        self._caller = caller
        self._registry = registry

    def execute(self, tool: str, args: JsonObject, key: str) -> Sent:
        """See `Connector.execute`. Under a key that something left under before, nothing is sent again."""
        return self.prepare(tool, args, key)()

    def prepare(self, tool: str, args: JsonObject, key: str) -> Send:
        """See `Preparing.prepare`."""
        pinned = self._pinned(tool)
        return partial(self._send, tool, pinned, pinned.checked(args), key)

    def repeatable(self, tool: str) -> bool:
        """Asking again is harmless: what left once does not leave again."""
        del tool
        return True

    def probe(self, tool: str, args: JsonObject, key: str = "") -> Probe:
        """`no` when nothing ever left under the key. After that only a probe that an admin named can tell."""
        sent = self._sent(key) if key else None
        if key and sent is None:
            return Probe(state="no", detail={"reason": "nothing was sent to the MCP server"})
        try:
            return self._looked(tool, args)
        except CasemateError as error:
            return Probe(state="unknown", detail={"reason": type(error).__name__, "answered": sent})

    def undo(self, tool: str, args: JsonObject, key: str) -> Sent:
        """MCP tools cannot be undone; policy gives them no lease, so nothing asks for it."""
        del args, key
        raise ToolRefused(f"{tool} cannot be undone by casemate; a person must.")

    def _send(self, tool: str, pinned: Pinned, args: JsonObject, key: str) -> Sent:
        if self._sent(key) is not None:
            return Sent(accepted=False, lost=True, detail={"reason": "it was sent before, and is never sent twice"})
        try:
            found = asyncio.run(self._caller.act(tool, pinned, args, key=key))
        except CasemateError as error:
            if self._sent(key) is not None:
                return Sent(accepted=False, lost=True, detail={"error": type(error).__name__})
            if isinstance(error, ToolRefused) and not isinstance(error, NotReached):
                raise
            raise TargetUnavailable(str(error)) from None
        # An error of a tool does not say how far it came.
        failed = bool(found["facts"]["is_error"])
        return Sent(accepted=not failed, lost=failed, detail={**found["facts"], **found["detail"]})

    def _sent(self, key: str) -> str | None:
        with self._caller.store.read() as tx:
            return tx.mcp.sent(key)

    def _looked(self, tool: str, args: JsonObject) -> Probe:
        pinned = self._pinned(tool)
        said = pinned.acceptance.probe
        if said is None:
            return Probe(state="unknown", blind=True, detail={"reason": "no probe is known for this tool"})
        look = self._pinned(said["tool"])
        wanted = {name: args[name] for name in look.schema["properties"] if name in args}
        found = asyncio.run(self._caller.read(said["tool"], look, look.checked(wanted)))
        if found["facts"]["is_error"]:
            return Probe(state="unknown", detail={"reason": "the probe answered with an error"})
        seen = found["detail"].get("structured") or {}
        if said["key"] not in seen:
            return Probe(state="unknown", detail={"reason": "the probe does not show the key it should"})
        return Probe(state="yes" if str(seen[said["key"]]) == said["value"] else "no", detail={"probe": said["tool"]})

    def _pinned(self, tool: str) -> Pinned:
        try:
            pinned = self._registry().get(tool).mcp
        except NotFound:
            pinned = None
        if pinned is None:
            raise ToolRefused(f"{tool} is in quarantine or was removed, so it is not carried out.")
        return pinned
