"""Tickets full of canaries: each field, each format and each kind of attachment holds what was meant for it."""

from __future__ import annotations

import base64
import csv
import io
import json
import quopri
from collections import defaultdict
from collections.abc import Sequence
from email.message import EmailMessage
from html import escape
from typing import Any

from tests.journey.canaries import Canary

#: What a ticket is about, so that every team of the shipped ones works on one.
KINDS_OF_TICKETS = ("phishing", "identity", "endpoint", "cloud", "leaked_credential", "vulnerability")
#: Characters a title may have.
MAX_TITLE = 500


def ticket_of(number: int, canaries: Sequence[Canary]) -> dict[str, Any]:
    """One ticket with these canaries in their places."""
    by_place: defaultdict[str, list[Canary]] = defaultdict(list)
    for canary in canaries:
        by_place[canary.place].append(canary)
    title = f"Please look: {_line(by_place['title'])}"
    assert len(title) <= MAX_TITLE
    return {
        "source": "canaries",
        "external_id": f"CANARY-{number}",
        "kind": KINDS_OF_TICKETS[number % len(KINDS_OF_TICKETS)],
        "title": title,
        "body": _body(by_place),
        "fields": _fields(by_place),
        "reporter": by_place["reporter"][0].value,
        "attachments": _attachments(number, by_place),
    }


def _body(by_place: dict[str, list[Canary]]) -> str:
    hidden = base64.b64encode(_text(by_place["body, base64"]).encode()).decode()
    return "\n\n".join(
        [
            _text(by_place["body"]),
            f"The page said: {_html(by_place['body, HTML'], by_place['body, HTML table'])}",
            f"The event: {json.dumps(_object(by_place['body, JSON']))}",
            f"Log: {' '.join(_pair(c) for c in by_place['body, key=value'])}",
            f"Table:\n{_csv(by_place['body, CSV'])}",
            f"CEF:0|Vendor|Product|1.0|100|Sign-in|5|{' '.join(f'{c.key}={c.value}' for c in by_place['body, CEF'])}",
            f"Payload: {hidden}",
        ]
    )


def _fields(by_place: dict[str, list[Canary]]) -> dict[str, Any]:
    event = {
        "host": "WS-TRE-014",
        "process": "powershell.exe",
        "user": "a.lindqvist",
        "action": "start",
        **_object(by_place["fields, event"]),
    }
    return {
        "case": {"people": [{"details": _object(by_place["fields, nested"])}]},
        "note": _text(by_place["fields, note"]),
        "events": [event],
    }


def _attachments(number: int, by_place: dict[str, list[Canary]]) -> list[dict[str, str]]:
    files: list[tuple[str, bytes]] = [
        ("mail.eml", _mail(number, by_place)),
        ("note.txt", _text(by_place["attachment, text"]).encode()),
        ("rows.csv", _csv(by_place["attachment, CSV"]).encode()),
        ("record.json", json.dumps(_object(by_place["attachment, JSON"]), ensure_ascii=False).encode()),
        *((f"Statement {canary.prose.strip()[:200]}.txt", b"see the name") for canary in by_place["attachment name"]),
    ]
    return [{"name": name, "content_base64": base64.b64encode(content).decode()} for name, content in files]


def _mail(number: int, by_place: dict[str, list[Canary]]) -> bytes:
    mail = EmailMessage()
    mail["From"] = "Portside Billing <billing@portside.example>"
    mail["To"] = "helpdesk@harbourbank.example"
    mail["Message-ID"] = message_id(number)
    mail["Subject"] = _line(by_place["mail, subject"])
    mail.set_content(_text(by_place["mail, text"]))
    mail.add_attachment(_text(by_place["mail, base64"]), subtype="plain", cte="base64", filename="one.txt")
    quoted = EmailMessage()
    quoted.set_content("x", cte="quoted-printable")
    quoted.set_payload(quopri.encodestring(_text(by_place["mail, quoted-printable"]).encode()).decode())
    mail.attach(quoted)
    mail.add_attachment(_html(by_place["mail, HTML"], []), subtype="html", filename="page.html")
    mail.add_attachment(_text(by_place["mail, attachment"]).encode(), maintype="application", subtype="octet-stream",
                        filename="letter.txt")  # fmt: skip
    return mail.as_bytes()


def message_id(number: int) -> str:
    """Of the mail in that ticket."""
    return f"<canary-{number}@portside.example>"


def _text(canaries: Sequence[Canary]) -> str:
    return "\n".join(canary.prose for canary in canaries) + "\n"


def _line(canaries: Sequence[Canary]) -> str:
    return " ".join(canary.prose for canary in canaries)


def _object(canaries: Sequence[Canary]) -> dict[str, Any]:
    """One object; a key that comes twice stands in an object of its own."""
    found: dict[str, Any] = {}
    for canary in canaries:
        place = found
        while canary.key in place:
            place = place.setdefault("related", {})
        place[str(canary.key)] = canary.value
    return found


def _pair(canary: Canary) -> str:
    return f'{canary.key}="{canary.value}"'


def _csv(canaries: Sequence[Canary]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["row", *(canary.key for canary in canaries)])
    writer.writerow(["1", *(canary.value for canary in canaries)])
    return out.getvalue()


def _html(prose: Sequence[Canary], keyed: Sequence[Canary]) -> str:
    rows = "".join(f"<tr><th>{c.key}</th><td>{escape(c.value)}</td></tr>" for c in keyed)
    return f"<html><body>{''.join(f'<p>{escape(c.prose)}</p>' for c in prose)}<table>{rows}</table></body></html>"
