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
    routes = {
        tool: Route(
            connector=name,
            bound=carrier(connectors[name], tool),
            takes_back=shelf.connectors[name].tools[tool].undo is not None,
        )
        for tool, name in shelf.routes.items()
    }
    return Opened(connectors=connectors, registry=routed(registry, routes))


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """Who carries a tool out."""

    connector: str
    #: What an approval is bound to.
    bound: str
    #: Whether its file says how an action is undone.
    takes_back: bool


def routed(registry: Registry, routes: Mapping[str, Route]) -> Registry:
    """The same tools, carried out by other connectors."""

    def of(tool: Tool) -> Tool:
        route = routes.get(tool.name)
        if route is None:
            return tool
        lost = not (route.takes_back or tool.final)
        undone = f"{route.connector} cannot undo it: a person must." if lost else tool.undone
        return replace(tool, connector=route.connector, carrier=route.bound, undone=undone)

    return Registry([of(registry.get(name)) for name in registry.names()])
