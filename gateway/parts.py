"""What the gateway's endpoints work with, joined in `gateway.app.create_app`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import Request

from core.clock import Clock
from core.settings import FrameworkChoice, ModelEndpoint, Settings
from core.store.engine import Store
from gateway.console.pulse import Pulse
from workflows.overview import Counting

if TYPE_CHECKING:
    from tools.registry import Registry
    from workers.depth import Depths
    from workflows.services import LiveBundle, MaskerOf


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """One gateway process's parts."""

    store: Store
    clock: Clock
    #: Rings for a ticket: some worker will take its next step.
    ring: Callable[[str], None]
    #: The masker of the live bundle: masks what people write, and shows originals to those who may decide.
    masker: MaskerOf
    live: LiveBundle
    #: The tools that rules may speak of, carried out as the workers carry them out.
    registry: Registry
    #: The model endpoints of the settings. The gateway itself asks none of them anything.
    chain: tuple[ModelEndpoint, ...]
    #: Which framework hosts the teams of tickets that come in here.
    framework: FrameworkChoice
    settings: Settings
    #: Tells open pages that something has changed.
    pulse: Pulse
    #: The numbers of the overview.
    counting: Counting
    #: How much waits in the broker.
    depths: Depths

    @property
    def bundle(self) -> LiveBundle:
        """`live` by the name that workflows know it under (`workflows.services.Deciding`)."""
        return self.live


def parts(request: Request) -> Parts:
    """The parts of the application that serves `request`."""
    found: Parts = request.app.state.parts
    return found
