"""Disc images (ISO 9660 and Joliet), by their directories; nothing is mounted."""

from __future__ import annotations

import struct

from tools.investigate.files.container import Container, Member, stored

SECTOR = 2048
#: Volume descriptors, directory records and directories that are gone through.
MAX_DESCRIPTORS, MAX_RECORDS, MAX_FOLDERS = 64, 20_000, 2_000
#: Bytes of one directory.
MAX_FOLDER = 1024**2


def read(content: bytes) -> Container:
    """The members, by the directory with the longer names."""
    found = Container()
    root, wide = _root(content)
    if root is None:
        found.damaged = True
        found.signs.append("damaged disc image")
        return found
    view = memoryview(content)
    waiting, seen, records = [("", root)], set[int](), 0
    while waiting and len(seen) < MAX_FOLDERS and records < MAX_RECORDS:
        path, (sector, size) = waiting.pop(0)
        if sector in seen:
            found.damaged = True
            continue
        seen.add(sector)
        folder = content[sector * SECTOR : sector * SECTOR + min(size, MAX_FOLDER)]
        found.damaged = found.damaged or not folder
        for name, is_folder, extent in _records(folder, wide):
            records += 1
            full = f"{path}{name}"
            at, length = extent[0] * SECTOR, extent[1]
            if is_folder:
                waiting.append((f"{full}/", extent))
            member = Member(name=full, size=length, packed=length, folder=is_folder)
            if not is_folder:
                member.read = stored(view[at : at + length])
                if at + length > len(content):
                    found.damaged = True
            found.add(member)
            if records >= MAX_RECORDS:
                found.unread.append(f"the image lists more than {MAX_RECORDS:,} files")
                break
    return found


def _root(content: bytes) -> tuple[tuple[int, int] | None, bool]:
    """Where the root directory lies, and whether names are UTF-16 (Joliet)."""
    found, wide = None, False
    for number in range(16, 16 + MAX_DESCRIPTORS):
        block = content[number * SECTOR : number * SECTOR + SECTOR]
        if len(block) < 190 or block[1:6] != b"CD001" or block[0] == 255:
            break
        joliet = block[0] == 2 and block[88:91] in {b"%/@", b"%/C", b"%/E"}
        if block[0] == 1 or joliet:
            found = struct.unpack_from("<I4xI", block, 156 + 2)
            wide = joliet
        if joliet:
            break
    return found, wide


def _records(folder: bytes, wide: bool) -> list[tuple[str, bool, tuple[int, int]]]:
    found = []
    at = 0
    while at < len(folder):
        length = folder[at]
        if length == 0:
            # Records do not cross sectors; zeros fill up to the next.
            at = (at // SECTOR + 1) * SECTOR
            continue
        record = folder[at : at + length]
        at += length
        if len(record) < 34:
            continue
        extent = struct.unpack_from("<I4xI", record, 2)
        raw = record[33 : 33 + record[32]]
        if raw in {b"\0", b"\1"}:
            continue
        name = raw.decode("utf-16-be" if wide else "latin-1", "replace").partition(";")[0]
        found.append((name, bool(record[25] & 2), extent))
    return found
