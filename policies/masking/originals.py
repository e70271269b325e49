"""Finds known originals in a text, as whole words and in any case. Masker and egress guard share this code.

Each original is indexed by its rarest word, so a text is read once however many originals there are.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
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
#: Anchors, and places of anchors, beyond which a text is cut into words as a whole instead of around each place.
MAX_ANCHORS = 64
MAX_WINDOWS = 500

#: A run of letters and digits; characters of scripts that write no spaces are words of their own.
_CJK = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_WORD = re.compile(rf"[{_CJK}]|[^\W_{_CJK}]+")
_LOOSE_GAP = re.compile(r"[\s_.,+'’\-]{1,6}")
_GROUP_GAP = re.compile(r"[\s.:()/\-]{1,3}")
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
    #: Which word it is indexed by.
    anchor: int


@dataclass(frozen=True, slots=True)
class _Grouped:
    key: str
    compact: str


#: A word in one case, and where it stands.
_Word = tuple[str, int, int]


class Originals:
    """A growing set of originals. They are not looked for in hosts of others, which are evidence, nor in hashes."""

    def __init__(self, is_own: Callable[[str], bool] = lambda _host: False) -> None:
        self._is_own = is_own
        self._phrases: dict[str, list[_Phrase]] = {}
        self._grouped: dict[str, list[_Grouped]] = {}
        #: What the first words of a grouped value can be.
        self._beginnings: set[str] = set()
        #: Characters around an anchor that hold a whole original.
        self._reach = 0
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
        self._reach = max(self._reach, 8 * len(words) + 2 * len(value) + 8)
        if entity in GROUPED and len(compact) >= MIN_GROUPED:
            self._grouped.setdefault(compact[0], []).append(_Grouped(key, compact))
            self._beginnings.update(compact[:length] for length in range(1, len(compact) + 1))
            return
        gaps = tuple(value[a.end() : b.start()] for a, b in pairwise(matches))
        anchor = min(range(len(words)), key=lambda i: self._commonness(words[i]))
        phrase = _Phrase(key, words, tuple(map(_plain_gap, gaps)), entity in LOOSE, entity == "SECRET", anchor)
        self._phrases.setdefault(words[anchor], []).append(phrase)

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

    def _commonness(self, word: str) -> tuple[bool, int, int]:
        return (word in COMMON or len(word) < 3, len(self._phrases.get(word, ())), -len(word))

    def find_plain(self, text: str) -> list[Hit]:
        """Every occurrence in the text as it stands."""
        anchors = [word for word in set(_WORD.findall(text)) if self._is_anchor(word.casefold())]
        if not anchors:
            return []
        hits: list[Hit] = []
        marks: Marks | None = None
        for words, index in self._places(text, anchors):
            for hit, secret, number in self._at(words, index, text):
                marks = Marks(text, self._is_own) if marks is None else marks
                if secret or not marks.shield(hit.start, hit.end, number=number):
                    hits.append(hit)
        return hits

    def _is_anchor(self, word: str) -> bool:
        return word in self._phrases or word in self._beginnings

    def _places(self, text: str, anchors: list[str]) -> Iterator[tuple[list[_Word], int]]:
        """Where anchors stand, each with the words around it; a text that is full of them is cut into words once."""
        if sum(map(text.count, anchors)) > MAX_WINDOWS or len(anchors) > MAX_ANCHORS:
            words = _words(text, 0, len(text))
            yield from ((words, index) for index, word in enumerate(words) if self._is_anchor(word[0]))
            return
        for anchor in anchors:
            position = text.find(anchor)
            while position >= 0:
                words = _words(text, max(position - self._reach, 0), position + self._reach)
                index = bisect.bisect_left(words, position, key=lambda word: word[1])
                if index < len(words) and words[index][1:] == (position, position + len(anchor)):
                    yield words, index
                position = text.find(anchor, position + len(anchor))

    def _at(self, words: list[_Word], index: int, text: str) -> Iterator[tuple[Hit, bool, bool]]:
        """Originals indexed by one word of a text, and whether they are secrets or numbers."""
        word, start, _ = words[index]
        for phrase in self._phrases.get(word, ()):
            first = index - phrase.anchor
            if _phrase_at(phrase, words, first, text):
                begin, end = words[first][1], words[first + len(phrase.words) - 1][2]
                yield Hit(begin, end, phrase.key, text[begin:end]), phrase.secret, False
        for grouped in self._grouped.get(word[0], ()):
            end = _grouped_end(grouped.compact, words, index, text)
            if end:
                yield Hit(start, end, grouped.key, text[start:end]), False, True


def _words(text: str, start: int, end: int) -> list[_Word]:
    """The words of a part of a text. One that the part cuts through is left as it is cut."""
    return [(match.group().casefold(), match.start(), match.end()) for match in _WORD.finditer(text, start, end)]


def _phrase_at(phrase: _Phrase, words: list[_Word], first: int, text: str) -> bool:
    last = first + len(phrase.words) - 1
    if first < 0 or last >= len(words):
        return False
    if any(words[first + i][0] != word for i, word in enumerate(phrase.words)):
        return False
    for i, gap in enumerate(phrase.gaps):
        found = text[words[first + i][2] : words[first + i + 1][1]]
        if _plain_gap(found) == gap or (phrase.loose and _LOOSE_GAP.fullmatch(found)):
            continue
        return False
    return True


def _grouped_end(compact: str, words: list[_Word], index: int, text: str) -> int:
    """Where the groups that spell `compact` end, or 0."""
    built = ""
    while index < len(words):
        built += words[index][0]
        if not compact.startswith(built):
            return 0
        if len(built) == len(compact):
            return words[index][2]
        gap = text[words[index][2] : words[index + 1][1]] if index + 1 < len(words) else ""
        if gap and not _GROUP_GAP.fullmatch(gap):
            return 0
        index += 1
    return 0


def _plain_gap(gap: str) -> str:
    """What separates two words, without defanging brackets, repeated backslashes and kinds of white space."""
    if not gap.strip():
        return " " if gap else ""
    return _BACKSLASHES.sub(r"\\", _BRACKETS.sub("", gap))
