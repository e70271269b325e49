"""Pictures by their headers only: what they claim to be in size, and what is hidden behind their end."""

from __future__ import annotations

import re
import struct

from tools.investigate.files.look import Look

#: Pixels that no picture in a ticket needs; programs that unpack it run out of memory.
MAX_PIXELS = 100_000_000
#: JPEG segments gone through.
MAX_SEGMENTS = 500
#: Bytes behind the end that are not worth a word.
SLACK = 64
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
CODE = re.compile(rb"(?i)<script[\s>]|<\?php|<html[\s>]|javascript:")


def read(kind: str, content: bytes, look: Look) -> None:
    """Adds the facts `width` and `height` where the header says them."""
    try:
        size = _size(kind, content)
    except (struct.error, IndexError):
        size = None
        look.note("the header of the picture is damaged", damaged=True)
    if size is not None:
        width, height = size
        look.facts.update(width=width, height=height)
        if width * height > MAX_PIXELS:
            look.sign(f"picture that claims {width:,} × {height:,} points: a bomb for programs that show it", bomb=True)
    if CODE.search(content):
        look.sign("script code inside a picture", polyglot=True)
    end = _end(kind, content)
    if end is not None and len(content) - end > SLACK:
        look.note(f"{len(content) - end:,} bytes stand behind the end of the picture")


def _size(kind: str, content: bytes) -> tuple[int, int] | None:
    if kind == "png" and content[12:16] == b"IHDR":
        return _two(">II", content, 16)
    if kind == "gif":
        return _two("<HH", content, 6)
    if kind == "bmp":
        width, height = struct.unpack_from("<ii", content, 18)
        return abs(width), abs(height)
    if kind == "jpeg":
        return _jpeg(content)
    if kind == "webp":
        return _webp(content)
    return None


def _two(shape: str, content: bytes, at: int) -> tuple[int, int]:
    width, height = struct.unpack_from(shape, content, at)
    return width, height


def _jpeg(content: bytes) -> tuple[int, int] | None:
    at = 2
    for _ in range(MAX_SEGMENTS):
        at = content.find(b"\xff", at)
        if at < 0 or at + 9 > len(content):
            return None
        marker = content[at + 1]
        if marker in FRAMES:
            height, width = _two(">HH", content, at + 5)
            return width, height
        if marker in {0x00, 0x01, 0xFF} or 0xD0 <= marker <= 0xD9:
            at += 1 if marker == 0xFF else 2
            continue
        at += 2 + struct.unpack_from(">H", content, at + 2)[0]
    return None


def _webp(content: bytes) -> tuple[int, int] | None:
    form = content[12:16]
    if form == b"VP8X":
        width = int.from_bytes(content[24:27], "little") + 1
        return width, int.from_bytes(content[27:30], "little") + 1
    if form == b"VP8L":
        bits = struct.unpack_from("<I", content, 21)[0]
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if form == b"VP8 ":
        width, height = _two("<HH", content, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


def _end(kind: str, content: bytes) -> int | None:
    """Where the picture ends by its own account."""
    if kind == "png":
        at = content.find(b"IEND")
        return at + 8 if at >= 0 else None
    if kind == "jpeg":
        at = content.rfind(b"\xff\xd9")
        return at + 2 if at >= 0 else None
    if kind == "bmp":
        size = struct.unpack_from("<I", content, 2)[0]
        return size if 26 < size <= len(content) else None
    return None
