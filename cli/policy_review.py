"""Prints what a change of the policy would do, for those who answer it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from cli.output import inert, say

if TYPE_CHECKING:
    from core.canonical import JsonObject

#: Changes that are printed; `--json` gives what was kept.
SHOWN = 20
#: Situations printed of one change.
SITUATIONS = 3


def print_review(review: JsonObject) -> None:
    """All of it: what becomes looser first, then what would have come of it, then the promises."""
    _print_files(review["files"])
    _print_difference(review["difference"])
    _print_simulation(review["simulation"])
    _print_proof(review["proof"], "its own invariants")
    _print_proof(review["live_invariants"], "the live bundle's invariants")


def _print_difference(difference: JsonObject) -> None:
    if difference["same"]:
        say("It decides everything as the live bundle does.")
        return
    if difference["looser"]:
        say("It is LOOSER somewhere: something is permitted, or no longer forbidden, that was not.")
    for change in difference["invariants"]:
        say(f"Invariant {change['id']} {change['kind']}: {change['before'] or '–'} → {change['after'] or '–'}.")
    for region in difference["regions"][:SHOWN]:
        _print_region(region)
    if len(difference["regions"]) > SHOWN:
        say(f"… and {len(difference['regions']) - SHOWN} more; --json gives all.")
    for change in difference["keys"][:SHOWN]:
        say(f"{change['key']}: {change['before'] or 'nothing'} → {change['after'] or 'nothing'}")
    for tool in difference["cut"]:
        say(f"{tool} has too many situations to go through, so more may change.")
    for tool, conditions in difference["unconfirmed"].items():
        say(f"More may change for {tool}: it hangs on {'; '.join(conditions)}.")


def _print_region(region: JsonObject) -> None:
    say(f"{region['direction'].upper()} {region['tool']}: {terms(region['before'])} → {terms(region['after'])}")
    for where in region["where"][:SITUATIONS]:
        _indented(f"when {', '.join(where) or 'always'}")
    if len(region["where"]) > SITUATIONS:
        _indented(f"… and in {len(region['where']) - SITUATIONS} more situations; --json gives all.")
    _indented(f"for example {json.dumps(region['given'], ensure_ascii=False)}")


def _indented(line: str) -> None:
    print(f"    {inert(line)}")


def terms(decision: JsonObject) -> str:
    """A decision in a few words."""
    if decision["outcome"] != "ask":
        return str(decision["outcome"])
    return f"ask {decision['approvals']} of {', '.join(decision['roles']) or 'any approver'}"


def _print_files(files: JsonObject) -> None:
    for word in ("added", "removed", "changed"):
        if files[word]:
            say(f"Files {word}: {', '.join(files[word])}.")


def _print_proof(proof: JsonObject, whose: str) -> None:
    """One line when all are kept; each that is not, with why."""
    shown = proof["invariants"]
    open_ = [each for each in shown if each["status"] != "proved"]
    if not shown:
        say(f"There are no invariants among {whose}.")
    elif not open_:
        say(f"PROVED: all {len(shown)} of {whose} hold in every situation.")
    for each in open_:
        say(f"{each['status'].upper()} among {whose}: {each['id']} (never {each['never']}): {each['sentence']}")


def _print_simulation(simulation: JsonObject) -> None:
    say(
        f"Of {simulation['replayed']} past decisions {simulation['flipped']} would come out differently; of "
        f"{simulation['pending']['waiting']} waiting approvals {simulation['pending']['flipped']}."
    )
    minutes = simulation["minutes"]
    say(f"Answers would have taken {minutes['after']:g} minutes instead of {minutes['before']:g}.")
