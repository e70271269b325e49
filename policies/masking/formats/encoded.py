"""Finds text that is written in base64, in hexadecimal digits or as an encoded word of a mail header, and reads it.

Not JWTs, which are secrets as they stand, and nothing that decodes to something else than text: hashes, images, ids.
"""

from __future__ import annotations

import binascii
import bisect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, islice
from typing import Any

from policies.masking.scan import compiled
from policies.masking.views import shape_of

#: Letters of the shortest run of base64, and hexadecimal digits of the shortest run of those.
MIN_BASE64 = 12
MIN_HEX = 16
#: Times base64 is read inside of base64.
MAX_DEPTH = 3
#: Pieces of a run that is cut at its slashes, as a path is.
MAX_PIECES = 64

_BREAK = r"(?:\r?\n|\\r\\n|\\n)[ \t>]{0,4}"
_BASE64 = (
    # Lines of a mail part are as long as each other; the last one may be short.
    rf"(?:[A-Za-z0-9+/]{{40,}}{_BREAK})+[A-Za-z0-9+/]*={{0,2}}"
    rf"|[A-Za-z0-9+/_\-]{{{MIN_BASE64},}}={{0,2}}"
)
_ENCODED_WORD = r"=\?[A-Za-z0-9_\-*.]{1,40}\?[bBqQ]\?[^?\s]*\?="
_ENCODED_WORDS = rf"{_ENCODED_WORD}(?:[ \t\r\n]{{1,20}}{_ENCODED_WORD})*"
_HEX = rf"(?:[0-9A-Fa-f]{{2}}){{{MIN_HEX // 2},}}|(?:[0-9A-Fa-f]{{2}}[ :]){{{MIN_HEX // 2},}}[0-9A-Fa-f]{{2}}"
_PIECE = re.compile(rb"[A-Za-z0-9_\-+]{12,}={0,2}")
_NOT_BASE64 = re.compile(rb"\\r\\n|\\n|[^A-Za-z0-9+/]+")
#: Stands between texts that are read together.
_BETWEEN = "\n\x00\n"
_LONG_RUN = re.compile(r"[A-Za-z0-9+/_\-]{16}|(?:[0-9A-Fa-f]{2}[ :]){8}|=\?")
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
#: Bytes that text has no use for: control characters but tab, line breaks and escape.
_CONTROL = bytes(set(range(32)) - {9, 10, 12, 13, 27}) + b"\x7f"
_PADDING = (b"", b"", b"==", b"=")
#: Letters that base64 of a text can begin with: its first character is printable, a line break or outside ASCII.
_FIRST = frozenset(b"CDIJKLMNOPQRSTUVWXYZabcdefwxyz0123456789-+/_")
_ASCII = bytes(range(128))
#: Letters, digits and what stands between them in a text.
_USUAL = re.compile(r"[\w\s.,:;'\"@\-/\\]+")
_LETTER = re.compile(r"[^\W\d_]")


@dataclass(frozen=True, slots=True)
class Encoded:
    """A run of encoded text and what it says, with what is encoded inside of it on lines of its own."""

    start: int
    end: int
    text: str


def encoded_of(text: str) -> list[Encoded]:
    """Every run of a text that decodes to text, in order; none overlap."""
    return _encoded(text, MAX_DEPTH)


def _encoded(text: str, depth: int) -> list[Encoded]:
    shape = shape_of(text)
    found = [*_words(text, shape), *_digits(shape), *_base64(shape)]
    kept: list[Encoded] = []
    for each in sorted(found, key=lambda one: (one.start, -one.end)):
        if not kept or each.start >= kept[-1].end:
            kept.append(each)
    return _with_inner(kept, depth - 1) if depth > 1 and kept else kept


def _with_inner(found: list[Encoded], depth: int) -> list[Encoded]:
    """The same runs, each also saying what is encoded in what it says; all are read together."""
    joined = _BETWEEN.join(each.text for each in found)
    if not _LONG_RUN.search(joined):
        return found
    starts = list(accumulate((len(each.text) + len(_BETWEEN) for each in found), initial=0))
    said = [each.text for each in found]
    for inner in _encoded(joined, depth):
        said[bisect.bisect_right(starts, inner.start) - 1] += f"\n{inner.text}"
    return [Encoded(each.start, each.end, text) for each, text in zip(found, said, strict=True)]


def _words(text: str, shape: bytes) -> Iterator[Encoded]:
    if b"=?" not in shape:
        return
    for match in _pattern(_ENCODED_WORDS).finditer(shape):
        said = _read_words(text[match.start() : match.end()])
        if said.strip():
            yield Encoded(match.start(), match.end(), said)


def _digits(shape: bytes) -> Iterator[Encoded]:
    for match in _pattern(_HEX).finditer(shape):
        start, end = match.span()
        if _alone(shape, start, end):
            said = _read_hex(shape[start:end])
            if said:
                yield Encoded(start, end, said)


def _base64(shape: bytes) -> Iterator[Encoded]:
    for match in _pattern(_BASE64).finditer(shape):
        start, end = match.span()
        run = shape[start:end]
        if run[0] not in _FIRST and b"/" not in run:
            continue
        if run.startswith(b"eyJ") and b"." in (shape[end : end + 1], shape[start - 1 : start]):
            continue  # a JWT
        said = _read_base64(run)
        if said:
            yield Encoded(start, end, said)
        elif b"/" in run or b"\n" in run or b"\\" in run:
            # Lines that are no mail part, or a path.
            for piece in islice(_PIECE.finditer(run), MAX_PIECES):
                said = _read_base64(piece.group())
                if said:
                    yield Encoded(start + piece.start(), start + piece.end(), said)


def _alone(shape: bytes, start: int, end: int) -> bool:
    """Whether hexadecimal digits are not the middle of a longer word."""
    before, after = shape[start - 1 : start], shape[end : end + 1]
    return not (before.isalnum() and shape[start - 2 : start] not in (b"0x", b"\\x")) and not after.isalnum()


def _read_base64(run: bytes) -> str:
    """What base64 says; nothing where that is no text."""
    head = _decoded(run[:24].translate(_URL_SAFE))
    if not _may_be_text(head):
        return ""
    if len(run) <= 24:
        return _text_of(head)
    letters = run.rstrip(b"=")
    if b"\n" in letters or b"\\" in letters:
        letters = _NOT_BASE64.sub(b"", letters)
    return _text_of(_decoded(letters.translate(_URL_SAFE)))


def _decoded(letters: bytes) -> bytes:
    """The bytes of base64 without its padding; one letter too many is what was cut off."""
    letters = letters.rstrip(b"=")
    if len(letters) % 4 == 1:
        letters = letters[:-1]
    try:
        return binascii.a2b_base64(letters + _PADDING[len(letters) % 4])
    except binascii.Error:
        return b""


def _read_hex(run: bytes) -> str:
    """What hexadecimal digits say; nothing where that is no text."""
    data = bytes.fromhex(run.decode().replace(":", " "))
    said = _text_of(data) if _may_be_text(data[:48]) else ""
    # Digits alone are more often a number, unless they spell small letters only.
    return said if not run.isdigit() or sum(map(str.islower, said)) > 0.6 * len(said) else ""


def _may_be_text(data: bytes) -> bool:
    """Whether bytes may be the beginning of a text: quick, and wrong about few."""
    if _is_wide(data):
        data = data[::2] if data[1:2] == b"\0" else data[1::2]
    return len(data.translate(None, _CONTROL)) == len(data)


def _is_wide(data: bytes) -> bool:
    """Whether every second byte is zero, as in UTF-16 of Latin letters."""
    zeros = data.count(0)
    return zeros > 0 and zeros * 2.5 >= len(data) and (data[1::2].count(0) == zeros or data[::2].count(0) == zeros)


def _text_of(data: bytes) -> str:
    """Bytes as text, in the encoding that fits; nothing where none does, or where it reads like noise."""
    if _is_wide(data):
        said = data.decode("utf-16-le" if data[1:2] == b"\0" else "utf-16-be", "ignore").lstrip("\ufeff")
    else:
        try:
            said = data.decode("utf-8")
        except UnicodeDecodeError:
            if len(data) < 24 or len(data.translate(None, _ASCII)) > 0.15 * len(data):
                return ""
            said = data.decode("cp1252", "replace")
    head = said[:4_000]
    strange = len(_USUAL.sub("", head))
    return said if 4 * strange <= len(head) and _LETTER.search(head) else ""


def _read_words(run: str) -> str:
    """What encoded words of a mail header say: put together as the standard asks, and apart where that differs."""
    parts = [_read_word(*word[2:-2].split("?")) for word in run.split()]
    together = "".join(parts)
    return together if len(parts) == 1 else f"{together}\n{' '.join(parts)}"


def _read_word(charset: str, coding: str, letters: str) -> str:
    raw = letters.encode("ascii", "replace")
    data = _decoded(raw) if coding in "bB" else binascii.a2b_qp(raw, header=True)
    try:
        return data.decode(charset.partition("*")[0], "replace")
    except (LookupError, ValueError):
        return data.decode("utf-8", "replace")


@cache
def _pattern(regex: str) -> Any:
    return compiled(regex)
