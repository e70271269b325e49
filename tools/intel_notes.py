"""Indicators in what people wrote down: campaign notes in AsciiDoc or Markdown (as ESET's), and plain lists.

A note is prose with references in it, so only what stands like an indicator is taken: alone in a table's cell, in a
listing, in a bullet or in code marks; or defanged, which nobody does to a reference.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from core.intel import IndicatorType, IntelRow
from tools.intel_values import IntelInvalid, clean, text_of
from tools.investigate.indicators import Indicators, find
from tools.investigate.refang import refang

#: Confidence of what an analyst published by hand.
NOTE_CONFIDENCE = 80
HEADING = re.compile(r"(={1,6}|#{1,6})\s+(\S.*)")
#: A listing begins and ends with one of these lines.
FENCE = re.compile(r"-{4,}|\.{4,}|`{3,}\w*")
CODE = re.compile(r"`([^`]+)`")
DEFANGED = re.compile(r"\[\.\]|\(\.\)|\[dot\]|hxxps?:|\[:\]|\[@\]|\[at\]", re.IGNORECASE)
BULLET = re.compile(r"\s*(?:[*-]|\d+\.)+\s+(.*)")
#: A link of AsciiDoc or Markdown is a reference, never an indicator.
LINK = re.compile(r"(?:link:|https?://)[^\s\[\]]*\[(?!\.\]|:\]|dot\])[^\]]*\]|\[[^\]]*\]\(\S+?\)|<https?://\S+?>")
PORT = re.compile(r":\d{1,5}$")
#: Words of a line whose indicators are somebody's who did no harm.
HARMLESS = re.compile(r"\b(?:legitimate|benign|not malicious|sinkhole[ds]?)\b", re.IGNORECASE)


def parse_list(content: bytes, *, source: str) -> list[IntelRow]:
    """One indicator a line; empty lines and `#` comments do not count.

    Raises:
        IntelInvalid: names the line.
    """
    rows = []
    for number, line in enumerate(text_of(content).splitlines(), 1):
        text = line.strip()
        if text and not text.startswith("#"):
            try:
                value, kind = clean(text)
            except ValueError as error:
                raise IntelInvalid(f"line {number}: {error}.") from None
            rows.append(IntelRow(value=value, type=kind, source=source, confidence=70, malicious=True))
    return rows


def looks_like_list(content: bytes) -> bool:
    """Whether the first line that counts is an indicator and nothing else."""
    lines = (line.strip() for line in content[:65536].decode("utf-8-sig", "replace").splitlines())
    first = next((line for line in lines if line and not line.startswith("#")), "")
    try:
        return "," not in first and bool(clean(first))
    except ValueError:
        return False


def parse_note(content: bytes, *, source: str) -> list[IntelRow]:
    """What a campaign note lists, each indicator once.

    Raises:
        IntelInvalid: the file is not UTF-8.
    """
    title, section, listing = "", "", False
    found: dict[str, IntelRow] = {}
    for line in text_of(content).splitlines():
        if FENCE.fullmatch(line.strip()):
            listing = not listing
        elif not listing and (heading := HEADING.fullmatch(line.strip())):
            section = heading.group(2)
            title = title or section
        else:
            note = " – ".join(dict.fromkeys(part for part in (title, section) if part))
            for value, kind in _of_line(line, listing=listing):
                row = IntelRow(
                    value=value,
                    type=kind,
                    source=source,
                    confidence=NOTE_CONFIDENCE,
                    malicious=not HARMLESS.search(line),
                    description=note[:300],
                )
                found.setdefault(value.lower(), row)
    return list(found.values())


def _of_line(line: str, *, listing: bool) -> Iterator[tuple[str, IndicatorType]]:
    text = line if listing else LINK.sub(" ", line)
    for piece, quoted in _pieces(text, listing=listing):
        bare = piece.strip().strip("`+").strip()
        whole = PORT.sub("", refang(bare)).strip("/").lower()
        for value, kind in _own(find(bare)):
            # A plain URL that nobody quoted is where to read on.
            alone = whole == value.strip("/").lower() and (quoted or kind != "url")
            if (alone or DEFANGED.search(bare)) and _names_somebody(value, kind):
                try:
                    yield clean(value, kind)
                except ValueError:
                    continue  # a pattern of many, such as `<user>.evil[.]example`


def _names_somebody(value: str, kind: IndicatorType) -> bool:
    return kind != "ip" or ipaddress.ip_address(value).is_global


def _pieces(text: str, *, listing: bool) -> Iterator[tuple[str, bool]]:
    """What stands for itself in a line, and each word that is defanged; with it, whether it is quoted."""
    if listing:
        yield text, True
        return
    row = text.strip()
    if row.startswith("|"):
        yield from ((cell, False) for cell in row.split("|"))
    elif bullet := BULLET.fullmatch(row):
        yield bullet.group(1), False
    elif row and " " not in row:
        yield row, False
    yield from ((code, True) for code in CODE.findall(row))
    yield from ((word, False) for word in row.split() if DEFANGED.search(word))


def _own(found: Indicators) -> Iterator[tuple[str, IndicatorType]]:
    """Indicators that stand for themselves: the host of a listed URL may be a service that was only misused."""
    for url in found.urls:
        yield url, "url"
    for value in found.hashes:
        yield value, "hash"
    for value in found.emails:
        yield value, "email"
    part_of = " ".join([*found.urls, *found.emails]).lower()
    for value in found.ips:
        if value not in part_of:
            yield value, "ip"
    for value in found.domains:
        if value not in part_of:
            yield value, "domain"
