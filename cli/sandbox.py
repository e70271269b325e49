"""`casemate sandbox`: try to escape from the sandbox that tools run in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cli.output import AsJson, print_json, print_table, say
from core.canonical import JsonObject

if TYPE_CHECKING:
    from tools.sandbox.sandbox import SelfTest
    from tools.sandbox.tiers import Tier

app = typer.Typer(
    help="The sandbox that tools run in.", no_args_is_help=False, invoke_without_command=True, rich_markup_mode=None
)


@app.callback()
def default(context: typer.Context) -> None:
    """Try to escape from the sandbox that tools run in."""
    if context.invoked_subcommand is None:
        selftest()


@app.command()
def selftest(
    tier: Annotated[
        Literal["namespaces", "confined"] | None,
        typer.Option(help="This tier. Default: the strongest that works and CASEMATE_SANDBOX_TIER allows."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Try to escape, in every way known, and show what happened to each attempt."""
    from cli.context import read_settings
    from tools.sandbox.tiers import TIERS

    settings = read_settings()
    wanted = (tier,) if tier else TIERS[: TIERS.index(settings.sandbox_tier) + 1]
    passed_over: list[JsonObject] = []
    found: SelfTest | None = None
    for name in wanted:
        found, why = _tried(name, settings.bwrap)
        if found is not None and found.ok:
            break
        passed_over.append({"tier": name, "why": why})
    _show(found, passed_over, as_json=as_json)
    if found is None or not found.ok:
        raise typer.Exit(1)


def _tried(tier: Tier, bwrap: str) -> tuple[SelfTest | None, str]:
    from core.errors import SandboxUnavailable
    from tools.sandbox.sandbox import make_sandbox

    try:
        sandbox = make_sandbox(tier, bwrap=bwrap)
    except SandboxUnavailable as error:
        return None, str(error)
    try:
        found = sandbox.selftest()
    except SandboxUnavailable as error:
        return None, str(error)
    finally:
        sandbox.close()
    escaped = [check.name for check in found.checks if not check.ok]
    return found, f"let through: {', '.join(escaped)}" if escaped else ""


def _show(found: SelfTest | None, passed_over: list[JsonObject], *, as_json: bool) -> None:
    if as_json:
        shown: JsonObject = found.as_json() if found is not None else {"ok": False, "tier": None, "checks": []}
        print_json({**shown, "passed_over": passed_over})
        return
    for one in passed_over:
        say(f"Tier {one['tier']} is not used: {one['why']}")
    if found is not None:
        rows = (("held" if check.ok else "ESCAPED", check.name, check.detail) for check in found.checks)
        print_table(("", "attempt", "what happened"), rows, title=f"Sandbox tier: {found.tier}")
