"""Texts that are tried for a fact whose values have no order: our own and our partners' names, addresses on both sides
of every network that a condition names, and texts put together from the words it looks for."""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from policies.atoms import Comparison, Predicate
from policies.forms import kind_of
from policies.organization import Network, Organization
from policies.questions import Question

#: Words of conditions that are put together with each other; with more, only each by itself is tried.
MAX_WORDS = 5
#: Entries of each list of the organization that are tried.
MAX_ENTRIES = 8

_OUTSIDE = ("198.51.100.7", "outside.example.net", "https://outside.example.net/a", "2001:db8::7", "")


def examples_for(fact: str, questions: Sequence[Question], organization: Organization) -> tuple[Any, ...]:
    """Values worth trying for a fact, without duplicates; the plainest first."""
    if kind_of(fact) is None:
        return [], ["E1"], ["E1", "E2"]
    forms = [asked.form for asked in questions if isinstance(asked.form, Predicate)]
    found: list[str] = ["something"]
    if any(form.function in ("isOwn", "isPartner") for form in forms):
        found += _of_organization(organization)
    networks = [network for form in forms if form.function == "inCidr" for network in _networks(form)]
    found += _OUTSIDE
    found += [address for network in networks for address in _around(network)]
    found += _put_together(questions)
    return tuple(dict.fromkeys(found))


def _of_organization(organization: Organization) -> Iterator[str]:
    for domain in organization.domains[:MAX_ENTRIES]:
        yield from (f"www.{domain}", domain, f"https://{domain}/login", f"someone@{domain}")
    for domain in organization.mail_partners[:MAX_ENTRIES]:
        yield from (f"www.{domain}", domain, f"https://{domain}/pay", f"someone@{domain}")
    for network in organization.parsed_networks[:MAX_ENTRIES]:
        yield from (str(network), *_around(network))
    for asset in organization.assets[:MAX_ENTRIES]:
        yield from (asset.hostname, asset.ip)


def _networks(form: Predicate) -> Iterator[Network]:
    try:
        yield ipaddress.ip_network(str(form.arguments[0]))
    except ValueError:
        return  # The condition fails for every address; it needs no example.


def _around(network: Network) -> Iterator[str]:
    """Addresses at both ends of a network and just outside of it."""
    kind = type(network.network_address)
    first, last = int(network.network_address), int(network.broadcast_address)
    for number in (first, first + 1, last, first - 1, last + 1):
        try:
            yield str(kind(number))
        except ipaddress.AddressValueError:
            continue


def _put_together(questions: Sequence[Question]) -> Iterator[str]:
    starts, inner, ends, whole = [""], [""], [""], []
    for asked in questions:
        match asked.form:
            case Predicate(function="startsWith", arguments=(str(word),)):
                starts.append(word)
            case Predicate(function="contains", arguments=(str(word),)):
                inner.append(word)
            case Predicate(function="endsWith", arguments=(str(word),)):
                ends.append(word)
            case Predicate(function="matches", arguments=(str(pattern),)):
                whole.append(pattern.strip("^$").replace("\\", ""))
            case Comparison(literal=str(word)):
                whole += [word, word + "a", word[:-1]]
            case _:
                continue
    yield from whole
    together = ["".join(some) for n in range(2, len(inner)) for some in itertools.combinations(inner[1:], n)]
    middles = [*inner, *together] if len(inner) <= MAX_WORDS else inner
    for start, middle, end in itertools.product(starts[: MAX_WORDS + 1], middles, ends[: MAX_WORDS + 1]):
        yield from (start + middle + end, start + "x" + middle + "x" + end)
