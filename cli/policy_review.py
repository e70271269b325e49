"""Prints what a change of the policy would do, for those who answer it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.output import print_table, say

if TYPE_CHECKING:
    from core.canonical import JsonObject

#: Rows of each table; `--json` gives what was kept.
SHOWN = 20


def print_review(review: JsonObject) -> None:
    """All of it, the promises first."""
    _print_files(review["files"])
    _print_proof(review["proof"], "Its invariants")
    _print_proof(review["live_invariants"], "Invariants of the live bundle, held against it")
    _print_difference(review["difference"])
    _print_simulation(review["simulation"])


def _print_difference(difference: JsonObject) -> None:
    if difference["same"]:
        say("It decides everything as the live bundle does.")
        return
    if difference["looser"]:
        say("It is LOOSER somewhere: something is permitted, or no longer forbidden, that was not.")
    for change in difference["invariants"]:
        say(f"Invariant {change['id']} {change['kind']}: {change['before'] or '–'} → {change['after'] or '–'}.")
    rows = [
        (r["direction"], r["tool"], terms(r["before"]), terms(r["after"]), _where(r), r["given"])
        for r in difference["regions"][:SHOWN]
    ]
    if rows:
        print_table(("", "tool", "before", "after", "when", "for example"), rows, title="What changes")
    if len(difference["regions"]) > SHOWN:
        say(f"… and {len(difference['regions']) - SHOWN} more; --json gives all.")
    for change in difference["keys"][:SHOWN]:
        say(f"{change['key']}: {change['before'] or 'nothing'} → {change['after'] or 'nothing'}")
    for tool in difference["cut"]:
        say(f"{tool} has too many situations to go through, so more may change.")
    for tool, conditions in difference["unconfirmed"].items():
        say(f"More may change for {tool}: it hangs on {'; '.join(conditions)}.")


def terms(decision: JsonObject) -> str:
    """A decision in a few words."""
    if decision["outcome"] != "ask":
        return str(decision["outcome"])
    return f"ask {decision['approvals']} of {', '.join(decision['roles']) or 'any approver'}"


def _where(region: JsonObject) -> str:
    return " or ".join(" and ".join(each) for each in region["where"]) or "always"


def _print_files(files: JsonObject) -> None:
    for word in ("added", "removed", "changed"):
        if files[word]:
            say(f"Files {word}: {', '.join(files[word])}.")


def _print_proof(proof: JsonObject, title: str) -> None:
    rows = [(shown["id"], shown["never"], shown["status"].upper(), shown["sentence"]) for shown in proof["invariants"]]
    if rows:
        print_table(("invariant", "never", "", "result"), rows, title=title)
    else:
        say(f"{title}: none.")


def _print_simulation(simulation: JsonObject) -> None:
    say(
        f"Of {simulation['replayed']} past decisions {simulation['flipped']} would come out differently; of "
        f"{simulation['pending']['waiting']} waiting approvals {simulation['pending']['flipped']}."
    )
    minutes = simulation["minutes"]
    say(f"Answers would have taken {minutes['after']:g} minutes instead of {minutes['before']:g}.")
