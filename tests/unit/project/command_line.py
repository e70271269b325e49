"""Asks the command line whether it would take some words, without running anything."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from typer.main import get_command


@cache
def _root() -> Any:
    from cli.main import app

    return get_command(app)


def refusal(words: Sequence[str]) -> str | None:
    """What the command line has against the words after `casemate`; None when it takes them.

    Options and arguments are parsed as they would be, so a missing or an unknown one is noticed.
    """
    command, rest, name = _root(), list(words), "casemate"
    context = None
    try:
        while True:
            context = command.make_context(name, list(rest), parent=context)
            left = [*context._protected_args, *context.args] if hasattr(command, "resolve_command") else []
            if not left:  # a command, or a group that does something of its own
                return None
            name, command, rest = command.resolve_command(context, left)
    except Exception as error:  # noqa: BLE001 - whatever Typer raises, its message says what is wrong
        return f"{' '.join(words)}: {getattr(error, 'message', None) or type(error).__name__}"
