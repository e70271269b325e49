"""Finds known originals in a text, as whole words and in any case. Masker and egress guard share this code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from policies.masking.groups import Groups
from policies.masking.marks import Marks
from policies.masking.phrases import CACHED, WORD, Phrase, Phrases
from policies.masking.views import decoded_views

#: Entities whose groups of digits are written in many ways: `4111 1111…`, `4111-1111…`.
GROUPED = frozenset({"PHONE", "IBAN", "BANK_ACCOUNT", "CARD", "NATIONAL_ID", "MAC", "IMEI"})
#: Entities whose words may be joined by other marks: `Anna_Lindqvist`, `lindqvist,anna`.
LOOSE = frozenset({"PERSON", "ADDRESS", "ORGANIZATION"})


@dataclass(frozen=True, slots=True)
class Hit:
    """An original found in a text."""

    start: int
    end: int
    #: What it was added under.
    key: str
    #: The text as found (decoded when it was written in escapes).
    text: str


def _nobodys(_host: str) -> bool:
    return False


class Originals:
    """A growing set of originals. They are not looked for in hosts of others, which are evidence, nor in hashes."""

    def __init__(self, is_own: Callable[[str], bool] = _nobodys) -> None:
        self._is_own = is_own
        self._phrases = Phrases()
        self._groups = Groups()
        self._seen: set[tuple[str, str]] = set()

    def add(self, key: str, value: str, entity: str) -> None:
        """Remember an original under a key. Values without letters and digits cannot be found and are ignored."""
        if (key, value) in self._seen:
            return
        self._seen.add((key, value))
        if entity in GROUPED and self._groups.add(key, "".join(WORD.findall(value)).casefold()):
            return
        phrase = Phrase.of(key, value, loose=entity in LOOSE, secret=entity == "SECRET")
        if phrase is not None:
            self._phrases.add(phrase)

    def find(self, text: str) -> list[Hit]:
        """Every occurrence, also those that overlap, in the text itself and in what its escapes mean."""
        if not self._phrases and not self._groups:
            return []
        hits = self.find_plain(text)
        seen = {(hit.start, hit.end, hit.key) for hit in hits}
        for view in decoded_views(text):
            for hit in self.find_plain(view.text):
                start, end = view.raw_span(hit.start, hit.end)
                if (start, end, hit.key) not in seen:
                    seen.add((start, end, hit.key))
                    hits.append(Hit(start, end, hit.key, hit.text))
        return hits

    def find_plain(self, text: str) -> list[Hit]:
        """Every occurrence in the text as it stands."""
        phrases = list(self._phrases.find(text))
        groups = list(self._groups.find(text))
        if not phrases and not groups:
            return []
        marks = _marks(text, self._is_own)
        hits = [
            Hit(start, end, phrase.key, text[start:end])
            for start, end, phrase in phrases
            if phrase.secret or not marks.shield(start, end, number=False)
        ]
        hits += [
            Hit(start, end, key, text[start:end])
            for start, end, key in groups
            if not marks.shield(start, end, number=True)
        ]
        return hits


@lru_cache(maxsize=CACHED)
def _marks(text: str, is_own: Callable[[str], bool]) -> Marks:
    return Marks(text, is_own)
