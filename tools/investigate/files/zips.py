"""ZIP files by their own directory, read without the standard library: it follows what a hostile directory claims."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from tools.investigate.files.budget import Budget
from tools.investigate.files.container import (
    MAX_CLAIM,
    MAX_DICTIONARY,
    Container,
    Member,
    Unreadable,
    packed,
    stored,
    unpack,
)

#: Entries of a directory that are gone through.
MAX_ENTRIES = 20_000
#: Bytes at the end in which the end of the directory is looked for: its record and the longest comment.
TAIL = 65_557
LOCAL = b"PK\x03\x04"
CENTRAL = b"PK\x01\x02"
END = b"PK\x05\x06"
END64 = b"PK\x06\x06"
LOCATOR64 = b"PK\x06\x07"
METHODS = {8: "deflate", 12: "bzip2", 95: "xz"}
UTF8 = 1 << 11
#: Extra field of AES encryption, and of sizes over 4 GiB.
AES, WIDE = 0x9901, 0x0001


@dataclass(frozen=True, kw_only=True, slots=True)
class _Entry:
    name: str
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    offset: int
    folder: bool
    link: bool


def read(content: bytes) -> Container:
    """The members by the directory at the end; by the headers before each member where there is none."""
    found = Container()
    end = content.rfind(END, max(0, len(content) - TAIL))
    entries: list[_Entry] = []
    spans = []
    if end >= 0 and end + 22 <= len(content):
        entries, begin = _directory(content, end, found)
        # A member that reaches into the list of members shares bytes with it.
        spans.append((begin, len(content)))
    if not entries and content.startswith(LOCAL):
        found.damaged = True
        found.signs.append("damaged archive")
        entries = _without_directory(content)
    for entry in entries:
        start = _start(content, entry)
        if start is not None:
            spans.append((entry.offset, start + entry.packed))
        found.add(_member(content, entry, start))
    _overlaps(spans, found)
    found.weigh(len(content))
    return found


def _directory(content: bytes, end: int, found: Container) -> tuple[list[_Entry], int]:
    """The entries, and where their list begins."""
    count, size, offset, comment = struct.unpack_from("<HIIH", content, end + 10)
    found.comment = content[end + 22 : end + 22 + min(comment, 500)].decode("utf-8", "replace")
    stop = end
    locator = end - 20
    if locator >= 0 and content.startswith(LOCATOR64, locator):
        at = struct.unpack_from("<Q", content, locator + 8)[0]
        if at + 56 <= len(content) and content.startswith(END64, at):
            count, size, offset = struct.unpack_from("<QQQ", content, at + 32)
            stop = at
    # What stands before the archive (a program, a picture) shifts every offset.
    at = stop - size if stop >= size and content.startswith(CENTRAL, stop - size) else offset
    begin, shift = at, at - offset
    entries: list[_Entry] = []
    while at + 46 <= len(content) and content.startswith(CENTRAL, at):
        entry, at = _central(content, at, shift)
        entries.append(entry)
        if len(entries) >= MAX_ENTRIES:
            found.unread.append(f"the directory lists more than {MAX_ENTRIES:,} members")
            found.total = min(max(0, count - MAX_ENTRIES), MAX_CLAIM)
            break
    if (
        len(entries) < MAX_ENTRIES
        and len(entries) != count
        and not (count == 0xFFFF or (count & 0xFFFF) == len(entries))
    ):
        found.damaged = True
        found.signs.append(f"the directory says {count:,} members and lists {len(entries):,}")
    if any(e.offset < 0 or e.offset >= len(content) for e in entries):
        found.damaged = True
        found.signs.append("the directory points outside the file")
    return entries, begin


def _central(content: bytes, at: int, shift: int) -> tuple[_Entry, int]:
    (made_on, flags, method, crc, packed_size, size, name_length, extra_length, comment_length, attributes, offset) = (
        struct.unpack_from("<xxxxxBxxHHxxxxIIIHHHxxxxII", content, at)
    )
    name_at = at + 46
    raw = content[name_at : name_at + name_length]
    extra = content[name_at + name_length : name_at + name_length + extra_length]
    size, packed_size, offset = _wide(extra, size, packed_size, offset)
    name = raw.decode("utf-8" if flags & UTF8 else "cp437", "replace")
    mode = attributes >> 16
    entry = _Entry(
        name=name,
        flags=flags,
        method=_method(extra, method),
        crc=crc,
        packed=packed_size,
        size=size,
        offset=offset + shift,
        folder=name.endswith("/") or bool(made_on != 3 and attributes & 0x10),
        link=made_on == 3 and (mode & 0o170000) == 0o120000,
    )
    return entry, name_at + name_length + extra_length + comment_length


def _extras(extra: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        found.setdefault(kind, extra[at + 4 : at + 4 + length])
        at += 4 + length
    return found


def _method(extra: bytes, method: int) -> int:
    aes = _extras(extra).get(AES, b"") if method == 99 else b""
    return int.from_bytes(aes[5:7], "little") if len(aes) >= 7 else method


def _wide(extra: bytes, size: int, packed_size: int, offset: int) -> tuple[int, int, int]:
    numbers = _extras(extra).get(WIDE, b"")
    values = [size, packed_size, offset]
    at = 0
    for i, value in enumerate(values):
        if value == 0xFFFFFFFF and at + 8 <= len(numbers):
            values[i] = struct.unpack_from("<Q", numbers, at)[0]
            at += 8
    return values[0], values[1], values[2]


def _without_directory(content: bytes) -> list[_Entry]:
    """Member after member from the start, as repair tools do."""
    entries: list[_Entry] = []
    at = 0
    while len(entries) < MAX_ENTRIES and at + 30 <= len(content) and content.startswith(LOCAL, at):
        flags, method, crc, packed_size, size, name_length, extra_length = struct.unpack_from(
            "<xxxxxxHHxxxxIIIHH", content, at
        )
        start = at + 30 + name_length + extra_length
        name = content[at + 30 : at + 30 + name_length].decode("utf-8" if flags & UTF8 else "cp437", "replace")
        if packed_size == 0 and flags & 8:
            following = content.find(LOCAL, start)
            packed_size = (following if following >= 0 else len(content)) - start
        entries.append(
            _Entry(
                name=name, flags=flags, method=method, crc=crc, packed=packed_size, size=size, offset=at,
                folder=name.endswith("/"), link=False,
            )
        )  # fmt: skip
        at = start + packed_size
    return entries


def _start(content: bytes, entry: _Entry) -> int | None:
    """Where the data of a member begins, by the header before it; None where there is no such header."""
    if entry.offset < 0 or not content.startswith(LOCAL, entry.offset) or entry.offset + 30 > len(content):
        return None
    name_length, extra_length = struct.unpack_from("<HH", content, entry.offset + 26)
    return int(entry.offset + 30 + name_length + extra_length)


def _overlaps(spans: list[tuple[int, int]], found: Container) -> None:
    reached, clashes = 0, 0
    for start, stop in sorted(spans):
        clashes += start < reached
        reached = max(reached, stop)
    if clashes:
        found.bomb = True
        found.signs.append(f"{clashes:,} members share their bytes with others: a bomb")


def _member(content: bytes, entry: _Entry, start: int | None) -> Member:
    encrypted = bool(entry.flags & 1)
    member = Member(name=entry.name, size=entry.size, packed=entry.packed, encrypted=encrypted, folder=entry.folder)
    if entry.folder:
        return member
    if start is None or encrypted:
        member.read = _never("it has a password" if encrypted else "its header is missing")
        return member
    member.read = _reader(memoryview(content)[start : start + entry.packed], entry)
    if entry.link:
        member.link = bytes(memoryview(content)[start : start + min(entry.packed, 500)]).decode("utf-8", "replace")
    return member


def _never(why: str) -> Callable[[int, Budget], bytes]:
    def read(longest: int, budget: Budget) -> bytes:
        del longest, budget
        raise Unreadable(why)

    return read


def _reader(data: memoryview, entry: _Entry) -> Callable[[int, Budget], bytes]:
    if entry.method == 0:
        return stored(data)
    if entry.method == 14:
        return lambda longest, budget: _lzma(data, longest, budget)
    if entry.method in METHODS:
        return packed(METHODS[entry.method], data)
    return _never(f"it is packed by method {entry.method}, which is not read here")


def _lzma(data: memoryview, longest: int, budget: Budget) -> bytes:
    """The old LZMA stream inside ZIP: two bytes of version, two of length, five of properties."""
    if len(data) < 9:
        raise Unreadable("its data is damaged")
    header = bytes(data[4:9]) + b"\xff" * 8
    if int.from_bytes(header[1:5], "little") > MAX_DICTIONARY:
        raise Unreadable("it needs too much memory")
    return unpack("xz", header + bytes(data[9:]), longest, budget)
