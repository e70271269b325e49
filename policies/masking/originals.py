"""Finds known originals in a text, as whole words and in any case. Masker and egress guard share this code.

Each original is indexed by its rarest word, so a text is read once however many originals there are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from policies.masking.common_words import COMMON
from policies.masking.marks import Marks
from policies.masking.views import decoded_views

#: Entities whose groups of digits are written in many ways: `4111 1111…`, `4111-1111…`.
GROUPED = frozenset({"PHONE", "IBAN", "BANK_ACCOUNT", "CARD", "NATIONAL_ID", "MAC", "IMEI"})
#: Entities whose words may be joined by other marks: `Anna_Lindqvist`, `lindqvist,anna`.
LOOSE = frozenset({"PERSON", "ADDRESS", "ORGANIZATION"})
#: Letters and digits a grouped value needs; a shorter one would be found inside ordinary numbers.
MIN_GROUPED = 7
#: Texts that are remembered cut up: the same one is looked at for the organization, for the ticket, and once more.
CACHED = 8

#: A run of letters and digits; characters of scripts that write no spaces are words of their own.
_CJK = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_WORD = re.compile(rf"[{_CJK}]|[^\W_{_CJK}]+")
_CJK_WORD = re.compile(rf"[{_CJK}]")
#: What separates two words, at most `_LONGEST_GAP` characters of it, and the second word.
_NEXT = re.compile(rf"([\W_]{{0,64}})({_WORD.pattern})")
_LOOSE_GAP = re.compile(r"[\s_.,+'’\-]{1,6}")
_GROUP_GAP = re.compile(r"[\s.:()/\-]{1,3}")
#: Characters of the widest gap beside its own marks: defanging brackets, backslashes, spaces.
_LONGEST_GAP = 64
_BRACKETS = re.compile(r"[\[\](){}]")
_BACKSLASHES = re.compile(r"\\+")


@dataclass(frozen=True, slots=True)
class Hit:
    """An original found in a text."""

    start: int
    end: int
    #: What it was added under.
    key: str
    #: The text as found (decoded when it was written in escapes).
    text: str


@dataclass(frozen=True, slots=True)
class _Phrase:
    key: str
    words: tuple[str, ...]
    gaps: tuple[str, ...]
    loose: bool
    #: A secret: hidden even in a host of others and in a hash.
    secret: bool


@dataclass(frozen=True, slots=True)
class _Grouped:
    key: str
    compact: str

    @property
    def expression(self) -> re.Pattern[str]:
        """The characters with nothing but a short gap between any two of them."""
        return re.compile(
            r"(?<![^\W_])"
            + rf"{_GROUP_GAP.pattern.replace('{1,3}', '{0,3}')}".join(map(re.escape, self.compact))
            + r"(?![^\W_])",
            re.IGNORECASE,
        )


def _nobodys(_host: str) -> bool:
    return False


class Originals:
    """A growing set of originals. They are not looked for in hosts of others, which are evidence, nor in hashes."""

    def __init__(self, is_own: Callable[[str], bool] = _nobodys) -> None:
        self._is_own = is_own
        self._phrases: dict[str, list[_Phrase]] = {}
        self._grouped: list[_Grouped] = []
        self._seen: set[tuple[str, str]] = set()

    def add(self, key: str, value: str, entity: str) -> None:
        """Remember an original under a key. Values without letters and digits cannot be found and are ignored."""
        if (key, value) in self._seen:
            return
        self._seen.add((key, value))
        matches = list(_WORD.finditer(value))
        words = tuple(match.group().casefold() for match in matches)
        if not words:
            return
        compact = "".join(words)
        if entity in GROUPED and len(compact) >= MIN_GROUPED:
            self._grouped.append(_Grouped(key, compact))
            return
        gaps = tuple(value[a.end() : b.start()] for a, b in pairwise(matches))
        phrase = _Phrase(key, words, tuple(map(_plain_gap, gaps)), entity in LOOSE, entity == "SECRET")
        rarest = min(words, key=lambda word: (word in COMMON or len(word) < 3, len(self._phrases.get(word, ()))))
        self._phrases.setdefault(rarest, []).append(phrase)

    def find(self, text: str) -> list[Hit]:
        """Every occurrence, also those that overlap, in the text itself and in what its escapes mean."""
        if not self._phrases and not self._grouped:
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
        hits: list[Hit] = []
        for hit, shielded in (*self._find_phrases(text), *self._find_grouped(text)):
            number = shielded == "number"
            if shielded == "no" or not _marks(text, self._is_own).shield(hit.start, hit.end, number=number):
                hits.append(hit)
        return hits

    def _find_phrases(self, text: str) -> Iterator[tuple[Hit, str]]:
        """Phrases of which every word is in the text, looked for around the word that it holds least often."""
        known = _words_in(text)
        wanted = [
            phrase
            for anchor in known.keys() & self._phrases.keys()
            for phrase in self._phrases[anchor]
            if all(word in known for word in phrase.words)
        ]
        anchored: dict[str, list[tuple[_Phrase, int]]] = {}
        for phrase in wanted:
            anchor = min(range(len(phrase.words)), key=lambda index: known[phrase.words[index]].count)
            anchored.setdefault(phrase.words[anchor], []).append((phrase, anchor))
        for word, phrases in anchored.items():
            for start, end in (place for surface in known[word].surfaces for place in _places(text, surface)):
                for phrase, anchor in phrases:
                    first = _start_of(phrase, anchor, text, start)
                    last = _end_of(phrase, anchor, text, end) if first is not None else None
                    if first is not None and last is not None:
                        yield Hit(first, last, phrase.key, text[first:last]), "no" if phrase.secret else "name"

    def _find_grouped(self, text: str) -> Iterator[tuple[Hit, str]]:
        if not self._grouped:
            return
        squeezed = _squeezed(text)
        for grouped in self._grouped:
            if grouped.compact in squeezed:
                for match in grouped.expression.finditer(text):
                    yield Hit(match.start(), match.end(), grouped.key, match.group()), "number"


@dataclass(slots=True)
class _Written:
    """The ways a word is written in a text, and how often in all."""

    surfaces: list[str]
    count: int


@lru_cache(maxsize=CACHED)
def _words_in(text: str) -> dict[str, _Written]:
    """The words of a text in one case."""
    known: dict[str, _Written] = {}
    for surface, count in Counter(_WORD.findall(text)).items():
        written = known.setdefault(surface.casefold(), _Written([], 0))
        written.surfaces.append(surface)
        written.count += count
    return known


@lru_cache(maxsize=CACHED)
def _squeezed(text: str) -> str:
    """The text in one case, without what may stand between groups of digits."""
    return _GROUP_GAP.sub("", text).casefold()


@lru_cache(maxsize=CACHED)
def _marks(text: str, is_own: Callable[[str], bool]) -> Marks:
    return Marks(text, is_own)


def _places(text: str, surface: str) -> Iterator[tuple[int, int]]:
    """Where a word stands in a text as a whole word."""
    position = text.find(surface)
    alone = _CJK_WORD.fullmatch(surface) is not None
    while position >= 0:
        end = position + len(surface)
        if alone or not (_joins(text[position - 1 : position]) or _joins(text[end : end + 1])):
            yield position, end
        position = text.find(surface, end)


def _joins(character: str) -> bool:
    """Whether a character makes one word with a letter beside it."""
    return character.isalnum() and _CJK_WORD.fullmatch(character) is None


def _end_of(phrase: _Phrase, anchor: int, text: str, end: int) -> int | None:
    """Where a phrase ends of which one word ends here, if its other words follow."""
    for word, gap in zip(phrase.words[anchor + 1 :], phrase.gaps[anchor:], strict=True):
        match = _NEXT.match(text, end)
        if match is None or match.group(2).casefold() != word or not _fits(phrase, gap, match.group(1)):
            return None
        end = match.end()
    return end


def _start_of(phrase: _Phrase, anchor: int, text: str, start: int) -> int | None:
    """Where a phrase begins of which one word begins here, if its other words stand before it."""
    for word, gap in zip(reversed(phrase.words[:anchor]), reversed(phrase.gaps[:anchor]), strict=True):
        end = start
        while end > 0 and start - end < _LONGEST_GAP and not text[end - 1].isalnum():
            end -= 1
        begin = end
        if _CJK_WORD.fullmatch(text[end - 1 : end]):
            begin -= 1
        else:
            while begin > 0 and end - begin <= 2 * len(word) and _joins(text[begin - 1]):
                begin -= 1
        if text[begin:end].casefold() != word or not _fits(phrase, gap, text[end:start]):
            return None
        start = begin
    return start


def _fits(phrase: _Phrase, gap: str, found: str) -> bool:
    return _plain_gap(found) == gap or (phrase.loose and _LOOSE_GAP.fullmatch(found) is not None)


def _plain_gap(gap: str) -> str:
    """What separates two words, without defanging brackets, repeated backslashes and kinds of white space."""
    if not gap.strip():
        return " " if gap else ""
    return _BACKSLASHES.sub(r"\\", _BRACKETS.sub("", gap))
