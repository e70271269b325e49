"""`casemate key`: API keys of machines, kept in the database as digests."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from cli.output import AsJson, print_json, print_table, say

if TYPE_CHECKING:
    from core.canonical import JsonObject
    from core.identity import MachineKey

app = typer.Typer(help="Keys with which machines use the API.", no_args_is_help=True, rich_markup_mode=None)

Name = Annotated[str, typer.Argument(help="Whom the key stands for; small letters, digits, `.`, `_` and `-`.")]


@app.command()
def add(
    name: Name,
    role: Annotated[
        list[str], typer.Option("--role", help="submitter, analyst, approver, admin, auditor, …; repeatable.")
    ],
    days: Annotated[int, typer.Option(help="Days after which it ends; 0: it does not end by itself.")] = 90,
    as_json: AsJson = False,
) -> None:
    """Make a key and print its secret, this once."""
    from cli.context import open_store, person, read_settings
    from workflows import people

    settings = read_settings()
    with open_store(settings) as store:
        key, secret = people.add_key(store, name, role, actor=f"user:{person()}", reserved=settings.api_keys, days=days)
        now = store.clock.now()
    if as_json:
        print_json({**_row(key, now), "secret": secret})
        return
    until = f"until {key.expires_at:%Y-%m-%d}" if key.expires_at else "until it is revoked"
    say(f"Key {name} is {', '.join(sorted(key.roles))} {until}. Its secret, shown this once:")
    print(secret)


@app.command("list")
def listing(as_json: AsJson = False) -> None:
    """List every key: of the database, and of the settings of this shell."""
    from cli.context import open_store, read_settings

    settings = read_settings()
    with open_store(settings) as store, store.read() as tx:
        rows = [_row(key, store.clock.now()) for key in tx.api_keys.all()]
    rows += [
        {"name": name, "roles": sorted(key.roles), "state": "in the settings", "from": "settings"}
        for name, key in sorted(settings.api_keys.items())
    ]
    if as_json:
        print_json({"keys": rows})
        return
    if not rows:
        say("There is no key yet: casemate key add NAME --role submitter")
        return
    cells = ((r["name"], ", ".join(r["roles"]), r["state"], r.get("expires_at"), r.get("used_at")) for r in rows)
    print_table(("name", "roles", "state", "ends", "used"), cells)


@app.command()
def revoke(name: Name, as_json: AsJson = False) -> None:
    """Revoke a key; it opens nothing any more from its next request on."""
    from cli.context import open_store, person, read_settings
    from workflows import people

    with open_store(read_settings()) as store:
        key = people.revoke_key(store, name, actor=f"user:{person()}")
        now = store.clock.now()
    if as_json:
        print_json(_row(key, now))
    else:
        say(f"Key {name} is revoked.")


def _row(key: MachineKey, now: datetime) -> JsonObject:
    state = "revoked" if key.revoked_at else "ended" if key.is_over(now) else "valid"
    return {
        "name": key.name,
        "roles": sorted(key.roles),
        "state": state,
        "from": "database",
        "created_by": key.created_by,
        "created_at": key.created_at.isoformat(timespec="seconds"),
        "expires_at": key.expires_at.isoformat(timespec="seconds") if key.expires_at else None,
        "used_at": key.used_at.isoformat(timespec="seconds") if key.used_at else None,
    }
