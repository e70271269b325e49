"""`casemate policy`: prove what a bundle never answers, what another bundle would change, and what was never tried."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.output import AsJson, complain, inert, print_json, print_table, say

if TYPE_CHECKING:
    from core.canonical import JsonObject
    from core.decision import Decision, Facts
    from policies.bundle import Bundle
    from policies.coverage import Coverage
    from policies.difference import Difference, Region
    from policies.proof import Proof

Folder = Annotated[Path | None, typer.Argument(help="Folder of the bundle; default: the live one.")]

#: Rows of each kind that are printed; `--json` gives all.
SHOWN = 40


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file to `casemate policy`."""
    app.command()(prove)
    app.command()(diff)
    app.command()(coverage)


def prove(
    folder: Folder = None,
    invariants: Annotated[
        Path | None, typer.Option(help="Prove the invariants of this file instead of the bundle's own.", dir_okay=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show for every situation that the bundle never answers what its invariants forbid, or print one in which it does.

    Rules that never match or never change an answer are named too. Exit 1 unless every invariant is proved.
    """
    from policies.invariants import load_invariants
    from policies.prove import prove as run
    from tools.registry import default_registry

    bundle, tools = _load(folder), default_registry().shapes()
    if invariants is not None and not invariants.is_file():
        complain(f"{invariants} is not a file; give one with invariants, such as the bundle's invariants.yaml.")
        raise typer.Exit(1)
    claimed = None if invariants is None else load_invariants(invariants, bundle.organization, tools)
    proof = run(bundle, tools, invariants=claimed)
    if as_json:
        print_json({"bundle": bundle.name, **proof.as_json()})
    else:
        _print_proof(bundle, proof)
    if not proof.ok:
        raise typer.Exit(1)


def diff(
    before: Annotated[str, typer.Argument(help="Folder or hash of the one bundle.")],
    after: Annotated[str | None, typer.Argument(help="Folder or hash of the other.")] = None,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit 1 when the meaning differs.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what the second bundle answers otherwise than the first, by meaning, with an example of each change.

    With one bundle, the live one is compared with it.
    """
    from policies.difference import difference
    from tools.registry import default_registry

    old, new = (_load(None), _named(before)) if after is None else (_named(before), _named(after))
    found = difference(old, new, default_registry().shapes())
    if as_json:
        print_json(found.as_json())
    else:
        _print_difference(found)
    if exit_code and not found.same:
        raise typer.Exit(1)


def coverage(folder: Folder = None, as_json: AsJson = False) -> None:
    """Show which rules and parts of conditions no example, no test and no past decision has exercised."""
    from policies.coverage import coverage as run
    from policies.coverage import own_situations

    bundle = _load(folder)
    own = run(bundle, own_situations(bundle))
    unreadable = [0]
    past = run(bundle, _past(unreadable))
    if as_json:
        print_json(
            {
                "bundle": bundle.name,
                "never_exercised": _never_exercised(own, past),
                "examples_and_tests": own.as_json(),
                "past_decisions": {**past.as_json(), "not_replayable": unreadable[0]},
            }
        )
    else:
        _print_coverage(own, past, unreadable[0])


def _load(folder: Path | None) -> Bundle:
    from cli.policy import load

    return load(folder)


def _named(name: str) -> Bundle:
    """The bundle in a folder; where there is none, the one that the store kept by this hash or its beginning."""
    from cli.context import open_store, read_settings
    from core.store.engine import Store
    from tools.registry import default_registry
    from workflows.stored_bundle import load_stored

    settings = read_settings()
    hashed = re.fullmatch("[0-9a-f]{6,64}", name) and Store.is_there(settings.store_url)
    if Path(name).exists() or not hashed:
        return _load(Path(name))
    with open_store(settings) as store:
        with store.read() as tx:
            hash_ = tx.bundles.find(name)
        return load_stored(store, hash_, default_registry())


def _past(unreadable: list[int]) -> Iterator[Facts]:
    """The facts of every past decision; those that can no longer be read are counted."""
    from cli.context import open_store, read_settings
    from core.decision import Facts
    from core.store.engine import Store
    from workflows.replay import Recall

    settings = read_settings()
    if not Store.is_there(settings.store_url):
        return  # Casemate was never started here, so nothing was decided yet.
    with open_store(settings) as store, store.read() as tx:
        for _, facts in Recall(tx).each(tx.decisions.all_since()):
            if isinstance(facts, Facts):
                yield facts
            else:
                unreadable[0] += 1


def _print_proof(bundle: Bundle, proof: Proof) -> None:
    for shown in proof.invariants:
        mark = {"proved": "✓", "violated": "✗", "not_proved": "?"}[shown.status]
        say(f"{mark} {shown.invariant.id}: {shown.sentence()}")
        if shown.counterexample is not None:
            _inside(f"never {shown.invariant.never}")
            _block(shown.counterexample.yaml())
    if not proof.invariants:
        say(
            f"{bundle.name} has no invariants.yaml, so there is nothing to prove; write what must never happen into it."
        )
    for rule in proof.idle:
        say(f"{rule.file}:{rule.line}: rule {rule.rule} is {rule.kind}: {rule.reason}")
    if proof.not_enumerated:
        say("These conditions have too many values to go through; what is proved holds whatever they answer:")
        for doubt in proof.not_enumerated:
            _inside(f"{doubt}")
    proved = sum(shown.status == "proved" for shown in proof.invariants)
    if proof.invariants:
        say(f"{proved} of {len(proof.invariants)} invariants are proved for {bundle.name}, hash {bundle.hash[:16]}.")


def _block(text: str) -> None:
    """Lines to paste."""
    for line in text.splitlines():
        _inside(f"  {line}")


def _inside(line: str) -> None:
    """A line that belongs to the one before; spaces stay, what a terminal would obey does not."""
    print(f"  {inert(line)}")


def _print_difference(found: Difference) -> None:
    if found.same:
        say(f"Both bundles mean the same ({found.before[:16]} and {found.after[:16]}).")
        return
    for change in found.invariants:
        say(f"Invariant {change.id} is {change.kind}.")
        for word, never in (("before", change.before), ("after", change.after)):
            if never is not None:
                _inside(f"{word}: never {never}")
    for region in found.regions[:SHOWN]:
        _print_region(region)
    if len(found.regions) > SHOWN:
        say(f"{len(found.regions) - SHOWN} further changes are in --json.")
    for key in found.keys[:SHOWN]:
        say(str(key))
    if len(found.keys) > SHOWN:
        say(f"{len(found.keys) - SHOWN} further keys are in --json.")
    for tool, conditions in found.unconfirmed.items():
        named = ", ".join(f"`{condition}`" for condition in conditions)
        say(f"{tool}: more may change, hanging on {named}, whose values cannot be gone through.")
    for tool in found.cut:
        say(f"{tool}: there are too many situations to go through all of them; more may change.")
    if not (found.regions or found.unconfirmed or found.cut):
        say("The rules answer the same in every situation.")


def _print_region(region: Region) -> None:
    cells = f"{region.cells:,} cell{'s' if region.cells != 1 else ''}"
    say(f"{region.tool}, {region.direction}: {_answer(region.before)} → {_answer(region.after)} ({cells})")
    for where in region.where:
        _inside(f"where {', '.join(where)}")
    if not region.where:
        _inside("always")
    if region.more:
        _inside(f"and {region.more} further alternatives")
    _block(region.yaml())


def _answer(decision: Decision) -> str:
    rules = ", ".join(decision.rules) or "no rule"
    words: list[str] = [decision.outcome.value]
    if decision.approvals:
        words.append(f"{decision.approvals} of {', '.join(decision.roles) or 'any approver'}")
        words.append(f"within {_time(decision.expires_seconds)}, else {decision.on_expiry}")
    if decision.reauthenticate_seconds:
        words.append(f"signed in {decision.reauthenticate_seconds / 60:g} min ago at most")
    if decision.outcome.value != "deny" and decision.lease_seconds:
        words.append(f"for {_time(decision.lease_seconds)}")
    return f"{', '.join(words)} [{rules}]"


def _time(seconds: int) -> str:
    return f"{seconds / 3600:g} h" if seconds else "no limit"


def _never_exercised(own: Coverage, past: Coverage) -> JsonObject:
    """What neither the bundle's own situations nor past decisions exercised."""
    pairs = list(zip(own.rules, past.rules, strict=True))
    parts = [
        {"rule": one.rule, "source": a.source, "file": a.file, "line": a.line, "never": never}
        for one, other in pairs
        for a, b in zip(one.parts, other.parts, strict=True)
        if (never := _never(a.true + b.true, a.false + b.false)) is not None
    ]
    return {
        "rules_never_matched": [one.rule for one, other in pairs if not one.matched and not other.matched],
        "rules_never_decided": [one.rule for one, other in pairs if not one.decided and not other.decided],
        "parts": parts,
    }


def _never(true: int, false: int) -> str | None:
    if not true and not false:
        return "looked at"
    return None if true and false else "true" if false else "false"


def _print_coverage(own: Coverage, past: Coverage, unreadable: int) -> None:
    never = _never_exercised(own, past)
    _list("Rules that nothing ever matched:", never["rules_never_matched"])
    _list("Rules that never gave the answer:", never["rules_never_decided"])
    gaps = [f"{part['file']}:{part['line']}: `{part['source']}` was never {part['never']}" for part in never["parts"]]
    _list("Parts of conditions:", gaps)
    rows = (
        (one.rule, one.matched, one.decided, other.matched, other.decided, len(one.gaps) or None)
        for one, other in zip(own.rules, past.rules, strict=True)
    )
    columns = ("rule", "matched in examples", "decided", "matched in the log", "decided", "gaps of the examples")
    print_table(columns, rows)
    lost = f" ({unreadable:,} more can no longer be read)" if unreadable else ""
    say(f"{own.situations:,} examples and tests, {past.situations:,} past decisions{lost}.")


def _list(title: str, lines: Iterable[str]) -> None:
    found = list(lines)
    if not found:
        return
    say(title)
    for line in found[:SHOWN]:
        _inside(f"{line}")
    if len(found) > SHOWN:
        _inside(f"and {len(found) - SHOWN} more, which --json lists")
