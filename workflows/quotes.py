"""Finds the words of the evidence that hold a value, so that a person sees where an argument comes from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from core.canonical import Json
from core.evidence import Evidence, Trust

#: Quotes of one argument; the evidence itself holds the rest.
MAX_QUOTES = 3
#: Characters shown on either side of the value.
AROUND = 90
#: Characters of a value that is looked for; longer ones are read whole on the card.
MAX_VALUE = 4_000
#: Characters of one text that are looked through, and texts of one evidence: a page must not wait for a large file.
MAX_TEXT, MAX_TEXTS = 200_000, 5_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Quote:
    """One place of one evidence that holds a value; every text is masked."""

    evidence: str
    tool: str
    trust: Trust
    #: Where in the evidence: `facts.account`, `detail.entries.0.value`.
    place: str
    before: str
    #: As it stands there, which may be defanged or in other letter case.
    value: str
    after: str


def quotes_of(value: Json, sources: Sequence[str], evidence: Sequence[Evidence]) -> tuple[Quote, ...]:
    """The best place of each of these sources, records of our own first; fewer than `MAX_QUOTES`."""
    wanted = str(value).strip()
    if not 0 < len(wanted) <= MAX_VALUE:
        return ()
    cited = [item for item in evidence if item.id in sources]
    cited.sort(key=lambda item: item.trust is not Trust.INTERNAL)  # keeps the order within
    found = (_quote(wanted, item) for item in cited)
    return tuple(quote for quote in found if quote is not None)[:MAX_QUOTES]


def _quote(wanted: str, item: Evidence) -> Quote | None:
    from tools.investigate.refang import refang

    needles = list(dict.fromkeys((wanted, refang(wanted))))
    pattern = re.compile("|".join(map(re.escape, needles)), re.IGNORECASE)
    best: tuple[str, str, re.Match[str]] | None = None
    for place, text in _texts(item):
        match = pattern.search(text, 0, MAX_TEXT)
        sentence = match is not None and len(text) > len(match[0])
        if match is not None and (best is None or sentence):
            best = place, text, match
        if sentence:
            break  # words around a value say more than the value alone
    if best is None:
        return None
    place, text, match = best
    start, end = max(0, match.start() - AROUND), match.end() + AROUND
    return Quote(
        evidence=item.id,
        tool=item.tool,
        trust=item.trust,
        place=place,
        before=("…" if start else "") + text[start : match.start()],
        value=match[0],
        after=text[match.end() : end] + ("…" if end < len(text) else ""),
    )


def _texts(item: Evidence) -> Iterator[tuple[str, str]]:
    """Every text of an evidence with its place, no more than `MAX_TEXTS`."""
    yield "summary", item.summary
    whole: Json = {"facts": item.facts, "detail": item.detail}
    for count, (place, leaf) in enumerate(_leaves(whole, ())):
        if count >= MAX_TEXTS:
            return
        yield ".".join(place), leaf


def _leaves(value: Json, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, dict):
        for key, child in value.items():
            yield from _leaves(child, (*path, key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _leaves(child, (*path, str(index)))
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield path, str(value)
