"""`casemate demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.output import AsJson


def demo(
    leave: Annotated[bool, typer.Option("--exit", help="Stop everything when the board is printed.")] = False,
    home: Annotated[Path, typer.Option(help="Folder of the demo; what an earlier demo left there is removed.")] = Path(
        ".casemate/demo"
    ),
    as_json: AsJson = False,
) -> None:
    """Show casemate at work on sample tickets, with a practice estate instead of your systems."""
    from cli.demo import run

    run(home=home, leave=leave, as_json=as_json)
