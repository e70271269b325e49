"""Takes a text apart: into quotations, and into sentences that never cut a quotation in two."""

from __future__ import annotations

import re
from collections.abc import Iterator

#: A quotation within a paragraph; an apostrophe is none.
QUOTATION = re.compile(
    r"\"([^\"\n]{1,400})\"|“([^“”\n]{1,400})”|„([^„“”\n]{1,400})[“”]|«([^«»\n]{1,400})»|`([^`\n]{1,400})`"
    r"|‘([^‘’\n]{1,400})’(?!\w)|(?<!\w)'(\S[^'\n]{0,400})'(?!\w)"
)
_END = re.compile(r"[.!?…]+[\"'”’»)\]]*\s+|\n(?:[ \t]*\n)+\s*|\n\s*(?=[-*•#>]|\d{1,2}[.)]\s)")


def sentences(text: str) -> Iterator[tuple[str, str]]:
    """Sentences, each with the space behind it; joined they are the text."""
    quoted = [match.span() for match in QUOTATION.finditer(text)]
    start = 0
    for match in _END.finditer(text):
        end = match.start() + len(match.group().rstrip())
        if end == start or any(left < match.start() and match.end() < right for left, right in quoted):
            continue
        yield text[start:end], text[end : match.end()]
        start = match.end()
    if start < len(text):
        yield text[start:], ""


def said_in(match: re.Match[str]) -> str:
    """What stands between the marks of a quotation."""
    return match.group(match.lastindex or 0)
