"""A reported message (`.eml`) as a ticket: the message is the attachment, and nothing in it is believed here."""

from __future__ import annotations

import base64
import hashlib
import re
from contextlib import suppress
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header, make_header

from core.canonical import JsonObject
from core.ticket import MAX_TITLE

#: What the command line calls itself as a source.
SOURCE = "cli"
#: Bytes of a message whose headers are read for the title; headers end long before.
HEADERS = 256 * 1024


def ticket_from_mail(content: bytes, *, source: str = SOURCE) -> JsonObject:
    """A phishing report about this message. The same bytes make the same ticket."""
    headers = message_from_bytes(content[:HEADERS])
    return {
        "source": source,
        "external_id": _identity(_raw(headers.get("Message-ID")), content),
        "kind": "phishing",
        "title": _title(headers.get("Subject")),
        "body": "A message was reported; it is attached as it arrived.",
        "attachments": [{"name": "message.eml", "content_base64": base64.b64encode(content).decode()}],
    }


def _identity(message_id: str, content: bytes) -> str:
    """The Message-ID, and a digest because senders repeat those."""
    digest = hashlib.sha256(content).hexdigest()
    readable = re.sub(r"[^\x21-\x7e]", "", message_id).strip("<>")[:150]
    return f"{readable}#{digest[:16]}" if readable else f"sha256:{digest}"


def _title(subject: object) -> str:
    text = _raw(subject)
    with suppress(HeaderParseError, LookupError, ValueError):  # a broken encoding is shown as it stands
        text = str(make_header(decode_header(text))).strip() or text
    visible = "".join(character for character in text if character.isprintable() and not _half(character))
    return visible.strip()[:MAX_TITLE] or "A message without a subject"


def _raw(header: object) -> str:
    """A header as text; bytes that are not ASCII arrive as a `Header` or as surrogates."""
    return " ".join(str(header or "").split())


def _half(character: str) -> bool:
    return "\ud800" <= character <= "\udfff"
