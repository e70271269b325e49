"""tar archives, header by header; long names and PAX records are read, nothing calls itself."""

from __future__ import annotations

import re

from tools.investigate.files.container import Container, Member, stored

BLOCK = 512
#: Headers that are gone through.
MAX_HEADERS = 20_000
#: Bytes of a long name or of PAX records that are read.
MAX_RECORD = 64 * 1024


def read(content: bytes) -> Container:
    """The members. What a header claims beyond the end of the file is damage, not reason to look there."""
    found = Container()
    view = memoryview(content)
    at, headers, long_name, pax = 0, 0, "", dict[str, str]()
    while at + BLOCK <= len(content) and headers < MAX_HEADERS:
        header = content[at : at + BLOCK]
        if header.count(0) == BLOCK:
            break
        headers += 1
        size = _number(header[124:136])
        if "size" in pax and pax["size"].isdigit() and len(pax["size"]) < 16:
            size = int(pax["size"])
        if size < 0 or not _checksum_fits(header):
            _damaged(found, "damaged archive")
            break
        kind = chr(header[156])
        body = view[at + BLOCK : at + BLOCK + size]
        at += BLOCK + -(-size // BLOCK) * BLOCK
        if kind == "L":
            long_name = _text(bytes(body[:MAX_RECORD]))
            continue
        if kind in "xg":
            pax |= _records(bytes(body[:MAX_RECORD])) if kind == "x" else {}
            continue
        if kind == "K":
            continue
        member = Member(name=pax.get("path") or long_name or _name(header), size=size, packed=size)
        member.folder = kind == "5"
        if kind in "12":
            member.link = pax.get("linkpath") or _text(header[157:257])
        elif kind in "34":
            found.signs.append("archive that would make a device file")
        else:
            member.read = stored(body)
        if len(body) < size and kind not in "12345":
            _damaged(found, f"a member claims {size:,} bytes and has {len(body):,}")
        found.add(member)
        long_name, pax = "", {}
    if headers >= MAX_HEADERS:
        found.unread.append(f"the archive has more than {MAX_HEADERS:,} headers")
    return found


def _damaged(found: Container, sentence: str) -> None:
    found.damaged = True
    if sentence not in found.signs and len(found.signs) < 20:
        found.signs.append(sentence)


def _text(raw: bytes) -> str:
    return raw.partition(b"\0")[0].decode("utf-8", "replace")


def _name(header: bytes) -> str:
    prefix = _text(header[345:500]) if header[257:262] == b"ustar" and header[263:265] == b"00" else ""
    name = _text(header[:100])
    return f"{prefix}/{name}" if prefix else name


def _number(field: bytes) -> int:
    """Octal, or binary when the first bit is set; -1 when it is neither."""
    if field[:1] == b"\x80":
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b" \0")
    return (int(digits, 8) if digits else 0) if re.fullmatch(rb"[0-7]{0,12}", digits) else -1


def _checksum_fits(header: bytes) -> bool:
    return _number(header[148:156]) == sum(header[:148]) + 8 * 32 + sum(header[156:])


def _records(raw: bytes) -> dict[str, str]:
    """PAX: `27 path=some/long/name` and a line feed, by its length."""
    found: dict[str, str] = {}
    at = 0
    while at < len(raw):
        match = re.match(rb"(\d{1,6}) ", raw[at : at + 8])
        length = int(match.group(1)) if match else 0
        if match is None or length <= len(match.group(0)):
            break
        key, _, value = raw[at + len(match.group(0)) : at + length - 1].partition(b"=")
        found[key.decode("utf-8", "replace")] = value.decode("utf-8", "replace")
        at += length
    return found
