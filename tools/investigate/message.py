"""A mail taken apart: standard library parser with limits, falling back step by step when the mail is broken.

The parser's own time grows with the square of what an attacker chooses (headers, parts, nesting), so a header is cut
before it is parsed and a mail before it is taken apart; what was cut is told.
"""

from __future__ import annotations

import email
import email.errors
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email._policybase import Compat32
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesHeaderParser, BytesParser
from email.utils import getaddresses
from itertools import islice
from typing import Any, TypeAlias

from tools.investigate import html_text

#: Parts looked at; more of them is an attack on the reader.
MAX_PARTS = 200
#: Characters of one header value, and lines it may be folded into.
MAX_HEADER, MAX_FOLDS = 4_000, 500
#: Bytes of one text part, and of all together.
MAX_TEXT_PART, MAX_TEXTS = 1_000_000, 3_000_000
#: Lines of a mail, and lines that begin as boundaries do; 25 MiB of base64 are 350,000 lines.
MAX_LINES, MAX_DASHED = 600_000, 5_000
#: Parts within parts at which the parser is still quick; each level is asked about each line.
MAX_LEVELS = 20
#: Text encodings that take the square of their input, or mean nothing in a mail.
SLOW_CHARSETS = frozenset({"punycode", "idna", "unicodeescape", "rawunicodeescape", "undefined"})
#: Headers of which at least two must be there for bytes to count as a mail.
TYPICAL = ("from", "to", "subject", "date", "received", "message-id", "mime-version", "return-path", "content-type",
           "delivered-to", "dkim-signature", "cc", "reply-to")  # fmt: skip

#: The standard library's class is generic for type checkers only.
AnyMessage: TypeAlias = "Message[Any, Any]"


@dataclass(kw_only=True, slots=True)
class File:
    """A file inside a mail."""

    name: str
    type: str
    content: bytes


@dataclass(kw_only=True, slots=True)
class Mail:
    """What a mail holds, from all of its parts."""

    headers: AnyMessage
    defects: int = 0
    text: str = ""
    hidden: str = ""
    links: list[html_text.Link] = field(default_factory=list)
    form: bool = False
    files: list[File] = field(default_factory=list)
    #: Mails inside this one (message/rfc822).
    inner: list[AnyMessage] = field(default_factory=list)
    #: What was not read, and why.
    unread: list[str] = field(default_factory=list)
    #: Bytes of text that may still be read.
    room: int = MAX_TEXTS


class Cut(email.errors.MessageDefect):
    """Not all of the mail was read; the words say what was not."""


class _Bounded(Compat32):
    """Every header of every part cut before anything looks into it."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse([line[: 2 * MAX_HEADER] for line in sourcelines[:MAX_FOLDS]])
        return name[:200], value[: 2 * MAX_HEADER]


def parse(raw: bytes) -> AnyMessage | None:
    """The message, or None when the bytes are not a mail. What was cut is among its defects."""
    raw = raw.lstrip(b"\r\n\t \xef\xbb\xbf")
    if raw.startswith((b"From ", b">From ")):
        raw = raw.partition(b"\n")[2]
    raw, cuts = _bounded(raw)
    message = _parsed(raw, headers_only=False)
    if message is None:
        message = _parsed(raw, headers_only=True)
        cuts.append("its parts lie too deep inside one another, so they were read as one text")
    if message is None:
        return None
    names = {name.lower() for name, _ in message.raw_items()}
    if len(names & set(TYPICAL)) < 2 and "from" not in names:
        return None
    message.defects += [Cut(sentence) for sentence in cuts]
    return message


def _parsed(raw: bytes, *, headers_only: bool) -> AnyMessage | None:
    parser = BytesHeaderParser if headers_only else BytesParser
    try:
        return parser(policy=_Bounded()).parsebytes(raw)
    except (ValueError, LookupError, AttributeError, TypeError, RecursionError, email.errors.MessageError):
        return None


def _bounded(raw: bytes) -> tuple[bytes, list[str]]:
    """As much of the mail as its parser takes apart in seconds, and what that leaves out."""
    levels = len(re.findall(rb"(?i)boundary\s{0,9}=|message/rfc822", raw))
    longest = MAX_LINES * MAX_LEVELS // max(MAX_LEVELS, levels)
    lines = raw.count(b"\n") + raw.count(b"\r") - raw.count(b"\r\n")
    cuts = []
    if lines > longest:
        end = next(islice(re.finditer(rb"\r\n|\r|\n", raw), longest, None)).start()
        raw = raw[:end]
        cuts.append(f"only its first {longest:,} of {lines:,} lines were read")
    if raw.count(b"\n--") > MAX_DASHED:
        raw = raw[: next(islice(re.finditer(rb"\n--", raw), MAX_DASHED, None)).start()]
        cuts.append(f"only what stands before its boundary number {MAX_DASHED:,} was read")
    return raw, cuts


def looks_like_mail(name: str, content: bytes) -> bool:
    """By name, or by a first block of typical headers."""
    if name.lower().endswith((".eml", ".mht", ".mbox")):
        return True
    head = content[:8192].lstrip(b"\r\n\t \xef\xbb\xbf").replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    found = {m.group(1).decode().lower() for m in re.finditer(rb"(?m)^([A-Za-z][A-Za-z-]{1,40}):", head)}
    return "from" in found and len(found & set(TYPICAL)) >= 3


def header(message: AnyMessage, name: str) -> str:
    """A decoded header, empty when missing; one that the parser chokes on is decoded by hand."""
    found = headers(message, name)
    return found[0] if found else ""


def headers(message: AnyMessage, name: str) -> list[str]:
    """Every header of this name, topmost first."""
    wanted = name.lower()
    raw = [str(value) for key, value in message.raw_items() if key.lower() == wanted]
    return [_decoded(value)[:MAX_HEADER] for value in raw[:100]]


def _decoded(value: str) -> str:
    value = re.sub(r"\r?\n[ \t]+", " ", value[: MAX_HEADER * 2]).strip()
    try:
        value = value.encode("ascii", "surrogateescape").decode("utf-8", "replace")
    except UnicodeError:
        value = value.encode("utf-8", "replace").decode("utf-8", "replace")
    try:
        return str(make_header(decode_header(value)))
    except (ValueError, LookupError, TypeError, email.errors.MessageError):
        return value


def addresses(message: AnyMessage, name: str) -> list[tuple[str, str]]:
    """(display name, address) pairs of an address header; encoded words are decoded after splitting."""
    wanted = name.lower()
    raw = [re.sub(r"\s+", " ", str(v)[:MAX_HEADER]) for k, v in message.raw_items() if k.lower() == wanted]
    try:
        pairs = getaddresses(raw[:20])
    except (ValueError, TypeError, IndexError, AttributeError, RecursionError):
        pairs = []
    found = [(_decoded(shown), address.strip().lower()) for shown, address in pairs if address or shown]
    if any("@" in address for _, address in found):
        return found
    # The standard parser gives up on unbalanced quotes and brackets; an address in there still counts.
    loose = re.findall(r"[\w.+=~%-]{1,64}@[\w.-]{1,253}", " ".join(_decoded(v) for v in raw))
    return [("", address.lower()) for address in loose[:20]] or found


def domain_of(address: str) -> str:
    """The domain of an address, without the dirt that broken headers leave at its end."""
    return address.rpartition("@")[2].strip(" <>\"'.,;").lower() if "@" in address else ""


def read(message: AnyMessage) -> Mail:
    """Everything in the mail, parts of inner mails included, because a reader sees those too."""
    mail = Mail(headers=message, unread=[str(defect) for defect in message.defects if isinstance(defect, Cut)])
    plain: list[str] = []
    parts = list(islice(_parts(message), MAX_PARTS + 1))
    if len(parts) > MAX_PARTS:
        mail.unread.append(f"only its first {MAX_PARTS} parts were read")
    for part in parts[:MAX_PARTS]:
        mail.defects += len(part.defects)
        kind = _safely(part.get_content_type, "text/plain")
        name = _decoded(str(_safely(part.get_filename, None) or ""))
        if kind == "message/rfc822":
            mail.inner += [m for m in _payload_list(part)[:1] if isinstance(m, Message)]
        elif part.is_multipart():
            continue
        elif (kind in {"text/plain", "text/html"} or kind.startswith("multipart/")) and not (
            name or _is_attachment(part)
        ):
            _read_text(mail, plain, part, html=kind == "text/html")
        else:
            mail.files.append(File(name=name or f"unnamed ({kind})", type=kind, content=_content(part)))
    mail.text = "\n".join(piece for piece in (*plain, mail.text) if piece)
    return mail


def _read_text(mail: Mail, plain: list[str], part: AnyMessage, *, html: bool) -> None:
    content = _content(part)
    kept = content[: min(MAX_TEXT_PART, mail.room)]
    mail.room -= len(kept)
    if len(kept) < len(content):
        mail.unread.append(f"a text was read to its byte {len(kept):,} of {len(content):,}")
    text = _text(part, kept)
    if not html:
        plain.append(text.strip())
        mail.links += [html_text.Link(url=url) for url in plain_links(text)]
        return
    page = html_text.read(text)
    mail.text = f"{mail.text}\n{page.text}".strip() if page.text not in "".join(plain) else mail.text
    mail.hidden += page.hidden + "\n"
    mail.links += page.links
    mail.form = mail.form or page.form


def plain_links(text: str) -> list[str]:
    """URLs written out in plain text."""
    found = re.findall(r"\b(?:https?|ftp)://[^\s<>\"'\]\[{}|\\^`]{3,2000}", text[:MAX_TEXT_PART], re.IGNORECASE)
    return [url.rstrip(".,;:!?)*") for url in found[: html_text.MAX_LINKS]]


def _parts(message: AnyMessage) -> Iterator[AnyMessage]:
    """Every part, the outer ones before what is in them."""
    waiting = [message]
    while waiting:
        part = waiting.pop()
        yield part
        waiting += reversed([m for m in _payload_list(part)[: MAX_PARTS + 1] if isinstance(m, Message)])


def _payload_list(part: AnyMessage) -> list[Any]:
    payload = part.get_payload() if part.is_multipart() else None
    return payload if isinstance(payload, list) else []


def _is_attachment(part: AnyMessage) -> bool:
    return str(_safely(part.get_content_disposition, "") or "") == "attachment"


def _content(part: AnyMessage) -> bytes:
    payload = _safely(lambda: part.get_payload(decode=True), b"")
    return payload if isinstance(payload, bytes) else b""


def _text(part: AnyMessage, content: bytes) -> str:
    charset = str(_safely(part.get_content_charset, None) or "utf-8")
    slow = re.sub(r"[^a-z]", "", charset.lower()) in SLOW_CHARSETS
    for name in ("utf-8",) if slow else (charset, "utf-8"):
        try:
            return content.decode(name)
        except (LookupError, UnicodeError, ValueError):
            continue
    return content.decode("latin-1")


def _safely(read_it: Callable[[], Any], default: Any) -> Any:
    # The header parser raises all of these on headers that attackers, or merely old mailers, write.
    try:
        return read_it()
    except (
        ValueError,
        LookupError,
        AttributeError,
        TypeError,
        RecursionError,
        AssertionError,
        email.errors.MessageError,
    ):
        return default
