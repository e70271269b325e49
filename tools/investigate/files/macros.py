"""Macros of Office documents, through oletools: what starts by itself, what is suspicious, what it hides.

Only two parts of oletools are used: unpacking of VBA source and the scanner of source. Finding the source is our own,
because oletools opens whole documents without limits; its P-code reader (`pcodedmp`, GPL) is never imported.
"""

from __future__ import annotations

import logging
import re
import struct
from dataclasses import dataclass, field

from tools.investigate.files.budget import Budget
from tools.investigate.files.ole import Ole

#: Bytes of one packed module, and characters of all source that is scanned.
MAX_MODULE, MAX_SOURCE = 1024**2, 400_000
#: Modules read.
MAX_MODULES = 100
#: The packed first words of every module, `Attribut`, after the three bytes that begin its container and its chunk.
MODULE = re.compile(rb"\x01..\x00Attribut[^e]", re.DOTALL)


@dataclass(kw_only=True, slots=True)
class Macros:
    """What the macros of a document do."""

    present: bool = False
    #: Storage of a VBA project is there, and no source in it: what runs cannot be seen.
    source_missing: bool = False
    auto_exec: list[str] = field(default_factory=list)
    suspicious: list[str] = field(default_factory=list)
    modules: list[str] = field(default_factory=list)
    source: str = ""
    #: Sheets of Excel 4 macros, with `hidden` or `very hidden` where they are.
    sheets: list[str] = field(default_factory=list)


def of_ole(ole: Ole, budget: Budget, found: Macros) -> None:
    """Adds the macros of a compound file: a document itself, or the `vbaProject.bin` inside one."""
    project = [s for s in ole.streams if s.path.lower().rpartition("/")[2] in {"_vba_project", "dir"}]
    sources = []
    for stream in ole.streams:
        if len(found.modules) >= MAX_MODULES:
            break
        data = ole.read(stream, 4 * MAX_MODULE, budget) if stream.size > 20 else b""
        match = MODULE.search(data)
        if match is not None:
            found.modules.append(stream.path)
            sources.append(_source(data[match.start() : match.start() + MAX_MODULE]))
    inside = any("/vba/" in f"/{s.path.lower()}" for s in project)
    if inside or sources:
        found.present = True
        found.source_missing = found.source_missing or not any(sources)
    found.source = "\n".join([found.source, *sources])[:MAX_SOURCE]
    for stream in ole.find("workbook", "book"):
        _excel4(ole.read(stream, 16 * 1024**2, budget), found)


def _source(packed: bytes) -> str:
    from oletools.olevba import decompress_stream

    packed = packed[: _whole(packed)]
    try:
        return str(bytes(decompress_stream(bytearray(packed))).decode("latin-1"))
    except Exception:  # noqa: BLE001 - on bytes that are not what they claim it raises whatever comes
        return ""


def _whole(packed: bytes) -> int:
    """Where the last good chunk ends: oletools gives nothing at all when rubbish follows, Office does not mind."""
    at = 1
    while at + 3 <= len(packed):
        header = struct.unpack_from("<H", packed, at)[0]
        following = at + (header & 0x0FFF) + 3
        if header >> 12 & 7 != 3 or following > len(packed):
            break
        at = following
    return at


def scan(found: Macros) -> None:
    """Fills in what the source does. May raise anything that oletools raises."""
    logging.getLogger("olevba").disabled = True
    if not found.source.strip():
        return
    from oletools.olevba import VBA_Scanner

    for kind, keyword, description in VBA_Scanner(found.source).scan():
        if kind == "AutoExec":
            found.auto_exec.append(str(keyword)[:100])
        elif kind == "Suspicious":
            found.suspicious.append(f"{str(keyword)[:100]}: {str(description)[:200]}")


def _excel4(workbook: bytes, found: Macros) -> None:
    """Macro sheets by the list of sheets (records 0x85), and names that start them (records 0x18).

    A name that Excel itself knows has bit 0x20; number 1 of those is Auto_Open.
    """
    at = 0
    for _ in range(100_000):
        if at + 4 > len(workbook):
            break
        kind, length = struct.unpack_from("<HH", workbook, at)
        body = workbook[at + 4 : at + 4 + length]
        at += 4 + length
        if kind == 0x85 and len(body) >= 8 and body[5] == 1:
            hidden = {1: " (hidden)", 2: " (very hidden)"}.get(body[4] & 3, "")
            wide = len(body) > 7 and body[7] & 1
            name = body[8:].decode("utf-16-le" if wide else "latin-1", "replace")
            found.sheets.append(f"{name[:60]}{hidden}")
            found.present = True
        elif kind == 0x18 and len(body) >= 16 and body[0] & 0x20 and body[15] == 1:
            found.auto_exec.append("Auto_Open (Excel 4)")
        elif kind == 0x2F:
            break  # what follows is encrypted
