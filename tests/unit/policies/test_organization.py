from __future__ import annotations

import pytest
from pydantic import ValidationError

from policies.bundle import Bundle
from policies.organization import Organization, host_of


@pytest.mark.parametrize(
    "text",
    [
        "a.lindqvist",
        "A.LINDQVIST",
        r"HARBOURBANK\a.lindqvist",
        "anna.lindqvist@harbourbank.example",
        "Anna Lindqvist",
        "lindqvist,  anna",
    ],
)
def test_a_person_is_found_by_any_of_their_names(bundle: Bundle, text: str) -> None:
    person = bundle.organization.find_person(text)
    assert person is not None
    assert person.username == "a.lindqvist"


@pytest.mark.parametrize("text", ["anna", "lindqvist@evil.example", "", "a.lindqvist@harbourbank-secure.example"])
def test_a_stranger_is_nobody(bundle: Bundle, text: str) -> None:
    assert bundle.organization.find_person(text) is None


@pytest.mark.parametrize("text", ["ws-tre-014", "WS-TRE-014.harbourbank.example.", "10.20.14.31"])
def test_a_host_is_found_by_name_and_address(bundle: Bundle, text: str) -> None:
    asset = bundle.organization.find_asset(text)
    assert asset is not None
    assert asset.tier == 3


@pytest.mark.parametrize(
    "indicator",
    [
        "harbourbank.example",
        "MAIL.HARBOURBANK.EXAMPLE.",
        "hxxps://www[.]harbourbank[.]example/login",
        "ceo@harbourbank.example",
        "10.1.2.3",
        "10.1.2.3:443",
        "10.0.0.0/8",
        "0.0.0.0/0",
        "203.0.113.0/24",
        "::ffff:10.1.2.3",
        "http://evil@10.1.2.3/x",
        "WS-TRE-014",
        "ｈａｒｂｏｕｒｂａｎｋ.example",
    ],
)
def test_what_is_ours_is_recognised_however_it_is_written(bundle: Bundle, indicator: str) -> None:
    assert bundle.organization.is_own(indicator)


@pytest.mark.parametrize(
    "indicator",
    [
        "harbourbank-secure.example",
        "harbourbank.example.evil.example",
        "https://harbourbank.example@evil.example/",
        "xharbourbank.example",
        "198.51.100.7",
        "203.0.113.16",
        "d41d8cd98f00b204e9800998ecf8427e",
        "",
    ],
)
def test_look_alikes_and_strangers_are_not_ours(bundle: Bundle, indicator: str) -> None:
    assert not bundle.organization.is_own(indicator)


def test_partners_are_known_by_their_domain(bundle: Bundle) -> None:
    assert bundle.organization.is_partner("https://pay.clearing-house.example/x")
    assert not bundle.organization.is_partner("clearing-house.example.evil.example")


def test_a_url_that_does_not_parse_is_kept_as_text() -> None:
    assert host_of("http://[evil") == "http://[evil"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"domains": ["Bank.Example"]}, "is not a domain"),
        ({"networks": ["10.0.0.1/8"]}, "is not a network"),
        ({"assets": [{"hostname": "a", "ip": "x", "tier": 1, "kind": "server"}]}, "is not an IP address"),
        ({"assets": [{"hostname": "a b", "ip": "10.0.0.1", "tier": 1, "kind": "server"}]}, "is not a host name"),
        (
            {"assets": [{"hostname": "a", "ip": "10.0.0.1", "tier": 1, "kind": "server", "owner": "nobody"}]},
            "not among the people",
        ),
        ({"people": [{"username": "a", "name": "A B"}, {"username": "A", "name": "C D"}]}, "appears twice"),
    ],
)
def test_an_organization_that_contradicts_itself_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Organization.model_validate({"name": "Bank", "domains": ["bank.example"], **change})
