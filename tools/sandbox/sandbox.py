"""What every sandbox tier offers, and the one way to open one: never a weaker tier than asked for."""

from __future__ import annotations

import compileall
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, Protocol

from core.canonical import JsonObject
from core.errors import SandboxUnavailable
from tools.limits import Limits

#: Strongest first. `namespaces`: bubblewrap + seccomp + rlimits.
Tier = Literal["namespaces"]

#: Where Debian and Ubuntu put bubblewrap; looked up on PATH when it is only a name.
BWRAP = "bwrap"


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


#: Answers one question of a tool: a typed request in, `{"refused": …}` or what the broker found out.
Asked = Callable[[JsonObject], Awaitable[JsonObject]]


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


def open_sandbox(weakest: Tier = "namespaces", *, bwrap: str = BWRAP) -> Sandbox:
    """The strongest sandbox of this machine, after it held against its self-test (once per process).

    Raises:
        SandboxUnavailable: no tier at least as strong as `weakest` works here. There is no fallback.
    """
    if weakest != "namespaces":
        raise SandboxUnavailable(f"There is no sandbox tier called {weakest!r}; set it to `namespaces`.")
    return _tested(bwrap)


@cache
def _tested(bwrap: str) -> Sandbox:
    from tools.sandbox.bubblewrap import BubblewrapSandbox

    sandbox = BubblewrapSandbox(bwrap=bwrap)
    # Inside, nothing can be written, so the tool code is compiled here once instead of there on every call.
    compileall.compile_dir(Path(__file__).resolve().parents[1] / "investigate", quiet=2)
    compileall.compile_dir(Path(__file__).resolve().parent, quiet=2)
    result = sandbox.selftest()
    escaped = [check for check in result.checks if not check.ok]
    if escaped or not result.ok:
        raise SandboxUnavailable(
            f"The sandbox let {len(escaped)} of {len(result.checks)} escape attempts through "
            f"({', '.join(c.name for c in escaped)}), so no tool may run: see `casemate sandbox` for what to mend."
        )
    return sandbox
