"""The connectors of one process, made from what was read, and the registry that knows who carries out what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from core.clock import Clock
from core.secret_store import SecretStore
from tools.connectors.connector import Connector, carrier
from tools.connectors.loading import Shelf
from tools.connectors.rest import RestConnector
from tools.registry import Registry, Tool


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """What a worker needs to act."""

    connectors: Mapping[str, Connector]
    registry: Registry

    def close(self) -> None:
        """Give connections back."""
        for connector in self.connectors.values():
            if isinstance(connector, RestConnector):
                connector.close()


def open_connectors(shelf: Shelf, registry: Registry, secrets: SecretStore, clock: Clock, *others: Connector) -> Opened:
    """Every connector that is set up, and `others`, such as the lab; tools carried out as the routes say.

    Those without a route are opened as well: an effect of an earlier route may still be probed or undone.

    Raises:
        TriageError: a file of certificates cannot be used.
    """
    connectors: dict[str, Connector] = {connector.name: connector for connector in others}
    for name, written in shelf.connectors.items():
        if name not in shelf.unset:
            connectors[name] = RestConnector(written, secrets, clock, ca_file=shelf.ca_file(name))
    routes = {tool: (name, carrier(connectors[name], tool)) for tool, name in shelf.routes.items()}
    return Opened(connectors=connectors, registry=routed(registry, routes))


def routed(registry: Registry, routes: Mapping[str, tuple[str, str]]) -> Registry:
    """The same tools, carried out by other connectors: {tool: (connector, what an approval is bound to)}."""

    def of(tool: Tool) -> Tool:
        if tool.name not in routes:
            return tool
        connector, bound = routes[tool.name]
        return replace(tool, connector=connector, carrier=bound)

    return Registry([of(registry.get(name)) for name in registry.names()])
