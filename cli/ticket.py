"""`casemate ticket`: hand a ticket in, look at it, send it round again."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.output import AsJson, complain, print_json, print_table, say

if TYPE_CHECKING:
    from core.canonical import JsonObject
    from core.settings import Settings
    from core.store.engine import Store

app = typer.Typer(help="Hand tickets in and look at them.", no_args_is_help=True, rich_markup_mode=None)

#: Seconds between two looks at a ticket that is waited for.
LOOK = 0.2
#: States in which casemate has done its part: reported, or waiting for a person's answer.
DONE = ("reported", "closed", "awaiting_approval")


@app.command()
def submit(
    file: Annotated[str, typer.Argument(help="A ticket in JSON or a message in .eml; - reads standard input.")],
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the case is finished or needs a person.")] = False,
    framework: Annotated[
        str | None, typer.Option(help="autogen, adk, alternate or spec; default: CASEMATE_FRAMEWORK.")
    ] = None,
    source: Annotated[str, typer.Option(help="Source of an .eml message.")] = "cli",
    timeout: Annotated[float, typer.Option(help="Seconds to wait at most.")] = 600.0,
    as_json: AsJson = False,
) -> None:
    """Hand one ticket in."""
    from cli.context import open_store, read_settings, ringer
    from core.settings import FrameworkChoice
    from workflows import intake

    settings = read_settings()
    try:
        chosen = FrameworkChoice(framework) if framework else settings.framework
    except ValueError:
        raise typer.BadParameter("say autogen, adk, alternate or spec", param_hint="--framework") from None
    value = _read(file, source=source)
    with open_store(settings, migrate=True) as store:
        receipt = intake.submit(store, value, actor="cli", ring=ringer(settings), framework=chosen)
        if wait:
            _finish(settings, store, receipt.ticket_id, timeout=timeout, as_json=as_json)
        elif as_json:
            print_json({**receipt.as_json(), "replayed": receipt.replayed})
        else:
            known = " (it was here already)" if receipt.replayed else ""
            say(f"Accepted as {receipt.ticket_id}{known}; see `casemate ticket show {receipt.ticket_id}`.")


@app.command()
def show(ticket_id: str, as_json: AsJson = False) -> None:
    """Show one case: verdict, reasons with evidence, actions."""
    from cli.context import open_store, read_settings
    from gateway.cases import case

    with open_store(read_settings()) as store, store.read() as tx:
        found = case(tx, ticket_id)
    _print_case(found, as_json=as_json)


@app.command("list")
def listing(
    state: Annotated[list[str] | None, typer.Option(help="Only this state; may be repeated.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    as_json: AsJson = False,
) -> None:
    """List tickets, newest first."""
    from cli.context import open_store, read_settings
    from core.store.tickets import as_json as shown
    from core.ticket import TicketState

    try:
        states = [TicketState(name) for name in state] if state else None
    except ValueError:
        raise typer.BadParameter(f"say one of {', '.join(TicketState)}", param_hint="--state") from None
    with open_store(read_settings()) as store, store.read() as tx:
        tickets = [shown(ticket) for ticket in tx.tickets.recent(states=states, limit=limit)]
    if as_json:
        print_json({"tickets": tickets})
        return
    columns = ("id", "source", "external_id", "version", "kind", "state", "verdict", "severity", "framework")
    print_table(columns, ([ticket[column] for column in columns] for ticket in tickets))


@app.command()
def retry(ticket_id: str, as_json: AsJson = False) -> None:
    """Send an escalated or failed ticket round again."""
    from cli.context import open_store, person, read_settings, ringer
    from core.store.tickets import as_json as shown
    from workflows.retry import retry as again

    settings = read_settings()
    with open_store(settings) as store:
        ticket = again(store, ticket_id, actor=f"user:{person()}", ring=ringer(settings))
    if as_json:
        print_json(shown(ticket))
    else:
        say(f"{ticket_id} starts over; see `casemate ticket show {ticket_id}`.")


def _read(file: str, *, source: str) -> Any:
    """The ticket in `file`, as decoded JSON; the schema is checked at the door, not here."""
    from core.errors import InvalidTicket

    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"{file} cannot be read: {error.strerror}", param_hint="FILE") from None
    looks_like_json = content.lstrip()[:1] in (b"{", b"[") or file.endswith(".json")
    if file.endswith(".eml") or not looks_like_json:
        from cli.mail import ticket_from_mail

        return ticket_from_mail(content, source=source)
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise InvalidTicket("ticket", f"{file} is not JSON; send one JSON object, or an .eml file") from None


def _finish(settings: Settings, store: Store, ticket_id: str, *, timeout: float, as_json: bool) -> None:
    """Wait for the case to rest, print it, and say by the exit status whether casemate could work it."""
    from gateway.cases import case
    from workers.inline import worker_alive

    if worker_alive(store):
        _await(store, ticket_id, timeout=timeout)
    else:
        _work(settings, store, ticket_id, timeout=timeout)
    with store.read() as tx:
        found = case(tx, ticket_id)
    _print_case(found, as_json=as_json)
    if found["state"] not in DONE:
        raise typer.Exit(1)


def _await(store: Store, ticket_id: str, *, timeout: float) -> None:
    from core.ticket import RESTING

    deadline = time.monotonic() + timeout
    while True:
        with store.read() as tx:
            state = tx.tickets.get(ticket_id).state
        if state in RESTING:
            return
        if time.monotonic() >= deadline:
            complain(f"{ticket_id} is still {state.value} after {timeout:g} s; `casemate doctor` says what is wrong.")
            raise typer.Exit(1)
        time.sleep(LOOK)


def _work(settings: Settings, store: Store, ticket_id: str, *, timeout: float) -> None:
    """No worker runs, so this process does the work, with a model server of its own where none is up."""
    from cli.up import local_model
    from core.log import configure
    from workers.inline import inline_services, run_to_rest

    configure("error")
    with local_model(settings):
        run_to_rest(inline_services(settings, store), ticket_id, seconds=timeout)


def _print_case(found: JsonObject, *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    from cli.board import print_case

    print_case(found)
