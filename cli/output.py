"""What the commands print. Ticket text was written by strangers, so nothing in it may steer a terminal."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

#: Columns of a table that goes into a file or a pipe.
PIPE_WIDTH = 200

#: The option every command has.
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def print_json(value: Any) -> None:
    """One JSON document on standard output; all but ASCII is escaped, so it is inert everywhere."""
    print(json.dumps(value, indent=2, default=str))


def plain(value: object) -> str:
    """Text on one line without anything a terminal could obey: escapes, controls, direction overrides."""
    return " ".join(inert(str(value)).split())


def inert(line: str) -> str:
    """The same, with its spaces as they are."""
    return "".join(character if unicodedata.category(character)[0] != "C" else " " for character in line)


def console(*, stderr: bool = False) -> Console:
    """Rich, loaded only when something is drawn."""
    from rich.console import Console

    width = None if (sys.stderr if stderr else sys.stdout).isatty() else PIPE_WIDTH
    return Console(stderr=stderr, markup=False, highlight=False, emoji=False, width=width)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None) -> None:
    """A table; cells are inert."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(plain("–" if cell in (None, "") else cell)) for cell in row))
    console().print(table)


def say(sentence: str) -> None:
    """One line for a person."""
    print(plain(sentence))


def complain(sentence: str) -> None:
    """One line on standard error."""
    print(plain(sentence), file=sys.stderr)
