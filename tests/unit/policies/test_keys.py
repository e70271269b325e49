"""What the key of a field says about its value, and what it must not be taken for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.masking.key_words import TAILS, spellings
from policies.masking.keys import in_record, is_telling, joined, kind_of, meaning
from policies.masking.strings import Slot, rebuild, slots_of


@pytest.mark.parametrize(
    ("key", "value", "entity"),
    [
        ("user", "anna.lindqvist", "USERNAME"),
        ("suser", "jlind7", "USERNAME"),
        ("TargetUserName", "alindqvist", "USERNAME"),
        ("sAMAccountName", "t.nakamura", "USERNAME"),
        ("Account Name", "alindqvist", "USERNAME"),
        ("user", "Quillo Zanderhof", "PERSON"),
        ("user", "q.zanderhof@evil.example", "EMAIL"),
        ("userPrincipalName", "anna@bank", "EMAIL"),
        ("emails", "anna@bank.example", "EMAIL"),
        ("created_by", "anna.lindqvist", "USERNAME"),
        ("created_by", "anna@bank.example", "EMAIL"),
        ("requester", "Quillo Zanderhof", "PERSON"),
        ("displayName", "Zanderhof, Quillo", "PERSON"),
        ("full_name", "Anna van der Berg", "PERSON"),
        ("display_name", "Anna", "PERSON"),
        ("sn", "Zanderhof", "PERSON"),
        ("customerFirstName2", "Quillo", "PERSON"),
        ("billing_address", "Quillo Zanderhof", "ADDRESS"),
        ("billing_address", "Anna Zanderhof", "PERSON"),
        ("billingCity", "Jena", "LOCATION"),
        ("place_of_birth", "Jena", "LOCATION"),
        ("shipping-zip", "07745", "ADDRESS"),
        ("employer", "Harbour Mutual", "ORGANIZATION"),
        ("customer_company", "Portside Freight", "ORGANIZATION"),
        ("nationality", "Portuguese", "NRP"),
        ("religion", "Lutheran", "NRP"),
        ("age", "42", "AGE"),
        ("dateOfBirth", "1968-03-14", "DATE_OF_BIRTH"),
        ("passport_no", "C01X00T47", "NATIONAL_ID"),
        ("driversLicense", "B072RRE2I55", "NATIONAL_ID"),
        ("Führerscheinnummer", "B072RRE2I55", "NATIONAL_ID"),
        ("iban", "DE89 3704 0044 0532 0130 00", "IBAN"),
        ("account_number", "532013000", "BANK_ACCOUNT"),
        ("card_number", "4111111111111111", "CARD"),
        ("src_mac", "00:1a:2b:3c:4d:5e", "MAC"),
        ("imei", "490154203237518", "IMEI"),
        ("licence_plate", "J-QZ 417", "LICENCE_PLATE"),
        ("employee_id", "E-20417", "EMPLOYEE_ID"),
        ("customer_no", "K-88213", "CUSTOMER_ID"),
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMIK7MDENGbPxRfiCY", "SECRET"),
        ("Set-Cookie", "sid=1f2e3d; Path=/", "SECRET"),
        ("csrf_token", "m2k1b9z0", "SECRET"),
        ("connection_string", "Server=db;Pwd=hunter22", "SECRET"),
        ("pin", "4711", "SECRET"),
        ("cvv", "123", "SECRET"),
        ("otp", "918 273", "SECRET"),
        ("session", "a1b2c3d4e5f6a7b8c9", "SECRET"),
        ("phone", "+49 151 23456789", "PHONE"),
    ],
)
def test_a_key_says_what_its_value_is(key: str, value: str, entity: str) -> None:
    assert is_telling(key)
    assert meaning(key, value) == entity


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("user", "root"),
        ("user", "SYSTEM"),
        ("user", "-"),
        ("user", "S-1-5-21-1004336348-1177238915-682003330-512"),
        ("user", "arn:aws:iam::123456789012:user/qzander"),
        ("user", "AIDAQZANDER0123456789"),
        ("user", "123456789012"),
        ("user", "10.1.2.3"),
        ("user", "evil.com"),
        ("user", "7b3f0a5e-6f2b-4c39-9a57-2b1b0c7f1d11"),
        ("user", "lambda.amazonaws.com"),
        ("userName", "DeployRole"),
        ("accountName", "prodstorageaccount"),
        ("serviceAccountName", "metrics-reader"),
        ("user_agent", "curl/8.0"),
        ("created_by", "terraform"),
        ("owner", "octo-org"),
        ("actor", "scheduler"),
        ("city", "Jena"),
        ("client.ipAddress.city", "Jena"),
        ("ip_address.postal_code", "07745"),
        ("company", "Microsoft Corporation"),
        ("CompanyName", "Sysinternals"),
        ("vendor_name", "Portside Freight"),
        ("max_age", "42"),
        ("age", "3600"),
        ("aws_account_number", "123456789012"),
        ("client_id", "0oa1b2c3d4"),
        ("id.customerId", "C01a2b3c4"),
        ("hostname", "kali"),
        ("computer", "DESKTOP-7Q2K1B9"),
        ("src_ip", "198.51.100.7"),
        ("password", "********"),
        ("password", "HIDDEN_DUE_TO_SECURITY_REASONS"),
        ("password", "${DB_PASSWORD}"),
        ("secret_name", "prod/db"),
        ("token", "d41d8cd98f00b204e9800998ecf8427e"),
        ("next_token", "a1b2c3d4e5f6a7b8c9"),
        ("email", "not given"),
        ("first_name", "https://evil.example/"),
        ("displayName", "Microsoft Teams"),
        ("pin", "pinned"),
        ("name", "Quillo Zanderhof"),
        ("", "Quillo Zanderhof"),
        ("user", ""),
        ("user" * 200, "anna"),
    ],
)
def test_evidence_and_machines_stay(key: str, value: str) -> None:
    assert meaning(key, value) is None


def test_a_name_inside_of_an_object_belongs_to_whom_the_object_is_about() -> None:
    assert joined("users", "name") == "user.name"
    assert kind_of(joined("customers", "name")) == "NAME"
    assert kind_of(joined("address", "city")) == "LOCATION"
    assert kind_of(joined("process", "name")) is None
    assert joined("", "name") == "name"


def test_a_town_is_somebodys_only_in_a_record_about_a_person() -> None:
    assert in_record("city", ["city", "first_name"]) == "person.city"
    assert in_record("city", ["city", "src_ip"]) == "city"
    assert in_record("action", ["action", "first_name"]) == "action"


def test_every_spelling_of_a_key_is_known_by_its_tail() -> None:
    assert {word.replace("_", "") for word in spellings()} <= set(TAILS)
    assert all(is_telling(word) or word == "age" for word in spellings())


def test_values_of_json_carry_the_key_they_are_read_with() -> None:
    value = {
        "customer": {"name": "Quillo Zanderhof", "age": 42},
        "host": {"name": "kali"},
        "parameters": [{"name": "USER_EMAIL", "value": "q@bank"}],
        "record": {"first_name": "Quillo", "city": "Jena"},
        "count": 5,
    }
    slots = set(slots_of(value, ()))
    assert Slot("Quillo Zanderhof", "customer.name") in slots
    assert Slot("kali", "") in slots
    assert Slot("q@bank", "USER_EMAIL") in slots
    assert Slot("Jena", "record.person.city") in slots
    assert Slot("5", "") not in slots
    masked = {slot: f"<{slot.text}>" if slot.key else slot.text for slot in slots}
    rebuilt = rebuild(value, (), masked)
    assert rebuilt == {
        "customer": {"name": "<Quillo Zanderhof>", "age": "<42>"},
        "host": {"name": "kali"},
        "parameters": [{"name": "USER_EMAIL", "value": "<q@bank>"}],
        "record": {"first_name": "<Quillo>", "city": "<Jena>"},
        "count": 5,
    }


def test_a_number_under_a_telling_key_is_a_text_to_mask() -> None:
    slots = list(slots_of({"age": 42, "size": 42}, ()))
    assert [slot.key for slot in slots if slot.text == "42"] == ["age"]
    shown = rebuild(
        {"age": 42, "size": 42}, (), {**dict.fromkeys(slots, "AGE_X"), Slot("size"): "size", Slot("age"): "age"}
    )
    assert shown == {"age": "AGE_X", "size": 42}


@given(st.text(), st.text())
def test_any_key_and_value_have_a_meaning_or_none(key: str, value: str) -> None:
    entity = meaning(key, value)
    assert entity is None or is_telling(key)
