"""Everything a step needs, joined once per process (`workers/wiring.py`) and passed as an ordinary argument."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from core.clock import Clock
from core.settings import Settings
from core.store.engine import Store
from workflows.leases import LeaseKeeper

if TYPE_CHECKING:  # heavy packages load when a worker is wired, not when the journey is imported
    from agents.model import ModelClients
    from agents.spec import Teams
    from policies.bundle import Bundle
    from policies.masking.masker import Masker
    from tools.connectors.connector import Connector
    from tools.registry import Registry
    from tools.sandbox.sandbox import Sandbox

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Services:
    """One process's parts. Bundle, masker and sandbox are calls: each may be missing, and a ticket then waits."""

    settings: Settings
    store: Store
    clock: Clock
    #: This process's name in leases and heartbeats.
    owner: str
    #: Rings for a ticket: some worker will take its next step.
    ring: Callable[[str], None]
    keeper: LeaseKeeper
    loop: asyncio.AbstractEventLoop
    #: Gives back connections and threads; nothing may be asked of these services afterwards.
    close: Callable[[], None]
    #: The live bundle; raises BundleInvalid while there is none.
    bundle: Callable[[], Bundle]
    #: The masker of the live bundle.
    masker: Callable[[], Masker]
    registry: Registry
    #: The sandbox of this process; raises SandboxUnavailable.
    sandbox: Callable[[], Sandbox]
    teams: Teams
    clients: ModelClients
    connectors: Mapping[str, Connector]

    def wait_for(self, coroutine: Coroutine[Any, Any, T], *, seconds: float) -> T:
        """Run a coroutine on the process's one event loop and wait for it here.

        Raises:
            TimeoutError: it took longer than `seconds`; it has been cancelled.
        """
        future = asyncio.run_coroutine_threadsafe(coroutine, self.loop)
        try:
            return future.result(timeout=seconds)
        except TimeoutError:
            future.cancel()
            raise
