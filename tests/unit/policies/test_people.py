from __future__ import annotations

import json

import pytest

from core.vault import MemoryVault
from policies.masking.masker import Masker
from policies.masking.session import MaskSession


def people(session: MaskSession) -> list[str]:
    return [entry.value for entry in session.entries() if entry.entity == "PERSON"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("  1) Yasemin Aydin, Max-Brauer-Allee 7, y@evil.example", ["Yasemin Aydin"]),
        ("1. Quillo Zanderhof, born 14.03.1968", ["Quillo Zanderhof"]),
        ("- Quillo Zanderhof; q@evil.example; +49 151 23456789", ["Quillo Zanderhof"]),
        ("| Quillo Zanderhof | q@evil.example |", ["Quillo Zanderhof"]),
        ("Quillo Zanderhof, IBAN DE89 3704 0044 0532 0130 00", ["Quillo Zanderhof"]),
        ("Name: Quillo Zanderhof\nPhone: 040 5550 2231", ["Quillo Zanderhof"]),
        ("Customer: Quillo Zanderhof", ["Quillo Zanderhof"]),
        ("account holder: Quillo Zanderhof", ["Quillo Zanderhof"]),
        ("first name: Quillo, surname: Zanderhof", ["Quillo", "Zanderhof"]),
        ("then Greta Sommerfeld called, and Krzysztof van der Berg", ["Greta Sommerfeld", "Krzysztof van der Berg"]),
        ("wrote José Núñez's lawyer", ["José Núñez"]),
        ("My name is Quillo Zanderhof", ["Quillo Zanderhof"]),
        ("Hi Greta, thanks", ["Greta"]),
        ("Hi Mark, thanks", ["Mark"]),
        ("Regards,\nGreta\n", ["Greta"]),
        ("Hi luis, send it", ["luis"]),
        ("Dear Okafor, send it", ["Okafor"]),
        ("Kind regards,\nPriya", ["Priya"]),
        ("Hi Greta, I'm late", ["Greta"]),
        ("The Old Board Met Twice In Lille And Then Greta Sommerfeld Left", ["Greta Sommerfeld"]),
        ("Mr. Zanderhof and Mr. Quillo J. Zanderhof", ["Mr. Zanderhof", "Quillo J. Zanderhof"]),
    ],
)
def test_names_are_found_where_people_stand(session: MaskSession, text: str, names: list[str]) -> None:
    masked = session.mask_text(text)
    assert people(session) == names
    assert not any(name in masked for name in names)
    assert session.mask_text(masked) == masked
    assert not session.leaks(masked)


@pytest.mark.parametrize(
    "text",
    [
        "Hello World, Hi Team, Dear Customer, Hi all, Thanks Support",
        "1) Cobalt Strike, beacon to https://evil.example\n2) Red Canary, see blog.evil.example",
        "Julia Language Release, Charles Schwab Bank, Diego Garcia Island, Thomas Cook Group, Robert Half Services",
        "Mark Read, Will Update, Grant Access, Amber Alert, Virginia Beach, Jenkins Pipeline, Sydney Region",
        "C:/Users/Anna Schmidt.Corp/x src/Anna Schmidt(1) foo_Anna Schmidt",
        "Name: Suspicious Encoded PowerShell\nDescription: x",
        "Customer: Portside Freight Billing",
        "first name: Admin, last name: 42",
        "Outside MFA; Included Updated Properties; Random Org2Org",
    ],
)
def test_words_that_only_look_like_names_stay(session: MaskSession, text: str) -> None:
    assert session.mask_text(text) == text


def test_an_own_person_named_in_full_is_known_by_either_name_from_then_on(masker: Masker) -> None:
    session = masker.session(MemoryVault())
    masked = session.mask_json({"a": "luis did not send it", "b": "Luis Ferreira", "c": "FERREIRA says", "d": "Rosa"})
    shown = json.dumps(masked).casefold()
    assert "luis" not in shown
    assert "ferreira" not in shown
    assert masked["d"] == "Rosa"
    assert session.leaks("ask Luis")
    assert not session.leaks(json.dumps(masked))
    assert session.restore_text(masked["a"]) == "luis did not send it"


def test_an_own_first_name_alone_stays_in_a_ticket_that_does_not_name_the_person(session: MaskSession) -> None:
    assert session.mask_text("the rosa theme; anna.exe") == "the rosa theme; anna.exe"
    assert not session.leaks("the rosa theme")


def test_an_own_first_name_that_a_model_has_seen_does_not_block_it_later(session: MaskSession) -> None:
    shown = session.mask_text("luis was here")
    session.mask_text("Luis Ferreira")
    assert shown == "luis was here"
    assert not session.leaks(shown)
    assert session.mask_text(shown) != shown


def test_a_masked_surname_that_is_a_word_stays_readable_elsewhere(session: MaskSession) -> None:
    masked = session.mask_json({"last_name": "Hill", "note": "the hill side"})
    assert masked["last_name"] != "Hill"
    assert masked["note"] == "the hill side"


@pytest.mark.parametrize(
    ("key", "value", "entity"),
    [
        ("customer", "Quillo Zanderhof", "PERSON"),
        ("accountHolder", "Quillo Zanderhof", "PERSON"),
        ("owner_name", "Quillo Zanderhof", "PERSON"),
        ("customerFirstName", "Quillo", "PERSON"),
        ("surname", "Zanderhof", "PERSON"),
        ("mobile_phone", "151 2345678", "PHONE"),
        ("street", "Am Anger 7", "ADDRESS"),
        ("billing_address", "Am Anger 7, Jena", "ADDRESS"),
        ("dateOfBirth", "1968-03-14", "DATE_OF_BIRTH"),
        ("customer", "Contoso Logistics", None),
        ("contact", "IT Support", None),
        ("first_name", "Admin", None),
        ("phone", "n/a", None),
        ("mobile", "true", None),
        ("street", "https://evil.example/", None),
        ("rule_name", "Quillo Zanderhof", None),
    ],
)
def test_the_key_of_a_value_says_whose_it_is(session: MaskSession, key: str, value: str, entity: str | None) -> None:
    masked = session.mask_json({key: value})
    assert [entry.entity for entry in session.entries()] == ([entity] if entity else [])
    assert (masked[key] == value) == (entity is None)
