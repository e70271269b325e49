"""OLE compound files (old Office, Outlook messages, installers), read without trusting a single pointer in them."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from tools.investigate.files.budget import MAX_MEMBER, Budget

SIGNATURE = bytes.fromhex("d0cf11e0a1b11ae1")
#: Directory entries gone through.
MAX_ENTRIES = 20_000
#: First number that is no sector.
NO_SECTOR = 0xFFFFFFFA
STORAGE, STREAM, ROOT = 1, 2, 5


class NotOle(ValueError):
    """The header is not that of a compound file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stream:
    """One stream: its path from the root, `/` between storages."""

    path: str
    size: int
    start: int
    small: bool


class Ole:
    """A compound file. Every chain ends at the first sector that repeats or lies outside."""

    def __init__(self, content: bytes) -> None:
        """Raises `NotOle`."""
        if len(content) < 512 or not content.startswith(SIGNATURE):
            raise NotOle("this is no OLE compound file")
        shift, small_shift = struct.unpack_from("<HH", content, 30)
        if shift not in {9, 12} or small_shift != 6:
            raise NotOle("the header of the compound file is damaged")
        self._content = content
        self._sector = 1 << shift
        self.damaged = False
        table, directory = struct.unpack_from("<I", content, 44)[0], struct.unpack_from("<I", content, 48)[0]
        self._cutoff, small_table = (
            struct.unpack_from("<I4xI", content, 56)[0],
            struct.unpack_from("<I", content, 60)[0],
        )
        self._next = self._table(min(table, len(content) // self._sector + 1))
        self._small_next = self._words(self._chain(small_table, self._next, len(content)))
        self.streams: list[Stream] = []
        self.storages: dict[str, str] = {}
        self._read_directory(self._joined(directory, MAX_ENTRIES * 128))
        self._mini = b""

    def read(self, stream: Stream, longest: int, budget: Budget) -> bytes:
        """The content of a stream, at most `longest` bytes."""
        size = min(stream.size, longest, MAX_MEMBER, len(self._content))
        budget.take_bytes(size)
        if not stream.small:
            return self._joined(stream.start, size)
        found = bytearray()
        for sector in self._chain(stream.start, self._small_next, size // 64 + 1):
            found += self._mini_stream()[sector * 64 : sector * 64 + 64]
        return bytes(found[:size])

    def find(self, *endings: str) -> list[Stream]:
        """Streams whose path, in lower case, ends so."""
        return [s for s in self.streams if s.path.lower().endswith(endings)]

    def reader(self, stream: Stream) -> Callable[[int, Budget], bytes]:
        return lambda longest, budget: self.read(stream, longest, budget)

    def _words(self, sectors: list[int]) -> list[int]:
        data = b"".join(self._at(sector) for sector in sectors)
        return list(struct.unpack(f"<{len(data) // 4}I", data[: len(data) // 4 * 4]))

    def _at(self, sector: int) -> bytes:
        start = (sector + 1) * self._sector
        return self._content[start : start + self._sector]

    def _table(self, count: int) -> list[int]:
        """The allocation table: its sectors stand in the header, and further ones in a chain of lists."""
        content = self._content
        sectors = list(struct.unpack_from("<109I", content, 76))
        following, lists = struct.unpack_from("<I", content, 68)[0], set[int]()
        while following < NO_SECTOR and following not in lists and len(sectors) < count:
            lists.add(following)
            words = self._words([following])
            if not words:
                break
            sectors += words[:-1]
            following = words[-1]
        seen = dict.fromkeys(s for s in sectors if s < NO_SECTOR)
        if len(seen) < sum(s < NO_SECTOR for s in sectors):
            self.damaged = True
        return self._words(list(seen)[:count])

    def _chain(self, start: int, table: list[int], longest: int) -> list[int]:
        found: list[int] = []
        seen: set[int] = set()
        while start < NO_SECTOR and len(found) < longest:
            if start in seen or start >= len(table):
                self.damaged = True
                break
            seen.add(start)
            found.append(start)
            start = table[start]
        return found

    def _joined(self, start: int, size: int) -> bytes:
        sectors = self._chain(start, self._next, -(-size // self._sector))
        return b"".join(self._at(sector) for sector in sectors)[:size]

    def _mini_stream(self) -> bytes:
        if not self._mini:
            self._mini = self._joined(self._mini_start, len(self._content)) or b"\0"
        return self._mini

    def _read_directory(self, raw: bytes) -> None:
        """Entries form trees of siblings below each storage; walked without recursion, each entry once."""
        self._mini_start = NO_SECTOR
        entries = [raw[at : at + 128] for at in range(0, len(raw) - 127, 128)]
        if not entries:
            self.damaged = True
            return
        self._mini_start = struct.unpack_from("<I", entries[0], 116)[0]
        waiting = [(struct.unpack_from("<I", entries[0], 76)[0], "")]
        self.storages[""] = entries[0][80:96].hex()
        seen = set[int]()
        while waiting:
            number, above = waiting.pop()
            if number >= len(entries) or number in seen:
                self.damaged = self.damaged or number < NO_SECTOR
                continue
            seen.add(number)
            entry = entries[number]
            length, kind = struct.unpack_from("<HB", entry, 64)
            left, right, child = struct.unpack_from("<III", entry, 68)
            start, size = struct.unpack_from("<IQ", entry, 116)
            name = entry[: max(0, min(length, 64) - 2)].decode("utf-16-le", "replace").replace("/", "_")
            path = f"{above}/{name}" if above else name
            if kind == STREAM:
                size &= 0xFFFFFFFF if self._sector == 512 else 0xFFFFFFFFFFFFFFFF
                self.streams.append(Stream(path=path, size=size, start=start, small=size < self._cutoff))
            elif kind == STORAGE and path.count("/") < 40:
                self.storages[path] = entry[80:96].hex()
                waiting.append((child, path))
            waiting += [(left, above), (right, above)]
