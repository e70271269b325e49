"""Threat-intelligence files: CSV, STIX 2.1, MISP JSON, CISA's catalogue of known exploited vulnerabilities; campaign
notes and plain lists (`intel_notes`), EPSS (`intel_scores`). Any of them may be gzipped.

A file is taken whole or not at all. What a format can say and our table cannot hold (registry keys, file names) is left
out; what should be an indicator and is not is an error that names the line or the object.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from core.canonical import Json, JsonObject
from core.intel import IntelRow, ScoreRow, VulnerabilityRow
from tools.intel_notes import looks_like_list, parse_list, parse_note
from tools.intel_scores import CVE, looks_like_scores, parse_scores
from tools.intel_values import ALIASES, IntelInvalid, clean, text_of

#: Bytes of one file; a feed larger than this belongs into pieces.
MAX_FILE = 200 * 1024 * 1024
#: Confidence of a feed that states none.
DEFAULT_CONFIDENCE = 70
#: Confidence of a MISP event that flags nothing for detection.
UNFLAGGED_CONFIDENCE = 50
#: Categories of attributes that name sources, not attackers.
MISP_REFERENCES = frozenset({"External analysis", "Internal reference", "Attribution", "Support Tool"})
CSV_COLUMNS = ("value", "type", "source", "confidence", "malicious", "description", "first_seen", "last_seen")
TRUE, FALSE = frozenset({"true", "yes", "1", "malicious"}), frozenset({"false", "no", "0", "benign"})
#: Comparisons of a STIX pattern: what is compared, with what.
STIX_COMPARISON = re.compile(r"([a-z0-9-]+):([A-Za-z0-9_.'\"\[\]*-]+)\s*=\s*'((?:[^'\\]|\\.)*)'")
STIX_PATHS = {
    "ipv4-addr": "ip", "ipv6-addr": "ip", "domain-name": "domain", "url": "url", "email-addr": "email",
}  # fmt: skip
#: Endings of campaign notes.
NOTES = frozenset({".adoc", ".asciidoc", ".md"})
#: Names of campaign notes and lists that say nothing; their folder's name does.
NAMELESS = frozenset({"readme", "samples", "index", "iocs", "indicators"})
Rows: TypeAlias = "list[IntelRow] | list[VulnerabilityRow] | list[ScoreRow]"


class NothingFound(IntelInvalid):
    """A file that can be read and holds nothing for our tables."""


def read_intel(path: Path) -> Rows:
    """Read a file of any of the formats, told by its content.

    Raises:
        NothingFound: it holds nothing.
        IntelInvalid: the file cannot be read, or says where it is wrong.
    """
    try:
        if path.stat().st_size > MAX_FILE:
            raise IntelInvalid(f"{path.name} is larger than {MAX_FILE // 2**20} MiB: import it in pieces.")
        content = path.read_bytes()
    except OSError as error:
        why = error.strerror
        raise IntelInvalid(f"{path.name} cannot be read ({why}): check its name and its permissions.") from None
    try:
        rows = _sniffed(_unpacked(content), path)
    except IntelInvalid as error:
        raise IntelInvalid(f"{path.name}: {error}") from None
    if not rows:
        raise NothingFound(f"{path.name} holds no indicator and no vulnerability: check that it is the right file.")
    return rows


def _unpacked(content: bytes) -> bytes:
    if not content.startswith(b"\x1f\x8b"):
        return content
    try:
        with gzip.open(io.BytesIO(content)) as file:
            plain = file.read(MAX_FILE + 1)
    except (OSError, EOFError, zlib.error):
        raise IntelInvalid("the file is no whole gzip file: fetch it again.") from None
    if len(plain) > MAX_FILE:
        raise IntelInvalid(f"unpacked it is larger than {MAX_FILE // 2**20} MiB: import it in pieces.")
    return plain


def _source(path: Path) -> str:
    """What the rows are said to come from: the file's name without its endings, or its folder's."""
    stem = path.name.partition(".")[0].lower()
    named = path.resolve().parent.name.lower() if stem in NAMELESS else path.stem.lower()
    return re.sub(r"[^a-z0-9_.-]+", "-", named)[:64] or "file"


def _sniffed(content: bytes, path: Path) -> Rows:
    source = _source(path)
    if path.suffix.lower() in NOTES:
        return parse_note(content, source=source)
    head = content.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if head not in (b"{", b"["):
        first = content.partition(b"\n")[0].lower()
        if b"cveid" in first:
            return parse_kev(content)
        if looks_like_scores(content):
            return parse_scores(content)
        listed = looks_like_list(content)
        return parse_list(content, source=source) if listed else parse_csv(content, source=source)
    value = _json(content)
    if isinstance(value, dict) and "vulnerabilities" in value:
        return parse_kev(content)
    if isinstance(value, dict) and value.get("type") == "bundle":
        return parse_stix(content, source=source)
    if isinstance(value, list) or "Event" in value or "response" in value:
        return parse_misp(content, source=source)
    raise IntelInvalid("this JSON is no STIX bundle, MISP event or KEV catalogue; export it in one of those formats.")


def parse_csv(content: bytes, *, source: str = "csv") -> list[IntelRow]:
    """Rows with a header line; `value` is the only column that must be there.

    Raises:
        IntelInvalid: names the line.
    """
    reader = csv.DictReader(io.StringIO(text_of(content)), strict=True)
    try:
        columns = [(name or "").strip().lower() for name in reader.fieldnames or []]
        unknown = sorted(set(columns) - set(CSV_COLUMNS))
        if "value" not in columns or unknown:
            extra = f", and not {', '.join(unknown)[:100]}" if unknown else ""
            raise IntelInvalid(f"line 1: name the columns {', '.join(CSV_COLUMNS)} (only value must be there){extra}.")
        reader.fieldnames = columns
        return [_csv_row(row, reader.line_num, source) for row in reader if any(row.values())]
    except csv.Error as error:
        raise IntelInvalid(f"line {reader.line_num}: the line is not CSV ({error}).") from None


def _csv_row(row: dict[str, str], line: int, source: str) -> IntelRow:
    if None in row or None in row.values():
        raise IntelInvalid(f"line {line}: the line has another number of columns than the first.")
    try:
        value, kind = clean(row["value"], row.get("type", ""))
        return IntelRow(
            value=value,
            type=kind,
            source=row.get("source") or source,
            confidence=_confidence(row.get("confidence", "")),
            malicious=_flag(row.get("malicious", "")),
            description=row.get("description", ""),
            first_seen=row.get("first_seen", ""),
            last_seen=row.get("last_seen", ""),
        )
    except ValueError as error:
        raise IntelInvalid(f"line {line}: {error}.") from None


def parse_stix(content: bytes, *, source: str = "stix") -> list[IntelRow]:
    """The indicators of a STIX 2.1 bundle, one row for each value a pattern compares with.

    Raises:
        IntelInvalid: names the object.
    """
    bundle = _json(content)
    objects = bundle.get("objects") if isinstance(bundle, dict) else None
    if not isinstance(objects, list):
        raise IntelInvalid("the STIX bundle has no list of objects.")
    rows: list[IntelRow] = []
    for number, item in enumerate(objects):
        if isinstance(item, dict) and item.get("type") == "indicator" and not item.get("revoked"):
            rows += _stix_rows(item, f"object {number} ({item.get('id', 'without id')})", source)
    return rows


def _stix_rows(item: JsonObject, place: str, source: str) -> Iterator[IntelRow]:
    pattern = item.get("pattern")
    if not isinstance(pattern, str) or not pattern.strip().startswith(("[", "(")):
        if item.get("pattern_type", "stix") != "stix":
            return
        raise IntelInvalid(f"{place}: the indicator has no STIX pattern.")
    benign = "benign" in (item.get("indicator_types") or item.get("labels") or [])
    for subject, path, raw in STIX_COMPARISON.findall(pattern):
        wanted = "hash" if subject == "file" and path.lower().startswith("hashes") else STIX_PATHS.get(subject)
        if wanted is None or (wanted != "hash" and path != "value"):
            continue
        if "/" in raw and wanted == "ip":
            continue  # a network, which the table does not hold
        try:
            value, kind = clean(re.sub(r"\\(.)", r"\1", raw), wanted)
            confidence = _confidence(item.get("confidence", ""))
        except ValueError as error:
            raise IntelInvalid(f"{place}: {error}.") from None
        yield IntelRow(
            value=value,
            type=kind,
            source=source,
            confidence=confidence,
            malicious=not benign,
            description=str(item.get("name") or item.get("description") or "")[:500],
            first_seen=str(item.get("valid_from") or "")[:10],
            last_seen=str(item.get("valid_until") or "")[:10],
        )


def parse_misp(content: bytes, *, source: str = "misp") -> list[IntelRow]:
    """The attributes of MISP events that are meant for detection (`to_ids`).

    An event in which nobody set that flag is taken whole, with less confidence.

    Raises:
        IntelInvalid: names the attribute.
    """
    value = _json(content)
    found = value.get("response", [value]) if isinstance(value, dict) else value
    rows: list[IntelRow] = []
    for number, wrapped in enumerate(found if isinstance(found, list) else [found]):
        event = wrapped.get("Event", wrapped) if isinstance(wrapped, dict) else None
        if not isinstance(event, dict):
            raise IntelInvalid(f"event {number}: this is no MISP event.")
        attributes = [a for a in _misp_attributes(event) if str(a.get("category")) not in MISP_REFERENCES]
        flagged = [a for a in attributes if a.get("to_ids")]
        for attribute in flagged or attributes:
            rows += _misp_rows(attribute, event, source, DEFAULT_CONFIDENCE if flagged else UNFLAGGED_CONFIDENCE)
    return rows


def _misp_attributes(event: JsonObject) -> Iterator[JsonObject]:
    yield from (a for a in event.get("Attribute") or [] if isinstance(a, dict))
    for item in event.get("Object") or []:
        if isinstance(item, dict):
            yield from (a for a in item.get("Attribute") or [] if isinstance(a, dict))


def _misp_rows(attribute: JsonObject, event: JsonObject, source: str, confidence: int) -> Iterator[IntelRow]:
    """`domain|ip` is two indicators, `filename|sha256` and `ip-dst|port` are one each."""
    kinds = str(attribute.get("type", "")).lower().split("|")
    values = str(attribute.get("value", "")).split("|")
    for kind, raw in zip(kinds, values, strict=False):
        if kind not in ALIASES or kind in {"link", "file"} or (ALIASES[kind] == "ip" and "/" in raw):
            continue
        try:
            value, type_ = clean(raw, kind)
        except ValueError as error:
            raise IntelInvalid(f"attribute {attribute.get('uuid', 'without uuid')}: {error}.") from None
        yield IntelRow(
            value=value,
            type=type_,
            source=source,
            confidence=confidence,
            malicious=True,
            description=str(attribute.get("comment") or event.get("info") or "")[:500],
            first_seen=str(attribute.get("first_seen") or event.get("date") or "")[:10],
            last_seen=str(attribute.get("last_seen") or "")[:10],
        )


def parse_kev(content: bytes) -> list[VulnerabilityRow]:
    """CISA's catalogue, as JSON or CSV.

    Raises:
        IntelInvalid: names the entry.
    """
    if content.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{":
        value = _json(content)
        entries = value.get("vulnerabilities") if isinstance(value, dict) else None
    else:
        try:
            entries = list(csv.DictReader(io.StringIO(text_of(content)), strict=True))
        except csv.Error as error:
            raise IntelInvalid(f"the catalogue is not CSV ({error}).") from None
    if not isinstance(entries, list):
        raise IntelInvalid("the catalogue has no list of vulnerabilities.")
    return [_kev_row(entry, number) for number, entry in enumerate(entries)]


def _kev_row(entry: Json, number: int) -> VulnerabilityRow:
    cve = str(entry.get("cveID", "")).strip().upper() if isinstance(entry, dict) else ""
    if not CVE.fullmatch(cve):
        raise IntelInvalid(f"vulnerability {number}: `cveID` must look like CVE-2024-12345.")
    return VulnerabilityRow(
        cve=cve,
        name=str(entry.get("vulnerabilityName") or ""),
        vendor=str(entry.get("vendorProject") or ""),
        product=str(entry.get("product") or ""),
        added=str(entry.get("dateAdded") or ""),
        due=str(entry.get("dueDate") or ""),
        ransomware=str(entry.get("knownRansomwareCampaignUse") or "").strip().lower() == "known",
        action=str(entry.get("requiredAction") or ""),
    )


def _confidence(value: object) -> int:
    if value in ("", None):
        return DEFAULT_CONFIDENCE
    try:
        number = int(str(value).strip())
    except ValueError:
        number = -1
    if not 0 <= number <= 100:
        raise ValueError("the confidence must be a whole number from 0 to 100")
    return number


def _flag(text: str) -> bool:
    word = text.strip().lower()
    if word in FALSE:
        return False
    if word and word not in TRUE:
        raise ValueError("malicious must be true or false")
    return True


def _json(content: bytes) -> Json:
    try:
        return json.loads(text_of(content))
    except json.JSONDecodeError as error:
        raise IntelInvalid(f"line {error.lineno}: the file is not JSON ({error.msg}).") from None
    except RecursionError:
        raise IntelInvalid("the file is nested too deep to be a feed.") from None
