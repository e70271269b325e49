"""`casemate policy explain`: a decision as a tree."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.output import AsJson, complain, print_json, say

if TYPE_CHECKING:
    from core.decision import Facts
    from policies.compiled import Bundle
    from workflows.explain import PastExplained

#: Bytes that are read from standard input; facts are a page of text.
LARGEST = 1_000_000


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file to `casemate policy`."""
    app.command()(explain)


def explain(
    name: Annotated[
        str | None, typer.Argument(help="A decision (dec_…), a proposal (prp_…) or a ticket (tkt_…).")
    ] = None,
    facts: Annotated[
        str | None, typer.Option(help="Instead: YAML or JSON file of facts as in an example's `given`; - is stdin.")
    ] = None,
    bundle: Annotated[
        Path | None, typer.Option(help="Folder of the bundle that answers; default: the one that decided.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Explain a decision: which rules matched, which part of each condition was true, how the answer follows."""
    if (name is None) == (facts is None):
        raise typer.BadParameter("name a decision, a proposal or a ticket, or give --facts FILE, and not both")
    if facts is not None:
        _explain_facts(facts, bundle, as_json=as_json)
    else:
        _explain_past(str(name), bundle, as_json=as_json)


def _explain_facts(file: str, folder: Path | None, *, as_json: bool) -> None:
    from cli.policy import load
    from cli.policy_tree import draw
    from policies.explain import explain as explain_

    given = read_facts(file)
    bundle = load(folder)
    explanation = explain_(bundle, given)
    if as_json:
        print_json({"bundle": {"name": bundle.name, "hash": bundle.hash}, "explanation": explanation.as_json()})
    else:
        draw(explanation, heading=f"bundle {bundle.hash[:12]} ({bundle.name})")


def _explain_past(name: str, folder: Path | None, *, as_json: bool) -> None:
    from cli.context import open_store, read_settings
    from cli.policy import load
    from tools.registry import default_registry
    from workflows.explain import explain_logged, find_decisions

    registry, candidate = default_registry(), load(folder) if folder is not None else None
    live = load(None)
    with open_store(read_settings()) as store, store.read() as tx:
        found = [
            explain_logged(tx, logged, registry, live=live, candidate=candidate) for logged in find_decisions(tx, name)
        ]
    if as_json:
        print_json({"decisions": [one.as_json() for one in found]})
        return
    for number, one in enumerate(found):
        if number:
            print()
        _draw_past(one, live)


def _draw_past(past: PastExplained, live: Bundle) -> None:
    from cli.policy_tree import draw

    logged = past.logged
    which = "the live bundle" if past.bundle_hash == live.hash else "bundle"
    heading = f"{logged.id}  {logged.door}  {logged.created_at:%Y-%m-%d %H:%M} UTC  {which} {past.bundle_hash[:12]}"
    if past.explanation is None:
        say(heading)
        say(f"{logged.tool} → {logged.decision.outcome.value}: {logged.decision.reason}")
        for note in past.notes:
            say(f"Note: {note}")
        return
    draw(past.explanation, notes=past.notes, heading=heading)


def read_facts(file: str) -> Facts:
    """Facts from a file: whole ones, or partial ones as in an example, where the rest takes its strictest value.

    What is wrong in the file is told with line and column, and ends the command.
    """
    from policies.actions import Given
    from policies.examples import given_facts
    from policies.reading import read_document
    from policies.sentences import check_model

    document = read_document(_read(file), file="standard input" if file == "-" else file)
    if _is_whole(document.data):
        from core.decision import Facts

        return Facts.from_json(document.data)
    given = check_model(document, Given)
    problems = list(document.problems)
    if not problems and (given is None or given.tool is None):
        problems = [document.problem((), "no tool is named; add one, like `tool: isolate_host`")]
    if given is None or given.tool is None or problems:
        for problem in problems:
            complain(str(problem))
        raise typer.Exit(1)
    return given_facts(given, given.tool)


def _read(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read(LARGEST + 1) if file == "-" else Path(file).read_bytes()
    except OSError as error:
        complain(f"{file} cannot be read ({error.strerror}); give a file of facts, or - for standard input.")
        raise typer.Exit(1) from None


def _is_whole(data: object) -> bool:
    """Whether these are the facts of a decision as its log has them: every group, every part of every argument."""
    from policies.vocabulary import ARGUMENT_FIELDS, FIELDS

    if not isinstance(data, dict) or data.keys() != {"tool", "args", *FIELDS}:
        return False
    args = data["args"]
    groups = isinstance(args, dict) and all(isinstance(data[group], dict) for group in FIELDS)
    return groups and all(isinstance(arg, dict) and arg.keys() == set(ARGUMENT_FIELDS) for arg in args.values())
