"""Addresses, domains and URLs of others: evidence that stays, unless the bundle wants them masked like the rest."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from policies.masking.marks import hosts_of
from policies.masking.patterns import compiled
from policies.masking.rules import Indicators
from policies.masking.spans import Span
from policies.masking.views import shape_of

_V4 = r"[0-9]{1,3}(?:(?:\.|\[\.\])[0-9]{1,3}){3}"
_V6 = r"[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}"
_URL = r"(?i:h(?:tt|xx)ps?)(?:\[:\]|:)//[^\s\"'<>()\x00]+"


def outside_spans(text: str, indicators: Indicators) -> Iterator[Span]:
    """What the bundle wants hidden although it may be evidence."""
    if indicators.addresses == "mask":
        yield from _addresses(text)
    if indicators.urls == "mask":
        for match in compiled(_URL).finditer(shape_of(text)):
            start, end = match.span()
            yield _span(text, start, end, "URL")
        for start, end in hosts_of(text):
            yield _span(text, start, end, "URL")


def _addresses(text: str) -> Iterator[Span]:
    shape = shape_of(text)
    for regex in (_V4, _V6):
        for match in compiled(regex).finditer(shape):
            start, end = match.span()
            if re.match(rb"[A-Za-z0-9]|\.[0-9]", shape[end : end + 2]) or shape[start - 1 : start].isalnum():
                continue
            try:
                ipaddress.ip_address(match.group().decode().replace("[.]", "."))
            except ValueError:
                continue
            yield _span(text, start, end, "IP")


def _span(text: str, start: int, end: int, entity: str) -> Span:
    return Span(start, end, entity, text[start:end], score=0.8, recognizer="outside")  # type: ignore[arg-type]
