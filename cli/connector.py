"""`casemate connector`: what carries out actions, what it would send, and whether it is set up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.output import AsJson, print_json, print_table, say

if TYPE_CHECKING:
    from core.settings import Settings
    from tools.connectors.loading import Shelf

app = typer.Typer(help="Connectors to the systems that actions go to.", no_args_is_help=True, rich_markup_mode=None)

Name = Annotated[str, typer.Argument(help="A connector, see `casemate connector list`.")]


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """What each connector can carry out, what it carries out now, and what it still needs."""
    from tools.connectors.loading import secrets_of
    from tools.registry import default_registry

    settings, shelf = _read()
    store = _secrets(settings)
    rows: list[dict[str, Any]] = [
        {
            "name": "lab",
            "description": "The practice estate of the demo and the tests",
            "can": sorted(default_registry().acting()),
            "does": sorted(set(default_registry().acting()) - set(shelf.routes)),
            "missing_values": [],
            "missing_secrets": [],
            "file": None,
        }
    ]
    for name, written in sorted(shelf.connectors.items()):
        rows.append(
            {
                "name": name,
                "description": written.description,
                "can": sorted(written.tools),
                "does": sorted(tool for tool, routed in shelf.routes.items() if routed == name),
                "missing_values": list(shelf.unset.get(name, ())),
                "missing_secrets": [secret for secret in secrets_of(written) if not store.has(secret)],
                "file": str(shelf.files[name]),
            }
        )
    if as_json:
        print_json({"connectors": rows})
        return
    columns = ("connector", "to", "carries out", "can carry out", "still needs")
    cells = (
        (row["name"], row["description"], ", ".join(row["does"]), ", ".join(row["can"]), _needs(row)) for row in rows
    )
    print_table(columns, cells)


@app.command()
def check(
    reach: Annotated[
        bool, typer.Option("--reach", help="Ask every target in use whether it answers and knows us.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Read every connector and the routes, and look whether what is in use has its secrets."""
    from core.clock import SystemClock
    from tools.connectors.loading import secrets_of
    from tools.connectors.rest import RestConnector

    settings, shelf = _read()
    store = _secrets(settings)
    used = sorted(set(shelf.routes.values()))
    troubles: list[str] = []
    for name in used:
        written = shelf.connectors[name]
        missing = [secret for secret in secrets_of(written) if not store.has(secret)]
        troubles += [f"{name}: the secret {secret} is missing; write it to {settings.secrets_folder / secret}."
                     for secret in missing]  # fmt: skip
        if reach and not missing:
            connector = RestConnector(written, store, SystemClock(), ca_file=shelf.ca_file(name))
            trouble = connector.reach()
            connector.close()
            troubles += [f"{name}: {trouble}"] if trouble else []
    if as_json:
        print_json({"ok": not troubles, "connectors": len(shelf.connectors), "used": used, "troubles": troubles})
    else:
        for trouble in troubles:
            say(trouble)
        if not troubles:
            uses = f"in use: {', '.join(used)}" if used else "none is in use: the lab carries out everything"
            say(f"{len(shelf.connectors)} connectors are sound; {uses}.")
    if troubles:
        raise typer.Exit(1)


@app.command("test")
def try_out(
    name: Name,
    tool: Annotated[str | None, typer.Option(help="Only this tool.")] = None,
    args: Annotated[str, typer.Option(help='Its arguments, JSON: \'{"host": "WS-1"}\'.')] = "{}",
    live_probe: Annotated[
        bool, typer.Option("--live-probe", help="Also ask the target, with look-ups and probe only: nothing acts.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print the exact requests of a connector, secrets hidden; nothing is sent."""
    from core.clock import SystemClock
    from core.errors import NotFound
    from tools.connectors.dry_run import dry_run, examples
    from tools.connectors.rest import RestConnector
    from tools.registry import default_registry

    settings, shelf = _read()
    if name not in shelf.connectors:
        raise NotFound(f"There is no connector {name[:40]!r}; there are {', '.join(sorted(shelf.connectors))}.")
    written, clock = shelf.connectors[name], SystemClock()
    if tool is not None and tool not in written.tools:
        raise NotFound(f"{name} cannot carry out {tool[:40]!r}; it can {', '.join(written.tools)}.")
    if live_probe and (tool is None or args == "{}"):
        raise typer.BadParameter("say --tool and --args as well: what to look at", param_hint="--live-probe")
    if live_probe and name in shelf.unset:
        raise NotFound(f"{name} needs {', '.join(shelf.unset[name])}; set them in routes.yaml.")
    registry = default_registry()
    said: list[dict[str, Any]] = []
    for one in [tool] if tool is not None else list(written.tools):
        given = _arguments(args) if args != "{}" else examples(written.tools[one], registry.get(one).argument_names)
        checked = registry.get(one).checked(given)
        said.append({"tool": one, "requests": dry_run(written, one, checked, clock)})
        if live_probe:
            connector = RestConnector(written, _secrets(settings), clock, ca_file=shelf.ca_file(name))
            seen = connector.probe(one, checked)
            connector.close()
            said[-1]["probe"] = {"state": seen.state, **seen.detail}
    if as_json:
        print_json({"connector": name, "tools": said})
    else:
        _print(said)


def _print(said: list[dict[str, Any]]) -> None:
    import json

    for entry in said:
        say(f"{entry['tool']}:")
        for request in entry["requests"]:
            print(f"  {request['step']}: {_plain(request['method'])} {_plain(request['url'])}")
            for header, text in request["headers"].items():
                print(f"      {header}: {_plain(text)}")
            if request["body"] not in ("", None):
                body = request["body"] if isinstance(request["body"], str) else json.dumps(request["body"])
                print(f"      {_plain(body)}")
        if "probe" in entry:
            print(f"  the target shows: {entry['probe']['state']} ({_plain(entry['probe'].get('reason', 'asked'))})")


def _plain(text: str) -> str:
    from cli.output import plain

    return plain(text)


def _arguments(text: str) -> dict[str, Any]:
    import json

    try:
        given = json.loads(text)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise typer.BadParameter('say a JSON object, such as \'{"host": "WS-1"}\'', param_hint="--args")
    return given


def _needs(row: dict[str, Any]) -> str:
    values = [f"value {name}" for name in row["missing_values"]]
    return ", ".join([*values, *(f"secret {name}" for name in row["missing_secrets"])])


def _read() -> tuple[Settings, Shelf]:
    from cli.context import read_settings
    from tools.connectors.loading import load
    from tools.registry import default_registry

    settings = read_settings()
    return settings, load(settings.connectors_dir, default_registry().shapes())


def _secrets(settings: Settings) -> Any:
    from core.secret_store import SecretStore

    return SecretStore(settings.secrets_folder)
