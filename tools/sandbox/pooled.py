"""A sandbox of either tier, over a pool of processes that wait for one call each."""

from __future__ import annotations

import asyncio
import json
import os
from weakref import WeakKeyDictionary

from core.canonical import JsonObject
from core.errors import ToolRefused
from tools.limits import Limits
from tools.sandbox import reply, selftest
from tools.sandbox.call import Asked, exchange
from tools.sandbox.pool import Child, Pool
from tools.sandbox.sandbox import SelfTest
from tools.sandbox.tiers import Profile, Tier

#: Processes that wait when nothing else is said.
POOL_SIZE = 4


class PooledSandbox:
    """A process of its own for every call, taken from those that wait. Serves any number of tickets and loops."""

    def __init__(self, profile: Profile, *, size: int = POOL_SIZE, concurrency: int | None = None) -> None:
        self._profile = profile
        self._pool = Pool(profile, size)
        #: Calls at once; more of them only wait for a core while holding memory.
        self._concurrency = concurrency or max(2, os.cpu_count() or 1)
        self._slots: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

    @property
    def tier(self) -> Tier:
        return self._profile.tier

    @property
    def missing(self) -> tuple[str, ...]:
        """Modules of tools that could not be loaded, and why; known once a process was made."""
        return self._pool.missing

    @property
    def waiting(self) -> int:
        """Processes that wait for a call."""
        return self._pool.waiting

    async def run(
        self, entry: str, payload: JsonObject, limits: Limits = Limits(), *, ask: Asked | None = None
    ) -> JsonObject:
        """See `Sandbox.run`. A cancelled call kills its process before it returns."""
        call = {"entry": entry, "arguments": payload.get("arguments", {}), "inputs": payload.get("inputs", {})}
        request = json.dumps(call, allow_nan=False, ensure_ascii=True, separators=(",", ":")).encode()
        if len(request) > limits.request:
            raise ToolRefused(f"The input is larger than {limits.request} bytes, more than a tool may read.")
        slots = self._slots.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(self._concurrency))
        async with slots:
            answer = reply.parse(await exchange(await self.take(), request, limits, ask))
        if "refused" in answer:
            raise ToolRefused(str(answer["refused"]))
        if "crashed" in answer:
            raise ToolRefused(f"The tool stopped on this input ({answer['crashed']}); treat its result as unknown.")
        result = answer.get("result")
        if not isinstance(result, dict):
            raise ToolRefused("The tool gave no result; treat its result as unknown.")
        return result

    async def take(self) -> Child:
        """A process that waits for its call; the caller ends it."""
        child = self._pool.take_waiting()
        if child is not None:
            return child
        taking = asyncio.ensure_future(asyncio.to_thread(self._pool.take))
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:
            taking.add_done_callback(_unwanted)
            raise

    def selftest(self) -> SelfTest:
        """See `Sandbox.selftest`."""
        return selftest.attempt(self)

    def close(self) -> None:
        """End every process of it."""
        self._pool.close()


def _unwanted(taking: asyncio.Task[Child]) -> None:
    """Nobody waits any more for the child that came."""
    if not taking.cancelled() and taking.exception() is None:
        taking.result().close()
