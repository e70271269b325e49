"""Presidio recognizers: the organization's own people and machines, names in context, contacts, numbers, secrets.

The only module that imports Presidio. Its analyzer engine is not used: that compares every result with every other,
which a hostile megabyte turns into minutes. Its registry runs the recognizers; overlaps are settled in `spans`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterable, Iterator

from presidio_analyzer import EntityRecognizer, RecognizerRegistry, RecognizerResult
from presidio_analyzer.nlp_engine import NlpArtifacts
from spacy.tokens import Doc
from spacy.vocab import Vocab

from policies.masking.contacts import CONTACTS
from policies.masking.originals import Originals
from policies.masking.patterns import NUMBERS, SECRETS, Pattern, compiled
from policies.masking.people import Names
from policies.masking.rules import Entity
from policies.masking.views import shape_of
from policies.masking.words import is_particular, parts_of_name, words_of
from policies.organization import Organization

LANGUAGE = "en"

#: Empty: no language model is involved, so there is nothing to download.
_VOCABULARY = Vocab()


class Shape(NlpArtifacts):
    """What recognizers get besides the text: its ASCII shape, made once. No language model is involved."""

    def __init__(self, text: str) -> None:
        super().__init__(
            entities=[], tokens=Doc(_VOCABULARY), tokens_indices=[], lemmas=[], nlp_engine=None, language=LANGUAGE
        )
        self.shape = shape_of(text)


def _shape(artifacts: NlpArtifacts) -> bytes:
    return artifacts.shape if isinstance(artifacts, Shape) else b""


class _Recognizer(EntityRecognizer):
    def load(self) -> None:
        """Nothing to load: no models, no network."""

    def result(self, entity: str, start: int, end: int, score: float = 0.9) -> RecognizerResult:
        return RecognizerResult(entity, start, end, score, recognition_metadata={"recognizer_identifier": self.id})


class PatternsRecognizer(_Recognizer):
    """Runs a list of patterns over the shape."""

    def __init__(self, name: str, patterns: Iterable[Pattern]) -> None:
        self._patterns = tuple(patterns)
        super().__init__(sorted({pattern.entity for pattern in self._patterns}), name=name)

    def analyze(self, text: str, entities: list[str], nlp_artifacts: NlpArtifacts) -> list[RecognizerResult]:
        found = []
        for pattern in self._patterns:
            for start, end in matches(pattern, _shape(nlp_artifacts)):
                if text[start].isalnum() and start > 0 and text[start - 1].isalnum():
                    continue
                found.append(self.result(pattern.entity, start, end))
        return found


class NameRecognizer(_Recognizer):
    """Names of people outside the organization, and first or last names of its own in letters."""

    def __init__(self, never: Collection[str], own: Collection[str]) -> None:
        self._names = Names(never, own)
        super().__init__(["PERSON"], name="names")

    def analyze(self, text: str, entities: list[str], nlp_artifacts: NlpArtifacts) -> list[RecognizerResult]:
        found = self._names.find(text, _shape(nlp_artifacts))
        return [self.result("PERSON", start, end, 0.7) for start, end in found]


class OrganizationRecognizer(_Recognizer):
    """Our people, accounts, hosts and networks, as the bundle lists them."""

    def __init__(self, organization: Organization, own: Originals) -> None:
        self._organization = organization
        self._own = own
        parents = "|".join(re.escape(domain) for domain in organization.domains)
        short = "|".join(sorted({re.escape(domain.partition(".")[0]) for domain in organization.domains}))
        self._names_in_domains = rf"(?i:(?:[a-z0-9_][a-z0-9_\-]*\.)+(?:{parents}))"
        self._accounts = rf"(?i:\b(?:{short}))\\+([A-Za-z0-9][A-Za-z0-9._$\-]+)"
        super().__init__(["PERSON", "USERNAME", "EMAIL", "HOST", "IP"], name="organization")

    def analyze(self, text: str, entities: list[str], nlp_artifacts: NlpArtifacts) -> list[RecognizerResult]:
        shape = _shape(nlp_artifacts)
        found = [self.result(hit.key, hit.start, hit.end, 1.0) for hit in self._own.find_plain(text)]
        found.extend(self._hosts(shape))
        for match in compiled(self._accounts).finditer(shape):
            start, end = match.span(1)
            # An account such as `admin` is masked with its domain, so that the word alone stays readable.
            whole = start if is_particular(text[start:end], "USERNAME") else match.start()
            found.append(self.result("USERNAME", whole, end, 0.8))
        found.extend(self._addresses(shape))
        return found

    def _hosts(self, shape: bytes) -> Iterator[RecognizerResult]:
        for match in compiled(self._names_in_domains).finditer(shape):
            start, end = match.span()
            before = shape[start - 1 : start]
            after = shape[end : end + 2]
            # `www.bank.example.evil.example` is a look-alike, not one of our hosts.
            continues = re.match(rb"[A-Za-z0-9_\-]|\.[A-Za-z0-9]", after)
            if not continues and before not in (b"@", b".", b"-"):
                yield self.result("HOST", start, end, 0.8)

    def _addresses(self, shape: bytes) -> Iterator[RecognizerResult]:
        for regex in (r"[0-9]{1,3}(?:(?:\.|\[\.\])[0-9]{1,3}){3}", r"[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}"):
            for match in compiled(regex).finditer(shape):
                start, end = match.span()
                if re.match(rb"[A-Za-z0-9]|\.[0-9]", shape[end : end + 2]) or shape[start - 1 : start].isalnum():
                    continue
                if _own_address(match.group().decode().replace("[.]", "."), self._organization):
                    yield self.result("IP", start, end, 0.8)


def matches(pattern: Pattern, shape: bytes) -> Iterator[tuple[int, int]]:
    """Spans of a pattern in a shape, whole words only, checked by the pattern's own check."""
    expression = compiled(pattern.regex)
    group = 1 if expression.groups else 0
    position = 0
    while position < len(shape):
        match = next(expression.finditer(shape, position), None)
        if match is None:
            return
        start, end = match.span(group)
        taken = _taken(pattern, shape, match.start(), start, end)
        if taken:
            yield start, start + taken
        # After a miss of a check the next match may begin inside this one; what has no check is skipped whole.
        missed = match.end() if pattern.check is None else _next_word(shape, match.start() + 1)
        position = start + taken if taken else missed


def _taken(pattern: Pattern, shape: bytes, begin: int, start: int, end: int) -> int:
    if shape[begin : begin + 1].isalnum() and _is_beside(pattern, shape[max(begin - 2, 0) : begin][::-1]):
        return 0
    if pattern.entity == "EMAIL" and shape[max(start - 3, 0) : start] == b"://":
        return 0  # `https://bank.example@evil.example`: user information of a URL is evidence, not a mailbox
    if pattern.extend is not None:
        return pattern.extend(shape, end) - start
    taken = end - start if pattern.check is None else pattern.check(shape[start:end].decode("ascii"))
    if pattern.alone and _in_a_row(shape, start, start + taken):
        return 0
    after = shape[start + taken : start + taken + 2]
    return 0 if pattern.entity != "SECRET" and _is_beside(pattern, after) else taken


def _is_beside(pattern: Pattern, outward: bytes) -> bool:
    """Whether what stands next to a match, read away from it, makes it part of something longer."""
    if outward[:1].isalnum():
        return True
    # A mark counts only inside a longer run: `4111….5`, not at the end of a sentence.
    return outward[:1].decode("ascii") in pattern.not_beside and outward[1:2].isalnum() if outward else False


def _in_a_row(shape: bytes, start: int, end: int) -> bool:
    """Whether more numbers stand before or after, or pairs of hexadecimal digits."""
    before, after = shape[max(start - 4, 0) : start], shape[end : end + 4]
    return bool(
        re.search(rb"[0-9][ \t]$|(?:^|[^A-Za-z])[0-9a-f]{2}[ \t]$", before)
        or re.match(rb"[ \t](?:[0-9]|[0-9a-f]{2}(?:[^a-z]|$))", after)
    )


def _next_word(shape: bytes, position: int) -> int:
    """The start of the next word, so that a long run is not tried again at each of its characters."""
    while position < len(shape) and shape[position - 1 : position].isalnum():
        position += 1
    return position


def _own_address(text: str, organization: Organization) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return organization.is_own_address(str(address))


def own_originals(organization: Organization, entities: Collection[Entity]) -> Originals:
    """Everything the bundle itself gives away about the organization; the key of each is its entity."""
    own = Originals(organization.is_own_domain)

    def add(entity: Entity, value: str) -> None:
        if value and entity in entities and is_particular(value, entity):
            own.add(entity, value, entity)

    for person in organization.people:
        first, _, last = person.name.rpartition(" ")
        add("PERSON", person.name)
        add("PERSON", f"{last}, {first}" if first else "")
        add("USERNAME", person.username)
        add("EMAIL", person.email)
    for asset in organization.assets:
        add("HOST", asset.hostname)
        add("IP", asset.ip)
    return own


def make_registry(organization: Organization, own: Originals, never_names: Iterable[str]) -> RecognizerRegistry:
    """The recognizers for one organization."""
    never = {word for name in never_names for word in words_of(name)}
    for name in (organization.name, *organization.brands):
        never.update(words_of(name))
    recognizers = [
        OrganizationRecognizer(organization, own),
        NameRecognizer(never, {part for person in organization.people for part in parts_of_name(person.name)}),
        PatternsRecognizer("contacts", CONTACTS),
        PatternsRecognizer("numbers", NUMBERS),
        PatternsRecognizer("secrets", SECRETS),
    ]
    return RecognizerRegistry(recognizers=recognizers, supported_languages=[LANGUAGE])
