"""Letting MCP servers and their tools in: what is checked when an admin adds one or accepts a tool."""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
from collections.abc import Iterator
from pathlib import Path

from core.audit import AuditEvent
from core.errors import Duplicate, NotFound, ToolRefused
from core.mcp import MAX_SERVER_NAME, SERVER_NAME, Acceptance, Definition, McpServer, PinnedTool
from core.secret_store import REFERENCE
from core.store.engine import Store
from tools.mcp import room
from tools.mcp.address import check_url
from tools.mcp.caller import McpCaller
from tools.mcp.schema import clash

#: Headers that would let an admin's key lie in the database in the clear.
_SECRET_HEADERS = re.compile(r"authorization|.*(?:key|token|secret|cookie|password).*", re.IGNORECASE)
_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}")


async def added(caller: McpCaller, server: McpServer, *, home: Path) -> McpServer:
    """Check a server, list its tools once, and keep it with all of them in quarantine.

    Raises:
        ToolRefused: it cannot be kept so, or does not answer; nothing was kept.
    """
    server = checked(server, home=home)
    listed = await caller.listed(server)
    event = AuditEvent(
        action="mcp.added", actor=server.added_by, data={"name": server.name, "transport": server.transport}
    )
    try:
        with caller.store.begin() as tx:
            tx.mcp.add(server, event)
            tx.mcp.saw(server.name, listed, actor=server.added_by)
    except Duplicate:
        raise ToolRefused(f"There is an MCP server {server.name} already; remove it first.") from None
    return server


def checked(server: McpServer, *, home: Path) -> McpServer:
    """The server as it is kept: with absolute paths, and all that its sandbox must show.

    Raises:
        ToolRefused: says what to change.
    """
    if not SERVER_NAME.fullmatch(server.name) or len(server.name) > MAX_SERVER_NAME:
        raise ToolRefused(
            f"A server's name is at most {MAX_SERVER_NAME} lower case letters and digits, with single underscores."
        )
    for name, value in server.headers.items():
        if not _HEADER.fullmatch(name) or not value.isprintable():
            raise ToolRefused("A header has a name of letters, digits and dashes, and a printable value.")
        if _SECRET_HEADERS.fullmatch(name) and not REFERENCE.search(value):
            raise ToolRefused(f"{name} would lie in the database in the clear; write ${{secret:name}} in its value.")
    if server.transport == "http":
        check_url(server)
        return server
    command, shows = room.resolved(list(server.command), show=[Path(path) for path in server.shows], home=home)
    return dataclasses.replace(server, command=command, shows=shows)


def acceptance(store: Store, kept: PinnedTool, *, reads: bool, teams: list[str], probe: str) -> Acceptance:
    """What an admin says of a tool, if it can be said of this one.

    Raises:
        ToolRefused: it does not call itself read-only, it cannot act, or the probe is none.
    """
    if reads and not kept.seen.read_only:
        raise ToolRefused(f"{kept.name} does not say that it changes nothing, so it is accepted as an action only.")
    taken = None if reads else clash(kept.seen.schema)
    if taken is not None:
        raise ToolRefused(f"{kept.name} cannot be an action: {taken}")
    return Acceptance(acts=not reads, teams=tuple(teams), probe=_probe(store, kept, probe) if probe else None)


def _probe(store: Store, kept: PinnedTool, said: str) -> dict[str, str]:
    words = said.split(maxsplit=2)
    if len(words) != 3:
        raise ToolRefused("A probe is TOOL KEY VALUE: a reading tool of the same server, and what its answer shows.")
    try:
        with store.read() as tx:
            look = tx.mcp.tool(words[0])
    except NotFound:
        look = None
    if look is None or not look.callable or look.acceptance is None or look.acceptance.acts:
        raise ToolRefused(f"{words[0]} is no accepted reading tool, so it cannot be a probe.")
    if look.server != kept.server:
        raise ToolRefused(f"{words[0]} is a tool of another server, which would be told of what is done here.")
    return {"tool": words[0], "key": words[1], "value": words[2]}


def difference(kept: PinnedTool) -> Iterator[str]:
    """What a tool says of itself, or how that differs from what was accepted."""
    now = _lines(kept.seen)
    if kept.accepted is None or kept.accepted == kept.seen:
        yield from now
        return
    yield from difflib.unified_diff(_lines(kept.accepted), now, "accepted", "now", lineterm="", n=2)


def _lines(definition: Definition) -> list[str]:
    schema = json.dumps(definition.schema, indent=2, sort_keys=True, ensure_ascii=True)
    return [
        f"tool: {definition.tool}",
        f"says it is read-only: {definition.read_only}",
        *(f"description: {line}" for line in definition.description.splitlines()),
        *schema.splitlines(),
    ]
