from __future__ import annotations

import pytest

from policies.masking.session import MaskSession


def masked_kinds(session: MaskSession) -> list[str]:
    return [entry.entity for entry in session.entries()]


@pytest.mark.parametrize(
    "street",
    [
        "Elbchaussee 214, 22605 Hamburg",
        "Große Bergstraße 88, 22767 Hamburg",
        "Max-Brauer-Allee 7",
        "Kieler Strasse 17",
        "Heidering 12, 20095 Hamburg",
        "Lindenstraat 6",
        "Birkevej 22",
        "ul. Lipowa 18",
        "14 rue des Érables",
        "Via Garibaldi 27",
        "Calle de Alcalá 42",
        "19 Alder Drive",
        "221B Baker Street",
        "P.O. Box 771",
    ],
)
def test_streets_are_masked_whole(session: MaskSession, street: str) -> None:
    masked = session.mask_text(f"She lives at {street}, they say.")
    assert masked.startswith("She lives at ADDRESS_")
    assert masked.endswith(", they say.")
    assert masked_kinds(session) == ["ADDRESS"]


@pytest.mark.parametrize(
    "number",
    [
        "040 5550 2231",
        "0151/2345678",
        "041 555 12 34",
        "01 23 45 67 89",
        "(05) 5550 1234",
        "07700 063966",
        "001-212-555-0142",
        "Phone:\n555 0142 37",
        "Desk: 5550142378",
        "call me on 655 501 423",
    ],
)
def test_telephones_in_national_form_are_masked(session: MaskSession, number: str) -> None:
    session.mask_text(f"He left {number}, thanks.")
    assert masked_kinds(session) == ["PHONE"]


def test_a_telephone_before_another_number_is_masked(session: MaskSession) -> None:
    masked = session.mask_text(
        "+49 151 23456789.198.51.100.7, +49 151 23456789 198.51.100.7 and Tel: 0151 2345678 2026-01-05 10:00"
    )
    assert [entry.value for entry in session.entries()] == ["+49 151 23456789", "0151 2345678"]
    assert "198.51.100.7" in masked
    assert "2026-01-05" in masked


@pytest.mark.parametrize(
    "text",
    ["geb. 14.03.1968", "née le 14/03/1968", "date of birth is 7/19/1961", '"date_of_birth": "1968-03-14"'],
)
def test_dates_of_birth_are_masked_where_words_say_so(session: MaskSession, text: str) -> None:
    session.mask_text(text)
    assert masked_kinds(session) == ["DATE_OF_BIRTH"]


@pytest.mark.parametrize(
    "text",
    [
        "Speicherplatz 500 GB, Via Port 443, 2 Google Drive links, Monitoring 24, Firewall 5, Norwegen 12",
        "3 Route Tables, 12 Square Meters, Place Orders 5, Pending Close 3, Event 4624 Logon Type 3",
        "0000020 040 164 150 151 163 040 151 163",
        "01 23 45 67 89 ab cd ef",
        "-rw-r--r-- 1 root 4096 2026-01-05 07:31:08 0.0.0.0 01.02.2026 05-01-2026 07:31",
        "pid 0432 1712, offset 0x00401000, build 0123456789, uid 1000, v01.02.03.04, v1.2",
        "ip address: 198.51.100.7, address: 0x7fff5fbff8c8",
        "arn:aws:iam::012345678901:role/x, account 012345678901, error 0x80070005, released 2016-01-01",
    ],
)
def test_technical_text_is_no_street_telephone_or_birthday(session: MaskSession, text: str) -> None:
    assert session.mask_text(text) == text
