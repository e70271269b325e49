from __future__ import annotations

import json

import pytest

from core.errors import EgressBlocked
from core.vault import MemoryVault
from policies.masking.egress import EgressGuard
from policies.masking.masker import Masker
from policies.masking.session import MaskSession

TICKET = "Dear John Zimmer, card 4111 1111 1111 1111, password=Hunter22xy, mail j.zimmer@evil.example"


@pytest.fixture
def guard(session: MaskSession) -> EgressGuard:
    session.mask_text(TICKET)
    return EgressGuard(session, ["You answer to Anna Lindqvist."])


def nested(text: str, depth: int) -> str:
    for _ in range(depth):
        text = json.dumps({"arguments": text})
    return text


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": "John Zimmer"}',
        b'{"a": "john\\u0020zimmer"}',
        b'{"a": "\\u004aohn  ZIMMER"}',
        b'{"a": "x\\\\nJohn%20Zimmer"}',
        b'{"John Zimmer": 1}',
        b'{"a": "John Zimmer", "a": "harmless"}',
        b'{"a": 4111111111111111}',
        b'{"a": "4111-1111-1111-1111"}',
        b'{"a": "typed Hunter22xy"}',
        b"plain John Zimmer, no JSON",
        b'{"a": "John Zimmer", cut off',
        '{"a": "John Zimmer"}'.encode("utf-16"),
        nested("John Zimmer", 3).encode(),
        b'{"a": "Samira Haddad of WS-HR-022"}',
        b'{"a": "10.20.22.7"}',
        b'{"a": "AKIAIOSFODNN7EXAMPLE"}',
        b'{"a": "-----BEGIN PRIVATE KEY-----\\nMIIB"}',
        b'{"a": "You answer to Anna Lindqvist, too."}',
        b'[[["j.zimmer@evil.example"]]]',
    ],
)
def test_a_request_with_an_original_is_stopped_without_naming_it(guard: EgressGuard, body: bytes) -> None:
    with pytest.raises(EgressBlocked) as caught:
        guard.check(body)
    sentence = str(caught.value)
    assert "stopped" in sentence
    for word in ("Zimmer", "4111", "Hunter", "Haddad", "AKIA"):
        assert word not in sentence


def test_a_masked_request_passes_again_and_again(session: MaskSession) -> None:
    masked = session.mask_text(TICKET)
    guard = EgressGuard(session, ["You answer to Anna Lindqvist."])
    body = json.dumps({"messages": ["You answer to Anna Lindqvist.", masked, nested(masked, 2)]}).encode()
    guard.check(body)
    guard.check(body)
    guard.check(masked.encode())
    guard.check(b"")


def test_what_passed_once_is_looked_at_again_when_new_originals_are_known(masker: Masker) -> None:
    session = masker.session(MemoryVault())
    guard = EgressGuard(session)
    guard.check(b'{"a": "Quentin Zimmer"}')
    session.mask_text("Dear Quentin Zimmer,")
    with pytest.raises(EgressBlocked, match="PERSON"):
        guard.check(b'{"a": "Quentin Zimmer"}')


def test_a_model_that_copies_tokens_passes(session: MaskSession) -> None:
    masked = session.mask_text(TICKET)
    EgressGuard(session).check(json.dumps({"a": f"so {masked} it is"}).encode())


@pytest.mark.parametrize(
    "place",
    [
        "mail from pay@john-zimmer.example",
        "https://john-zimmer.example/pay",
        "hxxps://pay[.]john-zimmer[.]com",
        "john.zimmer.evil.example resolves",
        "message <1f@mx.john-zimmer.example>",
    ],
)
def test_a_domain_that_reads_like_a_known_name_neither_blocks_nor_is_damaged(
    session: MaskSession, guard: EgressGuard, place: str
) -> None:
    masked = session.mask_text(place)
    assert "john" in masked
    guard.check(json.dumps({"a": masked, "b": json.dumps([masked])}).encode())


@pytest.mark.parametrize(
    "place", ["https://evil.example/john-zimmer", "https://john.zimmer@evil.example", "john.zimmer.pdf"]
)
def test_a_name_in_the_rest_of_a_url_is_stopped(guard: EgressGuard, place: str) -> None:
    with pytest.raises(EgressBlocked, match="PERSON"):
        guard.check(json.dumps({"a": place}).encode())
