"""`casemate vault`: master keys, rotation, and the end of a ticket's originals."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from cli.output import AsJson, complain, print_json, print_table, say

if TYPE_CHECKING:
    from core.canonical import JsonObject
    from core.settings import Settings
    from core.store.engine import Store

app = typer.Typer(help="The originals behind the tokens.", no_args_is_help=True, rich_markup_mode=None)

#: Characters of a reason; it stays in the audit trail for ever.
LONGEST_REASON = 500


@app.command()
def status(as_json: AsJson = False) -> None:
    """Show the master keys, what each wraps, and what was shredded."""
    from cli.context import open_store, read_settings

    settings = read_settings()
    with open_store(settings) as store:
        found = _status(settings, store)
    if as_json:
        print_json(found)
        return
    rows = ((key["id"], _part(key), key["tickets"], key["secrets"]) for key in found["keys"])
    print_table(("master key", "", "tickets", "secrets"), rows, title=f"Master keys from: {found['source']}")
    days = found["retention_days"]
    say(f"{found['shredded']} tickets are shredded; originals are kept " + (f"{days} days." if days else "for ever."))
    if found["overage"]:
        say(f"{found['overage']} tickets are older than that and not shredded: not closed, or an action is still open.")
    if found["trouble"]:
        complain(found["trouble"])


@app.command()
def rotate(
    new_key: Annotated[
        bool, typer.Option("--new-key", help="First put a new key at the head of the master key file.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Wrap every ticket's data key anew under the current master key. Workers go on meanwhile."""
    from cli.context import open_store, person, read_settings
    from workflows.rotate import rotate as run

    settings = read_settings()
    actor = f"user:{person()}"
    with open_store(settings) as store:
        made = _make_key(settings, store, actor=actor) if new_key else None
        done = run(store, actor=actor)
        idle = [key["id"] for key in _status(settings, store)["keys"] if _idle(key)]
    if as_json:
        print_json({**done.as_json(), "new_key": made, "idle": idle})
    else:
        _tell(done.as_json(), idle)
    if done.left:
        raise typer.Exit(1)


@app.command()
def shred(
    ticket_id: str,
    reason: Annotated[
        str, typer.Option(help="Why, for the audit trail, where it stays for ever; name nobody in it.", prompt=False)
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Also a ticket that is not closed; ends its work.")] = False,
    as_json: AsJson = False,
) -> None:
    """Destroy a ticket's originals for ever. What is masked stays."""
    from cli.context import live_bundle, open_store, person, read_settings
    from workers.wiring import make_masker
    from workflows.shred import shred as destroy

    if not reason.strip() or len(reason) > LONGEST_REASON:
        raise typer.BadParameter(f"say why in 1 to {LONGEST_REASON} characters", param_hint="--reason")
    if as_json and not yes:
        raise typer.BadParameter("nobody can be asked with --json; add --yes", param_hint="--json")
    settings = read_settings()
    with open_store(settings) as store:
        with store.read() as tx:
            ticket = tx.tickets.get(ticket_id)
        if not yes and ticket.shredded_at is None:
            question = f"Destroy the originals of {ticket_id} ({ticket.source}, {ticket.state.value}) for ever?"
            typer.confirm(question, abort=True, err=True)
        done = destroy(
            store,
            settings,
            ticket_id,
            actor=f"user:{person()}",
            reason=reason.strip(),
            masker=lambda: make_masker(live_bundle(settings), settings),
            force=force,
        )
    if as_json:
        print_json(done.as_json())
    elif done.already:
        say(f"{ticket_id} was shredded on {done.at:%Y-%m-%d %H:%M} UTC; nothing is left to destroy.")
    else:
        say(f"The originals of {ticket_id} are destroyed. What is masked stays: `casemate ticket show {ticket_id}`.")
        if done.log_emptied is False:
            say("The write-ahead log is in use and keeps sealed copies until SQLite starts over in it; run this again.")


def _make_key(settings: Settings, store: Store, *, actor: str) -> str:
    """A new key at the head of the file; gives its id."""
    from core import keyfile
    from core.audit import AuditEvent
    from core.errors import VaultError
    from core.keyring import source_of
    from core.vault import new_line

    source = source_of(settings)
    if source == "environment":
        raise VaultError(
            "The master key comes from the environment: put a new one before the old in CASEMATE_MASTER_KEY, restart "
            "every process, then run `casemate vault rotate`."
        )
    if source == "transit":
        raise VaultError(
            f"The master key lies in HashiCorp Vault: run `vault write -f {settings.transit_mount}/keys/"
            f"{settings.transit_key}/rotate` there, then `casemate vault rotate` here."
        )
    before = store.keyring.current()
    keyfile.prepend(settings.key_file, new_line())
    made = store.keyring.current()
    with store.begin() as tx:
        tx.audit.take(AuditEvent(action="vault.key_made", actor=actor, data={"master_key": made, "before": before}))
    return made


def _status(settings: Settings, store: Store) -> JsonObject:
    from core.errors import CasemateError
    from core.keyring import source_of

    days = settings.retention_days
    trouble: str | None = None
    names: list[str] = []
    try:
        names = store.keyring.names()
    except CasemateError as error:
        trouble = str(error)
    with store.read() as tx:
        usage = tx.vault.usage()
        shredded = tx.vault.shredded()
        overage = tx.vault.overage(before=store.clock.now() - timedelta(days=days)) if days else 0
    nothing = {"tickets": 0, "secrets": 0}
    keys = [
        {
            "id": key_id,
            "current": key_id in names[:1],
            "here": key_id in names or store.keyring.opens(key_id),
            **usage.get(key_id, nothing),
        }
        for key_id in dict.fromkeys([*names, *sorted(usage)])
    ]
    return {
        "source": source_of(settings),
        "keys": keys,
        "shredded": shredded,
        "retention_days": days,
        "overage": overage,
        "trouble": trouble,
    }


def _part(key: JsonObject) -> str:
    if key["current"]:
        return "wraps"
    if not key["here"]:
        return "MISSING: what it wraps does not open"
    return "idle: may be removed" if _idle(key) else "opens"


def _idle(key: JsonObject) -> bool:
    return not key["current"] and not key["tickets"] and not key["secrets"]


def _tell(done: JsonObject, idle: list[str]) -> None:
    say(f"Master key {done['current']} wraps; {sum(done['rewrapped'].values())} keys were brought under it.")
    for key_id, count in done["left"].items():
        complain(f"{count} keys under {key_id} do not open: add that master key, then run this again.")
    for key_id in idle:
        say(
            f"Master key {key_id} wraps nothing any more. When `casemate vault status` still says so in a minute, "
            "remove it; while you keep a backup from before, keep the key too, elsewhere."
        )
