"""The hostile archives: what each is, and what an honest answer says of it."""

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
    return make.zipped({"zeros.bin": bytes(64 * MIB)})


def _many_ratio() -> bytes:
    inner = make.deflated(bytes(24 * MIB))
    return make.raw_zip([{"name": b"z%d" % i, "data": inner, "method": 8, "size": 24 * MIB} for i in range(200)])


def _overlapping() -> bytes:
    """Every entry of the directory points to the same bytes (Fifield)."""
    kernel = make.deflated(bytes(8 * MIB))
    first: dict[str, int | bytes] = {"name": b"k", "data": kernel, "method": 8, "size": 8 * MIB}
    return make.raw_zip([first, *({**first, "name": b"k", "offset": 0} for _ in range(15_000))])


def _entries() -> bytes:
    return make.raw_zip([{"name": b"%06d" % i} for i in range(40_000)], count=0xFFFF)


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

    return bz2.compress(bytes(48 * MIB), 9)


def _xz_bomb() -> bytes:
    import lzma

    return lzma.compress(bytes(48 * MIB), preset=1)


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
    return (bytes(header) + b"a\0".ljust(512, b"\0")) * 5_000 + plain


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
    Hostile(
        name="outside.zip",
        make=lambda: make.raw_zip([{"name": b"a.js"}, {"name": b"b.js", "offset": 2**31}]),
        facts={"damaged": True},
    ),
    Hostile(
        name="password.zip",
        make=lambda: make.raw_zip([{"name": b"a.exe", "flags": 1, "data": b"?" * 50}]),
        facts={"encrypted": True},
        said="password",
    ),
    Hostile(
        name="method.zip",
        make=lambda: make.raw_zip([{"name": b"a", "method": 77, "data": b"?"}]),
        facts={"complete": False},
        said="method 77",
    ),
    Hostile(name="dots.zip", make=_jar_of_dots, facts={"path_traversal": True}, said="outside the chosen folder"),
    Hostile(
        name="link.zip",
        make=lambda: make.raw_zip([{"name": b"l", "data": b"/etc/shadow", "mode": 0o120777}]),
        facts={"path_traversal": True},
    ),
    Hostile(name="names.zip", make=_strange_names, facts={"risky": True}),
    Hostile(name="claims.tar", make=_tar_claims, facts={"damaged": True}, said="claims"),
    Hostile(name="longnames.tar", make=_tar_names, facts={"members": 1}),
    Hostile(name="broken.tar", make=lambda: make.tarred({"a": b"x"})[:700], facts={"damaged": False}),
    Hostile(name="loop.iso", make=lambda: make.iso({"A.JS;1": b"x"}, loop=True), facts={"damaged": True}),
    Hostile(
        name="self.iso", make=lambda: make.iso({"A.ISO;1": b""}, whole=True), facts={"bomb": True}, said="holds itself"
    ),
    Hostile(name="broken.iso", make=lambda: make.iso({"A.JS;1": b"x"})[: 17 * 2048], facts={"damaged": True}),
    Hostile(
        name="headers.rar",
        make=lambda: b"Rar!\x1a\x07\x00" + struct.pack("<HBHH", 0, 0x74, 0, 7) * 300_000,
        facts={"complete": False},
        said="not unpacked",
    ),
    Hostile(name="vint.rar", make=lambda: b"Rar!\x1a\x07\x01\x00" + b"\xff" * 100_000, facts={"damaged": True}),
    Hostile(
        name="header.7z",
        make=lambda: b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(4) + struct.pack("<QQ", 2**60, 2**60) + bytes(40),
        facts={"damaged": True},
        said="header",
    ),
    Hostile(
        name="names.7z",
        make=lambda: (
            b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(4) + struct.pack("<QQ", 0, 3 * MIB) + bytes(4) + b"\x11" * (3 * MIB)
        ),
        facts={"complete": False},
    ),
    Hostile(
        name="files.cab",
        make=lambda: b"MSCF".ljust(16, b"\0") + struct.pack("<I", 16) + bytes(8) + b"\xff\xff" + b"A" * 99,
        facts={"damaged": True},
    ),
)
