"""The tables of MCP servers, their tools, and what left for them. The other tables stand in `schema.py`."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from core.canonical import JsonObject
from core.store.schema import Base


class McpServerRow(Base):
    """One MCP server that an admin added."""

    __tablename__ = "mcp_servers"

    name: Mapped[str] = mapped_column(String(24), primary_key=True)
    #: How it is reached; names secrets, holds none.
    config: Mapped[JsonObject]
    on: Mapped[bool]
    added_by: Mapped[str]
    created_at: Mapped[datetime]


class McpToolRow(Base):
    """One tool of an MCP server: as it was listed last, and as it was accepted."""

    __tablename__ = "mcp_tools"

    server: Mapped[str] = mapped_column(ForeignKey("mcp_servers.name"), primary_key=True)
    tool: Mapped[str] = mapped_column(String(64), primary_key=True)
    #: `server__tool`, lower case; two tools of a server may share one, and then neither is ever accepted.
    name: Mapped[str] = mapped_column(String(100), index=True)
    state: Mapped[str] = mapped_column(String(16))
    why: Mapped[str] = mapped_column(String(16))
    #: Whether the server's last list had it.
    listed: Mapped[bool]
    seen: Mapped[JsonObject]
    seen_hash: Mapped[str] = mapped_column(String(64))
    accepted: Mapped[JsonObject | None]
    acceptance: Mapped[JsonObject | None]
    accepted_by: Mapped[str]
    #: Counts changes, so that processes notice them.
    revision: Mapped[int]
    updated_at: Mapped[datetime]


class McpSentRow(Base):
    """That an action left for an MCP server, which knows no idempotency keys: it never leaves twice."""

    __tablename__ = "mcp_sent"

    key: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    #: `sent`, then `done` or `error` as the server answered.
    outcome: Mapped[str] = mapped_column(String(8))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
