"""MCP servers that an admin added, and what is kept of each of their tools."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from core.canonical import JsonObject, digest

Transport = Literal["stdio", "http"]
#: What stands between the name of a server and that of its tool: `jira__search_issues`. No tool of ours has it.
SEPARATOR = "__"
SERVER_NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
#: Characters of a server's name; model endpoints take names of 64, and the tool's must fit beside it.
MAX_SERVER_NAME = 24
MAX_TOOL_NAME = 64
#: Characters of a description; models read it on every request.
MAX_DESCRIPTION = 2_000


class PinState(StrEnum):
    """Whether a tool of an MCP server may be called."""

    QUARANTINED = "quarantined"  # new, changed, or taken back: not offered and not called
    ACCEPTED = "accepted"  # an admin accepted exactly this definition


@dataclass(frozen=True, kw_only=True, slots=True)
class McpServer:
    """How one server is reached. Nothing in it is secret: headers name secrets as `${secret:name}`."""

    name: str
    transport: Transport
    #: stdio: program and arguments, the program as an absolute path.
    command: tuple[str, ...] = ()
    #: stdio: files and folders that its sandbox shows, read-only.
    shows: tuple[str, ...] = ()
    #: stdio: bytes of address space of each of its processes.
    memory: int = 2 * 1024**3
    #: http: the one URL that is ever asked.
    url: str = ""
    #: http: headers of every request.
    headers: dict[str, str] = field(default_factory=dict)
    #: http: may lie in a network that is not public.
    private: bool = False
    #: Seconds one call may take, starting the server included.
    seconds: float = 30.0
    #: False: an admin took the whole server back.
    on: bool = True
    added_by: str = ""

    def config(self) -> JsonObject:
        """What the store keeps beside the name."""
        return {
            "transport": self.transport,
            "command": list(self.command),
            "shows": list(self.shows),
            "memory": self.memory,
            "url": self.url,
            "headers": dict(self.headers),
            "private": self.private,
            "seconds": self.seconds,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Definition:
    """A tool as its server lists it. What is accepted is exactly this."""

    tool: str
    description: str
    #: JSON Schema of its arguments.
    schema: JsonObject
    #: The server says that it changes nothing. A hint, not a promise.
    read_only: bool
    #: Why it can never be accepted as it is; None when it can.
    problem: str | None = None

    @property
    def hash(self) -> str:
        """The pin: name, description, schema, and whether it claims to change nothing."""
        return digest(
            {
                "tool": self.tool,
                "description": self.description,
                "schema": self.schema,
                "read_only": self.read_only,
            }
        )

    def as_json(self) -> JsonObject:
        return {
            "tool": self.tool,
            "description": self.description,
            "schema": self.schema,
            "read_only": self.read_only,
            "problem": self.problem,
        }

    @classmethod
    def from_json(cls, value: JsonObject) -> Definition:
        return cls(**value)


@dataclass(frozen=True, kw_only=True, slots=True)
class Acceptance:
    """What an admin said of a tool when accepting it."""

    #: True: it changes something, so a call of it is a proposal.
    acts: bool
    #: Teams that get it; empty: all.
    teams: tuple[str, ...] = ()
    #: An accepted reading tool of the same server that tells whether an action took effect, and what to look for.
    probe: JsonObject | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PinnedTool:
    """What is kept of one tool of one server."""

    server: str
    #: Its name here: `server__tool`.
    name: str
    state: PinState
    #: `new`, `changed`, `taken back`; empty while accepted.
    why: str
    #: False: the server's last list did not have it.
    listed: bool
    seen: Definition
    #: The definition that was accepted last; kept when it changes, so that an admin sees the difference.
    accepted: Definition | None
    acceptance: Acceptance | None
    accepted_by: str
    updated_at: datetime

    @property
    def callable(self) -> bool:
        """Accepted, still listed, and exactly as it was accepted."""
        return (
            self.state is PinState.ACCEPTED
            and self.listed
            and self.seen.problem is None
            and self.accepted is not None
            and self.accepted.hash == self.seen.hash
        )


def tool_name(server: str, tool: str) -> str:
    """The name a tool of a server has here: lower case, and nothing that policy or a model endpoint would refuse."""
    return f"{server}{SEPARATOR}{re.sub(r'[^a-z0-9_]', '_', tool.lower())}"


def is_external(name: str) -> bool:
    """Whether a name is that of an MCP tool, there or not. Our own tools have no double underscore."""
    return SEPARATOR in name
