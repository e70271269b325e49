"""Commands of the operator: doctor, halt, resume, audit, intel."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.output import AsJson, print_json, print_table, say

audit = typer.Typer(help="The audit trail.", no_args_is_help=True, rich_markup_mode=None)
intel = typer.Typer(help="Threat intelligence for lookup tools.", no_args_is_help=True, rich_markup_mode=None)


def doctor(
    only: Annotated[list[str] | None, typer.Option(help="Only this check; may be repeated.")] = None,
    migrate: Annotated[bool, typer.Option("--migrate", help="Make or update the database's tables first.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check everything casemate needs, and say how to mend what is wrong."""
    from cli.checks import CHECKS, examine
    from cli.context import open_store, read_settings

    unknown = set(only or ()) - CHECKS.keys()
    if unknown:
        raise typer.BadParameter(f"say one of {', '.join(CHECKS)}", param_hint="--only")
    settings = read_settings()
    if migrate:
        with open_store(settings, migrate=True):
            pass
    findings = [examine(name, settings) for name in only or CHECKS]
    if as_json:
        print_json({"ok": all(f.ok for f in findings), "checks": [f.as_json() for f in findings]})
    else:
        rows = ((f.word, f.name, f.detail, f.mend) for f in findings)
        print_table(("", "check", "found", "to mend it"), rows)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def halt(
    reason: Annotated[str, typer.Argument(help="Why; everyone who is stopped by it reads this.")],
    as_json: AsJson = False,
) -> None:
    """Stop every model call and every action. Tickets still come in and wait."""
    _switch(on=True, reason=reason, as_json=as_json)


def resume(as_json: AsJson = False) -> None:
    """Let casemate go on."""
    _switch(on=False, reason="", as_json=as_json)


def _switch(*, on: bool, reason: str, as_json: bool) -> None:
    from cli.context import open_store, person, read_settings
    from workflows import switch

    actor = f"user:{person()}"
    with open_store(read_settings()) as store:
        if on:
            switch.halt(store, actor=actor, reason=reason)
        else:
            switch.resume(store, actor=actor)
    if as_json:
        print_json({"halted": on, "reason": reason})
    else:
        say("Halted: no model call and no action until `casemate resume`." if on else "Going on.")


@audit.command()
def verify(as_json: AsJson = False) -> None:
    """Walk the whole chain of events and name the first that was changed."""
    from cli.context import open_store, read_settings

    with open_store(read_settings()) as store, store.read() as tx:
        length = tx.audit.verify()
    if as_json:
        print_json({"ok": True, "events": length})
    else:
        say(f"All {length} events are as they were written.")


@audit.command("show")
def show_audit(ticket_id: str, as_json: AsJson = False) -> None:
    """Everything that was ever done to a ticket."""
    from cli.context import open_store, read_settings

    with open_store(read_settings()) as store, store.read() as tx:
        tx.tickets.get(ticket_id)
        events = tx.audit.of(ticket_id)
    if as_json:
        print_json({"events": events})
        return
    rows = ((e["sequence"], e["at"], e["actor"], e["action"], e["data"]) for e in events)
    print_table(("", "at", "who", "did", "with"), rows)


@intel.command("import")
def import_intel(
    files: Annotated[
        list[Path], typer.Argument(help="CSV, STIX 2.1, MISP, KEV, EPSS, notes, lists; or folders of them.")
    ],
    as_json: AsJson = False,
) -> None:
    """Add indicators, exploited vulnerabilities and EPSS scores from files."""
    from cli.context import open_store, read_settings
    from cli.feeds import import_files

    with open_store(read_settings(), migrate=True) as store:
        counted = import_files(store, files)
    if as_json:
        print_json(counted)
    else:
        say(
            f"Imported {counted['indicators']} indicators, {counted['vulnerabilities']} vulnerabilities "
            f"and {counted['scores']} scores."
        )


def evaluate(context: typer.Context) -> None:
    """Measure verdicts on outside data; takes the options of `python -m evals run`."""
    from evals.command import main

    raise typer.Exit(main(["run", *context.args]))
