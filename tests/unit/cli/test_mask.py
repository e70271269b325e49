"""`casemate mask`: what is masked in a file, by whom, and how sure; as table, JSON, changes and lines."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path

import pytest

from cli import mask_parts
from tests.unit.cli.conftest import Casemate

NAME = "Beatrix Quellmann"
ADDRESS = "b.quellmann@freight.example"
CARD = "4111 1111 1111 1111"
TEXT = f"Hello,\nI am writing for a friend.\nDear {NAME}, write to {ADDRESS}.\nCard {CARD}\nThe end.\n"

MAIL = (
    f"From: {NAME} <{ADDRESS}>\r\nTo: desk@other.example\r\nSubject: =?utf-8?b?"
    + base64.b64encode(f"Card {CARD}".encode()).decode()
    + '?=\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n'
    + "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    + base64.b64encode(b"Pay with 5555 5555 5555 4444").decode()
    + "\r\n--b\r\nContent-Type: text/csv\r\nContent-Disposition: attachment; "
    + 'filename="5555 5555 5555 4444.csv"\r\n\r\n'
    + f"mail\r\n{ADDRESS}\r\n--b\r\nContent-Type: application/octet-stream\r\n"
    + "Content-Disposition: attachment; filename=a.bin\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n--b--\r\n"
).encode()


def answers(out: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.splitlines()]


def test_the_table_names_entity_token_place_and_original(casemate: Casemate) -> None:
    ran = casemate("mask", "-", stdin=TEXT.encode())
    shown, _, table = ran.out.partition("\n\n")
    assert ran.code == 0
    assert CARD not in shown
    assert ADDRESS not in shown
    row = next(line for line in table.splitlines() if line.startswith("CARD"))
    assert "4:6" in row
    assert row.rstrip().endswith(CARD)


def test_one_json_document_says_where_and_never_what(casemate: Casemate) -> None:
    ran = casemate("mask", "-", "--json", stdin=TEXT.encode())
    document = ran.document
    assert document["kind"] == "text"
    assert document["entities"]["CARD"] == 1
    card = next(span for span in document["spans"] if span["type"] == "CARD")
    assert TEXT[card["start"] : card["end"]] == CARD
    assert (card["line"], card["column"]) == (4, 6)
    assert CARD not in ran.out
    assert NAME not in ran.out


def test_changes_are_marked_and_far_lines_left_out(casemate: Casemate) -> None:
    ran = casemate("mask", "-", "--diff", stdin=TEXT.encode())
    assert f"Card [-{CARD}-]{{+CARD_" in ran.out
    assert f"[-{ADDRESS}-]{{+EMAIL_" in ran.out
    assert "@@ line 2 @@" in ran.out
    assert "Hello," not in ran.out
    assert "\x1b" not in ran.out


def test_json_keeps_its_structure(casemate: Casemate, tmp_path: Path) -> None:
    file = tmp_path / "event.json"
    file.write_text(json.dumps({"user": {"email": ADDRESS}, "count": 3, "on": [True, None]}))
    document = casemate("mask", str(file), "--json").document
    assert document["kind"] == "json"
    assert document["masked"]["user"]["email"].endswith("@freight.example")
    assert document["masked"]["user"]["email"] != ADDRESS
    assert (document["masked"]["count"], document["masked"]["on"]) == (3, [True, None])


def test_headers_parts_and_attachments_of_a_mail_are_masked_as_one_ticket(casemate: Casemate) -> None:
    ran = casemate("mask", "-", "--json", stdin=MAIL)
    document = ran.document
    assert document["kind"] == "eml"
    texts = {part["part"]: part["text"] for part in document["masked"]}
    assert list(texts) == [
        "headers",
        "part 1 (text/plain)",
        "part 2 (text/csv): name",
        "part 2 (text/csv)",
        "part 3 (application/octet-stream): name",
        "part 3 (application/octet-stream)",
    ]
    assert "Subject: Card CARD_" in texts["headers"]
    assert texts["part 1 (text/plain)"].startswith("Pay with CARD_")
    assert texts["part 2 (text/csv): name"] == f"{texts['part 1 (text/plain)'].removeprefix('Pay with ')}.csv"
    token = next(span["token"] for span in document["spans"] if span["type"] == "EMAIL")
    assert token in texts["part 2 (text/csv)"]
    assert document["masked"][-1]["note"]
    assert {span["part"] for span in document["spans"]} >= {"headers", "part 1 (text/plain)", "part 2 (text/csv)"}


def test_a_mail_inside_a_mail_is_read(casemate: Casemate) -> None:
    outer = b"From: a@b.example\nTo: c@d.example\nDate: x\nContent-Type: message/rfc822\n\n" + MAIL
    document = casemate("mask", "-", "--json", "--kind", "eml", stdin=outer).document
    names = [part["part"] for part in document["masked"]]
    assert names[:2] == ["headers", "mail in part 1: headers"]
    assert ADDRESS not in json.dumps(document["masked"])


def test_lines_are_answered_in_order_one_for_one(casemate: Casemate) -> None:
    lines = [
        json.dumps({"id": 7, "text": f"Write to {ADDRESS} now", "masked": "forged"}),
        "[]",
        "",
        "no json",
        json.dumps({"id": 8, "text": 5}),
        json.dumps({"text": f"\U0001f600\u2028 {CARD}"}),
        "",
    ]
    ran = casemate("mask", "--lines", "-", stdin="\n".join(lines).encode())
    found = answers(ran.out)
    assert ran.code == 1
    assert ["error" in answer for answer in found] == [False, True, True, True, True, False]
    assert (found[0]["id"], found[4]["id"]) == (7, 8)
    assert str(found[0]["masked"]).endswith("@freight.example now")
    assert [(s["start"], s["end"], s["type"]) for s in found[0]["spans"]] == [(9, 9 + len(ADDRESS), "EMAIL")]  # type: ignore[attr-defined]
    assert [(s["start"], s["end"], s["type"]) for s in found[5]["spans"]] == [(3, 3 + len(CARD), "CARD")]  # type: ignore[attr-defined]


def test_sound_lines_end_with_zero_and_each_is_its_own_ticket(casemate: Casemate) -> None:
    line = json.dumps({"text": ADDRESS})
    ran = casemate("mask", "--lines", stdin=f"{line}\r\n{line}".encode())
    first, second = answers(ran.out)
    assert ran.code == 0
    assert first["masked"] != second["masked"]


def test_half_characters_and_bytes_that_are_no_text_keep_the_stream_in_step(casemate: Casemate) -> None:
    stream = b'{"text": "\\ud800 here"}\n{"text": "\xff"}\n{"text": NaN}\n' + b"[" * 100_000 + b'\n{"text": "ok"}\n'
    found = answers(casemate("mask", "--lines", "-", stdin=stream).out)
    assert ["masked" in answer for answer in found] == [True, False, False, False, True]


def test_a_line_that_is_too_long_is_skipped(casemate: Casemate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.mask_lines.MAX_BYTES", 64)
    stream = json.dumps({"text": "x" * 500}).encode() + b'\n{"text": "ok"}\n'
    found = answers(casemate("mask", "--lines", "-", stdin=stream).out)
    assert list(found[0]) == ["error"]
    assert found[1]["masked"] == "ok"


@pytest.mark.parametrize(
    ("arguments", "content", "code"),
    [
        (("mask", "/no/such/file"), b"", 2),
        (("mask", "--lines", "/no/such/file"), b"", 2),
        (("mask", "-", "--kind", "json"), b"{", 1),
        (("mask", "-", "--kind", "json"), b"[" * 100_000, 1),
        (("mask", "-", "--kind", "json"), b"[" * 900 + b"]" * 900, 1),
        (("mask", "-", "--kind", "eml"), b"no mail", 1),
        (("mask", "-", "--policy", "/no/such/folder"), b"x", 1),
    ],
)
def test_a_bad_file_is_one_sentence(casemate: Casemate, arguments: tuple[str, ...], content: bytes, code: int) -> None:
    ran = casemate(*arguments, stdin=content)
    assert (ran.code, ran.out, ran.err.count("\n")) == (code, "", 1), ran.err


@pytest.mark.parametrize("more", [("--json",), ("--diff",), ("--kind", "text")])
def test_lines_go_with_nothing_else(casemate: Casemate, more: tuple[str, ...]) -> None:
    assert casemate("mask", "--lines", *more).code == 2


def test_a_file_that_is_too_large_is_refused(casemate: Casemate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mask_parts, "MAX_BYTES", 8)
    ran = casemate("mask", "-", stdin=b"123456789")
    assert (ran.code, ran.out) == (1, "")


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.json", b"{", "json"),
        ("a.eml", b"x", "eml"),
        ("", b'\xef\xbb\xbf {"a": 1}', "json"),
        ("", b"{not json}", "text"),
        ("", b"5", "text"),
        ("", MAIL, "eml"),
        ("log.txt", b"From: here\nto there", "text"),
    ],
)
def test_the_kind_is_guessed(name: str, content: bytes, kind: str) -> None:
    assert mask_parts.guess_kind(name, content).value == kind


def test_utf_16_is_read() -> None:
    assert mask_parts.decoded("Grüße".encode("utf-16")) == "Grüße"
    assert mask_parts.decoded(b"\xef\xbb\xbfa\xff") == "a\ufffd"


def test_nothing_in_a_text_can_steer_the_terminal(casemate: Casemate) -> None:
    for option in ((), ("--diff",)):
        ran = casemate("mask", "-", *option, stdin=f"\x1b[31m {ADDRESS} \x1b]0;t\x07".encode())
        assert "\x1b" not in ran.out
        assert "\x07" not in ran.out


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_a_terminal_gets_colour_unless_it_wants_none(
    casemate: Casemate, monkeypatch: pytest.MonkeyPatch, no_color: str, coloured: bool
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    ran = casemate("mask", "-", "--diff", stdin=f"Card {CARD}\n".encode())
    assert (f"\x1b[9;31m{CARD}\x1b[0m\x1b[1;32mCARD_" in ran.out) is coloured
    assert (f"[-{CARD}-]{{+CARD_" in ran.out) is not coloured


def test_a_text_with_nothing_to_mask_has_no_changes(casemate: Casemate, tmp_path: Path) -> None:
    file = tmp_path / "plain.txt"
    file.write_text("nothing to see here\n")
    ran = casemate("mask", str(file), "--diff")
    assert ran.code == 0
    assert "[-" not in ran.out
