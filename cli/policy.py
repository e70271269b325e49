"""`casemate policy`: look at a bundle, check it, try what it says of itself, and help editors write one."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import policy_explain, policy_life, policy_log, policy_prove
from cli.output import AsJson, complain, print_json, print_table, say

if TYPE_CHECKING:
    from core.canonical import JsonObject
    from core.errors import Problem
    from policies.bundle import Bundle, BundleSource
    from policies.trial import Trial

app = typer.Typer(help="The policy bundle.", no_args_is_help=True, rich_markup_mode=None)

for part in (policy_explain, policy_prove, policy_log, policy_life):
    part.add_to(app)

Folder = Annotated[Path | None, typer.Argument(help="Folder of the bundle; default: the live one.")]


class SchemaName(StrEnum):
    """Kinds of policy files that have a schema."""

    ACTIONS = "actions"
    ORGANIZATION = "organization"
    MASKING = "masking"
    GUARDRAILS = "guardrails"
    INVARIANTS = "invariants"
    NETWORK = "network"
    MODELS = "models"
    TESTS = "tests"


@app.command()
def check(folder: Folder = None, as_json: AsJson = False) -> None:
    """Load a bundle, run its examples and tests, and name every problem with file, line and column."""
    from core.errors import BundleInvalid

    try:
        bundle = load(folder)
    except BundleInvalid as error:
        if as_json:
            print_json({"ok": False, "problems": _rows(error.problems)})
        else:
            _complain(error.problems)
        raise typer.Exit(1) from None
    if as_json:
        print_json({"ok": True, "hash": bundle.hash, "rules": len(bundle.actions.rules)})
    else:
        say(f"{bundle.name} is sound: {len(bundle.actions.rules)} rules, hash {bundle.hash}.")


@app.command(name="test")
def run_tests(folder: Folder = None, as_json: AsJson = False) -> None:
    """Run the examples of a bundle's rules and masking, and its *_test.yaml; list those that fail."""
    from core.errors import BundleInvalid
    from policies.bundle import try_bundle
    from tools.registry import default_registry

    problems: list[Problem] = []
    trials: list[Trial] = []
    try:
        trials = try_bundle(source(folder), tools=default_registry().shapes())
    except BundleInvalid as error:
        problems = error.problems
    failed = [trial for trial in trials if trial.failed]
    if as_json:
        rows = [trial.as_json() for trial in failed]
        ok = not failed and not problems
        print_json({"ok": ok, "tried": len(trials), "failed": rows, "problems": _rows(problems)})
    elif problems:
        _complain(problems)
        complain("Nothing was tried, because the bundle does not load; mend what is named above.")
    elif failed:
        _complain([trial.place for trial in failed])
        complain(f"{len(failed)} of {len(trials)} examples and tests fail; change the rule or the expectation.")
    else:
        say(f"All {len(trials)} examples and tests hold.")
    if failed or problems:
        raise typer.Exit(1)


@app.command()
def schema(
    name: Annotated[SchemaName | None, typer.Argument(help="Kind of policy file; default: all of them.")] = None,
    write: Annotated[
        Path | None, typer.Option(help="Folder to write NAME.schema.json to, instead of printing it.", file_okay=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print the JSON Schema of a policy file, for editors: completion, and errors while you type."""
    from policies.schema import json_schema, schema_file, schema_text
    from tools.registry import default_registry

    tools = default_registry().names()
    names = [name.value] if name else [known.value for known in SchemaName]
    if write is None:
        # One schema as it is; all of them by name.
        print_json(json_schema(names[0], tools) if name else {known: json_schema(known, tools) for known in names})
        return
    try:
        write.mkdir(parents=True, exist_ok=True)
        for known in names:
            (write / schema_file(known)).write_text(schema_text(known, tools), encoding="utf-8")
    except OSError as error:
        complain(f"{write} cannot be written ({error.strerror}); choose another folder.")
        raise typer.Exit(1) from None
    files = [str(write / schema_file(known)) for known in names]
    if as_json:
        print_json({"written": files})
    else:
        say(f"Written: {', '.join(files)}.")


@app.command()
def show(folder: Folder = None, as_json: AsJson = False) -> None:
    """Show the rules of a bundle: what each tool needs."""
    bundle = load(folder)
    rules = [rule.model_dump(mode="json", by_alias=True, exclude={"examples"}) for rule in bundle.actions.rules]
    if as_json:
        print_json({"name": bundle.name, "hash": bundle.hash, "rules": rules})
        return
    rows = ((rule["id"], ", ".join(rule["tools"]), rule.get("when"), _then(rule)) for rule in rules)
    print_table(("rule", "tools", "when", "then"), rows, title=f"{bundle.name}  hash {bundle.hash[:16]}")


def load(folder: Path | None) -> Bundle:
    """The bundle in a folder, or the live one."""
    from cli.context import live_bundle, read_settings
    from policies.bundle import load_bundle
    from tools.registry import default_registry

    if folder is not None:
        return load_bundle(folder, tools=default_registry().shapes())
    return live_bundle(read_settings())


def source(folder: Path | None) -> BundleSource:
    """The files of the bundle in a folder, or of the live one."""
    from policies.bundle import BundleSource

    if folder is not None:
        return BundleSource.from_folder(folder)
    live = load(None)
    return BundleSource.from_files(live.files, name=live.name)


def _rows(problems: list[Problem]) -> list[JsonObject]:
    return [{"file": p.file, "line": p.line, "column": p.column, "message": p.message} for p in problems]


def _complain(problems: list[Problem]) -> None:
    for problem in problems:
        complain(str(problem))


def _then(rule: JsonObject) -> str:
    then = rule["then"]
    words = str(then)
    if isinstance(then, dict):
        expires = f" within {_hours(then['expires'])}" if then["expires"] else ""
        after = f", else {then['on_expiry']}" if then["on_expiry"] != "expire" else ""
        words = f"ask {then['approvals']} of {', '.join(then['from']) or 'any approver'}{expires}{after}"
        if then["reauthenticate"]:
            words += f", signed in {then['reauthenticate'] / 60:g} min ago at most"
    if rule["limit"] is not None:
        words += f", at most {_limit(rule['limit'])}"
    return words + (f", for {_hours(rule['lease'])}" if rule["lease"] else "")


def _hours(seconds: int) -> str:
    return f"{seconds / 3600:g} h"


def _limit(limit: JsonObject) -> str:
    from policies.actions import Limit

    return " and ".join(f"{most} {within}" for _, most, within in Limit.model_validate(limit).bounds())
