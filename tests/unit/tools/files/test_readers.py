"""Readers of headers, each on a file made by the book: names and sizes come out, passwords are seen."""

from __future__ import annotations

import lzma
import struct
from typing import Any

import pytest

from tests.unit.tools.files import makers as make
from tools.investigate.files import discs, images, listings, ole, rtf, shortcut, tars
from tools.investigate.files.budget import Budget
from tools.investigate.files.container import Unreadable, unpack
from tools.investigate.files.look import Look
from tools.investigate.inspect_file import inspect


def rar5(name: bytes, *, extra: bytes = b"") -> bytes:
    """One member whose sizes are 7 unpacked and 3 packed."""
    body = bytes([2, 3 if extra else 2, *([len(extra)] if extra else []), 3, 0, 7, 0, 0, 0, len(name)]) + name + extra
    return b"Rar!\x1a\x07\x01\x00" + bytes(4) + bytes([len(body)]) + body + b"abc" + bytes(4) + b"\x03\x05\x04\x00"


def rar4(name: bytes, flags: int = 0x8000) -> bytes:
    header = struct.pack("<HBHHIIBIIBBHI", 0, 0x74, flags, 32 + len(name), 3, 7, 0, 0, 0, 29, 48, len(name), 0) + name
    return (
        b"Rar!\x1a\x07\x00" + struct.pack("<HBHH", 0, 0x73, 0, 13) + bytes(6) + header + b"abc" + b"\0\0\x7b\0\0\x07\0"
    )


@pytest.mark.parametrize(
    ("content", "encrypted"),
    [
        (rar5(b"run.exe"), False),
        (rar5(b"run.exe", extra=b"\x02\x01\x00"), True),
        (rar4(b"run.exe"), False),
        (rar4(b"run.exe", 0x8004), True),
    ],
    ids=["5", "5 with a password", "4", "4 with a password"],
)
def test_members_of_rar_archives_are_listed(content: bytes, encrypted: bool) -> None:
    (member,) = listings.rar(content).members
    assert (member.name, member.size, member.packed, member.encrypted) == ("run.exe", 7, 3, encrypted)


HIDDEN = (
    b"Rar!\x1a\x07\x01\x00" + bytes(4) + b"\x03\x04\x00\x00",
    b"Rar!\x1a\x07\x00" + struct.pack("<HBHH", 0, 0x73, 0x80, 13) + bytes(20),
)


@pytest.mark.parametrize("content", HIDDEN, ids=["5", "4"])
def test_rar_archive_with_hidden_names_says_so(content: bytes) -> None:
    found = inspect("a.rar", content, [], Budget())
    assert found["facts"]["encrypted"] is True
    assert "the list of members is encrypted too" in found["detail"]["unread"]


NAMES = "run.exe\0b.txt\0".encode("utf-16-le")
PLAIN = b"\x01\x05\x02\x11" + bytes([len(NAMES) + 1]) + b"\0" + NAMES + b"\0\0"


def seven(header: bytes, between: bytes = b"") -> bytes:
    start = struct.pack("<QQI", len(between), len(header), 0)
    return b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(4) + start + between + header


def packed_header() -> bytes:
    """As 7-Zip writes it: the header itself is packed with LZMA."""
    chain = [{"id": lzma.FILTER_LZMA1, "dict_size": 4096, "lc": 3, "lp": 0, "pb": 2}]
    data = lzma.compress(PLAIN, lzma.FORMAT_RAW, filters=chain)
    coder = b"\x07\x0b\x01\x00\x01\x23\x03\x01\x01\x05\x5d" + struct.pack("<I", 4096) + b"\x0c" + bytes([len(PLAIN)])
    return seven(b"\x17\x06\x00\x01\x09" + bytes([len(data)]) + b"\x00" + coder + b"\x00\x00", data)


@pytest.mark.parametrize("content", [seven(PLAIN), packed_header()], ids=["plain", "packed"])
def test_names_in_7_zip_archives_are_listed(content: bytes) -> None:
    assert [member.name for member in listings.seven(content).members] == ["run.exe", "b.txt"]
    assert inspect("a.7z", content, [], Budget())["facts"]["risky_members"] == 1


def test_7_zip_archive_with_hidden_names_says_so() -> None:
    found = inspect("a.7z", seven(b"\x17\x06\x06\xf1\x07\x01" + bytes(20)), [], Budget())
    assert (found["facts"]["encrypted"], found["facts"]["complete"]) == (True, False)


def test_members_of_cabinets_are_listed() -> None:
    file = struct.pack("<IIHHHH", 7, 0, 0, 0, 0, 0x80) + "évil.exe\0".encode()
    cabinet = b"MSCF" + bytes(12) + struct.pack("<I", 36) + bytes(8) + struct.pack("<HHHH", 1, 0, 0, 0) + file
    (member,) = listings.cab(cabinet).members
    assert (member.name, member.size) == ("évil.exe", 7)


def test_joliet_names_win_over_short_ones() -> None:
    image = bytearray(make.iso({"RUN.JS;1": b"x"}))
    volume = bytearray(image[16 * 2048 : 17 * 2048])
    volume[0], volume[88:91] = 2, b"%/E"
    listing = make.iso({"x" * 14: b"x"})[18 * 2048 : 19 * 2048].replace(b"x" * 14, "long.js".encode("utf-16-be"))
    image[17 * 2048 : 19 * 2048] = bytes(volume) + listing
    assert [member.name for member in discs.read(bytes(image)).members] == ["long.js"]


@pytest.mark.parametrize(
    ("kind", "content", "size"),
    [
        ("png", make.png(640, 480), (640, 480)),
        ("gif", b"GIF89a" + struct.pack("<HH", 3, 5), (3, 5)),
        ("bmp", b"BM" + bytes(16) + struct.pack("<ii", 7, -9), (7, 9)),
        ("jpeg", b"\xff\xd8\xff\xe0\0\4ab\xff\xff\xc0\0\x11\x08" + struct.pack(">HH", 480, 640) + bytes(9), (640, 480)),
        ("webp", b"RIFF" + bytes(4) + b"WEBPVP8X" + bytes(8) + b"\x7f\x02\0\xdf\x01\0", (640, 480)),
        ("webp", b"RIFF" + bytes(4) + b"WEBPVP8L" + bytes(4) + b"\x2f\x7f\xc2\x77\0", (640, 480)),
        ("webp", b"RIFF" + bytes(4) + b"WEBPVP8 " + bytes(10) + struct.pack("<HH", 640, 480), (640, 480)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_size_of_a_picture_stands_in_its_header(kind: str, content: bytes, size: tuple[int, int]) -> None:
    look = Look()
    images.read(kind, content, look)
    assert (look.facts["width"], look.facts["height"]) == size


def test_streams_of_a_compound_file_are_read_by_their_paths() -> None:
    big = bytes(range(256)) * 15
    found = ole.Ole(make.ole({"small": b"hello", "a/b/c": big}))
    contents = {stream.path: found.read(stream, 10_000, Budget()) for stream in found.streams}
    assert contents == {"small": b"hello", "a/b/c": big}


def test_long_names_and_pax_records_of_tar_are_read() -> None:
    import io
    import tarfile

    names = []
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=form) as archive:
            archive.addfile(tarfile.TarInfo("d" * 90 + "/" + "n" * 90))
        names += [member.name for member in tars.read(out.getvalue()).members]
    assert names == ["d" * 90 + "/" + "n" * 90] * 3


def test_file_of_the_packager_keeps_its_name() -> None:
    native = b"\x02\0run.exe\0C:\\run.exe\0\0\0\3\0" + struct.pack("<I", 3) + b"C:\0" + struct.pack("<I", 2) + b"MZrest"
    assert rtf.package(native) == ("run.exe", b"MZ")
    assert rtf.package(struct.pack("<I", len(native)) + native) == ("run.exe", b"MZ")


def id_list(*items: bytes) -> bytes:
    body = b"".join(struct.pack("<H", len(item) + 2) + item for item in items) + b"\0\0"
    return struct.pack("<H", len(body)) + body


@pytest.mark.parametrize(
    ("flags", "parts", "target"),
    [
        (1, id_list(b"\x2fC:\\\0", b"\x32" + bytes(11) + b"RUN.EXE\0"), "C:\\RUN.EXE"),
        (2, struct.pack("<7I", 40, 28, 1, 0, 28, 0, 39) + b"C:\\run.exe\0\0", "C:\\run.exe"),
        (0, struct.pack("<II", 0x314, 0xA0000001) + b"%TEMP%\\a.exe".ljust(0x314 - 8, b"\0"), "%TEMP%\\a.exe"),
    ],
    ids=["list", "info", "environment"],
)
def test_target_of_a_shortcut_is_found_wherever_it_stands(flags: int, parts: bytes, target: str) -> None:
    header = bytearray(make.lnk()[:76])
    header[20:24] = struct.pack("<I", flags)
    assert shortcut.read(bytes(header) + parts + bytes(4)).target == target


@pytest.mark.parametrize("method", ["deflate", "gzip", "bzip2", "xz", "none"])
def test_rubbish_cannot_be_unpacked_and_says_so(method: str) -> None:
    with pytest.raises(Unreadable):
        unpack(method, b"\xff\xfe rubbish" * 9, 1000, Budget())


def test_what_stands_behind_a_program_or_picture_is_noted() -> None:
    def notes(name: str, content: bytes) -> list[Any]:
        found: list[Any] = inspect(name, content, [], Budget())["detail"]["notes"]
        return found

    assert "1,000 bytes stand behind the end of the picture" in notes("a.png", make.png(1, 1, b"x" * 1000))
    assert any("stand behind the program" in note for note in notes("a.exe", make.pe(1, b"x" * 9000)))
