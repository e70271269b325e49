"""What a file holds: members by name, each read only when asked for and only as far as it may be."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

from tools.investigate.files.budget import MAX_MEMBER, Budget

#: Members of one container that are kept; the rest is counted.
MAX_KEPT = 5_000
#: Larger numbers than this are told as this; answers cannot carry all that a field of eight bytes can claim.
MAX_CLAIM = 2**50
#: Characters of a member's name that are kept.
MAX_NAME = 1_000
#: Bytes unpacked, and bytes fed, in one go.
PIECE, FEED = 256 * 1024, 64 * 1024
#: Bytes of memory a decompressor may ask for.
MAX_DICTIONARY = 128 * 1024**2
#: More unpacked than packed by this factor is no honest file; deflate reaches 1,032.
BOMB_RATIO = 200
#: Bytes below which no ratio makes a bomb.
BOMB_SIZE = 16 * 1024**2


class Unreadable(Exception):
    """This member cannot be unpacked; the words say why."""


@dataclass(kw_only=True, slots=True)
class Member:
    """A file inside a file."""

    name: str
    #: Bytes as the container claims; None when it does not say.
    size: int | None = None
    packed: int | None = None
    encrypted: bool = False
    folder: bool = False
    #: Where a link leads.
    link: str = ""
    #: Gives the content, at most so many bytes; None when only its name can be read.
    read: Callable[[int, Budget], bytes] | None = None
    #: A part of a document, read by the reader of that document; no file of its own.
    part: bool = False
    #: Position among the members.
    index: int = 0


@dataclass(kw_only=True, slots=True)
class Container:
    """The members, and what is wrong with the way they are packed."""

    members: list[Member] = field(default_factory=list)
    #: All members, those that were not kept included.
    total: int = 0
    #: Signs of a bomb, a trick or an attack on whoever unpacks it.
    signs: list[str] = field(default_factory=list)
    bomb: bool = False
    damaged: bool = False
    #: Why members, or some of them, cannot be listed.
    unread: list[str] = field(default_factory=list)
    #: One content in another wrapping (gzip); no archive with a list of its own.
    single: bool = False
    comment: str = ""

    def add(self, member: Member) -> None:
        self.total = min(self.total + 1, MAX_CLAIM)
        if member.size is not None:
            member.size = min(member.size, MAX_CLAIM)
        if len(self.members) < MAX_KEPT:
            member.index = len(self.members)
            member.name = member.name[:MAX_NAME]
            self.members.append(member)

    def weigh(self, length: int) -> None:
        """Call a container that claims to unpack to far more than its own length a bomb."""
        claimed = sum(m.size or 0 for m in self.members)
        if claimed > max(BOMB_SIZE, BOMB_RATIO * max(1, length)):
            self.bomb = True
            self.signs.append(f"unpacks to {_amount(claimed)}, {claimed // max(1, length):,} times its size: a bomb")


def _amount(count: int) -> str:
    for unit, size in (("TiB", 1024**4), ("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024)):
        if count >= size:
            return f"{count / size:,.0f} {unit}"
    return f"{count} bytes"


def unpack(method: str, packed: bytes | memoryview, longest: int, budget: Budget) -> bytes:
    """Unpacked bytes, at most `longest` and at most what the budget has left; a bomb costs no more than that.

    Raises:
        Unreadable: the method is not known or the data is broken from the start.
        Spent: the budget is used up.
    """
    longest = min(longest, MAX_MEMBER)
    out = bytearray()
    step = _decompressor(method)
    view = memoryview(packed)
    try:
        for at in range(0, len(view), FEED):
            piece = step(view[at : at + FEED])
            while piece:
                out += piece
                budget.take_bytes(len(piece))
                if len(out) > longest:
                    return bytes(out[:longest])
                piece = step(b"")
    except (zlib.error, OSError, lzma.LZMAError, EOFError, ValueError) as error:
        # What came out before the damage is what a lenient program would show.
        if not out:
            raise Unreadable("its data is damaged") from error
    return bytes(out)


def _decompressor(method: str) -> Callable[[bytes | memoryview], bytes]:
    """Takes a piece of input, or nothing to have what is still pending; gives at most `PIECE` bytes."""
    if method in {"deflate", "gzip", "zlib"}:
        inflater = zlib.decompressobj({"deflate": -15, "gzip": 31, "zlib": 15}[method])
        return lambda data: b"" if inflater.eof else inflater.decompress(data or inflater.unconsumed_tail, PIECE)
    if method == "bzip2":
        burrows = bz2.BZ2Decompressor()
        return lambda data: b"" if burrows.eof else burrows.decompress(data, PIECE)
    if method == "xz":
        chain = lzma.LZMADecompressor(lzma.FORMAT_AUTO, memlimit=MAX_DICTIONARY)
        return lambda data: b"" if chain.eof else chain.decompress(data, PIECE)
    raise Unreadable(f"it is packed by a method that is not read here ({method})")


def stored(content: memoryview) -> Callable[[int, Budget], bytes]:
    """A reader of bytes that lie there as they are."""

    def read(longest: int, budget: Budget) -> bytes:
        piece = bytes(content[: min(longest, MAX_MEMBER)])
        budget.take_bytes(len(piece))
        return piece

    return read


def packed(method: str, content: memoryview) -> Callable[[int, Budget], bytes]:
    """A reader of bytes that are packed."""
    return lambda longest, budget: unpack(method, content, longest, budget)
