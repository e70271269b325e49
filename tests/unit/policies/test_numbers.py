from __future__ import annotations

import pytest

from policies.masking import numbers


@pytest.mark.parametrize(
    "card", ["4111111111111111", "5555 5555 5555 4444", "378282246310005", "30569309025904", "3530111333300000"]
)
def test_cards_of_real_issuers_pass(card: str) -> None:
    assert numbers.card_is_valid(card)


@pytest.mark.parametrize("card", ["4111111111111112", "0000000000000000", "1700000000000000", "411111111111", "9" * 17])
def test_other_numbers_are_no_cards(card: str) -> None:
    assert not numbers.card_is_valid(card)


@pytest.mark.parametrize(
    "card",
    [
        *(
            "4444-555555555555",
            "4111 1111-1111 1111",
            "41 11 11 11 11 11 11 11",
            "4111111111111111111",
            "1234567890128",
        ),
        *("6011111111111117005", "4111-1111-1111-11-11"),
    ],
)
def test_no_issuer_groups_a_card_like_that(card: str) -> None:
    assert not numbers.card_is_valid(card)


def test_a_label_lets_shorter_and_older_cards_pass() -> None:
    assert numbers.labelled_card_is_valid("501800000009")
    assert not numbers.labelled_card_is_valid("501800000008")
    assert not numbers.labelled_card_is_valid("50180000000")
    assert numbers.card_is_valid("180000000000002")


def test_numbers_behind_labels_prove_themselves() -> None:
    assert numbers.routing_is_valid("0210-0002-1")
    assert not numbers.routing_is_valid("021000022")
    assert numbers.imei_is_valid("49-015420-323751-8")
    assert not numbers.imei_is_valid("490154203237519")
    assert numbers.imei_is_valid("4901542032375101")
    assert numbers.nric_is_valid("s1234567d")
    assert numbers.nric_is_valid("F1234567N")
    assert numbers.nric_is_valid("M1234567K")
    assert not numbers.nric_is_valid("S1234567E")
    assert numbers.plate_is_plausible("HH-AB 1234")
    assert not any(map(numbers.plate_is_plausible, ["2026", "ABCD", "A1", "ABC 1234567"]))
    assert numbers.account_is_plausible("0012 3456 78")
    assert not any(map(numbers.account_is_plausible, ["2026-01-05", "05.01.2026", "12345", "000000"]))


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("C01X00T47", 9),
        ("F 4528817 and", 9),
        ("536 22 8726 now", 11),
        ("success 12345", 0),
        ("2026-01-05 x", 0),
        ("1234", 0),
    ],
)
def test_an_identity_number_behind_a_label_ends_with_its_digits(text: str, end: int) -> None:
    assert numbers.labelled_id_end(text) == end


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("DE89370400440532013000", 22),
        ("BE68 5390 0754 7034 TEST", 19),
        ("GB29 NWBK 6016 1331 9268 19", 27),
        ("DE89370400440532013001", 0),
        ("XX89370400440532013000", 0),
        ("DE8937040044", 0),
    ],
)
def test_an_iban_ends_where_its_country_says(text: str, end: int) -> None:
    assert numbers.iban_end(text) == end


def test_identity_numbers_prove_themselves() -> None:
    assert numbers.ssn_is_valid("123-45-6789")
    assert not any(
        map(numbers.ssn_is_valid, ["000-45-6789", "666-45-6789", "912-45-6789", "123-00-6789", "123-45-0000"])
    )
    assert numbers.nir_is_valid("2 55 08 14 168 025 38")
    assert not numbers.nir_is_valid("2 55 08 14 168 025 39")
    assert numbers.dni_is_valid("12345678Z")
    assert numbers.dni_is_valid("X1234567L")
    assert not numbers.dni_is_valid("12345678A")


@pytest.mark.parametrize("text", ["2024-01-01 10", "198.51.100.7", "11111111", "12345", "1234567890123456"])
def test_dates_addresses_and_short_numbers_are_no_telephones(text: str) -> None:
    assert not numbers.phone_is_plausible(text)
