"""Campaign notes, plain lists and EPSS: what is an indicator, and what is only said."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.feeds import import_files
from core.intel import IntelRow, ScoreRow
from core.store.engine import Store
from tests.unit.tools.outside import DATA, files
from tools.inputs import spellings
from tools.intel_files import NothingFound, read_intel
from tools.intel_notes import parse_list, parse_note
from tools.intel_scores import parse_scores
from tools.intel_values import IntelInvalid
from tools.investigate import lookup_indicator, lookup_vulnerability

NOTE = b"""= Operation Example -- Indicators of Compromise

The report is at https://reports.example.com/2026/operation[our site] and
https://reports.example.com/2026/operation-example/

== Files
|===
|SHA-1 | Filename | Detection | Description
|`DA39A3EE5E6B4B0D3255BFEF95601890AFD80709` | `invoice.exe` | Win32/Agent.ABC | Dropper, as in `libexample.so`.
|===

== Network
|===
| IP address | Domain | Details
| `45.9.148[.]9` | `+bad-site[.]com+` | C&C server.
| `8.8.8[.]8` | cdn.bad-host[.]net | Served by a legitimate service.
| 1.1.1.1 | plain-domain.org | C&C server.
|===
- `++https://files.share[.]com/d/1DDDm/edit++`
* `actor.name@mail[.]cz`
* `127.0.0.1`
----
http://9.9.9.9:8080/xmlservice
another-bad.info
----
== Persistence
- `%APPDATA%\\Spotify\\Spotify.exe`
"""


def values(rows: list[IntelRow]) -> dict[str, str]:
    return {row.value: row.type for row in rows}


def test_note_gives_what_stands_like_an_indicator_and_no_reference() -> None:
    rows = parse_note(NOTE, source="op")
    assert values(rows) == {
        "da39a3ee5e6b4b0d3255bfef95601890afd80709": "hash",
        "45.9.148.9": "ip",
        "bad-site.com": "domain",
        "8.8.8.8": "ip",
        "cdn.bad-host.net": "domain",
        "1.1.1.1": "ip",
        "plain-domain.org": "domain",
        "https://files.share.com/d/1DDDm/edit": "url",
        "actor.name@mail.cz": "email",
        "http://9.9.9.9:8080/xmlservice": "url",
        "another-bad.info": "domain",
    }
    assert {row.value for row in rows if not row.malicious} == {"8.8.8.8", "cdn.bad-host.net"}
    assert rows[0].description == "Operation Example -- Indicators of Compromise – Files"


def test_note_is_named_after_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "op_example"
    folder.mkdir()
    (folder / "README.adoc").write_bytes(NOTE)
    assert {row.source for row in read_intel(folder / "README.adoc") if isinstance(row, IntelRow)} == {"op_example"}


def test_list_takes_one_indicator_a_line(tmp_path: Path) -> None:
    (tmp_path / "samples.md5").write_text("# from the lab\n\nD41D8CD98F00B204E9800998ECF8427E\nevil[.]example\n")
    rows = [row for row in read_intel(tmp_path / "samples.md5") if isinstance(row, IntelRow)]
    assert values(rows) == {"d41d8cd98f00b204e9800998ecf8427e": "hash", "evil.example": "domain"}
    with pytest.raises(IntelInvalid, match="line 2: the value is not a domain name"):
        parse_list(b"evil.example\nnot one\n", source="x")


EPSS = (
    "#model_version:v2026.03.14,score_date:2026-10-01T12:55:00+0000\n"
    "cve,epss,percentile\nCVE-2024-0001,0.94321,0.99912\nCVE-2024-0002,0.00042,0.1\n"
)


def test_scores_keep_model_and_date_and_may_be_gzipped(tmp_path: Path) -> None:
    path = tmp_path / "epss_scores-2026-10-01.csv.gz"
    path.write_bytes(gzip.compress(EPSS.encode()))
    first = read_intel(path)[0]
    expected = ScoreRow(cve="CVE-2024-0001", epss=0.94321, percentile=0.99912, model="v2026.03.14", scored="2026-10-01")
    assert first == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("cve,epss\nCVE-2024-0001,0.5\n", "line 1: the columns of EPSS"),
        (EPSS + "CVE-1,0.5,0.5\n", "line 5: `cve` must look like"),
        (EPSS + "CVE-2024-0003,1.5,0.5\n", "line 5: `epss` must be a number from 0 to 1"),
        (EPSS + "CVE-2024-0003,0.5,nan\n", "line 5: `percentile` must be a number from 0 to 1"),
        (EPSS + "CVE-2024-0003\n", "line 5: `epss` must be"),
    ],
)
def test_scores_that_are_none_name_their_line(content: str, message: str) -> None:
    with pytest.raises(IntelInvalid, match=re.escape(message)):
        parse_scores(content.encode())


def test_broken_gzip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv.gz"
    path.write_bytes(gzip.compress(EPSS.encode())[:-12])
    with pytest.raises(IntelInvalid, match="no whole gzip file"):
        read_intel(path)


@given(st.binary(max_size=300))
def test_any_bytes_are_rows_or_a_refusal(content: bytes) -> None:
    for read in (lambda c: parse_note(c, source="x"), lambda c: parse_list(c, source="x"), parse_scores):
        try:
            read(content)
        except IntelInvalid:
            continue


def test_folder_is_imported_whole_and_scores_are_facts(tmp_path: Path, any_store: Store) -> None:
    folder = tmp_path / "feeds" / "op_example"
    folder.mkdir(parents=True)
    (folder / "README.adoc").write_bytes(NOTE)
    (folder / "epss.csv").write_text(EPSS)
    (folder / "empty.adoc").write_text("= Nothing yet\n")
    (folder / "LICENSE").write_text("do as you like")
    counted = import_files(any_store, [tmp_path / "feeds"])
    assert counted == {"indicators": 11, "vulnerabilities": 0, "scores": 2}
    assert import_files(any_store, [folder / "epss.csv"])["scores"] == 2  # again: refreshed, not doubled
    with pytest.raises(NothingFound, match=r"empty\.adoc holds no indicator"):
        import_files(any_store, [folder / "empty.adoc"])
    with any_store.read() as tx:
        assert tx.intel.size()["scores"] == 2
        score = tx.intel.score("cve-2024-0001")
        found = tx.intel.lookup(spellings("hxxps://files.share[.]com/d/1DDDm/edit"))
    facts = lookup_vulnerability.run({"cve": "CVE-2024-0001"}, {"vulnerability": None, "score": score})["facts"]
    assert (facts["epss"], facts["percentile"], facts["known"]) == (0.94321, 0.99912, False)
    assert lookup_indicator.run({"value": "x"}, {"intel": found})["facts"]["source"] == "op_example"


def test_vulnerability_without_a_score_has_no_such_fact() -> None:
    facts = lookup_vulnerability.run({"cve": "CVE-2024-0001"}, {"vulnerability": None, "score": None})["facts"]
    assert "epss" not in facts


def test_campaigns_of_others_are_imported_and_found(store: Store) -> None:
    files("eset-malware-ioc", pattern="*.adoc")
    counted = import_files(store, [DATA / "eset-malware-ioc"])
    assert counted["indicators"] > 6_000
    for path in files("eset-malware-ioc", pattern="samples.sha1"):
        value = path.read_text().split()[-1]
        with store.read() as tx:
            rows = tx.intel.lookup(spellings(value))
        facts = lookup_indicator.run({"value": value}, {"intel": rows})["facts"]
        assert facts["malicious"] is True
        assert facts["type"] == "hash"


def test_hashes_of_a_note_are_those_of_the_list_beside_it() -> None:
    """At most one in a hundred hashes that stand in a note is missed (file names that look like one)."""
    missed = total = 0
    for path in files("eset-malware-ioc", pattern="README.adoc"):
        written = {
            m.lower() for m in re.findall(r"(?<!\w)(?:[0-9a-fA-F]{40}|[0-9a-fA-F]{64})(?![\w.])", path.read_text())
        }
        found = {row.value for row in parse_note(path.read_bytes(), source="x")}
        total, missed = total + len(written), missed + len(written - found)
    assert missed <= total / 100
