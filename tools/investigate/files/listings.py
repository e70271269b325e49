"""Archives whose members are listed and not unpacked here: RAR, 7-Zip, Windows cabinets."""

from __future__ import annotations

import lzma
import struct

from tools.investigate.files.container import MAX_DICTIONARY, Container, Member

#: Headers gone through, and bytes of a 7-Zip header.
MAX_HEADERS, MAX_HEADER = 20_000, 4 * 1024**2
#: Places at which a 7-Zip header may begin its names.
MAX_TRIES = 10_000
NOT_UNPACKED = "members are listed by name only: {} is not unpacked here"


def rar(content: bytes) -> Container:
    """RAR 4 and 5, by the headers between the packed data."""
    found = Container(unread=[NOT_UNPACKED.format("RAR")])
    if content.startswith(b"Rar!\x1a\x07\x01\x00"):
        _rar5(content, found)
    else:
        _rar4(content, found)
    return found


def _rar4(content: bytes, found: Container) -> None:
    at = 7
    for _ in range(MAX_HEADERS):
        if at + 7 > len(content):
            break
        kind, flags, size = struct.unpack_from("<BHH", content, at + 2)
        if size < 7:
            found.damaged = True
            break
        if kind == 0x73 and flags & 0x80:
            _locked(found)
            break
        following = at + size
        if kind == 0x74 and at + 32 <= len(content):
            packed, unpacked, name_size = struct.unpack_from("<II11xH", content, at + 7)
            start = at + 32 + (8 if flags & 0x100 else 0)
            raw = content[start : start + name_size].partition(b"\0")[0]
            found.add(
                Member(
                    name=raw.decode("utf-8", "replace").replace("\\", "/"), size=unpacked, packed=packed,
                    encrypted=bool(flags & 4), folder=flags & 0xE0 == 0xE0,
                )
            )  # fmt: skip
            following += packed
        elif flags & 0x8000 and at + 11 <= len(content):
            following += struct.unpack_from("<I", content, at + 7)[0]
        if kind == 0x7B:
            break
        at = following


def _rar5(content: bytes, found: Container) -> None:
    at = 8
    for _ in range(MAX_HEADERS):
        size, start = _vint(content, at + 4)
        if size <= 0 or start + size > len(content):
            found.damaged = found.damaged or at < len(content)
            break
        kind, inner = _vint(content, start)
        flags, inner = _vint(content, inner)
        extra, inner = _vint(content, inner) if flags & 1 else (0, inner)
        data, inner = _vint(content, inner) if flags & 2 else (0, inner)
        if kind == 4:
            _locked(found)
            break
        if kind == 2:
            _rar5_member(content, inner, start + size, (extra, data), found)
        if kind == 5:
            break
        at = start + size + data


def _rar5_member(content: bytes, at: int, end: int, sizes: tuple[int, int], found: Container) -> None:
    extra, data = sizes
    flags, at = _vint(content, at)
    unpacked, at = _vint(content, at)
    _, at = _vint(content, at)
    at += (4 if flags & 2 else 0) + (4 if flags & 4 else 0)
    _, at = _vint(content, at)
    _, at = _vint(content, at)
    length, at = _vint(content, at)
    name = content[at : min(at + length, end)].decode("utf-8", "replace")
    records = content[max(at, end - extra) : end]
    # The first record of the extra area tells: 1 is encryption.
    encrypted = bool(extra) and _vint(records, _vint(records, 0)[1])[0] == 1
    found.add(Member(name=name, size=unpacked, packed=data, encrypted=encrypted, folder=bool(flags & 1)))


def _vint(content: bytes, at: int) -> tuple[int, int]:
    """Seven bits a byte, lowest first; (value, position after it)."""
    value = 0
    for shift in range(0, 63, 7):
        if at >= len(content):
            return 0, at
        byte = content[at]
        at += 1
        value |= (byte & 127) << shift
        if not byte & 128:
            break
    return value, at


def _locked(found: Container) -> None:
    found.add(Member(name="(names are encrypted)", encrypted=True))
    found.unread.append("the list of members is encrypted too")


def cab(content: bytes) -> Container:
    """Windows cabinets."""
    found = Container(unread=[NOT_UNPACKED.format("a cabinet")])
    if len(content) < 36:
        found.damaged = True
        return found
    at, count = struct.unpack_from("<I", content, 16)[0], struct.unpack_from("<H", content, 28)[0]
    for _ in range(min(count, MAX_HEADERS)):
        end = content.find(b"\0", at + 16, at + 16 + 1024)
        if end < 0:
            found.damaged = True
            break
        size, attributes = struct.unpack_from("<I10xH", content, at)
        raw = content[at + 16 : end]
        found.add(Member(name=raw.decode("utf-8" if attributes & 0x80 else "cp437", "replace"), size=size))
        at = end + 1
    return found


def seven(content: bytes) -> Container:
    """7-Zip: the names, when its header is plain or packed with LZMA, as 7-Zip packs it."""
    found = Container(unread=[NOT_UNPACKED.format("7-Zip")])
    if len(content) < 32:
        found.damaged = True
        return found
    offset, size = struct.unpack_from("<QQ", content, 12)
    if size == 0 or size > MAX_HEADER or 32 + offset + size > len(content):
        found.damaged = True
        found.unread.append("its header is not where it should be")
        return found
    try:
        header = _plain_header(content, content[32 + offset : 32 + offset + size])
        names = _names(header) if header is not None else None
    except (struct.error, IndexError, lzma.LZMAError, EOFError, ValueError):
        names = []
        found.damaged = True
    if names is None:
        _locked(found)
    for name in names or []:
        found.add(Member(name=name))
    if found.members and b"\x06\xf1\x07\x01" in (header or b""):
        for member in found.members:
            member.encrypted = True
    return found


def _plain_header(content: bytes, header: bytes) -> bytes | None:
    """The header itself; None when it is encrypted."""
    if header[:1] != b"\x17":
        return header
    if b"\x06\xf1\x07\x01" in header:
        return None
    # An encoded header: pack position and size, one folder with one LZMA coder, its unpacked size.
    at = header.index(b"\x06") + 1
    position, at = _number(header, at)
    _, at = _number(header, at)
    at = header.index(b"\x09", at) + 1
    packed, at = _number(header, at)
    coder = header.index(b"\x03\x01\x01", at)
    properties = header[coder + 4 : coder + 9]
    sized = header.index(b"\x0c", coder + 9) + 1
    unpacked, _ = _number(header, sized)
    dictionary = int.from_bytes(properties[1:5], "little")
    if unpacked > MAX_HEADER or dictionary > MAX_DICTIONARY or properties[0] >= 225:
        raise ValueError("larger than a header may be")
    lc, rest = properties[0] % 9, properties[0] // 9
    chain = [{"id": lzma.FILTER_LZMA1, "dict_size": max(dictionary, 4096), "lc": lc, "lp": rest % 5, "pb": rest // 5}]
    raw = content[32 + position : 32 + position + packed]
    return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=chain).decompress(raw, unpacked)


def _number(data: bytes, at: int) -> tuple[int, int]:
    """7-Zip's number: the leading ones of the first byte say how many bytes follow."""
    first = data[at]
    extra = next((i for i in range(8) if not first & (0x80 >> i)), 8)
    value = int.from_bytes(data[at + 1 : at + 1 + extra], "little")
    return value | (first & (0x7F >> extra)) << (8 * extra) if extra < 8 else value, at + 1 + extra


def _names(header: bytes) -> list[str]:
    """The property with the names: 0x11, its length, a zero, UTF-16 texts that end with a zero each."""
    at = -1
    for _ in range(MAX_TRIES):
        at = header.find(b"\x11", at + 1)
        if at < 0 or at + 10 > len(header):
            break
        length, start = _number(header, at + 1)
        end = start + length
        if length % 2 == 1 and end <= len(header) and header[start] == 0 and header[end - 2 : end] == b"\0\0":
            return header[start + 1 : end].decode("utf-16-le", "replace").rstrip("\0").split("\0")[:MAX_HEADERS]
    return []
