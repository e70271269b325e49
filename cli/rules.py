"""Commands about detection rules: check, list."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.output import AsJson, print_json, print_table, say

if TYPE_CHECKING:
    from tools.detection.books import Rulebooks

app = typer.Typer(help="YARA and Sigma rules that tools detect with.", no_args_is_help=True, rich_markup_mode=None)
Folder = Annotated[
    list[Path] | None,
    typer.Argument(exists=True, file_okay=False, help="Folders of rules to look at instead of those of the settings."),
]


@app.command()
def check(folders: Folder = None, as_json: AsJson = False) -> None:
    """Read every rule as the tools do, and name each that is left out, with file and line."""
    books = _books(folders)
    yara, sigma = books.yara(), books.sigma()
    problems = [("yara", problem) for problem in yara.problems] + [("sigma", problem) for problem in sigma.problems]
    if as_json:
        print_json({
            "ok": not problems,
            "yara": {"files": yara.files, "rules": yara.rules},
            "sigma": {"files": sigma.files, "rules": len(sigma.rules)},
            "problems": [{"kind": kind, **problem.as_json()} for kind, problem in problems],
        })  # fmt: skip
    else:
        for kind, problem in problems:
            say(f"{kind}: {problem}")
        say(
            f"{yara.rules} YARA rules in {yara.files} files and {len(sigma.rules)} Sigma rules in {sigma.files} files; "
            f"{len(problems)} left out."
        )
    if problems:
        raise typer.Exit(1)


@app.command("list")
def list_rules(folders: Folder = None, as_json: AsJson = False) -> None:
    """List every Sigma rule that runs: level, title, author, log source, file."""
    rules = sorted(_books(folders).sigma().rules, key=lambda rule: (rule["file"], rule["title"]))
    if as_json:
        names = ("id", "title", "level", "status", "author", "tags", "logsource", "file")
        print_json({"rules": [{name: rule[name] for name in names} for rule in rules]})
        return
    rows = (
        (rule["level"], rule["title"], rule["author"], " ".join(rule["logsource"].values()), rule["file"])
        for rule in rules
    )
    print_table(("level", "rule", "author", "log source", "file"), rows)


def _books(folders: list[Path] | None) -> Rulebooks:
    from cli.context import read_settings
    from tools.detection.books import Rulebooks
    from workers.wiring import open_rules

    return Rulebooks(yara=folders, sigma=folders, shipped=False) if folders else open_rules(read_settings())
