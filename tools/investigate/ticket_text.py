"""Everything readable in a ticket: its own text, its fields, and the text inside its attachments."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tools.investigate import message
from tools.investigate.answer import Object

#: Characters taken from one attachment.
MAX_FILE = 500_000
#: Strings taken from fields.
MAX_STRINGS = 20_000
#: Scalars that make fields look like one log event rather than notes of a form.
EVENT_SCALARS = 4
#: Keys whose value is a list of events, in the order they are looked for.
EVENT_KEYS = ("events", "logs", "records", "Records", "event", "log", "alert", "raw_event")


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """One text and where it stands."""

    where: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Attached:
    """One attachment, decoded."""

    index: int
    name: str
    content: bytes

    @property
    def is_mail(self) -> bool:
        return message.looks_like_mail(self.name, self.content)


def attached(inputs: Object) -> list[Attached]:
    """The attachments handed in with the call."""
    return [
        Attached(index=i, name=str(a["name"]), content=base64.b64decode(a["content_base64"]))
        for i, a in enumerate(inputs["attachments"])
    ]


def pieces(ticket: Object, files: list[Attached]) -> list[Piece]:
    """Every text of the ticket; the files' own names count as text too."""
    found = [Piece(where="title", text=ticket["title"]), Piece(where="body", text=ticket["body"])]
    fields = list(_strings(ticket["fields"]))
    if fields:
        found.append(Piece(where="fields", text="\n".join(fields)))
    for file in files:
        found.append(Piece(where=f"name of attachment {file.index}", text=file.name))
        found += [Piece(where=f"{w} of attachment {file.index}", text=t) for w, t in _of_file(file) if t.strip()]
    return found


def _of_file(file: Attached) -> Iterator[tuple[str, str]]:
    parsed = message.parse(file.content) if file.is_mail else None
    if parsed is None:
        if _is_text(file.content):
            yield "text", _decode(file.content)
        return
    mail = message.read(parsed)
    for part in (parsed, *mail.inner):
        for name in ("subject", "from", "reply-to", "x-mailer"):
            yield name, message.header(part, name)
    yield "text", mail.text[:MAX_FILE]
    yield "hidden text", mail.hidden[:MAX_FILE]
    yield "links", "\n".join(link.url for link in mail.links)
    for inside in mail.files:
        yield "name of a file", inside.name
        if _is_text(inside.content):
            yield f"file {inside.name[:60]}", _decode(inside.content)


def text_of(content: bytes) -> str | None:
    """The content as text; None when it is none."""
    return _decode(content) if _is_text(content) else None


def _is_text(content: bytes) -> bool:
    head = content[:4096]
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    return bool(head) and b"\0" not in head and sum(b < 9 or 13 < b < 32 for b in head) < len(head) // 50 + 1


def _decode(content: bytes) -> str:
    encoding = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8"
    return content[:MAX_FILE].decode(encoding, "replace")


def _strings(value: Any) -> Iterator[str]:
    waiting, seen = [value], 0
    while waiting and seen < MAX_STRINGS:
        item = waiting.pop()
        seen += 1
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            for key, child in reversed(item.items()):
                waiting.append(child)
                # A key is text as well, but only one that is no identifier can say anything.
                if re.search(r"\s", str(key)):
                    waiting.append(str(key))
        elif isinstance(item, list):
            waiting.extend(reversed(item))


def events(fields: Object) -> list[Object]:
    """The log events of a ticket: a list under a customary key, or the fields themselves when they look like one."""
    for key in EVENT_KEYS:
        value = fields.get(key)
        if isinstance(value, list):
            rows = [row for row in value if isinstance(row, dict)]
            if rows:
                return rows
        elif isinstance(value, dict) and value:
            return [value]
    return [fields] if _scalars(fields) >= EVENT_SCALARS else []


def _scalars(value: Any) -> int:
    if isinstance(value, dict):
        return sum(_scalars(child) for child in value.values())
    if isinstance(value, list):
        return sum(_scalars(child) for child in value)
    return 1
