"""read_email: the decisive facts of a mail, and no mail that breaks it."""

from __future__ import annotations

import base64
import io
import zipfile
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.canonical import canonical_bytes
from tests.unit.tools.outside import files
from tools.investigate.read_email import Facts, read, run
from tools.sandbox import reply
from tools.sandbox.sandbox import Sandbox

ORGANIZATION: dict[str, Any] = {
    "domains": ["harbourbank.example"],
    "networks": ["10.0.0.0/8"],
    "brands": ["harbourbank", "Harbour Bank"],
    "mail_partners": ["clearing-house.example"],
    "trusted_authserv_ids": ["mx.harbourbank.example"],
    "people": ["Michael Okafor"],
}


def mail(body: str = "Hello.", kind: str = "text/plain", **headers: str) -> bytes:
    fields = {"From": "Bob <bob@vendor.example>", "To": "a.lindqvist@harbourbank.example", "Subject": "Hi", **headers}
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return "\n".join([*lines, "MIME-Version: 1.0", f"Content-Type: {kind}; charset=utf-8", "", body]).encode()


def facts(raw: bytes) -> dict[str, Any]:
    found: dict[str, Any] = read(raw, ORGANIZATION)["facts"]
    return found


def test_every_fact_is_reported_whatever_the_mail() -> None:
    for raw in (mail(), b"no mail at all", b""):
        assert set(facts(raw)) == set(Facts.model_fields)


def test_results_of_our_own_server_are_trusted() -> None:
    found = facts(mail(Authentication_Results="mx.harbourbank.example; spf=fail; dkim=none; dmarc=fail"))
    assert (found["spf"], found["dkim"], found["dmarc"], found["auth_trusted"]) == ("fail", "none", "fail", True)


def test_results_written_by_the_sender_are_shown_and_not_trusted() -> None:
    found = facts(mail(Authentication_Results="mx.evil.example; spf=pass; dkim=pass; dmarc=pass"))
    assert (found["dmarc"], found["auth_trusted"]) == ("pass", False)


def test_our_servers_result_wins_over_one_the_sender_put_above_it() -> None:
    raw = mail(Authentication_Results="mx.evil.example; dmarc=pass").replace(
        b"\nMIME", b"\nAuthentication-Results: mx.harbourbank.example; dmarc=fail\nMIME"
    )
    assert (facts(raw)["dmarc"], facts(raw)["auth_trusted"]) == ("fail", True)


def test_received_spf_fills_in_when_nothing_else_says() -> None:
    assert facts(mail(Received_SPF="softfail (mx: domain of bob)"))["spf"] == "softfail"
    assert facts(mail())["spf"] == "missing"


@pytest.mark.parametrize("value", ["mx; spf=hardfail smtp.mailfrom=x (a (b", ";;;", "spf", "mx; spf==; dkim=", "\x00"])
def test_broken_authentication_results_are_read_as_far_as_possible(value: str) -> None:
    assert facts(mail(Authentication_Results=value))["spf"] in {"fail", "missing", "neutral", "permerror"}


def test_link_that_shows_one_site_and_leads_to_another_is_a_mismatch() -> None:
    page = '<a href="https://evil.example/x">https://www.harbourbank.example/login</a>'
    assert facts(mail(page, "text/html"))["link_mismatch"] is True


@pytest.mark.parametrize(
    "page",
    [
        '<a href="https://www.vendor.example/x">https://vendor.example</a>',
        '<a href="https://vendor.example/x">Read more</a>',
        '<a href="https://vendor.example/x">See report.pdf now</a>',
    ],
)
def test_ordinary_links_are_no_mismatch(page: str) -> None:
    found = facts(mail(page, "text/html"))
    assert (found["links"], found["link_mismatch"]) == (1, False)


def test_form_with_a_password_field_is_noticed() -> None:
    assert facts(mail('<form action="https://evil.example/p"><input type="password"></form>', "text/html"))["html_form"]


@pytest.mark.parametrize(
    ("sender", "spoof", "lookalike", "internal"),
    [
        ('"Michael Okafor" <ceo@mail.example>', True, False, False),
        ('"it@harbourbank.example" <x@mail.example>', True, False, False),
        ("Harbour Bank Security <x@mail.example>", True, False, False),
        ("Bob <bob@harb0urbank.example>", False, True, False),
        ("Bob <bob@vendor.example>", False, False, False),
        ("Michael Okafor <michael.okafor@harbourbank.example>", False, False, True),
    ],
)
def test_who_the_sender_claims_to_be(sender: str, spoof: bool, lookalike: bool, internal: bool) -> None:
    found = facts(mail(From=sender))
    assert (found["display_name_spoof"], found["lookalike_sender"], found["from_internal"]) == (
        spoof,
        lookalike,
        internal,
    )


def test_answers_to_another_domain_are_noticed() -> None:
    found = facts(mail(Reply_To="bob@mail.example", Return_Path="<bounce@news.vendor.example>"))
    assert (found["reply_to_differs"], found["return_path_differs"]) == (True, False)


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("Your account will be suspended within 24 hours", "urgency"),
        ("Please verify your account", "credential_request"),
        ("Bitte bestätigen Sie Ihre Identität", "credential_request"),
        ("We changed our bank details, process the payment", "payment_request"),
    ],
)
def test_what_the_mail_asks_for(text: str, fact: str) -> None:
    assert facts(mail(text))[fact] is True
    assert facts(mail("See you at lunch."))[fact] is False


def with_file(name: str, content: bytes) -> bytes:
    encoded = base64.b64encode(content).decode()
    return (
        "From: Bob <bob@vendor.example>\nTo: a@b.example\nSubject: s\nMIME-Version: 1.0\n"
        'Content-Type: multipart/mixed; boundary="b"\n\n--b\nContent-Type: text/plain\n\nhi\n'
        f'--b\nContent-Type: application/octet-stream; name="{name}"\nContent-Disposition: attachment\n'
        f"Content-Transfer-Encoding: base64\n\n{encoded}\n--b--\n"
    ).encode()


def zipped(name: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, "x")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "risky"),
    [
        ("invoice.pdf.exe", b"MZ", True),
        ("invoice.pdf", b"MZ\x90", True),
        ("invoice.pdf", b"%PDF-1.4 plain", False),
        ("a.zip", zipped("run.js"), True),
        ("a.zip", zipped("photo.png"), False),
        ("a.docx", zipped("word/vbaProject.bin"), True),
        ("a.iso", b"x", True),
        ("page.html", b"<html>", True),
        ("photo.jpg", b"\xff\xd8", False),
        ("a.zip", b"PK\x03\x04broken", True),
    ],
)
def test_which_attachments_are_risky(name: str, content: bytes, risky: bool) -> None:
    found = facts(with_file(name, content))
    assert (found["attachments"], found["risky_attachments"]) == (1, int(risky))


def wrapped(outer_from: str, inner: bytes) -> bytes:
    return (
        (
            f"From: {outer_from}\nTo: soc@harbourbank.example\nSubject: Fwd: look\nMIME-Version: 1.0\n"
            'Content-Type: multipart/mixed; boundary="w"\n\n--w\nContent-Type: text/plain\n\nIs this bad?\n'
            "--w\nContent-Type: message/rfc822\n\n"
        ).encode()
        + inner
        + b"\n--w--\n"
    )


def test_report_of_a_colleague_is_judged_by_the_mail_inside() -> None:
    raw = wrapped("anna.lindqvist@harbourbank.example", mail(From="x@harb0urbank.example"))
    result = read(raw, ORGANIZATION)
    assert result["facts"]["from_domain"] == "harb0urbank.example"
    assert result["detail"]["reported_by"] == "anna.lindqvist@harbourbank.example"


def test_attacker_cannot_be_judged_by_a_harmless_mail_he_encloses() -> None:
    raw = wrapped("x@harb0urbank.example", mail(From="friend@harbourbank.example"))
    assert facts(raw)["from_domain"] == "harb0urbank.example"


def test_spoofed_colleague_cannot_be_judged_by_a_harmless_mail_he_encloses() -> None:
    raw = b"Authentication-Results: mx.harbourbank.example; dmarc=fail\n" + wrapped(
        "it@harbourbank.example", mail(From="friend@vendor.example")
    )
    assert (facts(raw)["from_domain"], facts(raw)["dmarc"]) == ("harbourbank.example", "fail")


def test_long_text_is_cut_with_a_mark() -> None:
    text = read(mail("word " * 5000), ORGANIZATION)["detail"]["text"]
    assert len(text) < 4200
    assert "cut:" in text


@given(st.binary(max_size=400))
@settings(max_examples=150)
def test_any_bytes_give_an_answer(raw: bytes) -> None:
    assert canonical_bytes(reply.parse(_json(read(raw, ORGANIZATION))))


@given(
    st.text(max_size=60).filter(lambda s: "\n" not in s and "\r" not in s),
    st.sampled_from(["From", "Subject", "Content_Type", "Authentication_Results", "Received", "Reply_To"]),
    st.text(max_size=300),
)
@settings(max_examples=150)
def test_any_header_and_body_give_an_answer(value: str, name: str, body: str) -> None:
    raw = mail(body.encode("utf-8", "replace").decode()).replace(
        b"MIME-Version", f"{name}: ".encode() + value.encode("utf-8", "replace") + b"\nMIME-Version"
    )
    assert set(facts(raw)) == set(Facts.model_fields)


def test_outside_mails_are_all_parsed() -> None:
    paths = [p for p in files("spamassassin-mails") if "feed" not in p.name]
    paths += files("mail-parser-mails")
    unparsed = [p.name for p in paths if not facts(p.read_bytes())["parsed"]]
    assert len(paths) > 150
    assert len(unparsed) <= 5, unparsed


def test_good_outside_mails_show_no_bad_sign() -> None:
    signs = ("display_name_spoof", "lookalike_sender", "link_mismatch", "html_form", "risky_attachments")
    loud = [p.name for p in files("spamassassin-mails", "nice") if any(facts(p.read_bytes())[s] for s in signs)]
    assert loud == []


async def test_tool_answers_from_inside_the_sandbox(sandbox: Sandbox) -> None:
    file = {"name": "m.eml", "content_base64": base64.b64encode(mail()).decode()}
    payload: dict[str, Any] = {
        "arguments": {"attachment": 0},
        "inputs": {"attachment": file, "organization": ORGANIZATION},
    }
    assert await sandbox.run("tools.investigate.read_email:run", payload) == run(
        payload["arguments"], payload["inputs"]
    )


def _json(value: object) -> bytes:
    import json

    return json.dumps(value, allow_nan=False, ensure_ascii=False).encode("utf-8", "replace")
