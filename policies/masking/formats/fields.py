"""Finds the values in a raw text whose key says what they are, so that they are masked without breaking its format.

One scan finds the keys; what stands after a key shows its format: JSON at any depth of quoting, key=value, labels,
CEF and LEEF, XML, HTML, INI. Tables, mail headers and objects are read by `tables` and `records`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import Any

from policies.masking.common_words import AUTH_SCHEMES, NO_SECRETS
from policies.masking.formats import records, tables
from policies.masking.formats.values import (
    QUOTE,
    Place,
    after_colon,
    after_equals,
    in_element,
    in_json,
    opened,
    quoted,
    written,
)
from policies.masking.key_words import spellings
from policies.masking.keys import is_telling, meaning
from policies.masking.rules import Entity
from policies.masking.scan import compiled
from policies.masking.views import decoded_view, shape_of

#: Keys looked at, at most one per so many characters: more are no text but an attack on the reader.
MIN_SPACING = 32

_CORE = re.compile(rb"[A-Za-z]+(?:[_. \-]?[A-Za-z0-9]+)*")
_BEFORE = re.compile(rb"[A-Za-z0-9_.\-]{0,64}\Z")
_SEPARATOR = re.compile(
    rf"(?P<close>{QUOTE}|`)?[ \t*_)\]]{{0,8}}(?P<sep>=>|:=|==?|:|%3[aAdD])[*_]{{0,3}}\s{{0,40}}", re.VERBOSE
)
_TAG_END = re.compile(r"(?:\s[^<>]{0,300})?>")
_NAMED = re.compile(r"[\"'][^<>]{0,500}>")
_VALUE_ATTRIBUTE = re.compile(r"\b(?:value|content)\s{0,9}=\s{0,9}([\"'])", re.IGNORECASE)
_PAIR = re.compile(
    rf"(?:{QUOTE})\s{{0,40}},\s{{0,40}}(?:{QUOTE})(?:value|val|content|newValue|stringValue)(?:{QUOTE})\s{{0,9}}:\s{{0,9}}",
    re.VERBOSE | re.IGNORECASE,
)
_CELL = re.compile(
    r"[\s:*]{0,9}(?:</(?!tr)[a-z1-6]{1,10}>[\s:]{0,40}){1,4}(?:<(?!/)[^<>]{1,300}>\s{0,40}){1,4}", re.IGNORECASE
)
_GAP = re.compile(r"[ \t]*\t[ \t]*|[ ]{3,60}|[ ]?\|[ ]?")
_ESCAPED = re.compile(r"\\|&[#a-z]|%[0-9A-Fa-f]{2}|=[0-9A-F]{2}|=\r?\n|[^\x00-\x7f]")
_NO_ELEMENT_TEXT = ("input", "meta", "select", "button", "option", "param")


@dataclass(frozen=True, slots=True)
class Field:
    """A value standing under a key."""

    key: str
    start: int
    end: int
    entity: Entity
    #: A number of JSON: a token that replaces it needs quotes.
    bare: bool = False


def fields_of(text: str) -> list[Field]:
    """The values of a text that their key makes personal, internal or secret, in order; none overlap."""
    shape = shape_of(text)
    found: list[Field] = []
    headers: set[int] = set()
    for key, choices, line in _candidates(text, shape):
        if line >= 0:
            headers.add(line)
        for places in choices:
            field = _fitting(text, key, places)
            if field is not None:
                found.append(field)
    if headers:
        found += _read(text, tables.columns(text, shape, sorted(headers)))
    found += _read(text, records.objects(text, shape))
    found += _read(text, records.labels(text, shape))
    found += _read(text, records.correspondents(text, shape))
    return _in_order(found)


def value_of(text: str, start: int, end: int) -> str:
    """What a value says once its escapes are read."""
    raw = text[start:end]
    if _ESCAPED.search(raw):
        view = decoded_view(raw)
        return raw if view is None else view.text
    return raw


def _read(text: str, places: Iterable[tuple[str, list[Place]]]) -> Iterator[Field]:
    for key, choices in places:
        field = _fitting(text, key, choices)
        if field is not None:
            yield field


def _fitting(text: str, key: str, places: Iterable[Place]) -> Field | None:
    """The first of several places whose text is what the key promises; of a secret the narrowest."""
    choices = list(places)
    secret = len(choices) > 1 and kind_is_secret(key)
    if secret:
        # `password=abc on 198.51.100.7`: what follows the first word is a sentence, and evidence.
        choices.reverse()
    for place in choices:
        value = value_of(text, place.start, place.end).strip()
        entity = meaning(key, value)
        if secret and value.casefold() in NO_SECRETS - AUTH_SCHEMES:
            return None
        if entity is not None:
            lead = len(text[place.start : place.end]) - len(text[place.start : place.end].lstrip())
            trail = len(text[place.start : place.end]) - len(text[place.start : place.end].rstrip())
            return Field(key, place.start + lead, place.end - trail, entity, place.bare)
    return None


def _in_order(fields: list[Field]) -> list[Field]:
    """The fields by place; of two that overlap the one that was found first."""
    kept: list[Field] = []
    for field in sorted(fields, key=lambda each: (each.start, -each.end)):
        if not kept or field.start >= kept[-1].end:
            kept.append(field)
    return kept


def _candidates(text: str, shape: bytes) -> Iterator[tuple[str, list[list[Place]], int]]:
    """Each key of a text with what may be its values, and the start of its line where it may head a column."""
    left = 1_000 + len(text) // MIN_SPACING
    for start, end in chain(_named(shape), _elements(shape)):
        left -= 1
        if left < 0:
            return
        before = _BEFORE.search(shape, max(0, start - 64), start)
        first = before.start() if before else start
        if shape[first - 1 : first] == b"%":
            first = min(first + 2, start)
        key = text[first:end]
        if not is_telling(key):
            continue
        choices, heads = _values(text, shape, first, end)
        if choices and _is_in_url(text, first):
            choices = choices if kind_is_secret(key) else []
        line = text.rfind("\n", max(0, first - tables.MAX_LINE), first) + 1 if heads else -1
        yield key, choices, line


def kind_is_secret(key: str) -> bool:
    """Whether a key names a secret: those are masked even in a URL, which is evidence otherwise."""
    return meaning(key, "aB3aB3aB3aB3aB3aB3aB3") == "SECRET"


def _is_in_url(text: str, start: int) -> bool:
    """Whether a key belongs to the query of a URL."""
    if text[start - 1 : start] not in ("?", "&", ";", "/", "#"):
        return False
    before = re.split(r"[\s\"'<>]", text[max(0, start - 1_000) : start])[-1]
    return "://" in before


def _values(text: str, shape: bytes, first: int, end: int) -> tuple[list[list[Place]], bool]:
    """What may be the values of a key, and whether it may head a column."""
    cell = _CELL.match(text, end)
    if cell:
        return _in_cell(text, cell), False
    match = _SEPARATOR.match(text, end)
    if match is not None:
        return _assigned(text, first, match), False
    mark = shape[end : end + 1]
    previous = shape[first - 1 : first]
    if mark in (b">", b" ", b"\t", b"\n", b"/") and previous in (b"<", b":"):
        tag = _TAG_END.match(text, end)
        place = in_element(text, tag.end()) if tag and text[tag.end() - 2] != "/" else None
        return [[place]] if place else [], False
    if mark in (b'"', b"'") and previous == mark:
        choices = _in_attribute(text, first, end)
        if choices:
            return choices, False
    pair = _PAIR.match(text, end)
    if pair:
        return [[place] for place in written(text, pair.end())], False
    gap = _GAP.match(text, end)
    if gap and "|" in gap.group() and not _is_row(shape, first):
        gap = None
    if gap and previous in (b"", b"\n", b"\t", b"|", b" ", b">"):
        return [after_colon(text, gap.end())], True
    return [], mark in (b"", b"<", b",", b";", b"|", b"\t", b'"', b"\n", b"\r", b" ")


def _is_row(shape: bytes, position: int) -> bool:
    """Whether the line is a row of a table: `password|key` in a pattern and `IAMUser | StopLogging` are none."""
    start = shape.rfind(b"\n", 0, position) + 1
    return shape[start:position].lstrip()[:1] == b"|"


def _assigned(text: str, first: int, match: re.Match[str]) -> list[list[Place]]:
    """The values after `=`, `:` or `=>`."""
    position = match.end()
    opening = opened(text, position)
    if opening is not None:
        place = quoted(text, *opening)
        if place is not None:
            return [[place]]
    separator = match["sep"]
    if match["close"]:
        if separator != "=":
            return [[place] for place in in_json(text, position)]
        return [after_equals(text, position)]
    if separator in (":", "%3A", "%3a"):
        if text[first - 1 : first] in ("/", "@"):
            return []  # `scheme://user:password@host`
        bare = list(in_json(text, position)) if text[position : position + 1] == "[" else []
        return [[place] for place in bare] or [after_colon(text, position)]
    if "\n" in match.group():
        return []
    return [after_equals(text, position)]


def _in_attribute(text: str, first: int, end: int) -> list[list[Place]]:
    """`<Data Name="key">value</Data>`, `<input name="key" value="value">`."""
    rest = _NAMED.match(text, end)
    tag = text.rfind("<", max(0, first - 500), first)
    if rest is None or tag < 0 or ">" in text[tag:first]:
        return []
    attribute = _VALUE_ATTRIBUTE.search(text, tag, rest.end())
    if attribute:
        place = quoted(text, attribute.end(), attribute.group(1))
        return [[place]] if place else []
    if text[tag + 1 : tag + 8].lower().startswith(_NO_ELEMENT_TEXT) or text[rest.end() - 2] == "/":
        return []
    place = in_element(text, rest.end())
    return [[place]] if place else []


def _in_cell(text: str, cell: re.Match[str]) -> list[list[Place]]:
    """The cell after a label, or the form field."""
    attribute = _VALUE_ATTRIBUTE.search(text, cell.start(), cell.end())
    place = quoted(text, attribute.end(), attribute.group(1)) if attribute else in_element(text, cell.end())
    # A cell that is a label itself stands in a row of headings.
    return [[place]] if place and not is_telling(text[place.start : place.end][:64]) else []


def _named(shape: bytes) -> Iterator[tuple[int, int]]:
    """Places of words that tell, with something after them that may follow a key."""
    cores = (_CORE.match(shape, match.start()) for match in _keys().finditer(shape))
    yield from (core.span() for core in cores if core)


def _elements(shape: bytes) -> Iterator[tuple[int, int]]:
    """The same for names of elements that have attributes."""
    if b"<" in shape:
        for match in _opened_elements().finditer(shape):
            yield match.start() + 1, match.end() - 1


@cache
def _words() -> str:
    return "|".join(word.replace("_", r"[_ .\-]?") for word in spellings())


@cache
def _keys() -> Any:
    after = r"(?:\\{0,15}[\"'`]|\"\"|&quot;|&#34;|%22|[ \t*_)\]]{0,8}(?:[:=<>,|;\t\r\n]|%3[ADad]|   |$))"
    return compiled(rf"(?i)(?:{_words()})s?[0-9]{{0,2}}{after}")


@cache
def _opened_elements() -> Any:
    return compiled(rf"(?i)<(?:\w{{1,40}}:)?\w{{0,40}}(?:{_words()})[ \t\r\n]")
