from __future__ import annotations

import re

import pytest

from core.vault import MemoryVault
from policies.masking.masker import Masker
from policies.masking.session import MaskSession

MESSAGE = """From: {name} <{mailbox}>
Message-ID: <inv2291.77@mail.{domain}>
Pay at https://{domain}/pay?to={local} or {domain}, hash {digest}
"""
DIGEST = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def message(name: str, local: str, domain: str) -> str:
    return MESSAGE.format(name=name, local=local, mailbox=f"{local}@{domain}", domain=domain, digest=DIGEST)


def masked_of(session: MaskSession, text: str) -> str:
    masked = session.mask_text(text)
    assert not session.leaks(masked)
    assert session.mask_text(masked) == masked
    return masked


@pytest.mark.parametrize(
    "name",
    [
        "Portside Freight Billing",
        "Anders Holm GmbH",
        "Meridian Security Desk",
        "Orion Notifications",
        "Kestrel Credit Bank",
        "Support Quillon",
        "Quillon Trading Ltd",
    ],
)
def test_a_display_name_with_the_word_of_a_firm_is_no_person(session: MaskSession, name: str) -> None:
    masked = masked_of(session, message(name, "billing", "portside-freight.example"))
    assert f"From: {name} <EMAIL_" in masked


@pytest.mark.parametrize("domain", ["xaver-yilmaz.example", "xaver.yilmaz.example", "mx.xaver-yilmaz.com"])
def test_a_name_taken_from_a_message_does_not_damage_the_domain_of_its_sender(
    session: MaskSession, domain: str
) -> None:
    masked = masked_of(session, message("Xaver Yilmaz", "xaver.yilmaz", domain))
    assert re.search(rf"From: PERSON_\w+ <EMAIL_\w+@{re.escape(domain)}>", masked)
    assert re.search(rf"<EMAIL_\w+@mail\.{re.escape(domain)}>", masked)
    assert f"https://{domain}/pay?to=PERSON_" in masked
    assert f" or {domain}, hash {DIGEST}" in masked


def test_a_message_id_of_such_a_sender_can_be_given_to_the_tool_that_quarantines_it(session: MaskSession) -> None:
    masked = masked_of(session, message("Xaver Yilmaz", "billing", "xaver-yilmaz.example"))
    identifier = re.search(r"Message-ID: (<.*>)", masked)
    assert identifier is not None
    restored = session.restore_argument("quarantine_email", "message_id", identifier.group(1))
    assert restored == "<inv2291.77@mail.xaver-yilmaz.example>"


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("https://evil.example/u/xaver-yilmaz", "xaver"),
        ("https://xaver.yilmaz@evil.example/", "xaver"),
        ("https://evil.example/?u=xaver.yilmaz", "xaver"),
        ("xaver.yilmaz@evil.example", "xaver"),
        ("the file xaver.yilmaz.pdf or xaver-yilmaz.zip", "xaver"),
        ("account xaver.yilmaz", "xaver"),
        ("http://srv-pay-01:8080/ and \\\\SRV-PAY-01\\share", "srv-pay"),
        ("xaver.yilmaz.harbourbank.example and xaver.yilmaz.corp", "xaver"),
        ("4111-1111-1111-1111.evil.example", "4111"),
        ("Hunter22xy.evil.example", "hunter"),
    ],
)
def test_outside_of_hosts_and_for_secrets_and_numbers_known_values_are_masked(
    session: MaskSession, text: str, gone: str
) -> None:
    session.mask_text("From: Xaver Yilmaz <x@evil.example> card 4111 1111 1111 1111 password=Hunter22xy")
    assert gone not in masked_of(session, text).casefold()


@pytest.mark.parametrize(
    "text",
    [
        "a.lindqvist.evil.example",
        "https://anna-lindqvist.example/login",
        "hxxps://anna[.]lindqvist[.]evil[.]com",
        "550e8400-e29b-41d4-a716-151234567890",
    ],
)
def test_hosts_of_others_and_hashes_stay_whole(masker: Masker, text: str) -> None:
    session = masker.session(MemoryVault())
    session.mask_text("phone +15 1234 567890")
    assert masked_of(session, text) == text
