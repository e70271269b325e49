"""`casemate model`: which model endpoints there are, and whether one is fit for casemate's teams."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.output import AsJson, complain, print_json, print_table, say

if TYPE_CHECKING:
    from agents.probe_report import Report
    from core.settings import Settings

#: Characters of a URL and of a model's name that a report is kept under.
MAX_TEXT = 200

app = typer.Typer(help="Model endpoints.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def listing(as_json: AsJson = False) -> None:
    """List the endpoints of the settings in their order: where each runs, whether it is up, what its test found."""
    from cli.context import live_bundle, read_settings
    from cli.model_look import look, offers, probed
    from workflows.clouds import profile_of

    settings = read_settings()
    bundle = live_bundle(settings)
    seen = look(settings, bundle)
    masked_for = profile_of(bundle, settings.model_chain)
    if as_json:
        print_json({"masked_for": masked_for, "endpoints": [one.as_json() for one in seen]})
        return
    rows = [
        (
            number,
            one.endpoint.name,
            one.as_json()["url"],
            one.location or "refused",
            "up" if one.up else "refused" if one.refusal else "down",
            offers(one.features),
            "" if one.endpoint.is_playbook else probed(one.probe),
        )
        for number, one in enumerate(seen, 1)
    ]
    print_table(("", "model", "endpoint", "location", "state", "offers", "fitness"), rows)
    say(f"Tickets are masked for {masked_for} models.")
    for one in seen:
        if one.trouble:
            say(f"{one.endpoint.name}: {one.trouble}")


@app.command()
def probe(
    url: Annotated[str, typer.Argument(help="OpenAI-compatible endpoint, such as http://127.0.0.1:8622/v1.")],
    name: Annotated[str | None, typer.Option(help="Name of the model; default: the first that it lists.")] = None,
    key_file: Annotated[
        Path | None, typer.Option(help="File that holds the endpoint's key; default: the settings' key for this URL.")
    ] = None,
    context: Annotated[
        int | None, typer.Option(help="Tokens of its context window, where it does not tell.", min=512)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Test whether a model is fit for casemate's teams, with made-up texts only. Ends with 1 unless it is for all."""
    from agents.probe import probe as test
    from agents.spec import load_teams
    from cli.context import live_bundle, open_store, person, read_settings
    from core.audit import AuditEvent
    from policies.model_address import read_address

    try:
        read_address(url)
    except ValueError as error:
        raise typer.BadParameter(f"it {error}", param_hint="URL") from None
    if len(url) > MAX_TEXT or len(name or "") > MAX_TEXT:
        raise typer.BadParameter(f"URL and name have at most {MAX_TEXT} characters")
    settings = read_settings()
    name, key = _named(settings, url, name), _key(settings, url, key_file)
    with open_store(settings, migrate=True) as store:
        with store.read() as tx:
            tx.operations.check_not_halted()
        if not as_json:
            say(f"Testing {name or 'the first model'} at {url.rpartition('@')[2]}; this takes a minute or several …")
        teams = tuple(load_teams().by_name.values())
        report = asyncio.run(
            test(url, model=name, key=key, teams=teams, context=context, seconds=settings.model_timeout)
        )
        event = AuditEvent(
            action="model.probed",
            actor=f"user:{person()}",
            data={"model": report.model, "url": report.url, "fit": report.fit, "summary": report.summary},
        )
        if report.model:  # nothing is known of an endpoint that did not even name its model
            with store.begin() as tx:
                tx.probes.keep(report.as_json(), event)
    if as_json:
        print_json({**report.as_json(), "location": live_bundle(settings).models.location(url)})
    else:
        _print(report, refusal=live_bundle(settings).models.refusal(url))
    if not report.fit:
        raise typer.Exit(1)


def _named(settings: Settings, url: str, name: str | None) -> str | None:
    """The model that is meant: the settings name one for their own endpoints."""
    return name or next((one.name for one in settings.model_chain if one.url.rstrip("/") == url.rstrip("/")), None)


def _key(settings: Settings, url: str, file: Path | None) -> str:
    if file is not None:
        try:
            return file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise typer.BadParameter(f"{file} cannot be read", param_hint="--key-file") from None
    known = (one.api_key for one in settings.model_chain if one.url.rstrip("/") == url.rstrip("/"))
    found = next(known, None)
    return found.get_secret_value() if found is not None else "unused"


def _print(report: Report, *, refusal: str | None) -> None:
    rows = [(one.check, one.outcome.value, f"{one.seconds:.1f} s", one.reason) for one in report.results]
    print_table(("check", "outcome", "took", "found"), rows, title=f"{report.model or 'No model'} at {report.url}")
    say("")
    teams = [
        (one.team, "fit" if one.fit else f"unfit by {one.as_json()['by']}", " ".join(one.why)) for one in report.teams
    ]
    print_table(("team", "verdict", "why"), teams)
    say("")
    say(f"{report.summary[0].upper()}{report.summary[1:]}.")
    if report.note:
        say(report.note)
    if refusal is not None:
        complain(refusal)
