"""What an installation is made of and how it does: processes, connectors, teams, tools."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from core.action import EffectState
from core.canonical import JsonObject
from core.errors import BundleInvalid
from core.secret_store import SecretStore
from core.store.engine import Store
from core.store.transaction import Transaction
from core.store.upkeep import Doubtful
from workflows.candidates import SILENT_SECONDS

if TYPE_CHECKING:
    from core.mcp import PinnedTool
    from core.settings import Settings
    from tools.registry import Registry

#: Seconds for which a process that went silent is still shown: somebody may wonder where it is.
GONE_SECONDS = 86_400
#: Effects that are over, and well.
DONE = (EffectState.CONFIRMED, EffectState.REVERTED)
#: Effects on their way.
UNDER_WAY = (EffectState.PLANNED, EffectState.DISPATCHED)


@dataclass(frozen=True, kw_only=True, slots=True)
class Process:
    """One process by its last sign of life."""

    name: str
    kind: str
    at: str
    alive: bool
    bundle: str | None
    #: Whether it works under the live bundle; None of one that did not say.
    live: bool | None
    #: Sandbox tier of a worker.
    sandbox: str | None
    troubles: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ConnectorSeen:
    """One connector: what it is for, what it lacks, and how its effects went."""

    name: str
    description: str
    #: Tools that it carries out now.
    does: tuple[str, ...]
    #: Tools that it could.
    can: tuple[str, ...]
    missing_values: tuple[str, ...]
    missing_secrets: tuple[str, ...]
    file: str | None
    confirmed: int
    failed: int
    unknown: int
    under_way: int
    last: Doubtful | None


def processes(tx: Transaction, store: Store) -> list[Process]:
    """Every process that showed a sign of life within a day, by kind and name."""
    now = store.clock.now()
    live = tx.bundles.live_hash()
    silent = (now - timedelta(seconds=SILENT_SECONDS)).isoformat()
    found = tx.operations.alive(since=now - timedelta(seconds=GONE_SECONDS))
    return sorted((_process(one, live, silent) for one in found), key=lambda one: (not one.alive, one.kind, one.name))


def _process(said: JsonObject, live: str | None, silent: str) -> Process:
    data = said["data"]
    bundle = data.get("bundle")
    troubles = [*data.get("policy", []), *([data["trouble"]] if "trouble" in data else [])]
    return Process(
        name=said["process"],
        kind=said["kind"],
        at=said["at"],
        alive=said["at"] >= silent,
        bundle=bundle,
        live=bundle == live if bundle else None,
        sandbox=data.get("sandbox"),
        troubles=tuple(troubles),
    )


def connectors(tx: Transaction, settings: Settings, registry: Registry) -> tuple[list[ConnectorSeen], list[str]]:
    """The lab and every connector on the shelf, those in use first; and what is wrong with their files."""
    from tools.connectors.loading import load, secrets_of

    acting = registry.acting()
    effects = tx.upkeep.effects()
    secrets = SecretStore(settings.secrets_folder)
    try:
        shelf = load(settings.connectors_dir, registry.shapes())
    except BundleInvalid as error:
        return [], [str(problem) for problem in error.problems]
    lab = _connector(
        tx, "lab", "The practice estate of the demo and the tests", effects,
        does=tuple(sorted(set(acting) - set(shelf.routes))), can=tuple(sorted(acting)),
    )  # fmt: skip
    others = [
        _connector(
            tx, name, written.description, effects,
            does=tuple(sorted(tool for tool, routed in shelf.routes.items() if routed == name)),
            can=tuple(sorted(written.tools)),
            missing_values=tuple(shelf.unset.get(name, ())),
            missing_secrets=tuple(secret for secret in secrets_of(written) if not secrets.has(secret)),
            file=str(shelf.files[name]),
        )
        for name, written in shelf.connectors.items()
    ]  # fmt: skip
    return sorted([lab, *others], key=lambda one: (not one.does, one.name)), []


def _connector(
    tx: Transaction,
    name: str,
    description: str,
    effects: Mapping[str, Mapping[str, int]],
    *,
    does: tuple[str, ...],
    can: tuple[str, ...],
    missing_values: tuple[str, ...] = (),
    missing_secrets: tuple[str, ...] = (),
    file: str | None = None,
) -> ConnectorSeen:
    counts = effects.get(name, {})
    return ConnectorSeen(
        name=name,
        description=description,
        does=does,
        can=can,
        missing_values=missing_values,
        missing_secrets=missing_secrets,
        file=file,
        confirmed=sum(counts.get(state.value, 0) for state in DONE),
        failed=counts.get(EffectState.FAILED.value, 0),
        unknown=counts.get(EffectState.UNKNOWN.value, 0),
        under_way=sum(counts.get(state.value, 0) for state in UNDER_WAY),
        last=tx.upkeep.last_failure(name) if counts else None,
    )


def mcp_tools(tx: Transaction) -> list[tuple[PinnedTool, bool]]:
    """Every tool that an MCP server ever listed, each with whether its server is on."""
    on = {server.name for server in tx.mcp.servers() if server.on}
    return [(kept, kept.server in on) for kept in tx.mcp.tools()]
