"""The tokens of one ticket: who has which, which originals are known, and what a model has already been shown."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterable

from core.vault import TokenEntry, TokenVault
from policies.masking.originals import GROUPED, LOOSE, Originals
from policies.masking.people import is_word_too
from policies.masking.rules import Entity, MaskingRules
from policies.masking.spans import Span
from policies.masking.tokens import TOKEN, fingerprint, make_token
from policies.masking.words import MIN_LENGTH, is_particular, parts_of_name, words_of
from policies.organization import Organization, host_of

_AT = re.compile(r"\[?(?:@|\bat\b)\]?")


class TokenLedger:
    """Issues tokens and finds originals. Not safe for threads by itself: the session holds the lock."""

    def __init__(self, vault: TokenVault, rules: MaskingRules, organization: Organization) -> None:
        self._vault = vault
        self._rules = rules
        self._organization = organization
        self.key = vault.key()
        self._by_token: dict[str, TokenEntry] = {}
        self._by_fingerprint: dict[str, TokenEntry] = {}
        self._originals = Originals(organization.is_own_domain)
        self._own_names = {frozenset(words_of(person.name)) for person in organization.people}
        self._parts: set[str] = set()
        #: Tokens whose original a model saw before it was known to be personal; blocking it now would help nobody.
        self._late: set[str] = set()
        self._shown: list[str] = []
        self._shown_words: set[str] = set()
        self._last_text: tuple[str, int, list[tuple[int, int]]] = ("", 0, [])
        self._marks: dict[tuple[str, str], str] = {}
        for entry in vault.entries():
            self._remember(entry, entry.value)

    @property
    def issued(self) -> dict[str, TokenEntry]:
        return self._by_token

    def entry(self, token: str) -> TokenEntry | None:
        return self._by_token.get(token)

    def entries(self) -> list[TokenEntry]:
        return list(self._by_token.values())

    def keep(self, entries: list[TokenEntry]) -> None:
        """Write new entries to the vault, before anything that shows their tokens leaves."""
        if entries:
            self._vault.add(entries)

    def issue(self, entity: Entity, text: str) -> list[TokenEntry]:
        """Make sure a value has a token; the new entry, if it had none."""
        mark = self._mark(entity, text)
        if mark in self._by_fingerprint:
            return []
        attempt = 0
        while (token := make_token(self.key, entity, _normalised(entity, text), attempt)) in self._by_token:
            attempt += 1
        redacted = self._rules.treatment(entity) == "redact"
        entry = TokenEntry(token=token, entity=entity, value="" if redacted else text, fingerprint=mark)
        self._remember(entry, text)
        if token not in self._late and self._was_shown(entity, text):
            self._late.add(token)
        return [entry]

    def show(self, entity: Entity, text: str) -> tuple[str, list[TokenEntry]]:
        """How a value is shown to a model, and the entry that was made for it, if any."""
        fresh = self.issue(entity, text)
        entry = self._by_fingerprint[self._mark(entity, text)]
        if self._rules.treatment(entity) == "partial":
            return f"{entry.token}-{''.join(words_of(text))[-4:]}", fresh
        return entry.token + self._kept_part(entity, text), fresh

    def token_of(self, entity: Entity, text: str) -> str | None:
        """The token of a value, if it has one."""
        entry = self._by_fingerprint.get(self._mark(entity, text))
        return entry.token if entry else None

    def is_reversible(self, entity: str) -> bool:
        return self._rules.treatment(entity) == "token"  # type: ignore[arg-type]  # entries hold known entities

    def kept_domain(self, entry: TokenEntry) -> str:
        """The domain that is shown beside the token of an outside address."""
        if entry.entity != "EMAIL":
            return ""
        return self._kept_part("EMAIL", entry.value).lstrip("[@]")

    def known_spans(self, text: str) -> list[Span]:
        """Occurrences of originals of this ticket."""
        found = []
        for hit in self._originals.find(text):
            token = hit.key if hit.key in self._by_token else None
            found.append(Span(hit.start, hit.end, self._entity_of(hit.key), hit.text, token, recognizer="known"))
        return found

    def guarded_hits(self, text: str) -> set[str]:
        """Entities of originals in a text that must not be there."""
        hits = [hit for hit in self._originals.find(text) if hit.key not in self._late]
        return {self._entity_of(hit.key) for hit in hits if not self.touches_token(text, hit.start, hit.end)}

    def touches_token(self, text: str, start: int, end: int) -> bool:
        """Whether a part of a text overlaps a token of this ticket; such a part is no original."""
        places = self._tokens_in(text)
        index = bisect.bisect_left(places, start, key=lambda place: place[1] - 1)
        return index < len(places) and places[index][0] < end

    def _tokens_in(self, text: str) -> list[tuple[int, int]]:
        """Where tokens of this ticket stand in a text; of the last text asked for, it is remembered."""
        known, count, places = self._last_text
        if known is not text or count != len(self._by_token):
            found = TOKEN.finditer(text) if self._by_token and "_" in text else ()
            places = [match.span() for match in found if match.group() in self._by_token]
            self._last_text = (text, len(self._by_token), places)
        return places

    def show_texts(self, texts: Iterable[str]) -> None:
        """Remember what leaves for a model."""
        for text in texts:
            self._shown.append(text)
            self._shown_words.update(words_of(text))

    def note_shown(self, texts: list[str]) -> None:
        """Remember what a model has already seen: an original in there cannot be taken back."""
        self.show_texts(texts)
        for text in texts:
            for hit in self._originals.find(text):
                if not self.touches_token(text, hit.start, hit.end):
                    self._late.add(hit.key)

    def _mark(self, entity: Entity, text: str) -> str:
        """The fingerprint of a value. The same one is asked for several times while a text is masked."""
        mark = self._marks.get((entity, text))
        if mark is None:
            mark = self._marks[entity, text] = fingerprint(self.key, entity, _normalised(entity, text))
        return mark

    def _remember(self, entry: TokenEntry, text: str) -> None:
        self._by_token[entry.token] = entry
        self._by_fingerprint[entry.fingerprint] = entry
        if text and is_particular(text, entry.entity):
            self._originals.add(entry.token, text, entry.entity)
        if text and entry.entity == "PERSON":
            self._add_parts(text)

    def _add_parts(self, name: str) -> None:
        """One of our people was named in full: from now on the first or the last name alone means them too."""
        if frozenset(words_of(name)) not in self._own_names:
            return
        for part in parts_of_name(name):
            key = f"part of a name: {part}"
            if key not in self._parts and len(part) >= MIN_LENGTH and not is_word_too(part):
                self._parts.add(key)
                self._originals.add(key, part, "PERSON")
                if self._was_shown("PERSON", part):
                    self._late.add(key)

    def _entity_of(self, key: str) -> Entity:
        entry = self._by_token.get(key)
        return entry.entity if entry else "PERSON"  # type: ignore[return-value]  # entries hold known entities

    def _was_shown(self, entity: Entity, text: str) -> bool:
        if not self._shown:
            return False
        if entity not in GROUPED and not self._shown_words.issuperset(words_of(text)):
            return False
        one = Originals(self._organization.is_own_domain)
        one.add("", text, entity)
        return any(one.find(shown) for shown in self._shown)

    def _kept_part(self, entity: Entity, text: str) -> str:
        """The `@domain` of an outside address: a domain is evidence, a mailbox is a person."""
        if entity != "EMAIL" or self._rules.indicators.mail_domains == "mask":
            return ""
        if self._organization.is_own_domain(host_of(text)):
            return ""
        at = _AT.search(text)
        return text[at.start() :] if at else ""


def _normalised(entity: str, text: str) -> str:
    """What counts as the same value: case does not, nor how digits are grouped. Secrets count exactly."""
    if entity == "SECRET":
        return text
    if entity in GROUPED:
        return "".join(words_of(text))
    if entity in LOOSE:
        return " ".join(text.casefold().split())
    return re.sub(r"[\[\]]", "", text.casefold())
