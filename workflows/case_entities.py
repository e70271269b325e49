"""Who and what a case is about: people, accounts, hosts, addresses, domains, links and files, and what names two of
them together.

Everything is masked: our own people, hosts and addresses are their tokens, what an attacker left behind is itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from core.canonical import Json, JsonObject
from core.evidence import Evidence
from core.ticket import MaskedTicket
from policies.masking.tokens import TOKEN
from tools.investigate import indicators

#: What an entity is, in the order in which a picture shows them, from who to what.
Kind = Literal["person", "account", "host", "address", "ip", "domain", "url", "file", "vulnerability"]
KINDS: tuple[Kind, ...] = ("person", "account", "host", "address", "ip", "domain", "url", "file", "vulnerability")
#: Tokens that stand for somebody or something that acts; the others (places, ages, secrets) connect nothing.
_OF_TOKEN: dict[str, Kind] = {
    "PERSON": "person",
    "USERNAME": "account",
    "EMAIL": "account",
    "EMPLOYEE_ID": "account",
    "CUSTOMER_ID": "account",
    "HOST": "host",
    "MAC": "host",
    "IMEI": "host",
    "IP": "address",
    "URL": "url",
}
#: Entities of one case, and how many named by one record are connected with each other.
MAX_ENTITIES, MAX_TOGETHER = 400, 8
#: Characters of text that are searched: of one value, and of one case.
MAX_VALUE, MAX_TEXT = 4_000, 200_000
#: Tools that list what a text holds; that two things stand in one list connects nothing.
_LISTING = frozenset({"read_ticket", "extract_indicators", "similar_cases"})
#: Part of a result that lists what of our own it met.
_OURS = frozenset({"own"})
#: Arguments that hold programs, not facts of the case.
_PROGRAMS = frozenset({"sql", "code", "rule", "rules", "pattern"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Entity:
    """Something that the case names."""

    kind: Kind
    #: A token, or an indicator as it is.
    name: str
    #: Where it stands: `ticket` or evidence ids.
    sources: tuple[str, ...]
    #: Threat intelligence of ours knows it as malicious.
    bad: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Tie:
    """Two entities that one record names together."""

    one: str
    other: str
    sources: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Entities:
    """All of a case: the most connected first, and how many were left out."""

    entities: tuple[Entity, ...]
    ties: tuple[Tie, ...]
    left_out: int = 0


def entities(masked: MaskedTicket | None, evidence: Sequence[Evidence], *, most: int = MAX_ENTITIES) -> Entities:
    """What the case names and how it connects; `most` keeps the best connected."""
    kinds: dict[str, Kind] = {}
    named: dict[str, list[str]] = {}
    tied: dict[tuple[str, str], list[str]] = {}
    budget = _Budget(MAX_TEXT)
    for source, together, record in _records(masked, evidence):
        found = dict(_named(record, budget))
        kinds.update(found)
        for name in found:
            _note(named.setdefault(name, []), source)
        if together:
            for pair in combinations(sorted(list(found)[:MAX_TOGETHER]), 2):
                _note(tied.setdefault(pair, []), source)
    return _chosen(kinds, named, tied, bad=_malicious(evidence), most=most)


def _chosen(
    kinds: dict[str, Kind],
    named: dict[str, list[str]],
    tied: dict[tuple[str, str], list[str]],
    *,
    bad: set[str],
    most: int,
) -> Entities:
    degree = Counter(name for pair in tied for name in pair)
    ranked = sorted(kinds, key=lambda name: (name not in bad, -degree[name], -len(named[name]), name))
    kept = set(ranked[:most])
    order = {kind: number for number, kind in enumerate(KINDS)}
    chosen = sorted(kept, key=lambda name: (order[kinds[name]], ranked.index(name)))
    return Entities(
        entities=tuple(
            Entity(kind=kinds[name], name=name, sources=tuple(named[name]), bad=name in bad) for name in chosen
        ),
        ties=tuple(
            Tie(one=one, other=other, sources=tuple(sources))
            for (one, other), sources in sorted(tied.items())
            if one in kept and other in kept
        ),
        left_out=len(ranked) - len(kept),
    )


def _records(masked: MaskedTicket | None, evidence: Sequence[Evidence]) -> Iterator[tuple[str, bool, Json]]:
    """What is named together, with its source: each log event by itself, the words of the ticket, each result."""
    if masked is not None:
        yield "ticket", True, [masked.title, masked.body[:MAX_VALUE], masked.reporter]
        yield from (("ticket", True, part) for part in _parts(masked.fields))
    for item in evidence:
        arguments = {name: value for name, value in item.arguments.items() if name not in _PROGRAMS}
        together = item.tool not in _LISTING
        detail = {name: value for name, value in item.detail.items() if name not in _OURS}
        if item.tool in {"lookup_indicator", "lookup_reputation"}:
            yield item.id, True, arguments  # the entries of feeds name others that the case has nothing to do with
            continue
        yield item.id, together, [arguments, dict(item.facts), *_scalars(detail)]
        yield from ((item.id, together, part) for part in _parts(detail))


def _parts(value: JsonObject) -> Iterator[Json]:
    """Each object of a list by itself; everything else together."""
    rest: JsonObject = {}
    for key, child in value.items():
        if isinstance(child, list) and any(isinstance(one, dict) for one in child):
            yield from child
        else:
            rest[key] = child
    if rest:
        yield rest


def _scalars(value: JsonObject) -> list[Json]:
    return [child for child in value.values() if isinstance(child, str)]


class _Budget:
    """Characters that may still be searched: a case of a megabyte must not hold up everybody's pages."""

    def __init__(self, characters: int) -> None:
        self._left = characters

    def take(self, text: str) -> str:
        taken = text[: min(MAX_VALUE, self._left)]
        self._left -= len(taken)
        return taken


def _named(value: Json, budget: _Budget) -> Iterator[tuple[str, Kind]]:
    text = "\n".join(budget.take(string) for string in _strings(value))
    for match in TOKEN.finditer(text):
        if (kind := _OF_TOKEN.get(match[1])) is not None:
            yield match[0], kind
    if not text:
        return
    found = indicators.find(TOKEN.sub(" ", text))
    listed: tuple[tuple[Kind, list[str]], ...] = (
        ("account", found.emails),
        ("ip", found.ips),
        ("domain", found.domains),
        ("url", found.urls),
        ("file", found.hashes),
        ("vulnerability", found.cves),
    )
    for kind, names in listed:
        yield from ((name, kind) for name in names)


def _strings(value: Json) -> Iterator[str]:
    stack: list[Json] = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            yield node
        elif isinstance(node, list):
            stack.extend(reversed(node))
        elif isinstance(node, dict):
            stack.extend(reversed(list(node.values())))


def _malicious(evidence: Iterable[Evidence]) -> set[str]:
    """Indicators that a look-up of our own says are malicious."""
    known = (item for item in evidence if item.tool == "lookup_indicator" and item.facts.get("malicious") is True)
    return {str(item.arguments.get("value", "")) for item in known} - {""}


def _note(sources: list[str], source: str) -> None:
    if source not in sources:
        sources.append(source)
