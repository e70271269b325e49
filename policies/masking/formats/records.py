"""Values whose key stands somewhere else: in the object around them, in a label field, in the header of a mail."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from policies.masking.formats.values import QUOTE, Place, in_json, opened, quoted
from policies.masking.keys import is_telling, joined
from policies.masking.scan import compiled

#: Characters of the longest object that is looked into, and how often a text may be gone through for all of them.
MAX_OBJECT = 4_000
MAX_PASSES = 8
#: Objects about somebody, whose `name`, `id` or `city` is that somebody's.
_OWNERS = (
    "user|account_?holder|actor|customer|client|employee|person|owner|patient|contact|billing|shipping|address|name"
    "|card_?holder|card|passport|holder|payee|beneficiary|requester|reporter|assignee|caller|sender|recipient|home"
    "|bank|staff|driver|birth|residence|applicant|subscriber"
)
_INNER = re.compile(
    rf"({QUOTE})(name|first|last|middle|given|family|full|id|number|no|address|line|city|town|zip|zip_?code|plate"
    rf"|postal_?code|post_?code|state|country|region|company|organi[sz]ation|street|place|date)(?:{QUOTE})\s{{0,9}}:\s{{0,9}}",
    re.IGNORECASE | re.VERBOSE,
)
_BRACE = re.compile(r"[{}]")
_NEXT_KEY = re.compile(r"[^\r\n\x00=|\\]{0,300}?(?=\s+[\w.\-\[\]]{1,64}=|[\t\r\n\x00|]|$)")
_LABEL = re.compile(r"(\w{1,32}?)(?:Label|\.label)=", re.IGNORECASE)
_CORRESPONDENT = re.compile(
    r"[ \t]*(?:\"((?:[^\"\\\r\n]|\\.){2,120})\"|([^\"<>@,;:\r\n\x00]{2,80}?))[ \t]*<[^<>\s]{1,320}>"
)
_NEXT = re.compile(r"[^,\r\n\x00]{0,500}(?:,[ \t]*(?:\r?\n[ \t]+)?|\r?\n[ \t]+)")


def objects(text: str, shape: bytes) -> Iterator[tuple[str, list[Place]]]:
    """`"customer": {"name": …}`: what is somebody's because of the object it stands in."""
    budget = MAX_PASSES * len(text) + MAX_OBJECT
    for match in _owners().finditer(shape):
        owner = match.group(1).decode()
        start = match.end()
        end = _object_end(text, start)
        budget -= end - start
        if budget < 0:
            return
        for inner in _INNER.finditer(text, start, end):
            if text.count("{", start, inner.start()) > text.count("}", start, inner.start()):
                continue  # of an object further in
            key = joined(owner, inner.group(2))
            if not is_telling(key):
                continue
            opening = opened(text, inner.end())
            if opening is None:
                yield from ((key, [place]) for place in in_json(text, inner.end()))
                continue
            place = quoted(text, *opening)
            if place:
                yield key, [place]


def labels(text: str, shape: bytes) -> Iterator[tuple[str, list[Place]]]:
    """`cs1Label=Customer Name cs1=Anna …`: CEF says in one field what another one is."""
    if b"abel=" not in shape:
        return
    spent = 0
    for match in _LABEL.finditer(text):
        name = _NEXT_KEY.match(text, match.end())
        if name is None or not is_telling(name.group().strip()):
            continue
        # The value may stand before its label, in the same line.
        first = text.rfind("\n", max(0, match.start() - MAX_OBJECT), match.start()) + 1 or max(
            0, match.start() - MAX_OBJECT
        )
        last = text.find("\n", match.end(), match.end() + MAX_OBJECT)
        last = min(len(text), match.end() + MAX_OBJECT) if last < 0 else last
        spent += last - first
        if spent > MAX_PASSES * len(text) + MAX_OBJECT:
            return
        sign = re.compile(rf"(?<![\w.]){re.escape(match.group(1))}=").search(text, first, last)
        value = _NEXT_KEY.match(text, sign.end()) if sign else None
        if value:
            yield name.group().strip(), [Place(*value.span())]


def correspondents(text: str, shape: bytes) -> Iterator[tuple[str, list[Place]]]:
    """The names before addresses in the headers of a mail."""
    for match in _headers().finditer(shape):
        position = match.end()
        for _ in range(500):
            name = _CORRESPONDENT.match(text, position)
            if name:
                yield "display_name", [Place(*name.span(1 if name.group(1) else 2))]
                position = name.end()
            following = _NEXT.match(text, position)
            if following is None or following.end() <= position:
                break
            position = following.end()


def _object_end(text: str, start: int) -> int:
    """Where the object that was opened just before ends, or where looking for that ends."""
    depth = 1
    limit = min(len(text), start + MAX_OBJECT)
    for match in _BRACE.finditer(text, start, limit):
        depth += 1 if match.group() == "{" else -1
        if depth == 0:
            return match.start()
    return limit


@cache
def _owners() -> Any:
    return compiled(
        rf"(?i)({_OWNERS})s?(?:\\{{0,15}}[\"']|\"\"|&quot;)[ ]?:[ \r\n\t]{{0,40}}(?:\[[ \r\n\t]{{0,40}})?\{{"
    )


@cache
def _headers() -> Any:
    return compiled(
        r"(?im)^[ \t>]{0,20}(?:from|to|cc|bcc|sender|reply-to|resent-from|resent-to|disposition-notification-to|von|an"
        r"|de|a)[ \t]*:"
    )
