"""`casemate policy`: what is live, what wants to be, and who answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.output import AsJson, complain, print_json, print_table, say
from cli.policy_review import print_review

if TYPE_CHECKING:
    from core.bundle_change import BundleChange
    from core.canonical import JsonObject
    from core.settings import Settings
    from core.store.engine import Store
    from policies.source import BundleSource
    from workers.live import LiveBundle

#: Whoever opens the store here is trusted with the policy; the audit trail says who it was.
ROLES = ("admin",)
#: Characters of a hash that a table shows.
SHORT = 12

Why = Annotated[str, typer.Option(help="Why; stays in the audit trail for ever, so name nobody in it.")]
Roles = Annotated[list[str] | None, typer.Option("--role", help="A further role you hold; may be repeated.")]
Change = Annotated[str, typer.Argument(metavar="CHANGE", help="Id of the change, as `policy candidates` shows it.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file to `casemate policy`."""
    for command in (propose, candidates, review, approve, deny, rollback, history, export):
        app.command()(command)


def propose(
    reason: Why,
    folder: Annotated[Path | None, typer.Argument(help="Folder of the bundle.")] = None,
    hash_: Annotated[
        str | None, typer.Option("--hash", help="Instead of a folder: a bundle that casemate has, by its hash.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ask others to make a bundle live, and show what it would change. Nothing is live before they agree."""
    from cli.context import person
    from tools.registry import default_registry
    from workflows.activation import propose as ask

    if (folder is None) == (hash_ is None):
        raise typer.BadParameter("name one of a folder and --hash", param_hint="FOLDER")
    with _house() as (_settings, store, live):
        change = ask(
            store,
            default_registry(),
            live.look(),
            _source(store, folder, hash_),
            author=f"user:{person()}",
            reason=reason,
            origin="cli",
        )
        shown = _whole(store, change)
    if as_json:
        print_json(shown)
        return
    _print_change(shown)
    print_review(shown["review"])
    say(f"{change.id} waits: somebody else runs `casemate policy approve {change.id}`.")


def candidates(as_json: AsJson = False) -> None:
    """Look at the policy folder now, and list what waits to go live."""
    from tools.registry import default_registry
    from workflows import activation
    from workflows import candidates as folder

    with _house() as (settings, store, live):
        folder.consider(settings, store, default_registry(), live)
        trouble = folder.trouble(live, store)
        with store.read() as tx:
            waiting = [activation.card(tx, change) for change in tx.bundles.changes.waiting()]
    if as_json:
        print_json({"candidates": waiting, "trouble": trouble})
        return
    for sentence in trouble:
        complain(sentence)
    if not waiting:
        say("No change of the policy waits.")
        return
    rows = (
        (c["id"], c["bundle"][:SHORT], c["author"], c["reason"], _answers(c), _needs(c), c["expires_at"])
        for c in waiting
    )
    print_table(("change", "bundle", "author", "reason", "answers", "needs", "expires"), rows)


def review(change: Change, as_json: AsJson = False) -> None:
    """Show what a change would do: differences, proofs, and what history would have been."""
    with _house() as (_settings, store, _live):
        with store.read() as tx:
            found = tx.bundles.changes.get(change)
        shown = _whole(store, found)
    if as_json:
        print_json(shown)
        return
    _print_change(shown)
    print_review(shown["review"])


def approve(
    change: Change,
    reason: Annotated[str, typer.Option(help="Why; goes into the audit trail.")] = "",
    role: Roles = None,
    as_json: AsJson = False,
) -> None:
    """Approve a change. With the last yes the bundle is live, and every process has it within 5 seconds."""
    _answer(change, approve=True, reason=reason, roles=role, as_json=as_json)


def deny(
    change: Change,
    reason: Annotated[str, typer.Option(help="Why; goes into the audit trail.")],
    role: Roles = None,
    as_json: AsJson = False,
) -> None:
    """Deny a change. One denial is enough."""
    _answer(change, approve=False, reason=reason, roles=role, as_json=as_json)


def rollback(reason: Why, as_json: AsJson = False) -> None:
    """Make the bundle live that was live directly before. One admin is enough."""
    from cli.context import person
    from tools.registry import default_registry
    from workflows import activation

    with _house() as (_settings, store, _live):
        went = activation.rollback(store, default_registry(), person=person(), roles=ROLES, reason=reason)
    if as_json:
        print_json(activation.activation_json(went))
    else:
        say(f"The bundle {went.bundle_hash[:SHORT]} is live again; every process has it within 5 seconds.")


def history(as_json: AsJson = False) -> None:
    """List what was live since when, by whom and why; newest first."""
    from workflows import activation

    with _house() as (_settings, store, _live), store.read() as tx:
        lines = [activation.activation_json(one) for one in tx.bundles.activations()]
    if as_json:
        print_json({"history": lines})
        return
    rows = ((e["at"], e["bundle"][:SHORT], e["kind"], e["by"], e["reason"], e["change"]) for e in lines)
    print_table(("live since", "bundle", "kind", "by", "reason", "change"), rows)


def export(
    hash_: Annotated[str, typer.Argument(metavar="HASH", help="How the bundle's hash begins, as history shows it.")],
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    as_json: AsJson = False,
) -> None:
    """Write the files of a bundle that casemate has into a folder, to edit and propose again."""
    with _house() as (_settings, store, _live), store.read() as tx:
        bundle = tx.bundles.get(tx.bundles.find(hash_))
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise typer.BadParameter("is there and not an empty folder; name a new one", param_hint="FOLDER")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, text in bundle.files.items():
        (folder / Path(name).name).write_text(text, encoding="utf-8")
    if as_json:
        print_json({"hash": bundle.hash, "folder": str(folder), "files": sorted(bundle.files)})
    else:
        say(f"The {len(bundle.files)} files of {bundle.hash[:SHORT]} are in {folder}.")


@contextmanager
def _house() -> Iterator[tuple[Settings, Store, LiveBundle]]:
    """Settings, store and live bundle; makes the first bundle live where casemate was never started."""
    from cli.context import open_store, read_settings
    from tools.registry import default_registry
    from workers.live import LiveBundle

    settings = read_settings()
    with open_store(settings, migrate=True) as store:
        yield settings, store, LiveBundle(settings, store, default_registry())


def _source(store: Store, folder: Path | None, hash_: str | None) -> BundleSource:
    from policies.bundle import BundleSource

    if folder is not None:
        return BundleSource.from_folder(folder)
    with store.read() as tx:
        stored = tx.bundles.get(tx.bundles.find(hash_ or ""))
    return BundleSource.from_files(stored.files, name=f"bundle {stored.hash[:SHORT]}")


def _answer(change: str, *, approve: bool, reason: str, roles: list[str] | None, as_json: bool) -> None:
    from cli.context import person
    from workflows import activation

    with _house() as (_settings, store, _live):
        settled = activation.answer(
            store, change, person=person(), roles=[*ROLES, *(roles or [])], approve=approve, reason=reason
        )
        with store.read() as tx:
            shown = activation.card(tx, settled)
    if as_json:
        print_json(shown)
    elif shown["state"] == "live":
        say(f"The bundle {shown['bundle'][:SHORT]} is live; every process has it within 5 seconds.")
    else:
        say(f"{change} is {shown['state']}: {_answers(shown)} of {_needs(shown)}.")


def _whole(store: Store, change: BundleChange) -> JsonObject:
    from workflows import activation

    with store.read() as tx:
        return {**activation.card(tx, change), "review": tx.bundles.changes.review(change.id)}


def _print_change(shown: JsonObject) -> None:
    rows: list[tuple[str, Any]] = [
        ("change", shown["id"]),
        ("bundle", f"{shown['bundle']} in the place of {shown['base'][:SHORT]}"),
        ("author", shown["author"]),
        ("reason", shown["reason"]),
        ("state", shown["state"]),
        ("needs", f"{_needs(shown)}: {shown['decision']['reason']}"),
        *(
            ("answer", f"{a['person']} {'approved' if a['approve'] else 'denied'}: {a['reason']}")
            for a in shown["answers"]
        ),
        ("expires", shown["expires_at"]),
        ("digest", shown["digest"]),
    ]
    for name, value in rows:
        say(f"{name:>9}: {'–' if value in (None, '') else value}")


def _answers(shown: JsonObject) -> str:
    return str(sum(answer["approve"] for answer in shown["answers"]))


def _needs(shown: JsonObject) -> str:
    decision = shown["decision"]
    return f"{max(1, decision['approvals'])} of {', '.join(decision['roles'])}"
