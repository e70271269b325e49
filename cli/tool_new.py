"""`casemate tool new`: a tool that works and is tested, to be changed into what it shall be."""

from __future__ import annotations

import keyword
import re
from pathlib import Path
from typing import Annotated

import typer

from cli.output import AsJson, complain, print_json, say

#: Names of tools: what the sandbox starts. Two underscores in a row are for tools of MCP servers.
NAME = re.compile(r"[a-z](?:_?[a-z]){1,39}")
TEMPLATES = Path(__file__).parent / "templates"


def new(
    name: Annotated[str, typer.Argument(help="Name of the tool: small letters and underscores.")],
    as_json: AsJson = False,
) -> None:
    """Write a new reading tool and its test into this checkout. Both work at once; change them into yours."""
    if not NAME.fullmatch(name) or keyword.iskeyword(name):
        raise typer.BadParameter("use small letters, words joined by one underscore: count_words", param_hint="NAME")
    files = _files(name)
    there = [str(file) for file in files if file.exists()]
    if there or _is_taken(name):
        complain(f"{', '.join(there) or f'A tool called {name}'} exists already; choose another name.")
        raise typer.Exit(1)
    try:
        for file, template in files.items():
            text = (TEMPLATES / template).read_text(encoding="utf-8")
            file.write_text(text.replace("$NAME", name), encoding="utf-8")
    except OSError as error:
        complain(f"{error.filename} cannot be written ({error.strerror}).")
        raise typer.Exit(1) from None
    _tell(name, [str(file) for file in files], as_json=as_json)


def _files(name: str) -> dict[Path, str]:
    """Where the files go, and what each is made from."""
    checkout = Path(__file__).resolve().parents[1]
    tools, tests = checkout / "tools" / "investigate", checkout / "tests" / "unit" / "tools"
    if not tests.is_dir():
        complain(f"{tests} is not there; run this in a checkout of casemate, not in an installed package.")
        raise typer.Exit(1)
    return {tools / f"{name}.py": "tool.txt", tests / f"test_{name}.py": "tool_test.txt"}


def _is_taken(name: str) -> bool:
    from tools.registry import default_registry

    return name in default_registry().names()


def _tell(name: str, files: list[str], *, as_json: bool) -> None:
    steps = [
        f'try it: casemate tool run {name} --args \'{{"text": "one two"}}\' --policy FOLDER, once a rule allows it',
        f"allow it: name {name} in a rule of your bundle's actions.yaml, or it is denied",
        "let a team have it: agents/teams/*.yaml",
        "list it: READING in tests/unit/tools/test_registry.py, then casemate tool reference",
    ]
    if as_json:
        print_json({"written": files, "next": steps})
        return
    say(f"Written: {', '.join(files)}.")
    for number, step in enumerate(steps, 1):
        say(f"{number}. {step}")
