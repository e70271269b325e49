from __future__ import annotations

from typing import Any

import pytest

from policies.bundle import Bundle
from policies.masking.detector import Detector
from policies.masking.masker import Masker
from policies.masking.recognizers import make_registry
from policies.masking.rules import MaskingRules


@pytest.fixture(scope="module")
def detector(masker: Masker) -> Detector:
    return Detector(masker.organization, masker.own, masker.rules)


def kinds(detector: Detector, text: str) -> set[tuple[str, str]]:
    return {(span.entity, span.text) for span in detector.find(text)}


@pytest.mark.parametrize(
    ("text", "entity", "value"),
    [
        # cards
        ("paid with 4111 1111 1111 1111 today", "CARD", "4111 1111 1111 1111"),
        ("paid with 4111-1111-1111-1111.", "CARD", "4111-1111-1111-1111"),
        ("amex 3782 822463 10005", "CARD", "3782 822463 10005"),
        ("my card no 5018 0000 0009", "CARD", "5018 0000 0009"),
        # bank accounts
        ("IBAN de89370400440532013000 please", "IBAN", "de89370400440532013000"),
        ("bank account number 00123456789", "BANK_ACCOUNT", "00123456789"),
        ("sort code 20-00-00", "BANK_ACCOUNT", "20-00-00"),
        ("routing number: 021000021", "BANK_ACCOUNT", "021000021"),
        ("BIC: DEUTDEFF500", "BANK_ACCOUNT", "DEUTDEFF500"),
        ("BLZ 37040044", "BANK_ACCOUNT", "37040044"),
        # national ids
        ("SSN 536 22 8726", "NATIONAL_ID", "536 22 8726"),
        ("her social security number is 536228726", "NATIONAL_ID", "536228726"),
        ("she is 536-22-8726", "NATIONAL_ID", "536-22-8726"),
        ("driver's license number is F4528817", "NATIONAL_ID", "F4528817"),
        ("Passport No: C01X00T47", "NATIONAL_ID", "C01X00T47"),
        ("NHS number 943 476 5919", "NATIONAL_ID", "943 476 5919"),
        ("NINO AB 12 34 56 C", "NATIONAL_ID", "AB 12 34 56 C"),
        ("codice RSSMRA85T10A562S", "NATIONAL_ID", "RSSMRA85T10A562S"),
        ("DNI 12345678Z", "NATIONAL_ID", "12345678Z"),
        ("PESEL 44051401458", "NATIONAL_ID", "44051401458"),
        ("hetu 131052-308T", "NATIONAL_ID", "131052-308T"),
        ("Aadhaar 2341 2341 2346", "NATIONAL_ID", "2341 2341 2346"),
        ("TFN: 876 543 210", "NATIONAL_ID", "876 543 210"),
        ("NRIC S1234567D", "NATIONAL_ID", "S1234567D"),
        ("SIN: 130-692-544", "NATIONAL_ID", "130-692-544"),
        ("rrn 960121-1234560", "NATIONAL_ID", "960121-1234560"),
        # people
        ("Patient aged 61 called", "AGE", "61"),
        ("a 28-year-old customer", "AGE", "28"),
        ("she is 58 y/o", "AGE", "58"),
        ("I'll turn 40.", "AGE", "40"),
        ("retired at the age of 61", "AGE", "61"),
        ("der 45 Jahre alte Kunde", "AGE", "45"),
        ("elle a 34 ans", "AGE", "34"),
        ("tiene 52 anos", "AGE", "52"),
        ("What is your date of birth?\n> It's 11/3/1995", "DATE_OF_BIRTH", "11/3/1995"),
        ("Unit 4120 Box 0117\nDPO AP 96522", "ADDRESS", "Unit 4120 Box 0117\nDPO AP 96522"),
        ("ZIP: 20095", "ADDRESS", "20095"),
        ("ZIP: 4943", "ADDRESS", "4943"),
        ("ZIP: 394 13", "ADDRESS", "394 13"),
        ("zip_code = 110001", "ADDRESS", "110001"),
        ("postcode: 7412 SL", "ADDRESS", "7412 SL"),
        ("Post Code: E1 6AN", "ADDRESS", "E1 6AN"),
        ("PLZ 20095", "ADDRESS", "20095"),
        ("postal code 3610-114", "ADDRESS", "3610-114"),
        ("postcode SW1A 1AA", "ADDRESS", "SW1A 1AA"),
        ("eircode D02 X285", "ADDRESS", "D02 X285"),
        ("code postal 75008 Paris", "ADDRESS", "75008"),
        ("CAP 20121 Milano", "ADDRESS", "20121"),
        # accounts
        ('{"user": "jdoe7"}', "USERNAME", "jdoe7"),
        ("sAMAccountName=m.weber22", "USERNAME", "m.weber22"),
        (r"logon by CORP\pmiller", "USERNAME", "pmiller"),
        (r"C:\Users\pmiller\Downloads\x.zip", "USERNAME", "pmiller"),
        ("/home/pmiller/.ssh", "USERNAME", "pmiller"),
        # devices
        ("lladdr 00:1a:2b:3c:4d:5e REACHABLE", "MAC", "00:1a:2b:3c:4d:5e"),
        ("001a.2b3c.4d5e dynamic", "MAC", "001a.2b3c.4d5e"),
        ("MAC address: 001A2B3C4D5E", "MAC", "001A2B3C4D5E"),
        ("IMEI: 490154203237518", "IMEI", "490154203237518"),
        ("Kennzeichen HH-AB 1234", "LICENCE_PLATE", "HH-AB 1234"),
        ("licence plate: AB12 CDE", "LICENCE_PLATE", "AB12 CDE"),
        ("The car YP-EU 3272 stood there.", "LICENCE_PLATE", "YP-EU 3272"),
        ("vehicle B-AB 1234 left", "LICENCE_PLATE", "B-AB 1234"),
        ("im Fahrzeug M-XY 123", "LICENCE_PLATE", "M-XY 123"),
        ("a van (AB12 CDE) and", "LICENCE_PLATE", "AB12 CDE"),
        ("la voiture AB-123-CD", "LICENCE_PLATE", "AB-123-CD"),
        # mailboxes
        ("write to jane[at]corp.unheard", "EMAIL", "jane[at]corp.unheard"),
        ('"jane doe"@corp.example', "EMAIL", '"jane doe"@corp.example'),
        ("jürgen@münchen.example", "EMAIL", "jürgen@münchen.example"),
        ("x@intranet.unheard-suffix", "EMAIL", "x@intranet.unheard-suffix"),
    ],
)
def test_it_is_found_as_a_whole(detector: Detector, text: str, entity: str, value: str) -> None:
    assert (entity, value) in kinds(detector, text)


@pytest.mark.parametrize(
    "number",
    [
        "call me at 655 501 423",
        "not answering at 78-65-14-50",
        "stop sending messages to 0489 25 37 29",
        "on my registered 555 5702",
        "416 60 039 office",
        "(37) 788-063-Office",
        "07700 063 966-Fax",
        "+1 (212) 555-0142 x4587",
        "212-555-0142x4587",
    ],
)
def test_telephones_are_found_by_what_stands_around_them(detector: Detector, number: str) -> None:
    assert "PHONE" in {entity for entity, _ in kinds(detector, f"He said {number}, thanks.")}


@pytest.mark.parametrize(
    "text",
    [
        # identifiers that pass the check of a card or not, in groups that no card has
        "id 4444-555555555555 and 4111-11111111-1111 and 4111 1111-1111 1111, event 4111111111111111111",
        "arn:aws:iam::012345678901:role/x in account 012345678901 of eu-west-1",
        "3 days old, a 30 year loan, version 12.4, 10 years of logs, page 61, turned 360 degrees",
        "user=root login: SYSTEM uid=0 user=svc-archive NT AUTHORITY\\SYSTEM HKLM\\Software\\Run user_id=1000",
        "commit 3b18e512dba79e4c8300dd08aeb37f8e728b8dad in 550e8400-e29b-41d4-a716-446655440000",
        "trace 1700000000000000000 span 4b825dc642cb6eb9 rt=1769000000000 spanId=00f067aa0ba902b7",
        "GET /api/v1/items/94371020 200 1843 0.231 198.51.100.7 evil.example https://evil.example/x?id=77",
        "ff:ff:ff:ff:ff:ff and 00:00:00:00:00:00 at 07:31:16 in 2026-01-05T07:31:16.123Z",
        "Test Suite 12 passed, Suite 7 failed, Unit 3 Box missing, ticket SUITE-12",
        "arn:aws:secretsmanager:eu-west-1:1:secret:retrieve-7-gscOm8 and Set Password Expiration 180 days",
        "passport to success, born to run, the tin was full, pan to the left, sort code by name",
        "car AB-12 and truck F-150, van A4 2020, vehicle registration system, vehicle ID 12345, car CVE-2024-1234",
        "truck ISO-TS 16949, auto CI-CD 2, car UTF-8, the CAR-T 123 trial, scar HH-AB 1234, taxi AB12CDEF",
        "zip file 2024, ZIP: archive, unzip: 1200 files, zip 2024, rate cap: 1000, CAP: 500, ZIP: ABC DEF, PLZ 20.1",
        "ZIP: 2024-01-05, zip: 3.2.1, postal code of Hamburg, postcode lottery 2024",
        "++27.102.113[.]240++ |++27.102.113.240++| `+198.51.100[.]7+` +198.51.100.7, ++198.51.100[.]7:8080++",
        "plate of food, registration of 3 devices, swift reaction 2026, routing table 192 entries",
    ],
)
def test_technical_text_and_prose_stay(detector: Detector, text: str) -> None:
    assert detector.find(text) == []


def test_addresses_of_others_are_never_found(detector: Detector) -> None:
    text = "198.51.100.7, 2001:db8::1, ::ffff:198.51.100.7, www.evil.example, d41d8cd98f00b204e9800998ecf8427e"
    assert detector.find(text) == []


@pytest.mark.parametrize("address", ["10.20.30.40", "10[.]20[.]30[.]40", "::ffff:10.20.30.40", "203.0.113.5"])
def test_our_own_addresses_are(detector: Detector, address: str) -> None:
    assert ("IP", address) in kinds(detector, f"from {address}: denied")


@pytest.mark.parametrize("text", ["1.10.20.30.40", "10.20.30.40.50", "10.20.30.400", "v10.20.30.40x"])
def test_what_only_holds_one_of_our_addresses_is_none(detector: Detector, text: str) -> None:
    assert detector.find(text) == []


def test_findings_carry_their_recognizer_and_how_sure_it_is(detector: Detector) -> None:
    found = {span.recognizer: span.score for span in detector.find("IMEI 490154203237518, DE89370400440532013000")}
    assert found["iban"] == 1.0
    assert 0.5 < found["imei"] < 1.0


def test_the_bundle_describes_its_own_identifiers(bundle: Bundle, masker: Masker) -> None:
    rules = MaskingRules.model_validate(
        {
            "patterns": [
                {"entity": "EMPLOYEE_ID", "regex": "HB[0-9]{6}", "examples": ["HB123456"], "not_examples": []},
                {
                    "entity": "CUSTOMER_ID",
                    "regex": "[0-9]{8}",
                    "context": ["customer"],
                    "examples": ["customer 12345678"],
                    "not_examples": ["12345678"],
                },
            ]
        }
    )
    detector = Detector(bundle.organization, masker.own, rules)
    assert kinds(detector, "HB123456 wrote, HB1234567 did not") == {("EMPLOYEE_ID", "HB123456")}
    assert kinds(detector, "Customer no. 12345678 but 87654321") == {("CUSTOMER_ID", "12345678")}
    assert kinds(detector, "order 12345678") == set()


def test_an_empty_text_holds_nothing(detector: Detector) -> None:
    assert detector.find("") == []


def test_presidio_recognizers_added_to_the_registry_run_as_they_are(
    masker: Masker, monkeypatch: pytest.MonkeyPatch
) -> None:
    from presidio_analyzer import Pattern, PatternRecognizer

    def registry(*arguments: Any) -> Any:
        made = real(*arguments)
        pattern = Pattern("badge", r"badge-(?=[0-9])[0-9]{4}", 0.6)
        made.add_recognizer(PatternRecognizer("EMPLOYEE_ID", name="badges", patterns=[pattern]))
        return made

    real = make_registry
    monkeypatch.setattr("policies.masking.detector.make_registry", registry)
    spans = Detector(masker.organization, masker.own, masker.rules).find("saw badge-1234 at the door")
    assert [(span.entity, span.text, span.recognizer, span.score) for span in spans] == [
        ("EMPLOYEE_ID", "badge-1234", "badges", 0.6)
    ]


#: Texts that make careless patterns start over and over again, in pieces that are repeated.
HOSTILE = [
    *("1234567890", "1 ", "@", "a@", "a@b.", "Anna ", "Foo Bar ", "\"'", '{"a":', "+1 ", "+1 234 567 ", "password="),
    *("4111 1111 1111 1112 ", "DE89 3704 0044 0532 0130 01 ", "1:2:3:4:", "::", "-----BEGIN PRIVATE KEY-----", "eyJ"),
    *("12 Foo Bar ", "curl -u a:", "net use /user:", "Anna Lee <a@", "born 1.1.", "passport A1 ", "api_key=", "\\"),
    *(
        "Ünïcödé Ännä ",
        "田中",
        "CORP\\",
        "user=",
        "00-1a-",
        "curl -u b:",
        "a.harbourbank.example.",
        "call me at 1",
        "A",
    ),
]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("piece", HOSTILE)
def test_a_hostile_text_is_read_in_a_time_that_grows_with_its_length_only(detector: Detector, piece: str) -> None:
    """Quadratic reading of 300,000 characters would take hours, and the suite's time limit shows it."""
    text = piece * (300_000 // len(piece))
    assert all(span.end <= len(text) for span in detector.find(text))
