"""`casemate policy`: what policy decided, and what another bundle would have."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.output import AsJson, print_json, print_table, say
from cli.since import moment

if TYPE_CHECKING:
    from core.decision import Decision
    from core.decision_log import LoggedDecision
    from workflows.simulation import Flip, Simulation

#: Flips that the tables show; `--json` gives all.
SHOWN = 20


class OutcomeChoice(StrEnum):
    """What `--outcome` takes."""

    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


class DoorChoice(StrEnum):
    """What `--door` takes."""

    TOOL = "tool"
    PROPOSAL = "proposal"
    EXECUTION = "execution"
    EDIT = "edit"
    REVALIDATION = "revalidation"
    ACTIVATION = "activation"


class Against(StrEnum):
    """What `--against` takes."""

    RECORDED = "recorded"
    LIVE = "live"


Since = Annotated[str | None, typer.Option(help="Only what is younger, such as 90m, 24h or 30d; default: all.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file to `casemate policy`."""
    app.command()(log)
    app.command()(simulate)


def log(
    ticket: Annotated[str | None, typer.Option(help="Only decisions about this ticket.")] = None,
    tool: Annotated[str | None, typer.Option(help="Only about this tool.")] = None,
    outcome: Annotated[OutcomeChoice | None, typer.Option(help="Only with this outcome.")] = None,
    door: Annotated[DoorChoice | None, typer.Option(help="Only where it was asked.")] = None,
    rule: Annotated[str | None, typer.Option(help="Only those this rule led to.")] = None,
    bundle: Annotated[str | None, typer.Option(help="Only by this bundle: its hash, or how that begins.")] = None,
    since: Since = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000)] = 50,
    ocsf: Annotated[bool, typer.Option("--ocsf", help="Print one OCSF event a line, for a SIEM.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what policy decided, newest first: when, where, about what, by which rules."""
    from cli.context import open_store, read_settings

    youngest = moment(since)
    with open_store(read_settings()) as store, store.read() as tx:
        found = tx.decisions.search(
            ticket_id=ticket,
            tool=tool,
            outcome=outcome.value if outcome else None,
            door=door.value if door else None,
            rule=rule,
            bundle_hash=bundle,
            since=youngest,
            limit=limit,
        )
    if ocsf:
        for line in _events(found):
            print(line)
    elif as_json:
        print_json({"decisions": [logged.as_json() for logged in found]})
    else:
        columns = ("at", "decision", "door", "tool", "outcome", "rules", "ticket", "µs")
        print_table(columns, (_row(logged) for logged in found))


def simulate(
    candidate: Annotated[Path, typer.Argument(help="Folder of the bundle to try.")],
    since: Since = None,
    minutes: Annotated[float, typer.Option(min=0, help="Minutes one approval is taken to cost a person.")] = 5.0,
    against: Annotated[
        Against, typer.Option(help="Compare with what was decided then, or with the live bundle.")
    ] = Against.RECORDED,
    as_json: AsJson = False,
) -> None:
    """Decide every past decision and every waiting approval again by another bundle, and show what changes."""
    from cli.context import open_store, read_settings
    from cli.policy import load
    from tools.registry import default_registry
    from workflows.simulate import simulate as run

    youngest = moment(since)
    bundle = load(candidate)
    live = load(None) if against is Against.LIVE else None
    started = time.monotonic()
    with open_store(read_settings()) as store:
        found = run(store, default_registry(), bundle, live=live, since=youngest, minutes=minutes)
    if as_json:
        print_json(found.as_json())
    else:
        _print(found, seconds=time.monotonic() - started)


def _events(found: list[LoggedDecision]) -> Iterator[str]:
    from importlib.metadata import version

    from cli.ocsf import event
    from policies.vocabulary import BUILT_IN
    from tools.registry import default_registry

    shapes = {**BUILT_IN, **default_registry().shapes()}
    product = version("casemate")
    for logged in found:
        # A tool that is no more is taken for one that acts.
        acts = logged.tool not in shapes or shapes[logged.tool].acts
        yield json.dumps(event(logged, acts=acts, product_version=product))


def _row(logged: LoggedDecision) -> tuple[object, ...]:
    decision = logged.decision
    return (
        logged.created_at.isoformat(timespec="seconds"),
        logged.id,
        logged.door,
        logged.tool,
        decision.outcome.value,
        ", ".join(decision.rules),
        logged.ticket_id,
        logged.microseconds,
    )


def _print(found: Simulation, *, seconds: float) -> None:
    compared = "what was decided then" if found.against is None else f"the live bundle {found.against[:12]}"
    say(f"{found.replayed} past decisions by {found.candidate[:12]}, beside {compared} ({seconds:.1f} s):")
    say(f"{len(found.flips)} come out differently{_listed(found.kinds)}.")
    if found.rechecks:
        say(f"Besides, {found.rechecks_flipped} of {found.rechecks} re-checks before an action or after a new policy.")
    if found.not_replayable:
        say(f"{found.not_replayable.total()} cannot be decided again{_listed(found.not_replayable)}.")
    _print_flips(found.flips, title="decisions")
    tools = [(tool, counts["replayed"], _by_kind(counts)) for tool, counts in sorted(found.tools.items())]
    print_table(("tool", "decisions", "come out differently"), tools)
    rules = [(r, c["before"], c["after"]) for r, c in sorted(found.rules.items()) if c["before"] != c["after"]]
    if rules:
        print_table(("rule", "led to, before", "after"), rules)
    _print_people(found)
    _print_pending(found)
    for sentence in found.assumptions:
        say(f"- {sentence}")


def _print_people(found: Simulation) -> None:
    rows = [
        (", ".join(question.roles) or "any approver", question.approvals, question.before, question.after)
        for question in found.questions
    ]
    if rows:
        print_table(("asked of", "approvals", "times, before", "after"), rows)
    saved = found.minutes_before - found.minutes_after
    change = "saved" if saved >= 0 else "added"
    say(
        f"People's time: {found.minutes_before:g} minutes before, {found.minutes_after:g} after: "
        f"{abs(saved):g} {change}, at an assumed {found.minutes:g} minutes per approval."
    )


def _print_pending(found: Simulation) -> None:
    say(f"{found.pending} approvals wait now; {len(found.pending_flips)} of them would be answered differently.")
    if found.pending_not_replayable:
        say(f"Of {len(found.pending_not_replayable)} it cannot be told: {', '.join(found.pending_not_replayable)}.")
    _print_flips(found.pending_flips, title="approvals that wait")


def _print_flips(flips: list[Flip], *, title: str) -> None:
    if not flips:
        return
    rows = (
        (flip.decision_id, flip.ticket_id, flip.tool, flip.kind, _rules(flip.before), _rules(flip.after))
        for flip in flips[:SHOWN]
    )
    left = f" (the first {SHOWN} of {len(flips)}; --json gives all)" if len(flips) > SHOWN else ""
    print_table(("decision", "ticket", "tool", "changes", "rules then", "rules now"), rows, title=f"{title}{left}")


def _by_kind(counts: dict[str, int]) -> str:
    return ", ".join(f"{kind}: {count}" for kind, count in counts.items() if kind != "replayed")


def _rules(decision: Decision) -> str:
    return ", ".join(decision.rules) or "none"


def _listed(counts: dict[str, int]) -> str:
    return f" ({', '.join(f'{kind}: {count}' for kind, count in counts.items())})" if counts else ""
