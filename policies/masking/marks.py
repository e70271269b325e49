"""Where a text names hosts of others, or hashes: evidence, which no name found elsewhere in the ticket may damage."""

from __future__ import annotations

import bisect
import importlib.util
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_DOT = r"(?:\.|\[\.\]|\(\.\)|\{\.\}|\[dot\]|\(dot\))"
#: Words joined by dots. Possessive, and only from the start of a run, so that matching stays linear.
_DOTTED = re.compile(rf"(?<![\w\-])[\w\-]++(?:{_DOT}[\w\-]++)+", re.IGNORECASE)
_HASH = re.compile(
    r"(?<![^\W_])(?:[0-9a-f]{32,128}|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})(?![^\W_])", re.IGNORECASE
)
#: `name:password@` and `name@`: what stands before an at sign is no host.
_USER = re.compile(r"(?::[^\s/@]{0,200})?(?:@|\[@\]|\[at\])", re.IGNORECASE)
_MARKS = re.compile(r"\[dot\]|\(dot\)|[\[\](){}]", re.IGNORECASE)

#: Endings reserved for examples and hidden services; not on the public list, and hosts of others all the same.
_RESERVED = frozenset({"example", "test", "invalid", "onion"})
#: Endings of our own inner networks.
_INNER = frozenset({"local", "localdomain", "localhost", "internal", "intranet", "lan", "corp", "home"})
#: Top-level domains that end file names more often than hosts.
_FILES = frozenset({"zip", "mov", "py", "sh", "md", "rs", "ps", "so", "pub", "cab"})


@dataclass(frozen=True, slots=True)
class _Place:
    start: int
    end: int
    #: Where a URL or an address shows that it is a host; `anna.li` by itself may as well be a name.
    certain: bool = True


class Marks:
    """The hosts of others and the hashes of one text."""

    def __init__(self, text: str, is_own: Callable[[str], bool]) -> None:
        self._hashes = [_Place(*match.span()) for match in _HASH.finditer(text)]
        self._hosts = list(_hosts(text, is_own))

    def shield(self, start: int, end: int, *, number: bool) -> bool:
        """Whether a part of the text is left alone. Numbers of people are hidden even in a host."""
        return _inside(self._hashes, start, end) or (not number and _inside(self._hosts, start, end))


def hosts_of(text: str) -> Iterator[tuple[int, int]]:
    """Where a text names hosts, ours or not."""
    return ((place.start, place.end) for place in _hosts(text, lambda _host: False))


def _inside(places: list[_Place], start: int, end: int) -> bool:
    index = bisect.bisect_right(places, start, key=lambda place: place.start) - 1
    if index < 0 or end > places[index].end:
        return False
    place = places[index]
    return place.certain or end - start < place.end - place.start


def _hosts(text: str, is_own: Callable[[str], bool]) -> Iterator[_Place]:
    for match in _DOTTED.finditer(text):
        start, end = match.span()
        host = _refanged(match.group())
        last = host.rpartition(".")[2]
        if last in _INNER or not last[:1].isalpha() or is_own(host) or _USER.match(text, end):
            continue
        certain = _is_announced(text, start)
        if certain or last in _RESERVED or (last in _endings() and last not in _FILES):
            yield _Place(start, end, certain)


def _refanged(host: str) -> str:
    plain = _MARKS.sub(lambda match: "." if len(match.group()) > 1 else "", host)
    return plain.casefold()


def _is_announced(text: str, start: int) -> bool:
    """Whether `://` or an at sign after a mailbox stands before it."""
    before = text[max(start - 6, 0) : start]
    if before.endswith(("://", ":\\/\\/")):
        return True
    at = re.search(r"(\S)(?:@|\[@\]|\[at\])$", before, re.IGNORECASE)
    return at is not None and (at.group(1).isalnum() or at.group(1) in "_-+$")


@cache
def _endings() -> frozenset[str]:
    """Top-level domains, from the list that tldextract ships; importing it would cost more than reading the list."""
    spec = importlib.util.find_spec("tldextract")
    assert spec is not None
    assert spec.origin is not None
    lines = (Path(spec.origin).parent / ".tld_set_snapshot").read_text(encoding="utf-8").splitlines()
    return frozenset(line.strip().rpartition(".")[2] for line in lines if line.strip() and not line.startswith("//"))
