"""`casemate approvals`: see what waits for a person, and answer for exactly what was seen."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from cli.output import AsJson, print_json, print_table, say

if TYPE_CHECKING:
    from core.canonical import JsonObject
    from core.settings import Settings
    from policies.masking.masker import Masker

app = typer.Typer(help="Approve or deny one exact action.", no_args_is_help=True, rich_markup_mode=None)

#: Fewest characters of a digest that name an action beyond doubt.
SHORTEST_DIGEST = 12

Roles = Annotated[
    list[str] | None,
    typer.Option(
        "--role", help="A role you hold, as the rule names it; may be repeated. It goes into the audit trail."
    ),
]
Digest = Annotated[str | None, typer.Option(help="Digest (or its first 12 characters) that `approvals show` printed.")]


@app.command("list")
def listing(as_json: AsJson = False) -> None:
    """List what waits, oldest first."""
    from cli.context import open_store, read_settings
    from workflows.approvals import card

    with open_store(read_settings()) as store, store.read() as tx:
        cards = [card(tx, proposal) for proposal in tx.proposals.waiting()]
    if as_json:
        print_json({"approvals": cards})
        return
    if not cards:
        say("Nothing waits for a person.")
        return
    rows = (
        (c["id"], c["ticket"]["external_id"], c["verdict"], c["tool"], _arguments(c), _needs(c), c["expires_at"])
        for c in cards
    )
    print_table(("id", "ticket", "verdict", "tool", "arguments", "needs", "expires"), rows)


@app.command()
def show(
    proposal_id: str,
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Show what the tokens in the arguments stand for; this is audited.")
    ] = False,
    role: Roles = None,
    as_json: AsJson = False,
) -> None:
    """Show one proposal, with its evidence and its digest."""
    found = _card(proposal_id)
    if reveal:
        found["originals"] = _originals(proposal_id, roles=role)
    if as_json:
        print_json(found)
        return
    _print_card(found)


@app.command()
def approve(
    proposal_id: str,
    digest: Digest = None,
    reason: Annotated[str, typer.Option(help="Why; goes into the audit trail and the report.")] = "",
    role: Roles = None,
    as_json: AsJson = False,
) -> None:
    """Approve one exact action. It runs once enough people have."""
    _answer(proposal_id, digest=digest, reason=reason, roles=role, approve=True, as_json=as_json)


@app.command()
def deny(
    proposal_id: str,
    reason: Annotated[str, typer.Option(help="Why; goes into the audit trail and the report.")],
    digest: Digest = None,
    role: Roles = None,
    as_json: AsJson = False,
) -> None:
    """Deny one exact action. One denial is enough."""
    _answer(proposal_id, digest=digest, reason=reason, roles=role, approve=False, as_json=as_json)


@app.command()
def edit(
    proposal_id: str,
    change: Annotated[list[str], typer.Option("--set", help="NAME=VALUE, a new value for one argument; repeatable.")],
    reason: Annotated[str, typer.Option(help="Why; shown to those who approve it.")],
    digest: Digest = None,
    role: Roles = None,
    as_json: AsJson = False,
) -> None:
    """Change one action before it is answered. The result is a new proposal that somebody else must approve."""
    from cli.context import person, read_settings, ringer
    from workers.wiring import open_services
    from workflows import approvals
    from workflows.edit import edit as changed

    settings = read_settings()
    seen = _seen(_card(proposal_id), digest, word="edit")
    services = open_services(settings, ring=ringer(settings))
    try:
        fresh = changed(
            services,
            proposal_id,
            dict(_pair(text) for text in change),
            person=person(),
            roles=["approver", *(role or [])],
            reason=reason,
            digest=seen,
        )
        with services.store.read() as tx:
            after = approvals.card(tx, fresh)
    finally:
        services.close()
    if as_json:
        print_json(after)
    else:
        say(f"{proposal_id} is replaced by {after['id']}, which is {after['state']}.")


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"`{text}` is not NAME=VALUE", param_hint="--set")
    return name, value


def _masker(settings: Settings) -> Callable[[], Masker]:
    """Makes the masker of the live bundle, when it is needed."""
    from cli.context import live_bundle
    from workers.wiring import make_masker

    return lambda: make_masker(live_bundle(settings), settings)


def _originals(proposal_id: str, *, roles: list[str] | None) -> JsonObject:
    from cli.context import open_store, person, read_settings
    from workflows import reveal

    settings = read_settings()
    with open_store(settings) as store:
        return reveal.arguments(
            store,
            _masker(settings),
            proposal_id,
            person=person(),
            roles=["approver", *(roles or [])],
        )


def _answer(
    proposal_id: str, *, digest: str | None, reason: str, roles: list[str] | None, approve: bool, as_json: bool
) -> None:
    from cli.context import open_store, person, read_settings, ringer
    from workflows import approvals

    settings = read_settings()
    found = _card(proposal_id)
    seen = _seen(found, digest, word="approve" if approve else "deny")
    with open_store(settings) as store:
        settled = approvals.answer(
            store,
            proposal_id,
            person=person(),
            roles=["approver", *(roles or [])],
            approve=approve,
            reason=reason,
            digest=seen,
            ring=ringer(settings),
            masker=_masker(settings),
        )
        with store.read() as tx:
            after = approvals.card(tx, settled)
    if as_json:
        print_json(after)
    else:
        say(f"{proposal_id} is {after['state']}; see `casemate ticket show {after['ticket']['id']}`.")


def _seen(found: JsonObject, digest: str | None, *, word: str) -> str:
    """The digest this answer covers: given, or of the card that is shown now and confirmed."""
    full: str = found["digest"]
    if digest is not None:
        if len(digest) < SHORTEST_DIGEST:
            raise typer.BadParameter(f"give at least {SHORTEST_DIGEST} characters", param_hint="--digest")
        return full if full.startswith(digest) else digest.ljust(64, "0")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise typer.BadParameter("give the digest that `casemate approvals show` printed", param_hint="--digest")
    _print_card(found)
    typer.confirm(f"{word.capitalize()} exactly this?", abort=True)
    return full


def _card(proposal_id: str) -> JsonObject:
    from cli.context import open_store, read_settings
    from workflows.approvals import card

    with open_store(read_settings()) as store, store.read() as tx:
        return card(tx, tx.proposals.get(proposal_id))


def _print_card(found: JsonObject) -> None:
    rows = [
        ("action", f"{found['tool']} {_arguments(found)}"),
        *(("really", f"{name}={value}") for name, value in found.get("originals", {}).items()),
        ("state", found["state"]),
        ("reason given", found["reason"]),
        ("proposed by", found["proposed_by"]),
        ("ticket", f"{found['ticket']['external_id']} ({found['ticket']['id']}), {found['ticket']['kind']}"),
        ("verdict", f"{found['verdict']}, severity {found['severity']}, confidence {found['confidence']}"),
        ("summary", found["summary"]),
        *((f"evidence {e['id']}", f"{e['tool']} ({e['trust']}): {e['summary']}") for e in found["evidence"]),
        (
            "policy",
            f"{found['decision']['reason']} ({', '.join(found['decision']['rules'])})" if found["decision"] else "",
        ),
        ("carried out", f"by connector {found['connector']}"),
        ("sandbox", f"tier {found['sandbox']}, in which the evidence was gathered"),
        ("needs", _needs(found)),
        *(
            ("answer", f"{a['person']} {'approved' if a['approve'] else 'denied'}: {a['reason']}")
            for a in found["answers"]
        ),
        ("expires", found["expires_at"]),
        ("digest", found["digest"]),
    ]
    for name, value in rows:
        say(f"{name:>12}: {'–' if value in (None, '') else value}")


def _arguments(found: JsonObject) -> str:
    return ", ".join(f"{name}={value}" for name, value in found["arguments"].items())


def _needs(found: JsonObject) -> str:
    decision = found["decision"] or {"approvals": 0, "roles": []}
    return f"{max(1, decision['approvals'])} of {', '.join(decision['roles']) or 'any approver'}"
