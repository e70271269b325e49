from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace

import pytest

from core.errors import ForeignToken, ToolRefused
from core.vault import MemoryVault
from policies.bundle import Bundle
from policies.masking.masker import MAX_INVISIBLE, Masker
from policies.masking.rules import MaskingRules
from policies.masking.session import MaskSession
from policies.masking.tokens import TOKEN


def entities(text: str) -> list[str]:
    return [match.group(1) for match in TOKEN.finditer(text)]


def token_of(session: MaskSession, entity: str, holding: str = "") -> str:
    return next(e.token for e in session.entries() if e.entity == entity and holding in e.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ask Anna Lindqvist", ["PERSON"]),
        ("ask LINDQVIST, ANNA or Lindqvist Anna", ["PERSON", "PERSON"]),
        ("Dear John Smith, we noticed", ["PERSON"]),
        ("Dear John Smith, Kindly pay", ["PERSON"]),
        ("From: John Smith <j@evil.example>", ["PERSON", "EMAIL"]),
        ('"Smith, John" <j@evil.example>', ["PERSON", "EMAIL"]),
        ("Best regards,\n\nJürgen Weiß\n", ["PERSON"]),
        ("please call Mr. Holzmann", ["PERSON"]),
        ("Cardholder: Jean-Luc Picard", ["PERSON"]),
        ("mail john.smith@evil.example now", ["EMAIL"]),
        ("mail john.smith[@]evil[.]example now", ["EMAIL"]),
        ("https://evil.example/?to=john%40corp.example", ["EMAIL"]),
        ("call +49 151 23456789 or Tel: 0151/2345678", ["PHONE", "PHONE"]),
        ("call (415) 555-2671", ["PHONE"]),
        ("IBAN DE89 3704 0044 0532 0130 00, GB29NWBK60161331926819", ["IBAN", "IBAN"]),
        ("4111 1111 1111 1111. 378282246310005", ["CARD", "CARD"]),
        ("SSN 123-45-6789", ["NATIONAL_ID"]),
        ("NIE X1234567L, Steuer-ID: 86095742719", ["NATIONAL_ID", "NATIONAL_ID"]),
        ("date of birth: 12 March 1984", ["DATE_OF_BIRTH"]),
        ("lives at 12 High Street, or Hauptstraße 5a, 60311 Frankfurt", ["ADDRESS", "ADDRESS"]),
        ("WS-TRE-014 is ws-tre-014.harbourbank.example at 10.20.14.31", ["HOST", "HOST", "IP"]),
        (r"HARBOURBANK\p.sorensen and C:\Users\t.nakamura\x", ["USERNAME", "USERNAME"]),
        ("login of svc-backup", ["USERNAME"]),
        ("password=Hunter22xy", ["SECRET"]),
        ('{"client_secret": "a b c d e"}', ["SECRET"]),
        ("AKIAIOSFODNN7EXAMPLE", ["SECRET"]),
        ("ghp_" + "a1B2" * 9, ["SECRET"]),
        ("Authorization: Bearer abc.def-ghi_jkl", ["SECRET"]),
        ("https://bob:s3cr3t@evil.example/", ["SECRET"]),
        ("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4\n\nMIIB\n-----END RSA PRIVATE KEY-----", ["SECRET"]),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9", ["SECRET"]),
    ],
)
def test_personal_data_becomes_tokens(session: MaskSession, text: str, expected: list[str]) -> None:
    assert entities(session.mask_text(text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "198.51.100.7 and 2001:db8::1, https://harbourbank-secure.example/login?x=1, evil.example",
        "https://harbourbank.example.evil.example/ and https://harbourbank.example@evil.example harbourbank.example",
        "d41d8cd98f00b204e9800998ecf8427e e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "Harbour Bank warns: Dear Customer, From: PayPal Service\nBest regards,\nIT Support Team\n",
        "backup service stopped; user admin, host mail, test password: required; T1566.002 CVE-2024-3094",
        "2026-11-21T20:34:11Z 1700000000 v10.1.2.3 status=200 (in 1234567 us) 550e8400-e29b-41d4-a716-446655440000",
        "Date: Mon, 1 Jan 2024 10:00:00 +0000 (UTC)",
        "spf=pass dkim=pass header.d=evil.example",
        "Windows Defender; Microsoft Corporation; process name: Visual Studio",
        "4111 1111 1111 1112 and DE89 3704 0044 0532 0130 01",
    ],
)
def test_indicators_and_ordinary_text_stay_as_they_are(session: MaskSession, text: str) -> None:
    assert session.mask_text(text) == text


def test_an_outside_mailbox_is_hidden_and_its_domain_stays(session: MaskSession) -> None:
    masked = session.mask_text("from ceo@harbourbank-secure.example")
    assert re.fullmatch(r"from EMAIL_\w{6}@harbourbank-secure\.example", masked)
    assert session.restore_text(masked) == "from ceo@harbourbank-secure.example"


def test_a_card_shows_its_last_four_digits_and_is_never_restored(session: MaskSession) -> None:
    masked = session.mask_text("card 4111 1111 1111 1111")
    assert re.fullmatch(r"card CARD_\w{6}-1111", masked)
    assert session.restore_text(masked) == masked


def test_a_secret_leaves_no_original_behind(session: MaskSession) -> None:
    masked = session.mask_text("password=Hunter22xy")
    assert session.restore_text(masked) == masked
    assert [entry.value for entry in session.entries()] == [""]
    assert session.originals() == frozenset()
    assert session.leaks("he typed Hunter22xy again")


def test_the_same_value_has_one_token_in_a_ticket_and_another_in_the_next(masker: Masker) -> None:
    first, second = masker.session(MemoryVault("tkt_1")), masker.session(MemoryVault("tkt_2"))
    text = "Anna Lindqvist"
    assert first.mask_text(text) == first.mask_text("ANNA  LINDQVIST")
    assert first.mask_text(text) != second.mask_text(text)


def test_what_one_text_gives_away_is_masked_in_all(session: MaskSession) -> None:
    masked = session.mask_json(["Xaver Yilmaz called", "From: Xaver Yilmaz <x@evil.example>", {"Xaver Yilmaz": 1}])
    token = token_of(session, "PERSON")
    assert masked[0] == f"{token} called"
    assert masked[2] == {token: 1}
    assert session.mask_text("again xaver yilmaz") == f"again {token}"


def test_a_resumed_session_knows_its_tokens(masker: Masker) -> None:
    vault = MemoryVault()
    masked = masker.session(vault).mask_text("From: Xaver Yilmaz <x@evil.example>")
    resumed = masker.session(vault)
    assert resumed.mask_text("From: Xaver Yilmaz <x@evil.example>") == masked
    assert resumed.restore_text(masked) == "From: Xaver Yilmaz <x@evil.example>"


def test_a_forged_token_in_a_ticket_can_never_be_restored(session: MaskSession) -> None:
    real = session.mask_text("Anna Lindqvist")
    masked = session.mask_text(f"{real} PERSON_K7Q2XB IP_ABCDEF")
    assert masked == f"{real} PERSON-K7Q2XB IP-ABCDEF"


def test_keys_say_what_their_values_are(session: MaskSession) -> None:
    value = {
        "password": "correct horse",
        "displayName": "Jane Roe",
        "secret": "a1b2c3d4e5f6g7h8",
        "token": "d41d8cd98f00b204e9800998ecf8427e",
        "user": "Quillo Zanderhof",
        "app": {"displayName": "Microsoft Teams"},
    }
    masked = session.mask_json(value)
    assert entities(" ".join(map(str, masked.values()))) == ["SECRET", "PERSON", "SECRET", "PERSON"]
    assert masked["token"] == value["token"]
    assert masked["app"] == value["app"]


def test_numbers_stay_numbers_unless_they_are_somebodys(session: MaskSession) -> None:
    masked = session.mask_json({"card": 4111111111111111, "time": 1700000000, "count": 3, "ok": True, "none": None})
    assert re.fullmatch(r"CARD_\w{6}-1111", masked["card"])
    assert {**masked, "card": 0} == {"card": 0, "time": 1700000000, "count": 3, "ok": True, "none": None}


def test_kept_keys_are_not_touched(session: MaskSession) -> None:
    masked = session.mask_json({"id": "Anna Lindqvist", "x": "Anna Lindqvist"}, keep_keys=("id",))
    assert masked["id"] == "Anna Lindqvist"
    assert masked["x"] == token_of(session, "PERSON")


def test_two_keys_that_become_one_token_both_stay(session: MaskSession) -> None:
    masked = session.mask_json({"Anna Lindqvist": 1, "anna lindqvist": 2})
    token = token_of(session, "PERSON")
    assert masked == {token: 1, f"{token} (2)": 2}


def test_a_password_field_cannot_hide_an_indicator_elsewhere(session: MaskSession) -> None:
    masked = session.mask_text(
        "password=evil.example\nconnects to evil.example and password=198.51.100.7 on 198.51.100.7"
    )
    assert "connects to evil.example" in masked
    assert masked.endswith("on 198.51.100.7")


def test_json_that_hides_an_original_behind_two_kinds_of_escape_is_still_masked(session: MaskSession) -> None:
    hidden = json.dumps({"a": "Anna\\u0025" + "20Lindqvist"}).replace("\\\\", "\\")
    masked = session.mask_text(hidden)
    assert not any(session.leaks(text) for text in (masked, json.loads(masked)["a"]))
    assert "PERSON" in entities(masked)


@pytest.mark.parametrize("text", ["\n\x00\n", "a\n\x00", "\x00\nb", "Anna Lindqvist\n\x00\n"])
def test_a_text_with_zero_bytes_stays_one_text(session: MaskSession, text: str) -> None:
    masked = session.mask_json([text, "next"])
    assert [part.count("\n") for part in masked] == [text.count("\n"), 0]


def test_tokens_never_grow_together_with_their_neighbours(session: MaskSession) -> None:
    masked = session.mask_text("xAKIAIOSFODNN7EXAMPLE AKIAIOSFODNN7EXAMPLEabc 你好Anna Lindqvist先生")
    assert entities(masked) == ["SECRET", "PERSON"] or entities(masked) == ["SECRET", "SECRET", "PERSON"]
    assert "AKIAIOSFODNN7EXAMPLEabc" not in masked


def test_what_a_model_has_already_seen_does_not_block_it_later(masker: Masker) -> None:
    vault = MemoryVault()
    session = masker.session(vault)
    shown = session.mask_text("Xaver Yilmaz was here")
    session.mask_text("From: Xaver Yilmaz <x@evil.example>")
    assert shown == "Xaver Yilmaz was here"
    assert not session.leaks(shown)
    assert session.mask_text(shown) != shown
    resumed = masker.session(vault)
    assert resumed.leaks(shown)
    resumed.note_shown({"body": [shown]})
    assert not resumed.leaks(shown)


def test_reports_restore_only_what_their_reader_may_see(session: MaskSession, bundle: Bundle) -> None:
    masked = session.mask_text("Anna Lindqvist, john@evil.example, +49 151 23456789, WS-TRE-014")
    permitted = bundle.masking.report_entities("any")
    restored = session.restore_text(masked, permitted)
    assert "Anna Lindqvist, john@evil.example, PHONE_" in restored
    assert restored.endswith("WS-TRE-014")
    assert session.restore_text(masked, frozenset()) == masked
    assert session.restore_text("PERSON_K7Q2XB stays") == "PERSON_K7Q2XB stays"


def test_only_listed_sources_get_names_back() -> None:
    rules = MaskingRules.model_validate({"report": {"restore": ["PERSON"], "sources": ["soc-mail"]}})
    assert rules.report_entities("soc-mail") == {"PERSON"}
    assert rules.report_entities("partner") == frozenset()


def test_an_argument_gets_back_only_what_the_sink_table_permits(session: MaskSession) -> None:
    masked = session.mask_text("a.lindqvist on WS-TRE-014")
    account, host = masked.split(" on ")
    assert session.restore_argument("disable_account", "account", account) == "a.lindqvist"
    assert session.restore_argument("isolate_host", "host", host) == "WS-TRE-014"
    assert session.restore_argument("isolate_host", "host", "SRV-X") == "SRV-X"
    with pytest.raises(ToolRefused, match="may not receive a USERNAME; it takes HOST, IP"):
        session.restore_argument("isolate_host", "host", account)
    with pytest.raises(ToolRefused, match="it takes no masked value"):
        session.restore_argument("lookup_technique", "query", account)


@pytest.mark.parametrize("forged", ["HOST_ABCDEF", "HOST_ZZZZZZ", "WS-1 or IP_222222"])
def test_a_forged_token_in_an_argument_is_refused(session: MaskSession, forged: str) -> None:
    with pytest.raises(ForeignToken):
        session.restore_argument("isolate_host", "host", forged)


def test_a_token_of_another_ticket_is_refused(masker: Masker) -> None:
    foreign = masker.session(MemoryVault("tkt_1")).mask_text("WS-TRE-014")
    with pytest.raises(ForeignToken, match="never issued for this ticket"):
        masker.session(MemoryVault("tkt_2")).restore_argument("isolate_host", "host", foreign)


def test_a_mailbox_token_moved_to_another_domain_is_refused(session: MaskSession) -> None:
    masked = session.mask_text("john@evil.example")
    token = masked.partition("@")[0]
    assert session.restore_argument("block_indicator", "indicator", f"<{masked}>") == "<john@evil.example>"
    for moved in (f"{token}@corp.example", f"{token}@evil.example2"):
        with pytest.raises(ForeignToken, match="another domain"):
            session.restore_argument("block_indicator", "indicator", moved)
        assert session.restore_text(moved) == moved


def test_a_redacted_secret_is_passed_on_as_its_reference(session: MaskSession) -> None:
    token = session.mask_text("AKIAIOSFODNN7EXAMPLE")
    assert session.restore_argument("rotate_secret", "secret", token) == token


def test_a_commitment_changes_with_any_original_behind_the_tokens(masker: Masker) -> None:
    key = b"k" * 32
    one, same = (masker.session(MemoryVault("t", key)) for _ in range(2))
    arguments = one.mask_json({"host": "WS-TRE-014"})
    assert same.mask_json({"host": "WS-TRE-014"}) == arguments
    assert one.commitment(arguments) == same.commitment(arguments)
    stranger = masker.session(MemoryVault("t", b"x" * 32))
    assert one.commitment(arguments) != stranger.commitment(arguments)
    assert one.commitment({"host": "WS-1"}) != one.commitment(arguments)


def test_treatments_come_from_the_bundle(bundle: Bundle) -> None:
    rules = MaskingRules.model_validate({"treatments": {"PERSON": "keep", "HOST": "redact"}})
    session = Masker(replace(bundle, masking=rules)).session(MemoryVault())
    masked = session.mask_text("Anna Lindqvist uses WS-TRE-014")
    assert masked.startswith("Anna Lindqvist uses HOST_")
    assert session.restore_text(masked) == masked
    assert not session.leaks("Anna Lindqvist")


def test_words_that_never_name_a_person_can_be_added(bundle: Bundle) -> None:
    rules = MaskingRules.model_validate({"never_names": ["Zebra Ledger"]})
    session = Masker(replace(bundle, masking=rules)).session(MemoryVault())
    assert session.mask_text("Dear Zebra Ledger,") == "Dear Zebra Ledger,"


def hostile_megabytes() -> Iterable[str]:
    yield "-----BEGIN PRIVATE KEY-----\n" * 10_000
    yield "\\" * 300_000
    yield "a." * 150_000
    yield "4111 " * 60_000
    yield "".join(f"a{n}@evil.example, " for n in range(5_000))
    yield "é\u0301\u200b" * 100_000
    yield "password=" * 30_000
    yield "Dear Xavier Yolanda, " * 15_000


@pytest.mark.timeout(60)
@pytest.mark.parametrize("text", list(hostile_megabytes()), ids=lambda text: repr(text[:12]))
def test_hostile_text_is_masked_in_bounded_time(session: MaskSession, text: str) -> None:
    assert session.mask_text(session.mask_text(text)) is not None


def test_importing_the_masker_loads_no_detector() -> None:
    code = """
import sys, policies.masking.masker, policies.masking.egress, policies.bundle
assert not {"presidio_analyzer", "spacy", "re2", "cel_expr_python", "ruamel"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_a_model_wrote_keeps_its_words_but_no_original(session: MaskSession) -> None:
    token = session.mask_text("Anna Lindqvist")
    written = {
        "user": "ops",
        "sql": "SELECT '(secret|password|parameters|private key)' FROM flat WHERE v LIKE '%Anna Lindqvist%'",
    }
    masked = session.mask_json(written, by_model=True)
    assert masked["user"] == "ops"
    assert masked["sql"] == written["sql"].replace("Anna Lindqvist", token)
    assert session.mask_json({"card": "4111 1111 1111 1111"}, by_model=True)["card"].startswith("CARD_")


def test_a_text_full_of_invisible_characters_is_hidden_as_a_whole(session: MaskSession) -> None:
    text = "A\u200bn\u200bna " * (MAX_INVISIBLE // 2 + 1)
    masked = session.mask_json({"body": text, "title": "Payload for Anna Lindqvist"})
    assert entities(str(masked["body"])) == ["PROSE"]
    assert entities(str(masked["title"])) == ["PERSON"]
    assert session.restore_text(str(masked["body"])).strip() == text.strip()
