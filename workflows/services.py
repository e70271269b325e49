"""Everything a step needs, joined once per process (`workers/wiring.py`) and passed as an ordinary argument."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from core.clock import Clock
from core.settings import Settings
from core.store.engine import Store
from workflows.leases import LeaseKeeper

if TYPE_CHECKING:  # heavy packages load when a worker is wired, not when the journey is imported
    from agents.chain import Chain
    from agents.spec import Teams
    from policies.bundle import Bundle
    from policies.masking.masker import Masker
    from tools.broker.client import BrokerClient
    from tools.connectors.connector import Connector
    from tools.detection.books import Rulebooks
    from tools.mcp.caller import McpCaller
    from tools.registry import Registry
    from tools.runner import Runner
    from tools.sandbox.sandbox import Sandbox
    from workflows.policy_folder import PolicyFolder

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Pinned:
    """The bundle that one piece of work is done under, whatever goes live meanwhile."""

    bundle: Bundle
    #: What the store said was live when it was pinned. Another than `bundle` only where that one does not load here.
    live: str

    @property
    def is_live(self) -> bool:
        """Whether this process works under the live bundle, and not under the last good one before it."""
        return self.bundle.hash == self.live


class LiveBundle(Protocol):
    """The bundle that is live (`workers/live.py`)."""

    def __call__(self) -> Bundle:
        """The live bundle, or the last good one while that does not load here.

        Raises:
            BundleInvalid: none loads.
            Temporary: the store is away and none was loaded before.
        """
        ...

    def pin(self) -> Pinned:
        """The same, with what the store says is live. Raises as a call does."""
        ...

    def look(self) -> Pinned:
        """The same, and the store is asked now. Raises as a call does."""
        ...

    @property
    def trouble(self) -> str | None:
        """Why another bundle than the live one is in use, in one sentence."""
        ...

    @property
    def folder(self) -> PolicyFolder:
        """The folder that candidates come from."""
        ...


class MaskerOf(Protocol):
    """The masker of a bundle: of the one that is live, or of one that was pinned."""

    def __call__(self, bundle: Bundle | None = None) -> Masker:
        """Raises:
        BundleInvalid: no bundle loads.
        MaskingUnavailable: a name model is not there.
        """
        ...


class Deciding(Protocol):
    """What it takes to put a proposal before policy: of a worker, and of a gateway where people edit proposals."""

    @property
    def store(self) -> Store: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def ring(self) -> Callable[[str], None]:
        """See `Services.ring`."""
        ...

    @property
    def bundle(self) -> LiveBundle: ...

    @property
    def masker(self) -> MaskerOf: ...

    @property
    def registry(self) -> Registry:
        """Must be that of the workers: an approval is bound to the connector that a tool has there."""
        ...


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
    bundle: LiveBundle
    masker: MaskerOf
    registry: Registry
    #: The sandbox of this process; raises SandboxUnavailable.
    sandbox: Callable[[], Sandbox]
    teams: Teams
    #: The model endpoints that teams think with.
    models: Chain
    connectors: Mapping[str, Connector]
    #: The rules of tools that detect, read once for all tickets.
    rules: Rulebooks
    #: Calls tools of MCP servers; without one they are refused.
    mcp: McpCaller | None = None
    #: Carries questions of tools to the network broker; without one they are refused.
    broker: BrokerClient | None = None

    def runner(self) -> Runner:
        """What runs reading tools.

        Raises:
            SandboxUnavailable: no sandbox of the allowed tier works here.
        """
        from tools.runner import Runner

        return Runner(sandbox=self.sandbox(), mcp=self.mcp, broker=self.broker, rules=self.rules)

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
