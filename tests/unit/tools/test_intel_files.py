"""Threat-intelligence files: taken whole, or refused with the place that is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.intel import IntelRow, VulnerabilityRow
from tests.unit.tools.outside import files
from tools.intel_files import parse_csv, parse_kev, parse_misp, parse_stix, read_intel
from tools.intel_values import IntelInvalid


def stix(pattern: str, **more: Any) -> bytes:
    item = {"type": "indicator", "id": "indicator--1", "pattern": pattern, "valid_from": "2026-01-01T00:00:00Z", **more}
    return json.dumps({"type": "bundle", "objects": [{"type": "identity"}, item]}).encode()


def misp(*attributes: dict[str, Any]) -> bytes:
    return json.dumps({"Event": {"info": "Campaign", "date": "2026-01-01", "Attribute": list(attributes)}}).encode()


def test_csv_rows_are_refanged_typed_and_completed() -> None:
    rows = parse_csv(
        b"value,type,source,confidence,malicious,description\n"
        b'hxxps://evil[.]example/A,,cert,90,true,"a, b"\n'
        b"198.51.100[.]7,ip,,,,\nEVIL[.]example,domain,cert,,no,\n"
        b"D41D8CD98F00B204E9800998ECF8427E,,,,,\nbob[at]evil.example,,,,,\n",
        source="feed",
    )
    assert [(r.value, r.type, r.malicious) for r in rows] == [
        ("https://evil.example/A", "url", True),
        ("198.51.100.7", "ip", True),
        ("evil.example", "domain", False),
        ("d41d8cd98f00b204e9800998ecf8427e", "hash", True),
        ("bob@evil.example", "email", True),
    ]
    assert (rows[0].source, rows[0].confidence, rows[1].source) == ("cert", 90, "feed")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"indicator\nx\n", "line 1: name the columns"),
        (b"value,colour\nx,red\n", "not colour"),
        (b"value\n198.51.100.7\n\nno domain here\n", "line 4: the value is not a domain"),
        (b"value,type\nx.example,ip\n", "line 2: the value is not an IP address"),
        (b"value,type\nx.example,fish\n", "the type 'fish' is not known"),
        (b"value,confidence\nx.example,120\n", "from 0 to 100"),
        (b"value,malicious\nx.example,perhaps\n", "true or false"),
        (b"value,type\nx.example\n", "another number of columns"),
        (b"value\nx.example,domain\n", "another number of columns"),
        (b"value\n\xff\xfe\n", "line 2: the file is not UTF-8"),
        (b'value\n"open\n', "is not CSV"),
    ],
)
def test_wrong_csv_names_the_line(content: bytes, message: str) -> None:
    with pytest.raises(IntelInvalid, match=message):
        parse_csv(content)


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("[ipv4-addr:value = '198.51.100.7']", [("198.51.100.7", "ip")]),
        (
            "[domain-name:value = 'evil.example'] OR [url:value = 'http://evil.example/']",
            [("evil.example", "domain"), ("http://evil.example/", "url")],
        ),
        ("[file:hashes.'SHA-256' = '" + "a" * 64 + "' AND file:name = 'x.exe']", [("a" * 64, "hash")]),
        ("[email-addr:value = 'x@evil.example']", [("x@evil.example", "email")]),
        ("[windows-registry-key:key = 'HKLM']", []),
        ("[ipv4-addr:value = '198.51.100.0/24']", []),
    ],
)
def test_stix_patterns_become_rows(pattern: str, found: list[tuple[str, str]]) -> None:
    assert [(r.value, r.type) for r in parse_stix(stix(pattern, confidence=80))] == found


def test_revoked_stix_is_left_out_and_benign_stix_is_not_malicious() -> None:
    pattern = "[domain-name:value = 'evil.example']"
    assert parse_stix(stix(pattern, revoked=True)) == []
    assert parse_stix(stix(pattern, indicator_types=["benign"]))[0].malicious is False


@pytest.mark.parametrize(
    "content",
    [
        stix("[ipv4-addr:value = 'x']"),
        stix("nonsense"),
        stix("[domain-name:value = 'a b']"),
        b'{"type": "bundle"}',
    ],
)
def test_wrong_stix_names_the_object(content: bytes) -> None:
    with pytest.raises(IntelInvalid, match=r"object 1 \(indicator--1\)|no list of objects"):
        parse_stix(content)


def test_misp_attributes_become_rows_pairs_become_two() -> None:
    rows = parse_misp(
        misp(
            {"type": "domain|ip", "value": "evil.example|198.51.100.7", "to_ids": True},
            {"type": "filename|sha256", "value": f"x.exe|{'b' * 64}", "to_ids": True, "comment": "dropper"},
            {"type": "domain", "value": "context.example", "to_ids": False},
            {"type": "mutex", "value": "x", "to_ids": True},
        )
    )
    assert [r.value for r in rows] == ["evil.example", "198.51.100.7", "b" * 64]
    assert rows[2].description == "dropper"


def test_misp_event_that_flags_nothing_is_taken_with_less_confidence() -> None:
    rows = parse_misp(misp({"type": "domain", "value": "evil.example", "to_ids": False}))
    assert [(r.value, r.confidence) for r in rows] == [("evil.example", 50)]


def test_wrong_misp_names_the_attribute() -> None:
    with pytest.raises(IntelInvalid, match="attribute u1: the value is not an IP address"):
        parse_misp(misp({"type": "ip-dst", "value": "x", "uuid": "u1", "to_ids": True}))


def test_catalogue_of_exploited_vulnerabilities_is_read_in_both_formats() -> None:
    entry = {"cveID": "CVE-2024-3400", "vendorProject": "V", "product": "P", "vulnerabilityName": "N",
             "dateAdded": "2024-04-12", "dueDate": "2024-04-19", "knownRansomwareCampaignUse": "Known",
             "requiredAction": "Patch"}  # fmt: skip
    as_json = parse_kev(json.dumps({"vulnerabilities": [entry]}).encode())
    as_csv = parse_kev((",".join(entry) + "\n" + ",".join(entry.values()) + "\n").encode())
    assert as_json == as_csv
    assert as_json[0].ransomware is True


def test_catalogue_with_a_wrong_entry_names_it() -> None:
    with pytest.raises(IntelInvalid, match="vulnerability 0"):
        parse_kev(b'{"vulnerabilities": [{"cveID": "2024-1"}]}')


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "line 1: the file is not JSON"),
        (b"{}", "is no STIX bundle"),
        (b"value\n", "holds no indicator"),
        (b"[" * 100_000, "nested too deep"),
    ],
)
def test_file_that_is_no_feed_is_refused_by_name(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "feed.json"
    path.write_bytes(content)
    with pytest.raises(IntelInvalid, match=message) as raised:
        read_intel(path)
    assert "feed.json" in str(raised.value)


def test_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(IntelInvalid, match=r"cannot be read \(No such file"):
        read_intel(tmp_path / "none.csv")


@given(st.binary(max_size=200))
def test_any_bytes_are_rows_or_a_refusal(content: bytes) -> None:
    for parse in (parse_csv, parse_stix, parse_misp, parse_kev):
        try:
            rows = parse(content)
        except IntelInvalid:
            continue
        assert all(isinstance(row, IntelRow | VulnerabilityRow) for row in rows)


def test_outside_feeds_are_read() -> None:
    assert all(read_intel(path) for path in files("eset-malware-ioc", pattern="*.json"))
    assert len(read_intel(files("cisa-kev", pattern="*.json")[0])) > 1000
