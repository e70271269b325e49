"""Real and malformed messages, each reported as phishing. Folders are the labels."""

from __future__ import annotations

from pathlib import Path

from cli.mail import ticket_from_mail
from evals.example import Example, data_folder

SETS = ("spamassassin-mails", "mail-parser-mails")
#: Files that describe a set and belong to none of its folders.
ABOUT = frozenset({"README.md", "LICENSE"})
#: What a folder's name says; the others hold mails of unknown intent.
ATTACK = {"nice": False, "dkim": False}


def examples() -> list[Example]:
    """Every file of both sets, whatever it holds: no file may break the mail tools."""
    return [_example(data_folder(name), path) for name in SETS for path in _files(data_folder(name))]


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in ABOUT)


def _example(folder: Path, path: Path) -> Example:
    inside = path.relative_to(folder)
    group = inside.parts[0] if len(inside.parts) > 1 else "root files"
    ticket = ticket_from_mail(path.read_bytes(), source="mailbox")
    return Example(name=f"{folder.name}/{inside}", group=group, ticket=ticket, attack=ATTACK.get(group))
