"""`casemate effect`: actions of which nobody could tell whether they took effect."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.output import AsJson, print_json, print_table, say

app = typer.Typer(help="Actions whose outcome is unknown.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def listing(as_json: AsJson = False) -> None:
    """List what was sent and never seen to have taken effect, oldest first."""
    from cli.context import open_store, read_settings
    from workflows.settle import unknown

    with open_store(read_settings()) as store, store.read() as tx:
        found = [
            {
                "id": effect.id,
                "ticket_id": effect.ticket_id,
                "tool": effect.tool,
                "connector": effect.connector,
                "sent": effect.created_at.isoformat(),
                "outcome": effect.outcome,
            }
            for effect in unknown(tx, store.clock.now())
        ]
    if as_json:
        print_json({"effects": found})
        return
    if not found:
        say("Every action that left is settled.")
        return
    rows = ((e["id"], e["ticket_id"], e["tool"], e["connector"], e["sent"]) for e in found)
    print_table(("effect", "ticket", "action", "through", "sent"), rows)


@app.command()
def settle(
    effect_id: str,
    reason: Annotated[str, typer.Option(help="How you know; kept with the case, masked.")],
    done: Annotated[bool, typer.Option("--done/--not-done", help="What you saw at the target.")],
    as_json: AsJson = False,
) -> None:
    """Say whether an action took effect, after looking at its target yourself."""
    from cli.context import live_bundle, open_store, person, read_settings
    from workers.wiring import make_masker
    from workflows.settle import settle as settled

    settings = read_settings()
    with open_store(settings) as store:
        state = settled(
            store,
            effect_id,
            done=done,
            person=person(),
            reason=reason,
            masker=lambda: make_masker(live_bundle(settings), settings),
        )
    if as_json:
        print_json({"id": effect_id, "state": state.value})
    else:
        say(f"{effect_id} is {state.value}.")
