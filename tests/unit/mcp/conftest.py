"""Servers of tests, honest and hostile, in their real sandbox, with a real store."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from core.audit import AuditEvent
from core.canonical import JsonObject
from core.mcp import Acceptance, McpServer, PinnedTool
from core.secret_store import SecretStore
from core.store.engine import Store
from tests.unit.tools.conftest import bundle, house, masker, sandbox  # noqa: F401 - fixtures
from tools.mcp.accepted import LiveRegistry
from tools.mcp.adding import added
from tools.mcp.caller import McpCaller
from tools.mcp.connector import McpConnector
from tools.mcp.session import Reach
from tools.registry import default_registry

ROGUE = Path(__file__).parent / "rogue.py"
ADMIN = "user:ada"
LOOK_UP: JsonObject = {
    "name": "look_up",
    "description": "Looks a host up in the asset system.",
    "inputSchema": {
        "type": "object",
        "properties": {"host": {"type": "string", "maxLength": 200}, "note": {"type": "string"}},
        "required": ["host"],
    },
    "annotations": {"readOnlyHint": True},
}
LOCK: JsonObject = {
    "name": "lock",
    "description": "Locks a door.",
    "inputSchema": {"type": "object", "properties": {"door": {"type": "string"}}, "required": ["door"]},
}


def event(action: str = "test", **data: Any) -> AuditEvent:
    return AuditEvent(action=action, actor=ADMIN, data=data)


@dataclass
class Rogue:
    """One server whose behaviour a test changes as it goes on: its script is a file that its sandbox shows."""

    store: Store
    script: Path
    name: str = "rogue"
    said: JsonObject = field(default_factory=lambda: {"mode": "echo", "tools": [LOOK_UP, LOCK]})

    def behaves(self, **changes: Any) -> Rogue:
        """From its next process on."""
        self.said = {**self.said, **changes}
        # In place: the sandbox shows this very file.
        self.script.write_text(json.dumps(self.said), encoding="utf-8")
        return self

    def as_server(self, **changes: Any) -> McpServer:
        plain: dict[str, Any] = {
            "name": self.name,
            "transport": "stdio",
            "command": (sys.executable, "-S", str(ROGUE), str(self.script)),
            "seconds": 20.0,
            "added_by": ADMIN,
        }
        return McpServer(**{**plain, **changes})

    @property
    def caller(self) -> McpCaller:
        return McpCaller(store=self.store, reach=Reach(secrets=SecretStore(self.script.parent / "secrets")))

    def add(self, **changes: Any) -> McpServer:
        """Add it as an admin does: all of its tools are in quarantine."""
        return asyncio.run(self.adding(**changes))

    async def adding(self, **changes: Any) -> McpServer:
        return await added(self.caller, self.as_server(**changes), home=self.script.parent / "home")

    def accept(self, tool: str = "look_up", *, acts: bool = False, **said: Any) -> PinnedTool:
        """Accept a tool exactly as it was listed last."""
        name = f"{self.name}__{tool}"
        with self.store.begin() as tx:
            kept = tx.mcp.tool(name)
            tx.mcp.accept(name, kept.seen.hash, Acceptance(acts=acts, **said), event("mcp.accepted", tool=name))
            return tx.mcp.tool(name)

    def kept(self, tool: str = "look_up") -> PinnedTool:
        with self.store.read() as tx:
            return tx.mcp.tool(f"{self.name}__{tool}")

    def registry(self, **changes: Any) -> LiveRegistry:
        return LiveRegistry(default_registry(), self.store, **changes)

    def connector(self) -> McpConnector:
        registry = self.registry()
        return McpConnector(self.caller, registry.snapshot)

    async def read(self, arguments: JsonObject, tool: str = "look_up") -> JsonObject:
        """Call an accepted tool, past the gate."""
        name = f"{self.name}__{tool}"
        pinned = self.registry().get(name).mcp
        assert pinned is not None
        return await self.caller.read(name, pinned, arguments)

    def actions(self) -> list[str]:
        """Actions of the audit events, oldest first."""
        with self.store.read() as tx:
            return [found["action"] for found in tx.audit.all()]


MakeRogue = Callable[..., Rogue]


@pytest.fixture
def make_rogue(tmp_path: Path, store: Store) -> MakeRogue:
    """Makes a server; keyword arguments go into its script."""

    def make(name: str = "rogue", in_store: Store | None = None, **said: Any) -> Rogue:
        folder = tmp_path / f"server-{name}"
        folder.mkdir(exist_ok=True)
        return Rogue(store=in_store or store, script=folder / "script.json", name=name).behaves(**said)

    return make
