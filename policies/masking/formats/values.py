"""Where the value of a key ends: in quotes, after `=`, after a colon, in a list, in the text of an element."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

#: Characters of the longest value that is looked for.
MAX_VALUE = 2_000
#: Elements of the longest list under a key.
MAX_LIST = 100

#: A quote as JSON, Python, CSV, HTML and URLs write it, escaped as often as JSON was put inside of JSON.
QUOTE = r"\"\"|\\{0,15}[\"']|&quot;|&\#34;|%22"
_CLOSING = {quote: re.compile(re.escape(quote), re.IGNORECASE) for quote in ("&quot;", "&#34;", "%22")}
_BARE = re.compile(r"-?[0-9]{1,20}(?=\s*(?:[,}\]\r\n]|$))")
_OPENING = re.compile(QUOTE, re.VERBOSE)
_ELEMENT = re.compile(rf"\s{{0,40}}(?:(?P<quote>{QUOTE})|(?P<bare>-?[0-9]{{1,20}}))", re.VERBOSE)
_COMMA = re.compile(r"\s{0,40},")
#: One word of `key=value`, and all of it up to the next key.
_WORD = re.compile(r"[^\s\"'<>,;&|^(){}\[\]\\=]{1,256}={0,2}(?!=)")
_PHRASE = re.compile(r"[^\r\n\x00\t,;|(<\[{\"\\=&]{1,200}(?=[\r\n\x00\t,;|(<\[{\"\\&]|$)")
_UP_TO_KEY = re.compile(
    r"(?:[^\s=|<>\"{}\\]|\\[=|]|[ ](?![\w.\-\[\]]{1,64}=)){1,300}",
)
#: A line after its label, and the first part of it.
_LINE = re.compile(r"[^\r\n\x00|]{1,300}")
_PART = re.compile(r"(?:[^ \r\n\x00\t,;|(<\[{\"\\]|[ ](?![ (<\[{|]|- )|\\(?![nrt\"\\])){1,200}")
_FIRST_WORD = re.compile(r"[^\s\x00,;|<\"]{1,200}")
_TEXT = re.compile(r"\s{0,200}(?:<!\[CDATA\[)?\s{0,200}([^<>]{1,2000}?)\s{0,200}(?:\]\]>|<|$)")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value may stand in the text, without its quotes."""

    start: int
    end: int
    #: A number of JSON, which a token may replace only in quotes.
    bare: bool = False


def quoted(text: str, start: int, quote: str) -> Place | None:
    """The value between an opening quote that ends at `start` and the quote that closes it."""
    limit = start + MAX_VALUE
    pattern = _CLOSING.get(quote.lower())
    if pattern is not None:
        match = pattern.search(text, start, limit)
        return Place(start, match.start()) if match else None
    if quote == '""':
        end = text.find('""', start, limit)
        return Place(start, end) if end >= 0 else None
    depth, mark = len(quote) - 1, quote[-1]
    position = start
    while True:
        end = text.find(mark, position, limit)
        if end < 0:
            return None
        first = end
        while first > start and text[first - 1] == "\\":
            first -= 1
        # Inside of JSON at depth n a quote has 2^n - 1 backslashes, one that belongs to the value more.
        extra = end - first - depth
        if extra >= 0 and extra % (2 * (depth + 1)) == 0:
            return Place(start, end - depth)
        position = end + 1


def opened(text: str, position: int) -> tuple[int, str] | None:
    """The quote at a position and where it ends."""
    match = _OPENING.match(text, position)
    if match is None:
        return None
    quote = match.group()
    after = text[match.end() : match.end() + 1]
    if quote == '""' and (not after or after in ",}]) \t\r\n>;"):
        return match.end() - 1, '"'  # an empty value
    return match.end(), quote


def in_json(text: str, position: int) -> Iterator[Place]:
    """What stands after `"key":` without a quote: a number, or the texts and numbers of a list."""
    match = _BARE.match(text, position)
    if match:
        yield Place(match.start(), match.end(), bare=True)
        return
    if text[position : position + 1] != "[":
        return
    position += 1
    for _ in range(MAX_LIST):
        element = _ELEMENT.match(text, position)
        if element is None:
            return
        if element["bare"]:
            place: Place | None = Place(element.start("bare"), element.end("bare"), bare=True)
            position = element.end()
        else:
            place = quoted(text, element.end(), element["quote"])
            position = place.end + len(element["quote"]) if place else 0
        if place is None:
            return
        yield place
        comma = _COMMA.match(text, position)
        if comma is None:
            return
        position = comma.end()


def written(text: str, position: int) -> list[Place]:
    """The value that is written at a position in JSON: a text, a number, or the elements of a list."""
    opening = opened(text, position)
    if opening is None:
        return list(in_json(text, position))
    place = quoted(text, *opening)
    return [place] if place else []


def after_equals(text: str, position: int) -> list[Place]:
    """What may be the value after `key=`: all up to the next key, up to a comma, one word."""
    places = []
    for pattern in (_UP_TO_KEY, _PHRASE, _WORD):
        match = pattern.match(text, position)
        if match and not text.startswith("(", match.end()):
            places.append(_trimmed(text, match.start(), match.end()))
    return _distinct(places)


def after_colon(text: str, position: int) -> list[Place]:
    """What may be the value after `Key:`: the line, its first part, its first word."""
    places = []
    for pattern in (_LINE, _PART, _FIRST_WORD):
        match = pattern.match(text, position)
        if match:
            places.append(_trimmed(text, match.start(), match.end()))
    return _distinct(places)


def in_element(text: str, position: int) -> Place | None:
    """The text of an element that was opened just before."""
    match = _TEXT.match(text, position)
    return _trimmed(text, *match.span(1)) if match else None


def _trimmed(text: str, start: int, end: int) -> Place:
    while start < end and text[start] in " \t*_":
        start += 1
    while start < end and (text[end - 1] in " \t\r,;*" or (text[end - 1] == "." and text[end - 2 : end - 1].islower())):
        end -= 1
    return Place(start, end)


def _distinct(places: list[Place]) -> list[Place]:
    return [place for place in dict.fromkeys(places) if place.start < place.end]
