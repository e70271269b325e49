"""Whatever the other side, a tool or a socket sends: a value or a refusal, and a host has one reading only."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.broker.world import world
from tools.broker.addresses import AddressRules, Forbidden
from tools.broker.leaving import readings
from tools.broker.questions import Refused, read_line
from tools.broker.targets import redirected, target_of
from tools.investigate.answer import InputRefused
from tools.investigate.lookup_reputation import typed
from tools.investigate.query_dns import subject
from tools.investigate.query_url import reported
from tools.investigate.registration import date, from_rdap, from_whois
from tools.investigate.web_page import read_page

quickly = settings(
    max_examples=250, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
#: What hosts are made of, and what parsers disagree about.
PIECE = st.sampled_from(
    ["127", "0x7f", "0177", "1", "0", "255", "256", ".", ":", "[", "]", "@", "%", "/", "\\", "#", "?", "::", "ffff",
     "example", "com", "localhost", "。", "①", "ß", "-", "xn--", "_", "\t", "\n", "\u200b", "http://", "https:", "80",
     "a", "０", "é"]
)  # fmt: skip
HOSTS = st.lists(PIECE, max_size=9).map("".join)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


@quickly
@given(st.one_of(HOSTS.map(lambda host: f"http://{host}/"), HOSTS, st.text(max_size=60)))
def test_url_is_refused_or_has_one_reading(url: str) -> None:
    try:
        target = target_of(url)
    except Forbidden:
        return
    assert target_of(target.url) == target
    assert target.path.isascii()
    if target.address is None:
        # The resolver of the system would take what this reads for an address, whatever it looks like.
        with pytest.raises(OSError):
            socket.inet_aton(target.host)
        assert ":" not in target.host
    else:
        assert str(target.address) == target.host


@quickly
@given(HOSTS)
def test_redirect_is_refused_or_has_one_reading(location: str) -> None:
    try:
        target = redirected(target_of("https://example.com/a/b?c"), location)
    except Forbidden:
        return
    assert target_of(target.url) == target


@quickly
@given(st.ip_addresses())
def test_address_is_public_by_two_tables_or_refused(address: object) -> None:
    import ipaddress

    assert isinstance(address, ipaddress.IPv4Address | ipaddress.IPv6Address)
    try:
        AddressRules().check(address)
    except Forbidden:
        return
    assert address.is_global
    assert not address.is_multicast


@quickly
@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_line_is_a_question_or_refused(line: bytes) -> None:
    with pytest.raises(Refused):
        read_line(line)


@quickly
@given(st.text(max_size=300))
def test_text_of_strangers_is_read_without_an_error(text: str) -> None:
    read_page(text, "https://example.com/")
    from_whois([{"server": "whois.example.com", "text": text}])
    from_rdap(text)
    date(text)
    readings(text)
    for parse in (typed, subject):
        with suppress(InputRefused):
            parse(text)


@quickly
@given(JSON)
def test_rdap_of_any_shape_is_read_without_an_error(value: object) -> None:
    shaped = {
        "objectClassName": "domain",
        "events": value,
        "entities": [{"vcardArray": value, "roles": value}],
        "status": value,
    }
    from_rdap(json.dumps(shaped))


@quickly
@given(st.text(max_size=200), st.text(max_size=80))
def test_page_of_any_text_and_type_makes_facts(text: str, kind: str) -> None:
    came = {"reached": True, "status": 200, "hops": [], "url": "http://example.com/", "headers": {"content-type": kind},
            "text": text, "bytes": 1, "complete": True, "sha256": "0"}  # fmt: skip
    said = reported("http://example.com/", came, {"domains": ["harbourbank.example"], "brands": ["harbourbank"]})
    assert all(value is not None for value in said["facts"].values())


@settings(max_examples=60, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(answer=st.binary(max_size=400) | st.binary(max_size=200).map(lambda rest: b"HTTP/1.1 200 OK\r\n" + rest))
async def test_server_that_answers_anything_is_a_finding(tmp_path: Path, answer: bytes) -> None:
    async with world(tmp_path, known={"site.example.com": ["127.0.0.1"]}) as there:
        there.web.pages["/"] = answer
        said = await there.ask("http_get", url="http://site.example.com/")
        assert isinstance(said["reached"], bool)
