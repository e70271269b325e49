"""Finds many phrases in a text at once, as whole words and in any case.

A few are looked for around the word of theirs that the text holds least often; many are found in one pass over the
words of the text, along a trie. Either way the time is that of reading the text and of what is found.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

from policies.masking.common_words import COMMON

#: Texts that are remembered cut up: the same one is looked at for the organization, for the ticket, and once more.
CACHED = 8
#: Words to look for, and places to look at, beyond which one pass over all words is quicker.
MAX_WORDS = 64
MAX_PLACES = 4_000
#: Phrases times characters up to which a text is first asked whether it can hold any phrase at all.
WORTH_ASKING = 1_000_000

#: A run of letters and digits; characters of scripts that write no spaces are words of their own.
_CJK = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
WORD = re.compile(rf"[{_CJK}]|[^\W_{_CJK}]+")
_CJK_WORD = re.compile(rf"[{_CJK}]")
#: Characters of the widest gap between two words: defanging brackets, backslashes, spaces.
_LONGEST_GAP = 64
#: A gap and the word behind it.
_NEXT = re.compile(rf"([\W_]{{0,{_LONGEST_GAP}}})({WORD.pattern})")
#: The gaps of most values, which are plain as they are.
_PLAIN = frozenset("@.-_ ")
_LOOSE_GAP = re.compile(r"[\s_.,+'’\-]{1,6}")
_BRACKETS = re.compile(r"[\[\](){}]")
_BACKSLASHES = re.compile(r"\\+")


@dataclass(frozen=True, slots=True)
class Phrase:
    """A value as words and what stands between them."""

    key: str
    words: tuple[str, ...]
    gaps: tuple[str, ...]
    #: Other marks may join the words: `Anna_Lindqvist`.
    loose: bool
    #: A secret: hidden even in a host of others and in a hash.
    secret: bool

    @classmethod
    def of(cls, key: str, value: str, *, loose: bool, secret: bool) -> Phrase | None:
        """The phrase of a value; None where it has neither letters nor digits."""
        words = tuple(word.casefold() for word in WORD.findall(value))
        # What stands before the first and after the last word is no gap.
        gaps = tuple(gap if gap in _PLAIN else _plain_gap(gap) for gap in WORD.split(value)[1:-1])
        return cls(key, words, gaps, loose, secret) if words else None

    def fits(self, number: int, gap: str) -> bool:
        """Whether `gap` may stand behind the word of this number."""
        return _plain_gap(gap) == self.gaps[number] or (self.loose and _LOOSE_GAP.fullmatch(gap) is not None)


@dataclass(slots=True)
class _Node:
    """Where one of the words so far can lead."""

    next: dict[str, _Node] = field(default_factory=dict)
    ends: list[Phrase] = field(default_factory=list)


class Phrases:
    """A growing set of phrases."""

    def __init__(self) -> None:
        self._by_anchor: dict[str, list[Phrase]] = {}
        self._root = _Node()
        self._all: list[Phrase] = []

    def __len__(self) -> int:
        return len(self._all)

    def add(self, phrase: Phrase) -> None:
        """Look for one more."""
        self._all.append(phrase)
        self._by_anchor.setdefault(self._anchor(phrase.words), []).append(phrase)
        node = self._root
        for word in phrase.words:
            node = node.next.setdefault(word, _Node())
        node.ends.append(phrase)

    def _anchor(self, words: tuple[str, ...]) -> str:
        """The word by which a phrase is remembered: one that few others have, and that texts seldom hold."""
        for word in words:
            if word not in self._by_anchor and len(word) > 2 and word not in COMMON:
                return word
        return min(words, key=lambda word: (word in COMMON or len(word) < 3, len(self._by_anchor.get(word, ()))))

    def find(self, text: str) -> Iterator[tuple[int, int, Phrase]]:
        """Every occurrence: where it starts, where it ends, and of which phrase."""
        if not self._may_hold(text):
            return
        known = _words_in(text)
        anchored: dict[str, list[tuple[Phrase, int]]] = {}
        places = 0
        for anchor in known.keys() & self._by_anchor.keys():
            for phrase in self._by_anchor[anchor]:
                if all(word in known for word in phrase.words):
                    rarest = min(range(len(phrase.words)), key=lambda n: known[phrase.words[n]].count)
                    anchored.setdefault(phrase.words[rarest], []).append((phrase, rarest))
                    places += known[phrase.words[rarest]].count
        if len(anchored) > MAX_WORDS or places > MAX_PLACES:
            yield from self._along(text)
            return
        for word, phrases in anchored.items():
            for start, end in (place for surface in known[word].surfaces for place in _places(text, surface)):
                for phrase, number in phrases:
                    first = _start_of(phrase, number, text, start)
                    last = _end_of(phrase, number, text, end) if first is not None else None
                    if first is not None and last is not None:
                        yield first, last, phrase

    def _may_hold(self, text: str) -> bool:
        """Whether it is worth cutting the text into words; where asking costs more than cutting, it is."""
        if len(self._all) * len(text) > WORTH_ASKING:
            return True
        folded = text.casefold()
        return any(all(word in folded for word in phrase.words) for phrase in self._all)

    def _along(self, text: str) -> Iterator[tuple[int, int, Phrase]]:
        words = _words_of(text)
        for index, (word, start, _) in enumerate(words):
            node = self._root.next.get(word)
            last = index
            while node is not None:
                for phrase in node.ends:
                    around = pairwise(words[index : last + 1])
                    if all(phrase.fits(n, text[a[2] : b[1]]) for n, (a, b) in enumerate(around)):
                        yield start, words[last][2], phrase
                last += 1
                node = node.next.get(words[last][0]) if last < len(words) else None


@dataclass(slots=True)
class _Written:
    """The ways a word is written in a text, and how often in all."""

    surfaces: list[str]
    count: int


@lru_cache(maxsize=CACHED)
def _words_in(text: str) -> dict[str, _Written]:
    """The words of a text in one case."""
    known: dict[str, _Written] = {}
    for surface, count in Counter(WORD.findall(text)).items():
        written = known.setdefault(surface.casefold(), _Written([], 0))
        written.surfaces.append(surface)
        written.count += count
    return known


@lru_cache(maxsize=2)
def _words_of(text: str) -> list[tuple[str, int, int]]:
    """The words of a text in one case, in order, and where they stand."""
    return [(match.group().casefold(), match.start(), match.end()) for match in WORD.finditer(text)]


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


def _end_of(phrase: Phrase, number: int, text: str, end: int) -> int | None:
    """Where a phrase ends of which this word ends here, if its other words follow."""
    for following in range(number + 1, len(phrase.words)):
        match = _NEXT.match(text, end)
        if match is None or match.group(2).casefold() != phrase.words[following]:
            return None
        if not phrase.fits(following - 1, match.group(1)):
            return None
        end = match.end()
    return end


def _start_of(phrase: Phrase, number: int, text: str, start: int) -> int | None:
    """Where a phrase begins of which this word begins here, if its other words stand before it."""
    for before in range(number - 1, -1, -1):
        word = phrase.words[before]
        end = start
        while end > 0 and start - end < _LONGEST_GAP and not text[end - 1].isalnum():
            end -= 1
        begin = end
        if _CJK_WORD.fullmatch(text[end - 1 : end]):
            begin -= 1
        else:
            while begin > 0 and end - begin <= 2 * len(word) and _joins(text[begin - 1]):
                begin -= 1
        if text[begin:end].casefold() != word or not phrase.fits(before, text[end:start]):
            return None
        start = begin
    return start


def _plain_gap(gap: str) -> str:
    """What separates two words, without defanging brackets, repeated backslashes and kinds of white space."""
    if not gap.strip():
        return " " if gap else ""
    return _BACKSLASHES.sub(r"\\", _BRACKETS.sub("", gap))
