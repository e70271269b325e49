"""A reported message becomes a ticket, whatever its headers say."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.mail import ticket_from_mail
from core.ticket import parse_ticket

PLAIN = b"Message-ID: <one@evil.example>\r\nSubject: Your account\r\n\r\nHello"


def test_the_message_is_the_attachment_byte_for_byte() -> None:
    ticket = ticket_from_mail(PLAIN)
    assert base64.b64decode(ticket["attachments"][0]["content_base64"]) == PLAIN
    assert (ticket["kind"], ticket["title"]) == ("phishing", "Your account")


def test_the_same_message_has_the_same_identity() -> None:
    assert ticket_from_mail(PLAIN) == ticket_from_mail(PLAIN)
    assert ticket_from_mail(PLAIN)["external_id"].startswith("one@evil.example#")


def test_another_message_with_a_copied_id_has_another_identity() -> None:
    assert ticket_from_mail(PLAIN)["external_id"] != ticket_from_mail(PLAIN + b"!")["external_id"]


def test_a_message_without_an_id_is_known_by_its_digest() -> None:
    assert ticket_from_mail(b"Subject: x\r\n\r\ny")["external_id"].startswith("sha256:")


@pytest.mark.parametrize(
    ("subject", "title"),
    [
        (b"=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        (b"=?nonsense?q?x?=", "=?nonsense?q?x?="),
        (b"=?utf-8?b?!!!?=", "=?utf-8?b?!!!?="),
        (b"folded\r\n over lines", "folded over lines"),
        (b"escape \x1b[31mred\x1b[0m", "escape [31mred[0m"),
        (b"", "A message without a subject"),
    ],
)
def test_subjects_become_readable_titles(subject: bytes, title: str) -> None:
    assert ticket_from_mail(b"Subject: " + subject + b"\r\n\r\nbody")["title"] == title


@given(st.binary(max_size=2000), st.binary(max_size=300))
def test_any_bytes_make_a_ticket_that_fits_the_schema(content: bytes, subject: bytes) -> None:
    for message in (content, b"Message-ID: " + subject + b"\r\nSubject: " + subject + b"\r\n\r\n" + content):
        parse_ticket(ticket_from_mail(message))
