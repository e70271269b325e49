"""Other ways to read a text: what its escapes mean, and what its shape is in plain ASCII.

Masker and egress guard look at a text and at its decoded view, so that `Anna%20Lindqvist` hides nothing.
"""

from __future__ import annotations

import bisect
import codecs
import html
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Self

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")

#: Escapes of JSON (at any depth of nesting), URLs, HTML and quoted-printable, invisible characters, combining
#: marks and full-width letters. Every alternative is bounded or a plain run, so that matching stays linear.
_ENCODED = re.compile(
    r"(?<!\\)\\{1,16}(?:u[dD][89abAB][0-9a-fA-F]{2}\\{1,16}u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|[nrtbf\"'/])"
    r"|(?:%[0-9A-Fa-f]{2})+"
    r"|&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|nbsp|amp|quot|apos|lt|gt|shy);"
    r"|=\r?\n|(?:=[0-9A-F]{2}(?:=\r?\n(?==[0-9A-F]{2}))?)+|(?:=[c-f][0-9a-f](?:=[89ab][0-9a-f]){1,3})+"
    rf"|{_INVISIBLE.pattern}"
    r"|[^\W\d_][\u0300-\u036f]{1,8}"
    r"|[\uff01-\uff5e]"
)
#: What escapes of plain ASCII begin with; looking for one of these first is ten times quicker.
_FIRST_ASCII = re.compile(r"[\\%&=]")
_FIRST = re.compile(rf"[\\%&=\u0300-\u036f\uff01-\uff5e{_INVISIBLE.pattern[1:-1]}]")
_SIMPLE = {"n": "\n", "r": "\r", "t": "\t", "b": " ", "f": " ", '"': '"', "'": "'", "/": "/"}


@dataclass(kw_only=True)
class View:
    """A decoded text and where each part of it stands in the raw one."""

    text: str
    #: Start of each replaced part in the decoded text, in order, …
    _at: list[int] = field(default_factory=list)
    #: … and (decoded end, raw start, raw end) of the same part.
    _parts: list[tuple[int, int, int]] = field(default_factory=list)

    @classmethod
    def replacing(cls, text: str, parts: Iterable[tuple[int, int, str]]) -> Self:
        """The text with each part (start, end, what stands for it) replaced; parts are in order and do not overlap."""
        view = cls(text="")
        pieces: list[str] = []
        position = length = 0
        for start, end, shown in parts:
            pieces += [text[position:start], shown]
            length += start - position
            view._at.append(length)
            length += len(shown)
            view._parts.append((length, start, end))
            position = end
        view.text = "".join([*pieces, text[position:]])
        return view

    def raw_span(self, start: int, end: int) -> tuple[int, int]:
        """Where a span of the decoded text stands in the raw text; a part counts as a whole."""
        return self._raw(start, first=True), self._raw(end - 1, first=False)

    def snapped(self, start: int, end: int) -> tuple[int, int]:
        """A span of the raw text that cuts no escape apart: the `n` of a line break is no letter of a name."""
        for number, (_, raw_start, raw_end) in self._around(start, end):
            blank = not self.text[self._at[number] : self._parts[number][0]].strip()
            if raw_start < start < raw_end:
                start = raw_end if blank else raw_start
            if raw_start < end < raw_end:
                end = raw_start if blank else raw_end
        return start, end

    def _around(self, start: int, end: int) -> Iterator[tuple[int, tuple[int, int, int]]]:
        """The parts that hold the start or the end of a raw span."""
        for position in (start, end):
            number = bisect.bisect_right(self._parts, position, key=lambda part: part[1]) - 1
            if number >= 0:
                yield number, self._parts[number]

    def _raw(self, position: int, *, first: bool) -> int:
        index = bisect.bisect_right(self._at, position) - 1
        if index < 0:
            return position + (0 if first else 1)
        decoded_end, raw_start, raw_end = self._parts[index]
        if position < decoded_end:
            return raw_start if first else raw_end
        return raw_end + (position - decoded_end) + (0 if first else 1)


def invisible_in(text: str) -> int:
    """How many invisible characters a text has."""
    return 0 if text.isascii() else sum(map(text.count, set(_INVISIBLE.findall(text))))


def decoded_view(text: str) -> View | None:
    """What the escapes in a text mean; None when it has none."""
    views = decoded_views(text)
    return views[0] if views else None


@lru_cache(maxsize=8)
def decoded_views(text: str) -> list[View]:
    """Every reading of a text: where invisible characters are nothing, and where they stand between words."""
    parts = [(match.start(), match.end(), _decode(match.group())) for match in _escapes(text)]
    if not parts:
        return []
    plain = [(start, end, _INVISIBLE.sub("", meant)) for start, end, meant in parts]
    views = [View.replacing(text, plain)]
    if plain != parts:
        views.append(View.replacing(text, [(start, end, _INVISIBLE.sub(" ", meant)) for start, end, meant in parts]))
    return views


def _escapes(text: str) -> Iterator[re.Match[str]]:
    position = 0
    for first in (_FIRST_ASCII if text.isascii() else _FIRST).finditer(text):
        start = first.start()
        # A mark on a letter is one escape with it.
        start -= "\u0300" <= first.group() <= "\u036f"
        match = _ENCODED.match(text, start) if start >= position else None
        if match is not None:
            yield match
            position = match.end()


def _decode(part: str) -> str:
    first = part[0]
    if first == "\\":
        return _decode_backslash(part)
    if first == "%":
        return _decode_bytes(part.replace("%", ""))
    if first == "=":
        return _decode_bytes(re.sub(r"[=\r\n]", "", part))
    if first == "&":
        return html.unescape(part).replace("\u00a0", " ")
    return part if _INVISIBLE.fullmatch(part) else unicodedata.normalize("NFKC", part)


def _decode_bytes(digits: str) -> str:
    """What bytes say: in UTF-8 nearly always, else in the Latin letters of old mail programs."""
    octets = bytes.fromhex(digits)
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode("cp1252", "replace")


def _decode_backslash(part: str) -> str:
    body = part.lstrip("\\")
    if body[0] not in "ux":
        return _SIMPLE[body]
    units = [int(unit, 16) for unit in re.findall(r"[ux]([0-9a-fA-F]{2,4})", body)]
    if len(units) == 2:
        return chr(0x10000 + ((units[0] - 0xD800) << 10) + (units[1] - 0xDC00))
    # Half of a surrogate pair is no character; a placeholder keeps it from breaking encoders.
    return "\ufffd" if 0xD800 <= units[0] <= 0xDFFF else chr(units[0])


class _Shape(dict[int, str]):
    """One ASCII character for each character outside ASCII, remembered as they come."""

    def __missing__(self, code: int) -> str:
        shape = _ascii_shape(chr(code)) if code > 127 else chr(code)
        self[code] = shape
        return shape


_SHAPES = _Shape()


def shape_of(text: str) -> bytes:
    """The text in ASCII, character for character, so that patterns are small and offsets agree: `Müller` → `Muller`."""
    return text.encode("ascii") if text.isascii() else _wide_shape(text)


#: Characters up to which a text is not worth asking a table about each of them.
_SHORT = 4_000
#: What the encoder asks about characters outside ASCII.
_OTHERS = "casemate-shape"


@lru_cache(maxsize=8)
def _wide_shape(text: str) -> bytes:
    """The shape of a text that is not ASCII; patterns, keys, prose and base64 are looked for in the same one."""
    return text.encode("ascii", _OTHERS) if len(text) <= _SHORT else _tabled(text).encode("ascii")


def _tabled(text: str) -> str:
    return text.translate(_SHAPES).encode("ascii", "replace").decode("ascii")


_shape_of_others = lru_cache(maxsize=4096)(_tabled)


def _shape_of_error(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    return _shape_of_others(error.object[error.start : error.end]), error.end


codecs.register_error(_OTHERS, _shape_of_error)


def _ascii_shape(character: str) -> str:
    plain = unicodedata.normalize("NFKD", character)[0]
    if plain.isascii() and plain.isprintable():
        return plain
    if character == "ß":
        return "s"
    category = unicodedata.category(character)
    if category in ("Lu", "Lt"):
        return "X"
    if category.startswith("L"):
        return "x"
    if category == "Nd":
        return str(unicodedata.digit(character))
    if category == "Pd":
        return "-"
    if category.startswith("Z"):
        return " "
    return "'" if character in "‘’ʼ" else '"' if character in "“”„«»" else "\x1a"
