"""Asks the command line whether it would take some words, without running anything."""

from __future__ import annotations

import re
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


def mentioned(text: str) -> list[list[str]]:
    """The words after `casemate` or `casemate-entrypoint` wherever prose or a code block names a command."""
    inline = re.findall(r"`casemate ([^`\n]+)`", text)
    blocks = [
        line
        for block in re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        for line in block.splitlines()
    ]
    lines = [line.partition(" #")[0] for line in blocks]
    start = r"(?:run --rm worker |(?:^|-- |bin/|exec \w+ )casemate(?:-entrypoint)? )([a-z][^|;&>]*)"
    run = [found for line in lines for found in re.findall(start, line)]
    return [words.split() for words in (*inline, *run)]


def unknown(words: Sequence[str]) -> str | None:
    """What of a mentioned command is not there: its name, or one of its options. Arguments may be left out."""
    command, rest = _root(), list(words)
    while hasattr(command, "commands"):
        if not rest or rest[0] not in command.commands:
            return f"casemate {' '.join(words)}: no such command" if rest else None
        command = command.commands[rest.pop(0)]
    options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    wrong = [word for word in rest if word.startswith("--") and word.partition("=")[0] not in {*options, "--help"}]
    return f"casemate {' '.join(words)}: no option {', '.join(wrong)}" if wrong else None
