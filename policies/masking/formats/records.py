"""Values whose key stands somewhere else: in the object around them, in a label field, in the header of a mail."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any

from policies.masking.formats.values import QUOTE, Place, written
from policies.masking.keys import is_telling, joined
from policies.masking.scan import compiled

#: Characters between a label and its value, and how often a text may be gone through for all labels.
MAX_LINE = 4_000
MAX_PASSES = 8
_OWNER_WORDS = """
user accountholder actor customer client employee person owner patient contact billing shipping address name cardholder
card passport holder payee beneficiary requester reporter assignee caller sender recipient home bank staff driver birth
residence applicant subscriber member passenger insured
"""
#: Objects about somebody, whose `name`, `id` or `city` is that somebody's.
_OWNERS = frozenset(_OWNER_WORDS.split())
#: `"key":` with what it opens, or braces.
_PART = re.compile(
    rf"(?:{QUOTE})(\w{{2,40}})(?:{QUOTE})\s{{0,40}}:\s{{0,40}}(\[?\s{{0,40}}\{{)?|\{{+|\}}+", re.IGNORECASE | re.VERBOSE
)
_NEXT_KEY = re.compile(r"[^\r\n\x00=|\\]{0,300}?(?=\s{1,9}[\w.\-\[\]]{1,64}=|[\t\r\n\x00|]|$)")
_LABEL = re.compile(r"(\w{1,32}?)(?:Label|\.label)=", re.IGNORECASE)
_CORRESPONDENT = re.compile(
    r"[ \t]*(?:\"((?:[^\"\\\r\n]|\\.){2,120})\"|([^\"<>@,;:\r\n\x00]{2,80}?))[ \t]*<[^<>\s]{1,320}>"
)
_NEXT = re.compile(r"[^,\r\n\x00]{0,500}(?:,[ \t]*(?:\r?\n[ \t]+)?|\r?\n[ \t]+)")


def objects(text: str, shape: bytes) -> Iterator[tuple[str, list[Place]]]:
    """`"customer": {"name": …}`: what is somebody's because of the object it stands in."""
    if not _openings().search(shape):
        return
    around: list[str] = []
    for match in _PART.finditer(text):
        key = match.group(1)
        if key is None:
            count = match.end() - match.start()
            if text[match.start()] == "{":
                around += [""] * count
            else:
                del around[-count:]
        elif match.group(2):
            around.append(key if _is_owner(key) else "")
        elif around and around[-1] and is_telling(joined(around[-1], key)):
            yield from ((joined(around[-1], key), [place]) for place in written(text, match.end()))


@lru_cache(maxsize=4_096)
def _is_owner(key: str) -> bool:
    plain = key.replace("_", "").casefold()
    return plain in _OWNERS or plain.removesuffix("s") in _OWNERS


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
        least, most = max(0, match.start() - MAX_LINE), min(len(text), match.end() + MAX_LINE)
        first = text.rfind("\n", least, match.start()) + 1 or least
        last = text.find("\n", match.end(), most)
        last = most if last < 0 else last
        spent += last - first
        if spent > MAX_PASSES * len(text) + MAX_LINE:
            return
        signs = (f"{before}{match.group(1)}=" for before in " |\t")
        starts = (text.find(sign, first, last) + len(sign) for sign in signs if text.find(sign, first, last) >= 0)
        value = _NEXT_KEY.match(text, next(starts, last))
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


@cache
def _openings() -> Any:
    quote = r"(?:\\{0,15}[\"']|&quot;|%22)"
    words = "|".join(word for word in sorted(_OWNERS))
    return compiled(rf"(?i)(?:{words})[a-z_]{{0,12}}{quote}[ ]?:[ \r\n\t]{{0,40}}(?:\[[ \r\n\t]{{0,40}})?\{{")


@cache
def _headers() -> Any:
    return compiled(
        r"(?im)^[ \t>]{0,20}(?:from|to|cc|bcc|sender|reply-to|resent-from|resent-to|disposition-notification-to|von|an"
        r"|de|a)[ \t]*:"
    )
