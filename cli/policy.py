"""`casemate policy`: look at a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import policy_explain, policy_life, policy_log, policy_prove
from cli.output import AsJson, complain, print_json, print_table, say

if TYPE_CHECKING:
    from policies.bundle import Bundle

app = typer.Typer(help="The policy bundle.", no_args_is_help=True, rich_markup_mode=None)

for part in (policy_explain, policy_prove, policy_log, policy_life):
    part.add_to(app)

Folder = Annotated[Path | None, typer.Argument(help="Folder of the bundle; default: the live one.")]


@app.command()
def check(folder: Folder = None, as_json: AsJson = False) -> None:
    """Load a bundle, run its examples, and name every problem with file, line and column."""
    from core.errors import BundleInvalid

    try:
        bundle = load(folder)
    except BundleInvalid as error:
        if as_json:
            problems = [
                {"file": p.file, "line": p.line, "column": p.column, "message": p.message} for p in error.problems
            ]
            print_json({"ok": False, "problems": problems})
        else:
            for problem in error.problems:
                complain(str(problem))
        raise typer.Exit(1) from None
    if as_json:
        print_json({"ok": True, "hash": bundle.hash, "rules": len(bundle.actions.rules)})
    else:
        say(f"{bundle.name} is sound: {len(bundle.actions.rules)} rules, hash {bundle.hash}.")


@app.command()
def show(folder: Folder = None, as_json: AsJson = False) -> None:
    """Show the rules of a bundle: what each tool needs."""
    bundle = load(folder)
    rules = [rule.model_dump(mode="json", by_alias=True, exclude={"examples"}) for rule in bundle.actions.rules]
    if as_json:
        print_json({"name": bundle.name, "hash": bundle.hash, "rules": rules})
        return
    rows = ((rule["id"], ", ".join(rule["tools"]), rule.get("when"), _then(rule["then"])) for rule in rules)
    print_table(("rule", "tools", "when", "then"), rows, title=f"{bundle.name}  hash {bundle.hash[:16]}")


def load(folder: Path | None) -> Bundle:
    """The bundle in a folder, or the live one."""
    from cli.context import read_settings
    from tools.registry import default_registry
    from workers.wiring import load_live_bundle

    settings = read_settings()
    if folder is not None:
        settings = settings.model_copy(update={"policy_dir": folder})
    return load_live_bundle(settings, default_registry())


def _then(then: object) -> str:
    if isinstance(then, dict):
        expires = f" within {then['expires'] / 3600:g} h" if then.get("expires") else ""
        return f"ask {then['approvals']} of {', '.join(then.get('from') or ['any approver'])}{expires}"
    return str(then)
