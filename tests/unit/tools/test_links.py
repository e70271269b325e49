"""inspect_url, look-alikes and indicators: judged by letters alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.tools.outside import files
from tests.unit.tools.test_mail import ORGANIZATION
from tools.investigate import domains, extract_indicators, indicators, inspect_url, lookalike
from tools.investigate.inspect_url import inspect
from tools.investigate.refang import refang


def facts(url: str) -> dict[str, Any]:
    found: dict[str, Any] = inspect(url, ORGANIZATION)["facts"]
    return found


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://www.harbourbank.example/login", {"own": True, "suspicious": 0}),
        ("https://clearing-house.example/login", {"partner": True, "own": False, "suspicious": 0}),
        ("https://harb0urbank.example/", {"lookalike": True, "lookalike_of": "harbourbank.example"}),
        ("https://harbourbank-login.example/verify", {"brand_in_host": True, "credential_path": True, "own": False}),
        ("https://harbourbank.example.evil.example/", {"brand_in_host": True, "registered_domain": "evil.example"}),
        ("https://xn--hrbourbank-b4a.example/", {"punycode": True, "lookalike": True}),
        ("http://0x7f.1/", {"ip_host": True, "domain": "127.0.0.1"}),
        ("http://3232235777/x", {"ip_host": True, "domain": "192.168.1.1"}),
        ("http://[2001:db8::1]/x", {"ip_host": True}),
        ("https://harbourbank.example@evil.example/", {"userinfo": True, "domain": "evil.example"}),
        ("hxxps[:]//bit[.]ly/abc", {"shortener": True, "domain": "bit.ly"}),
        ("https://evil.example:8443/", {"nonstandard_port": True}),
        ("https://a.b.c.d.evil.example/", {"subdomains": 4}),
        ("https://a.co.uk/", {"registered_domain": "a.co.uk", "subdomains": 0}),
        ("https://en.wikipedia.org/wiki/Bank", {"suspicious": 0}),
        ("evil.example/path", {"parsed": True, "domain": "evil.example"}),
        ("not a url", {"parsed": False}),
        ("http://[::1", {"parsed": False}),
        ("http://evil.example:99999/", {"parsed": False}),
    ],
)
def test_what_a_url_tells(url: str, expected: dict[str, Any]) -> None:
    found = facts(url)
    assert {name: found[name] for name in expected} == expected


def test_mixed_alphabets_are_noticed() -> None:
    assert facts("https://hаrbourbank.example/")["mixed_script"] is True  # the second letter is Cyrillic
    assert facts("https://bücher.example/")["mixed_script"] is False


def test_open_redirect_targets_are_listed() -> None:
    detail = inspect("https://site.example/r?u=https://evil.example/x", ORGANIZATION)["detail"]
    assert detail["redirects_to"] == ["https://evil.example/x"]


def variants(name: str) -> set[str]:
    """What generators of look-alike domains make: one letter left out, doubled, swapped, changed, added, or redrawn."""
    letters = "abcdefghijklmnopqrstuvwxyz0123456789-"
    made = {name[:i] + name[i + 1 :] for i in range(len(name))}
    made |= {name[:i] + name[i] + name[i:] for i in range(len(name))}
    made |= {name[:i] + name[i + 1] + name[i] + name[i + 2 :] for i in range(len(name) - 1)}
    made |= {name[:i] + c + name[i + 1 :] for i in range(len(name)) for c in letters}
    made |= {name[:i] + c + name[i:] for i in range(len(name) + 1) for c in letters}
    drawn = {
        "o": ("0", "\u043e", "\u00f6"),
        "a": ("\u0430", "\u00e4", "4"),
        "b": ("8",),
        "r": ("\u0433",),
        "k": ("lc",),
    }
    made |= {name.replace(one, other) for one, others in drawn.items() for other in others}
    return {f"{m}.example" for m in made if m != name and not m.startswith("-") and not m.endswith("-")}


def test_everything_a_generator_of_lookalikes_makes_is_recognised() -> None:
    made = variants("harbourbank") | {"harbourbank.test", "harbour.bank.example", "xn--hrbourbank-b4a.example"}
    missed = {d for d in made if not lookalike.compare(d, ["harbourbank.example"], ["harbourbank"]).of}
    assert len(made) > 800
    assert missed == set()


@pytest.mark.parametrize("host", ["google.com", "harborfreight.com", "bank.example", "github.io", "deutschebank.de"])
def test_ordinary_hosts_are_no_lookalikes(host: str) -> None:
    found = lookalike.compare(host, ["harbourbank.example"], ["harbourbank", "Harbour Bank"])
    assert (found.of, found.brand_in_host) == ("", False)


@given(st.text(max_size=200))
def test_any_text_is_judged_without_failing(url: str) -> None:
    assert set(facts(url)) == set(inspect_url.Facts.model_fields)


@pytest.mark.parametrize(
    ("host", "registered"),
    [
        ("a.b.co.uk", "b.co.uk"),
        ("www.ck", "www.ck"),
        ("x.y.ck", "x.y.ck"),
        ("harbourbank.example", "harbourbank.example"),
        ("localhost", "localhost"),
        ("10.0.0.1", "10.0.0.1"),
        ("com", "com"),
    ],
)
def test_registered_domain(host: str, registered: str) -> None:
    assert domains.registered(host) == registered


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("hxxps://evil[.]example/a", "https://evil.example/a"),
        ("hXXp[:]//evil(.)example", "http://evil.example"),
        ("evil[dot]example", "evil.example"),
        ("bob[at]evil[.]example", "bob@evil.example"),
        ("198.51.100[.]7", "198.51.100.7"),
        ("https[://]evil.example", "https://evil.example"),
        ("plain text (a.b) stays", "plain text (a.b) stays"),
    ],
)
def test_refanging(written: str, meant: str) -> None:
    assert refang(written) == meant


def test_indicators_of_a_text() -> None:
    found = indicators.find(
        "See hxxps://evil[.]example/a?b=1, mail bob@mail.example, 198[.]51[.]100[.]7, "
        "2001:db8::dead:beef, CVE-2024-3094, sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855."
    )
    assert found.urls == ["https://evil.example/a?b=1"]
    assert set(found.domains) == {"evil.example", "mail.example"}
    assert set(found.ips) == {"198.51.100.7", "2001:db8::dead:beef"}
    assert found.emails == ["bob@mail.example"]
    assert found.cves == ["CVE-2024-3094"]
    assert len(found.hashes) == 1


@pytest.mark.parametrize(
    "text",
    ["run setup.py and readme.md", "version 1.2.3.4", "System.Net.WebClient", "time 12:30:45", "std::string",
     "e.g. this", "user.name = x", "00000000000000000000000000000000", "foo.bar()", "Chrome/120.0.0.0"],
)  # fmt: skip
def test_what_only_looks_like_an_indicator_is_left_out(text: str) -> None:
    found = indicators.find(text)
    assert (found.domains, found.ips, found.hashes, found.urls) == ([], [], [], [])


def test_our_own_indicators_are_set_apart() -> None:
    text = "https://www.harbourbank.example/x 10.1.2.3 198.51.100.7 bob@harbourbank.example"
    result = extract_indicators.run({"text": text}, {"organization": ORGANIZATION, "ticket": {}, "attachments": []})
    assert result["facts"] == {"urls": 0, "domains": 0, "ips": 1, "hashes": 0, "emails": 0, "cves": 0}
    assert set(result["detail"]["own"]) >= {"10.1.2.3", "harbourbank.example"}


def test_hashes_of_outside_campaign_notes_are_found() -> None:
    for notes in files("eset-malware-ioc", pattern="README.adoc")[:15]:
        truth = {line.strip().lower() for line in _lists(notes.parent) if len(line.strip()) in {32, 40, 64}}
        text = notes.read_text(errors="replace")
        written = {h for h in truth if h in text.lower()}
        assert written <= set(indicators.find(text).hashes), notes.parent.name


def _lists(folder: Any) -> list[str]:
    return [line for p in folder.glob("samples.*") for line in p.read_text(errors="replace").splitlines()]
