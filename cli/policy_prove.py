"""`casemate policy`: prove."""

from __future__ import annotations

import typer


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file to `casemate policy`."""
