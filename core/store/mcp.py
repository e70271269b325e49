"""MCP servers, the pins of their tools, and what was sent to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from core.audit import AuditEvent
from core.canonical import JsonObject
from core.clock import Clock
from core.errors import NotFound, ToolRefused
from core.mcp import Acceptance, Definition, McpServer, PinnedTool, PinState, Transport, tool_name
from core.store.audit import AuditTrail
from core.store.mcp_schema import McpSentRow, McpServerRow, McpToolRow

#: Tools kept of one server; one that keeps inventing names does not fill the database.
MAX_KEPT = 500


class McpPins:
    """A tool is called only while its row says accepted and its server still lists exactly what was accepted."""

    def __init__(self, session: Session, clock: Clock, audit: AuditTrail) -> None:
        self._session = session
        self._clock = clock
        self._audit = audit

    # --- servers

    def add(self, server: McpServer, audit: AuditEvent) -> None:
        """Keep a server.

        Raises:
            Duplicate (when the transaction ends): there is one of this name.
        """
        self._session.add(
            McpServerRow(
                name=server.name,
                config=server.config(),
                on=server.on,
                added_by=server.added_by,
                created_at=self._clock.now(),
            )
        )
        self._audit.take(audit)
        self._session.flush()

    def server(self, name: str) -> McpServer:
        """Raises:
        NotFound: there is none of this name.
        """
        return _server(self._server(name))

    def servers(self) -> list[McpServer]:
        return [_server(row) for row in self._session.scalars(select(McpServerRow).order_by(McpServerRow.name))]

    def switch(self, name: str, *, on: bool, audit: AuditEvent) -> None:
        """Take a whole server back, or let it in again."""
        self._server(name).on = on
        self._audit.take(audit)

    def remove(self, name: str, audit: AuditEvent) -> None:
        """Forget a server and its tools. What was sent to it stays on record."""
        row = self._server(name)
        self._session.execute(delete(McpToolRow).where(McpToolRow.server == name))
        self._session.delete(row)
        self._audit.take(audit)
        self._session.flush()

    # --- tools

    def tools(self, server: str | None = None) -> list[PinnedTool]:
        """What is kept of the tools of a server, or of all."""
        query = select(McpToolRow).order_by(McpToolRow.server, McpToolRow.tool)
        if server is not None:
            query = query.where(McpToolRow.server == server)
        return [_tool(row) for row in self._session.scalars(query)]

    def tool(self, name: str) -> PinnedTool:
        """By its name here, `server__tool`.

        Raises:
            NotFound: there is none.
        """
        return _tool(self._row(name))

    def stamp(self) -> str:
        """Changes whenever a tool may have come or gone: what processes compare."""
        tools = self._session.execute(
            select(func.count(), func.max(McpToolRow.updated_at), func.sum(McpToolRow.revision)).select_from(McpToolRow)
        ).one()
        on = self._session.scalars(select(McpServerRow.name).where(McpServerRow.on).order_by(McpServerRow.name)).all()
        return f"{tuple(tools)} {list(on)}"

    def saw(self, server: str, listed: Sequence[Definition], *, actor: str) -> list[str]:
        """Compare what a server lists with what is kept. New and changed tools are quarantined; returns their names.

        Every difference is an audit event. Nothing is written when there is none.
        """
        known = {
            row.tool: row
            for row in self._session.scalars(select(McpToolRow).where(McpToolRow.server == server).with_for_update())
        }
        caught: list[str] = []
        kept = len(known)
        for definition in listed:
            row = known.pop(definition.tool, None)
            if row is None:
                if kept >= MAX_KEPT:
                    continue
                kept += 1
                self._session.add(self._new(server, definition))
                self._say("mcp.tool_new", server, definition, actor)
                caught.append(definition.tool)
            elif row.seen_hash != definition.hash:
                self._say("mcp.tool_changed", server, definition, actor, before=row.seen_hash)
                self._touch(row, seen=definition, state=PinState.QUARANTINED, why="changed")
                caught.append(definition.tool)
            elif not row.listed or row.seen != definition.as_json():
                self._say("mcp.tool_back", server, definition, actor)
                self._touch(row, seen=definition, state=PinState(row.state), why=row.why)
        for row in known.values():
            if row.listed:
                self._say("mcp.tool_gone", server, Definition.from_json(row.seen), actor)
                row.listed = False
                self._stamped(row)
        self._session.flush()
        return caught

    def accept(self, name: str, hash_: str, acceptance: Acceptance, audit: AuditEvent) -> None:
        """Let exactly this definition be called.

        Raises:
            ToolRefused: it is another by now, is not listed, or can never be accepted as it is.
        """
        row = self._row(name)
        seen = Definition.from_json(row.seen)
        if seen.problem is not None:
            raise ToolRefused(f"{name} cannot be accepted: {seen.problem}")
        if row.seen_hash != hash_ or not row.listed:
            raise ToolRefused(f"{name} is no longer what you looked at; run `casemate mcp show` and look again.")
        row.state, row.why = PinState.ACCEPTED.value, ""
        row.accepted = row.seen
        row.acceptance = {"acts": acceptance.acts, "teams": list(acceptance.teams), "probe": acceptance.probe}
        row.accepted_by = audit.actor
        self._stamped(row)
        self._audit.take(audit)

    def quarantine(self, name: str, audit: AuditEvent) -> None:
        """Take a tool back: from the next call on it is refused."""
        row = self._row(name)
        row.state, row.why = PinState.QUARANTINED.value, "taken back"
        self._stamped(row)
        self._audit.take(audit)

    # --- what was sent: MCP has no idempotency keys, so this is what keeps an action from being sent twice

    def sending(self, key: str, *, name: str, audit: AuditEvent) -> None:
        """Note that a request leaves now.

        Raises:
            Duplicate: one left under this key before; nothing may be sent.
        """
        now = self._clock.now()
        self._session.add(McpSentRow(key=key, name=name, outcome="sent", created_at=now, updated_at=now))
        self._audit.take(audit)
        self._session.flush()

    def answered(self, key: str, outcome: str, audit: AuditEvent) -> None:
        """Note what the server said: `done` or `error`."""
        row = self._session.get(McpSentRow, key)
        if row is not None:
            row.outcome, row.updated_at = outcome, self._clock.now()
            self._audit.take(audit)

    def sent(self, key: str) -> str | None:
        """`sent`, `done` or `error`; None when nothing ever left under this key."""
        row = self._session.get(McpSentRow, key)
        return row.outcome if row is not None else None

    # --- rows

    def _server(self, name: str) -> McpServerRow:
        row = self._session.get(McpServerRow, name)
        if row is None:
            raise NotFound(f"There is no MCP server {name[:80]!r}; `casemate mcp list` shows those there are.")
        return row

    def _row(self, name: str) -> McpToolRow:
        row = self._session.scalars(
            select(McpToolRow).where(McpToolRow.name == name).with_for_update().limit(1)
        ).first()
        if row is None:
            raise NotFound(f"There is no MCP tool {name[:80]!r}; `casemate mcp show SERVER` lists those there are.")
        return row

    def _new(self, server: str, definition: Definition) -> McpToolRow:
        return McpToolRow(
            server=server,
            tool=definition.tool,
            name=tool_name(server, definition.tool),
            state=PinState.QUARANTINED.value,
            why="new",
            listed=True,
            seen=definition.as_json(),
            seen_hash=definition.hash,
            accepted_by="",
            revision=1,
            updated_at=self._clock.now(),
        )

    def _touch(self, row: McpToolRow, *, seen: Definition, state: PinState, why: str) -> None:
        row.seen, row.seen_hash, row.listed = seen.as_json(), seen.hash, True
        row.state, row.why = state.value, why
        self._stamped(row)

    def _stamped(self, row: McpToolRow) -> None:
        row.revision += 1
        row.updated_at = self._clock.now()

    def _say(self, action: str, server: str, definition: Definition, actor: str, **more: str) -> None:
        data: JsonObject = {"tool": tool_name(server, definition.tool), "pin": definition.hash, **more}
        self._audit.take(AuditEvent(action=action, actor=actor, data=data))


def _server(row: McpServerRow) -> McpServer:
    config = row.config
    return McpServer(
        name=row.name,
        transport=cast("Transport", config["transport"]),
        command=tuple(config["command"]),
        shows=tuple(config["shows"]),
        memory=config["memory"],
        url=config["url"],
        headers=config["headers"],
        private=config["private"],
        seconds=config["seconds"],
        on=row.on,
        added_by=row.added_by,
    )


def _tool(row: McpToolRow) -> PinnedTool:
    said = row.acceptance
    return PinnedTool(
        server=row.server,
        name=row.name,
        state=PinState(row.state),
        why=row.why,
        listed=row.listed,
        seen=Definition.from_json(row.seen),
        accepted=Definition.from_json(row.accepted) if row.accepted else None,
        acceptance=Acceptance(acts=said["acts"], teams=tuple(said["teams"]), probe=said["probe"]) if said else None,
        accepted_by=row.accepted_by,
        updated_at=row.updated_at,
    )
