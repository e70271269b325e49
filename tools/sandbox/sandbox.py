"""What every sandbox tier offers, and the one way to open one: never a weaker tier than asked for."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Protocol

from core.canonical import JsonObject
from core.errors import SandboxUnavailable
from tools.limits import Limits
from tools.sandbox.call import Asked
from tools.sandbox.root import compile_code
from tools.sandbox.tiers import BWRAP, TIERS, Tier, confined, namespaces

if TYPE_CHECKING:
    from tools.sandbox.pooled import PooledSandbox


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One attempt to escape. `ok` means that it failed."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SelfTest:
    """What the attempts to escape came to."""

    ok: bool
    tier: Tier
    checks: tuple[Check, ...]

    def as_json(self) -> JsonObject:
        return {
            "ok": self.ok,
            "tier": self.tier,
            "checks": [{"name": c.name, "ok": c.ok, "detail": c.detail} for c in self.checks],
        }


class Sandbox(Protocol):
    """Runs one tool entry on one payload in a sandbox of its own."""

    @property
    def tier(self) -> Tier: ...

    async def run(
        self, entry: str, payload: JsonObject, limits: Limits = ..., *, ask: Asked | None = None
    ) -> JsonObject:
        """The tool's answer. Its questions to the network broker go to `ask`; without one they are refused.

        Raises:
            ToolRefused: the tool refused its input, took too long, used too much, or crashed.
            SandboxUnavailable: the sandbox itself did not start.
        """
        ...

    def selftest(self) -> SelfTest:
        """Try to escape. Safe to call from any thread; takes about a second."""
        ...


def open_sandbox(weakest: Tier = "namespaces", *, bwrap: str = BWRAP, size: int | None = None) -> PooledSandbox:
    """The strongest sandbox of this machine, after it held against its self-test (once per process).

    Args:
        weakest: the weakest tier that will do; a weaker one is never used.
        size: processes that wait for a call.

    Raises:
        SandboxUnavailable: no tier at least as strong as `weakest` works here. There is no fallback below it.
    """
    if weakest not in TIERS:
        raise SandboxUnavailable(f"There is no sandbox tier called {weakest!r}; set it to `{'` or `'.join(TIERS)}`.")
    return _opened(weakest, bwrap, size, os.getpid())


@cache
def _opened(weakest: Tier, bwrap: str, size: int | None, pid: int) -> PooledSandbox:
    del pid  # a forked process makes its own
    failed = []
    for tier in TIERS[: TIERS.index(weakest) + 1]:
        try:
            return _tested(tier, bwrap, size)
        except SandboxUnavailable as error:
            failed.append(str(error))
    raise SandboxUnavailable(" ".join(failed))


def make_sandbox(tier: Tier, *, bwrap: str = BWRAP, size: int | None = None) -> PooledSandbox:
    """A sandbox of one tier, untested.

    Raises:
        SandboxUnavailable: this machine lacks what the tier stands on.
    """
    from tools.sandbox.pooled import POOL_SIZE, PooledSandbox

    profile = namespaces(bwrap) if tier == "namespaces" else confined()
    return PooledSandbox(profile, size=POOL_SIZE if size is None else size)


def _tested(tier: Tier, bwrap: str, size: int | None) -> PooledSandbox:
    sandbox = make_sandbox(tier, bwrap=bwrap, size=size)
    compile_code()
    try:
        result = sandbox.selftest()
    except SandboxUnavailable:
        sandbox.close()
        raise
    escaped = [check for check in result.checks if not check.ok]
    if escaped or not result.ok:
        sandbox.close()
        raise SandboxUnavailable(
            f"The sandbox tier `{tier}` let {len(escaped)} of {len(result.checks)} escape attempts through "
            f"({', '.join(c.name for c in escaped)}), so no tool may run: "
            "see `casemate sandbox selftest` for what to mend."
        )
    return sandbox
