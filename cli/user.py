"""`casemate user`: people with accounts of the console."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from cli.output import AsJson, print_json, print_table, say
from core.errors import CasemateError

if TYPE_CHECKING:
    from core.canonical import JsonObject
    from core.identity import User

app = typer.Typer(help="People who sign in to the console.", no_args_is_help=True, rich_markup_mode=None)

Name = Annotated[str, typer.Argument(help="Small letters, digits, `.`, `_` and `-`; begins with a letter.")]
Roles = Annotated[
    list[str],
    typer.Option(
        "--role",
        help="submitter, analyst, approver, admin, auditor, or one that a rule names, such as soc-lead; repeatable.",
    ),
]
PasswordStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]


class NoPassword(CasemateError):
    """Nothing usable came over standard input."""


@app.command()
def add(name: Name, role: Roles, password_stdin: PasswordStdin = False, as_json: AsJson = False) -> None:
    """Make an account. Without a password, print a link that signs the person in once."""
    from cli.context import open_store, person, read_settings
    from workflows import people

    password = _password() if password_stdin else None
    settings, actor = read_settings(), f"user:{person()}"
    with open_store(settings) as store:
        user = people.add(store, name, role, actor=actor, reserved=settings.api_keys, password=password)
        url = None
        if password is None:
            url = people.sign_in_url(settings, people.link(store, name, actor=actor))
    if as_json:
        print_json({**_row(user), "sign_in_link": url})
        return
    say(f"{name} may sign in as {', '.join(sorted(user.roles))}.")
    if url:
        _print_link(url)


@app.command("list")
def listing(as_json: AsJson = False) -> None:
    """List every account and its roles."""
    from cli.context import open_store, read_settings

    with open_store(read_settings()) as store, store.read() as tx:
        rows = [{**_row(user), "sessions": len(tx.sessions.of(user.id))} for user in tx.users.all()]
    if as_json:
        print_json({"users": rows})
        return
    if not rows:
        say("There is no account yet: casemate user add NAME --role admin")
        return
    cells = (
        (r["name"], ", ".join(r["roles"]), "disabled" if r["disabled_at"] else "", r["sessions"] or "", r["created_at"])
        for r in rows
    )
    print_table(("name", "roles", "", "sessions", "since"), cells)


@app.command()
def roles(name: Name, role: Roles, as_json: AsJson = False) -> None:
    """Give an account exactly these roles; open sessions have them from their next request on."""
    from cli.context import open_store, person, read_settings
    from workflows import people

    with open_store(read_settings()) as store:
        user = people.set_roles(store, name, role, actor=f"user:{person()}")
    _tell(user, f"{name} is {', '.join(sorted(user.roles))} now.", as_json=as_json)


@app.command()
def disable(name: Name, as_json: AsJson = False) -> None:
    """Close an account; its sessions and links end now. The audit trail keeps its name."""
    from cli.context import open_store, person, read_settings
    from workflows import people

    with open_store(read_settings()) as store:
        user = people.disable(store, name, actor=f"user:{person()}")
    _tell(user, f"{name} cannot sign in any more, and every session has ended.", as_json=as_json)


@app.command()
def enable(name: Name, as_json: AsJson = False) -> None:
    """Open a closed account again."""
    from cli.context import open_store, person, read_settings
    from workflows import people

    with open_store(read_settings()) as store:
        user = people.enable(store, name, actor=f"user:{person()}")
    _tell(user, f"{name} may sign in again.", as_json=as_json)


@app.command()
def link(name: Name, as_json: AsJson = False) -> None:
    """Print a link that signs a person in once, within an hour."""
    from cli.context import open_store, person, read_settings
    from workflows import people

    settings = read_settings()
    with open_store(settings) as store:
        url = people.sign_in_url(settings, people.link(store, name, actor=f"user:{person()}"))
    if as_json:
        print_json({"name": name, "sign_in_link": url})
    else:
        _print_link(url)


@app.command()
def password(name: Name, password_stdin: PasswordStdin = False, as_json: AsJson = False) -> None:
    """Set a password, read from standard input; the person's sessions and links end."""
    from cli.context import open_store, person, read_settings
    from workflows import people

    if not password_stdin:
        raise typer.BadParameter("say --password-stdin and pipe the password in", param_hint="--password-stdin")
    given = _password()
    with open_store(read_settings()) as store:
        ended = people.set_password(store, name, given, actor=f"user:{person()}")
    _ended(name, ended, f"{name} has a new password; {ended} sessions ended.", as_json=as_json)


@app.command("sign-out")
def sign_out(name: Name, as_json: AsJson = False) -> None:
    """End every session and link of a person."""
    from cli.context import open_store, person, read_settings
    from workflows import people

    with open_store(read_settings()) as store:
        ended = people.sign_out(store, name, actor=f"user:{person()}")
    _ended(name, ended, f"{ended} sessions of {name} ended.", as_json=as_json)


def _row(user: User) -> JsonObject:
    return {
        "name": user.name,
        "roles": sorted(user.roles),
        "disabled_at": user.disabled_at.isoformat() if user.disabled_at else None,
        "password": user.password_hash is not None,
        "created_at": user.created_at.isoformat(timespec="seconds"),
    }


def _tell(user: User, sentence: str, *, as_json: bool) -> None:
    if as_json:
        print_json(_row(user))
    else:
        say(sentence)


def _ended(name: str, ended: int, sentence: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"name": name, "sessions_ended": ended})
    else:
        say(sentence)


def _print_link(url: str) -> None:
    say("Signs in once, within an hour:")
    print(url)


def _password() -> str:
    """The first line of standard input.

    Raises:
        NoPassword: it is empty, or no UTF-8.
    """
    try:
        given = sys.stdin.buffer.readline().decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise NoPassword("The password on standard input is not UTF-8.") from None
    if not given:
        raise NoPassword("Standard input is empty; pipe the password in, one line.")
    return given
