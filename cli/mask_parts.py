"""What `casemate mask` reads: a text, a JSON document or a mail, as parts that are masked together."""

from __future__ import annotations

import json
import mimetypes
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from core.canonical import Json
from core.errors import CasemateError

if TYPE_CHECKING:
    from tools.investigate.message import AnyMessage

#: Bytes of the largest file, and of the longest line of a stream.
MAX_BYTES = 32 * 1024 * 1024
#: Parts of a mail that are shown.
MAX_PARTS = 200


class CannotMask(CasemateError):
    """A file that cannot be read as what it is said to be."""


class Kind(StrEnum):
    """How a file is taken apart."""

    text = "text"
    json = "json"
    eml = "eml"


@dataclass(frozen=True, slots=True)
class Part:
    """A text of a file. A text has one part, and so has a JSON document."""

    name: str
    text: str
    #: Why there is no text.
    note: str = ""


def read_file(file: str) -> bytes:
    """The bytes of a file; `-` is standard input.

    Raises:
        CannotMask: it is too large.
        OSError: it cannot be read.
    """
    if file == "-":
        content = sys.stdin.buffer.read(MAX_BYTES + 1)
    else:
        with Path(file).open("rb") as opened:
            content = opened.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise CannotMask(f"The file is larger than {MAX_BYTES >> 20} MB; split it, or hand it to --lines.")
    return content


def decoded(content: bytes) -> str:
    """Text as it was meant: UTF-8, or UTF-16 with its mark; a byte that is neither becomes a replacement character."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    return content.decode("utf-8-sig", errors="replace")


def guess_kind(name: str, content: bytes) -> Kind:
    """By the name, else by what the content says it is."""
    from tools.investigate.message import looks_like_mail

    ending = name.lower().rpartition(".")[2]
    if ending == "json":
        return Kind.json
    if looks_like_mail(name, content):
        return Kind.eml
    head = content[:64].lstrip(b"\xef\xbb\xbf \t\r\n")
    return Kind.json if head[:1] in (b"{", b"[") and _parses(decoded(content)) else Kind.text


def parse_json(text: str) -> Json:
    """The value of a JSON document.

    Raises:
        CannotMask: with line and column, never with what stands there.
    """
    try:
        value: Json = json.loads(text, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise CannotMask(f"The file is not JSON at {place}; use --kind text to mask it as it stands.") from None
    except (ValueError, RecursionError):
        raise CannotMask("The file is no JSON that can be read; use --kind text to mask it as it stands.") from None
    return value


def parts_of_mail(content: bytes) -> list[Part]:
    """Headers, decoded texts, and the names and texts of attachments, mails inside the mail included.

    Raises:
        CannotMask: the bytes are no mail.
    """
    from tools.investigate.message import parse

    message = parse(content)
    if message is None:
        raise CannotMask("The file is no mail: it has none of the usual headers; use --kind text to mask it.")
    found: list[Part] = []
    waiting = [message]
    number = 0
    while waiting and len(found) < MAX_PARTS:
        part = waiting.pop(0)
        found += _message_parts(part, number) if part is message else []
        inner = _inner(part)
        if part.get_content_maintype() == "message" and inner:
            number += 1
            found += _message_parts(inner[0], number)
        elif not inner:
            number += 1
            found += _leaf(part, number)
        waiting = inner[:MAX_PARTS] + waiting
    if waiting:
        found.append(Part("the rest", "", note=f"more than {MAX_PARTS} parts: not shown"))
    return found


def _message_parts(message: AnyMessage, number: int) -> Iterator[Part]:
    prefix = f"mail in part {number}: " if number else ""
    yield Part(f"{prefix}headers", "\n".join(_header_lines(message)))
    for name, text in (("text before the parts", message.preamble), ("text after the parts", message.epilogue)):
        if text and text.strip():
            yield Part(f"{prefix}{name}", text)


def _header_lines(message: AnyMessage) -> Iterator[str]:
    from tools.investigate.message import headers

    values: dict[str, Iterator[str]] = {}
    for name, _ in message.raw_items():
        of_name = values.setdefault(name.lower(), iter(headers(message, name)))
        yield f"{name}: {next(of_name, '')}"


def _leaf(part: AnyMessage, number: int) -> Iterator[Part]:
    kind = part.get_content_type()
    # Only a type that everybody knows is named: whoever wrote the mail may put anything there.
    label = f"part {number}" + (f" ({kind})" if kind in mimetypes.types_map.values() else "")
    try:
        name = part.get_filename()
    except (ValueError, LookupError, AttributeError, TypeError):
        name = None
    if name:
        yield Part(f"{label}: name", str(name))
    payload = part.get_payload(decode=True)
    content = payload if isinstance(payload, bytes) else b""
    text = _text(content, part.get_content_charset(), declared=part.get_content_maintype() == "text")
    if text is None:
        yield Part(label, "", note=f"{len(content)} bytes that are not text: not looked into")
    elif text.strip():
        yield Part(label, text)


def _text(content: bytes, charset: str | None, *, declared: bool) -> str | None:
    """The text of a part; None when it holds something else."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return decoded(content)
    if not declared and b"\0" in content:
        return None
    for name in (charset, "utf-8-sig"):
        try:
            return content.decode(name) if name else content.decode("utf-8-sig")
        except (LookupError, UnicodeError, ValueError):
            continue
    return content.decode("latin-1") if declared else None


def _inner(part: AnyMessage) -> list[AnyMessage]:
    payload = part.get_payload() if part.is_multipart() else None
    return [inner for inner in payload if not isinstance(inner, str)] if isinstance(payload, list) else []


def _parses(text: str) -> bool:
    try:
        return isinstance(parse_json(text), dict | list)
    except CannotMask:
        return False


def _no_number(name: str) -> None:
    raise ValueError(name)
