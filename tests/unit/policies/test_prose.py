"""What a person could have written is prose; logs, code and identifiers are not."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.masking.formats.prose import MAX_PIECE, prose_of


def shown(text: str) -> str:
    return "¦".join(text[start:end] for start, end in prose_of(text))


@pytest.mark.parametrize(
    "text",
    [
        "My name is Quillo",
        "please ask mr. zanderhof, he flew to jena yesterday",
        "Quillo Zanderhof\n\n12 Anger Lane\n Suite 4\n Jena\n\n 07745",
        '"I am glad that Jena is growing," says Zanderhof.',
        "Subject: the Zanderhof matter",
        "Billing address: Quillo Zanderhof\n    28 Anger 82 Apt. 5\n   JENA\n    TH\n    07745",
        ">Quillo Zanderhof\n>Ottmann Works\n>228 Anger 144\n>Jena",
        "Ich habe Frau Zanderhof in Jena getroffen.",
        "Bot: Who is it? User: Zanderhof",
        "??? Quillo Zanderhof\n??? Ottmann\n??? 07745 Jena",
    ],
)
def test_what_people_write_is_prose_as_a_whole(text: str) -> None:
    assert [text[start:end].strip(" ?>\n") for start, end in prose_of(text)] == [text.strip(" ?>\n")]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('{"level":"info","msg":"user Quillo called about her card","n":1}', "user Quillo called about her card"),
        ('{"displayName": "Quillo Zanderhof", "id": 7}', "Quillo Zanderhof"),
        ('[10:02] {"t": "i told you to ask zanderhof"}', "i told you to ask zanderhof"),
        ("2026-01-02 03:04:05 INFO ticket moved by Quillo Zanderhof", "Quillo Zanderhof"),
        ("<13>Jan  2 03:04:05 host app[7]: mail from Quillo Zanderhof refused", "Quillo Zanderhof"),
        ("<p>Dear <b>Quillo</b>,</p><p>we met in Jena.</p>", "we met in Jena."),
        ("Received: from x by y\n for <z>; Tue\nFrom: Quillo Zanderhof <q@evil.example>\n", "Quillo Zanderhof"),
        ('{"note": "12 Anger Lane, 07745 Jena"}', "12 Anger Lane, 07745 Jena"),
        ('{"note": "07745 Anger"}', "07745 Anger"),
        ("I met Ott\n\n\n\nQuillo\n", "I met Ott"),
        ("{}\n\x00\nQuillo Zanderhof\n\x00\n7", "Quillo Zanderhof"),
    ],
)
def test_prose_inside_of_machine_text_is_found(text: str, part: str) -> None:
    assert part in shown(text)


@pytest.mark.parametrize(
    "text",
    [
        "Jan  2 03:04:05 host sshd[123]: Failed password for invalid user admin from 198.51.100.7 port 22 ssh2",
        '198.51.100.7 - - [02/Jan/2026:03:04:05 +0000] "GET /a HTTP/1.1" 200 7 "-" "Mozilla/5.0 (X11; Linux x86_64)"',
        json.dumps({"eventName": "ConsoleLogin", "userAgent": "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36"}),
        json.dumps({"eventType": "user.session.start", "outcome": {"result": "SUCCESS"}}, indent=2),
        "ts=2026-01-02T03:04:05Z level=warn action=deny src=198.51.100.7 dst=203.0.113.9 proto=tcp",
        "  at com.example.mail.Sender.deliver(Sender.java:123)",
        'Traceback (most recent call last):\n  File "/app/main.py", line 7, in <module>',
        "d41d8cd98f00b204e9800998ecf8427e da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed; d=evil.example;\n h=from:to; b=abc def ghi",
        "https://evil.example/a/b?c=d https://evil.example/e",
        "12 34 56\n78 90 12\n1.5 2.5",
        "for (let i = 0; i < n; i++) {\n  total += items[i];\n}",
        "<style>p { color: red; font: big bold Arial }</style><p>7</p>",
        "QWxsIHdvcmsgYW5kIG5vIHBsYXkgbWFrZXMgSmFjayBhIGR1bGwgYm95",
        "aaaa.bbbb.cccc.dddd.eeee.ffff.gggg.hhhh com.example.bank.payments.transfer.ledger.Bookkeeper",
        "see a.b|c=[d]{e}",
        "connection from alpha to beta was closed by the other side of the link user=x port=7",
        '{"a": "07745 User 12"}',
        "What is the limit for this card",
        "\x00\nUser Login\n\x00\nfailed\n\x00\nSign On Policy\n\x00",
        "",
    ],
)
def test_what_machines_write_is_not_prose(text: str) -> None:
    assert shown(text) == ""


def test_pieces_end_where_sentences_do() -> None:
    text = "Quillo Zanderhof went to Jena to see Ottmann. " * 200
    pieces = prose_of(text)
    assert all(end - start <= MAX_PIECE for start, end in pieces)
    assert all(text[:end].rstrip().endswith(".") for _, end in pieces)
    assert "".join(text[start:end] for start, end in pieces) == text


def test_a_piece_without_words_to_end_at_is_cut() -> None:
    assert [end - start for start, end in prose_of('{"Quillo Zanderhof ' + "x" * 3_000)] == [MAX_PIECE, 1_017]


def test_texts_that_stand_side_by_side_are_never_one_piece() -> None:
    text = "I met Quillo\n\x00\nI met Ottmann"
    assert shown(text) == "I met Quillo¦I met Ottmann"


def test_a_text_of_more_lines_than_are_looked_at_is_read_to_its_end() -> None:
    text = "I met Ott\n" * 25_000
    pieces = prose_of(text)
    assert pieces[0][0] == 0
    assert pieces[-1][1] >= len(text) - 1
    assert all(first[1] == second[0] for first, second in pairwise(pieces))


MARKS = 'Quillo Zanderhof i met <b> </b> <style> " { } = : 42 é 中 =? &eacute; . From: Received: \\\\n |'
PIECES = st.sampled_from([*MARKS.split(), " ", " ", "\n", "\r\n", "\x00", "\t"])


@given(st.lists(PIECES, max_size=80).map("".join) | st.text())
def test_any_text_has_valid_pieces(text: str) -> None:
    position = 0
    for start, end in prose_of(text):
        assert position <= start < end <= len(text)
        assert end - start <= MAX_PIECE
        assert "\x00" not in text[start:end]
        position = end
