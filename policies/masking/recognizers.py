"""Presidio recognizers: the organization's own people and machines, names in context, contacts, numbers, secrets.

Its analyzer engine is not used: that runs every expression
over every text and compares every result with every other, which a hostile megabyte turns into minutes. `Detector`
runs what stands in Presidio's registry; overlaps are settled in `spans`. Presidio comes by way of `presidio.py`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterable, Iterator
from functools import cache, cached_property
from typing import Any, TypeVar, cast

from policies.masking import people
from policies.masking.accounts import USERNAMES, bundle_patterns
from policies.masking.contacts import CONTACTS
from policies.masking.devices import DEVICES, MACHINES
from policies.masking.national_ids import of_presidio, proved
from policies.masking.needs import Needs, is_needed
from policies.masking.originals import Originals
from policies.masking.own import OwnSign
from policies.masking.patterns import NUMBERS, SECRETS
from policies.masking.people import Names
from policies.masking.presidio import Doc, EntityRecognizer, NlpArtifacts, RecognizerRegistry, RecognizerResult, Vocab
from policies.masking.rules import Entity, IdPattern
from policies.masking.scan import Found, Pattern, find_all, run
from policies.masking.views import shape_of
from policies.masking.words import is_particular, never_words, parts_of_name
from policies.organization import Organization

LANGUAGE = "en"


@cache
def no_language() -> NlpArtifacts:
    """What Presidio hands to recognizers besides the text. No language model is involved: nothing to download."""
    return NlpArtifacts(
        entities=[], tokens=Doc(Vocab()), tokens_indices=[], lemmas=[], nlp_engine=None, language=LANGUAGE
    )


class Scanned(EntityRecognizer):
    """A recognizer that tells the scan what it needs, so that most texts pass it by."""

    def __init__(self, entities: Iterable[str], name: str, needs: Iterable[str]) -> None:
        self.needs = frozenset(needs)
        self.name: str = name
        super().__init__(sorted(set(entities)), name=name, supported_language=LANGUAGE)

    def load(self) -> None:
        """Nothing to load: no models, no network."""

    @cached_property
    def _scan(self) -> Needs:
        return Needs(self.needs)

    def find(self, text: str, shape: bytes, present: frozenset[str]) -> Iterable[Found]:
        """Findings in a text, given its shape and those of the needs that it has."""
        raise NotImplementedError

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: NlpArtifacts | None = None
    ) -> list[RecognizerResult]:
        """The same for Presidio's own engine, without the scan."""
        shape = shape_of(text)
        found = self.find(text, shape, self._scan.present(shape))
        metadata = {"recognizer_name": self.name, "recognizer_identifier": self.id}
        return [
            RecognizerResult(hit.entity, hit.start, hit.end, hit.score, recognition_metadata=metadata)
            for hit in found
            if hit.entity in entities
        ]


#: Anything that begins with where it starts in a text.
Starts = TypeVar("Starts", bound=tuple[Any, ...])


class PatternsRecognizer(Scanned):
    """Runs a list of patterns over the shape."""

    def __init__(self, name: str, patterns: Iterable[Pattern]) -> None:
        self.patterns = tuple(patterns)
        super().__init__((p.entity for p in self.patterns), name, (stem for p in self.patterns for stem in p.needs))

    def find(self, text: str, shape: bytes, present: frozenset[str]) -> list[Found]:
        return whole_words(run((p for p in self.patterns if is_needed(p.needs, present)), shape), text)


def whole_words(found: list[Starts], text: str) -> list[Starts]:
    """Without those that begin inside a word: a letter outside ASCII that the shape could not name is one too."""
    if not found or text.isascii():
        return found
    return [hit for hit in found if not (hit[0] and text[hit[0]].isalnum() and _is_letter(text[hit[0] - 1]))]


def _is_letter(character: str) -> bool:
    return not character.isascii() and character.isalnum()


class PresidioRecognizer(PatternsRecognizer):
    """One of Presidio's predefined recognizers: its expressions and checks, run on RE2 behind their labels."""

    def __init__(self, recognizer: Any, patterns: Iterable[Pattern]) -> None:
        self.predefined = recognizer
        super().__init__(recognizer.name, patterns)


class NameRecognizer(Scanned):
    """Names of people outside the organization, and first or last names of its own in letters."""

    def __init__(self, never: Collection[str], own: Collection[str]) -> None:
        self._names = Names(never, own)
        super().__init__(["PERSON"], "names", (*people.NEEDS, people.given_name_need()))

    def find(self, text: str, shape: bytes, present: frozenset[str]) -> list[Found]:
        found = self._names.find(text, shape, present)
        return [Found(start, end, "PERSON", 0.7, "names") for start, end in found]


_V4 = r"\b[0-9]{1,3}(?:(?:\.|\[\.\])[0-9]{1,3}){3}"
_V6 = (
    r"[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){1,6}:[0-9]{1,3}(?:\.[0-9]{1,3}){3}"
    r"|[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}"
)


class Networks:
    """Networks as ranges of numbers: a log has an address in each line, and Python's own classes take their time."""

    def __init__(self, networks: Iterable[str]) -> None:
        parsed = [ipaddress.ip_network(network) for network in networks]
        self._ranges = {
            version: [(int(n[0]), int(n[-1])) for n in parsed if n.version == version] for version in (4, 6)
        }

    def hold(self, written: str) -> bool:
        """Whether a text is an address in one of the networks."""
        parts = written.split(".")
        if len(parts) == 4 and all(part.isdigit() and len(part) <= 3 for part in parts):
            numbers = [int(part) for part in parts]
            value = (numbers[0] << 24) + (numbers[1] << 16) + (numbers[2] << 8) + numbers[3]
            return max(numbers) <= 255 and self._in(4, value)
        if "::" not in written and written.count(":") != 7 - (len(parts) == 4):
            return False  # a time, a hardware address
        try:
            address = ipaddress.IPv6Address(written)
        except ValueError:
            return False
        mapped = address.ipv4_mapped
        return self._in(6, int(address)) or (mapped is not None and self._in(4, int(mapped)))

    def _in(self, version: int, value: int) -> bool:
        return any(first <= value <= last for first, last in self._ranges[version])


class OrganizationRecognizer(Scanned):
    """Our people, accounts, hosts and networks, as the bundle lists them."""

    def __init__(self, organization: Organization, own: Originals) -> None:
        self._networks = Networks(organization.networks)
        self._own = own
        domains = sorted({domain.partition(".")[0] for domain in organization.domains})
        parents = "|".join(re.escape(domain) for domain in organization.domains)
        short = "|".join(re.escape(domain) for domain in domains)
        self._names_in_domains = rf"(?i:(?:[a-z0-9_][a-z0-9_\-]*\.)+(?:{parents}))"
        self._accounts = rf"(?i:\b(?:{short}))\\+([A-Za-z0-9][A-Za-z0-9._$\-]+)"
        self._sign = OwnSign(own)
        self._host_needs = tuple(f".{domain}" for domain in organization.domains)
        self._account_needs = tuple(f"{domain}\\" for domain in domains)
        super().__init__(
            ["PERSON", "USERNAME", "EMAIL", "HOST", "IP"],
            "organization",
            (*self._host_needs, *self._account_needs, MACHINES, *filter(None, [self._sign.need])),
        )

    def find(self, text: str, shape: bytes, present: frozenset[str]) -> list[Found]:
        if present.isdisjoint(self.needs) and text.isascii() and self._sign.need:
            return []
        found: list[Found] = []
        if self._sign.may_be_in(text, shape, present):
            hits = self._own.find_plain(text)
            found += [Found(hit.start, hit.end, cast("Entity", hit.key), 1.0, "organization") for hit in hits]
        if is_needed(self._host_needs, present):
            found += self._hosts(shape)
        if is_needed(self._account_needs, present):
            found += self._domain_accounts(text, shape)
        if MACHINES in present:
            found += self._addresses(_V4, shape)
            found += self._addresses(_V6, shape)
        return found

    def _hosts(self, shape: bytes) -> Iterator[Found]:
        for ((start, end),) in find_all(self._names_in_domains, shape):
            before = shape[start - 1 : start] if start else b""
            after = shape[end : end + 2]
            # `www.bank.example.evil.example` is a look-alike, not one of our hosts.
            continues = re.match(rb"[A-Za-z0-9_\-]|\.[A-Za-z0-9]", after)
            if not continues and before not in (b"@", b".", b"-"):
                yield Found(start, end, "HOST", 0.9, "own-hosts")

    def _domain_accounts(self, text: str, shape: bytes) -> Iterator[Found]:
        for (begin, _), (start, end) in find_all(self._accounts, shape):
            # An account such as `admin` is masked with its domain, so that the word alone stays readable.
            whole = start if is_particular(text[start:end], "USERNAME") else begin
            yield Found(whole, end, "USERNAME", 0.9, "own-accounts")

    def _addresses(self, regex: str, shape: bytes) -> Iterator[Found]:
        judged: dict[bytes, bool] = {}
        for ((start, end),) in find_all(regex, shape):
            written = shape[start:end]
            if written not in judged:
                judged[written] = self._networks.hold(written.decode().replace("[.]", "."))
            if not judged[written]:
                continue
            before = shape[start - 1 : start] if start else b""
            if before.isalnum() or re.match(rb"[A-Za-z0-9]|\.[0-9]", shape[end : end + 2]):
                continue
            yield Found(start, end, "IP", 0.9, "own-networks")


def make_registry(
    organization: Organization, own: Originals, never_names: Iterable[str], patterns: Iterable[IdPattern] = ()
) -> RecognizerRegistry:
    """The recognizers for one organization; `patterns` are those its bundle describes itself."""
    recognizers: list[Scanned] = [
        OrganizationRecognizer(organization, own),
        NameRecognizer(
            never_words(organization, never_names),
            {part for person in organization.people for part in parts_of_name(person.name)},
        ),
        PatternsRecognizer("contacts", CONTACTS),
        PatternsRecognizer("numbers", (*NUMBERS, proved())),
        PatternsRecognizer("devices", DEVICES),
        PatternsRecognizer("accounts", USERNAMES),
        PatternsRecognizer("secrets", SECRETS),
    ]
    described = bundle_patterns(patterns)
    if described:
        recognizers.append(PatternsRecognizer("bundle", described))
    recognizers.extend(PresidioRecognizer(recognizer, runs) for recognizer, runs in of_presidio().values())
    return RecognizerRegistry(recognizers=recognizers, supported_languages=[LANGUAGE])
