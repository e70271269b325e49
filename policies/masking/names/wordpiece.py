"""Text into word pieces with their places: the same code in training and at run time, so that both see the same."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

#: Characters of a word that are looked at; longer ones are keys, hashes or noise and become one unknown piece.
LONGEST_WORD = 48
#: Pieces kept of one word: the first ones tell enough, and a line of hexadecimal stays cheap.
MOST_PIECES = 6
#: Words remembered with their pieces, about 10 MB; the memory is emptied when full.
REMEMBERED = 50_000
#: Kinds of casing times places on the line, the rows of the model's second embedding.
SHAPES = 24

#: A word of letters and digits, or a run of one mark: a line of dashes is one word.
_WORD = re.compile(r"(?:[^\W_]|[\u0300-\u036f])+|([^\w\s]|_)\1*")
#: From here on, scripts that set no spaces between words: one character is one word, as in BERT's vocabulary.
_FIRST_IDEOGRAPH = "\u2e80"
_LAST_IDEOGRAPH = "\U0002fa1f"
_HANGUL = ("\uac00", "\ud7a3")

_GLUED, _SPACED, _LINE_START = range(3)


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a text: where each stands, its pieces, and how it is written."""

    starts: list[int]
    ends: list[int]
    pieces: list[tuple[int, ...]]
    shapes: list[int]


class WordPieces:
    """Splits text by a BERT vocabulary (uncased); keeps casing and line starts aside as a shape for each word."""

    def __init__(self, vocabulary: list[str]) -> None:
        self._ids = {piece: index for index, piece in enumerate(vocabulary)}
        self.start = self._ids["[CLS]"]
        self.end = self._ids["[SEP]"]
        self._unknown = (self._ids["[UNK]"],)
        self._known: dict[str, tuple[int, ...]] = {}

    @classmethod
    def load(cls, path: Path) -> WordPieces:
        return cls(path.read_text("utf-8").rstrip("\n").split("\n"))

    def words(self, text: str) -> Words:
        starts: list[int] = []
        ends: list[int] = []
        pieces: list[tuple[int, ...]] = []
        shapes: list[int] = []
        last = 0
        for match in _WORD.finditer(text):
            start, end = match.span()
            layout = _layout(text, last, start)
            last = end
            word = match.group()
            if match.lastindex:
                parts = [(start, end, word[0])]
            elif end - start > LONGEST_WORD or word.isascii() or not _has_ideographs(word):
                parts = [(start, end, word)]
            else:
                parts = [(start + index, start + index + 1, letter) for index, letter in enumerate(word)]
            for begin, stop, part in parts:
                starts.append(begin)
                ends.append(stop)
                pieces.append(self._pieces(part))
                shapes.append(_casing(part) * 3 + layout)
                layout = _GLUED
        return Words(starts, ends, pieces, shapes)

    def _pieces(self, word: str) -> tuple[int, ...]:
        if len(word) > LONGEST_WORD:
            return self._unknown
        known = self._known.get(word)
        if known is None:
            known = self._split(_plain(word))
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[word] = known
        return known

    def _split(self, word: str) -> tuple[int, ...]:
        found: list[int] = []
        start = 0
        while start < len(word) and len(found) < MOST_PIECES:
            for end in range(len(word), start, -1):
                piece = self._ids.get(word[start:end] if start == 0 else "##" + word[start:end])
                if piece is not None:
                    found.append(piece)
                    start = end
                    break
            else:
                return self._unknown
        return tuple(found) or self._unknown


def _plain(word: str) -> str:
    """Lower case without accents, as the vocabulary spells it."""
    if word.isascii():
        return word.lower()
    letters = unicodedata.normalize("NFD", word.lower())
    return "".join(letter for letter in letters if unicodedata.category(letter) != "Mn")


def _has_ideographs(word: str) -> bool:
    return any(
        _FIRST_IDEOGRAPH <= letter <= _LAST_IDEOGRAPH and not _HANGUL[0] <= letter <= _HANGUL[1] for letter in word
    )


def _layout(text: str, last: int, start: int) -> int:
    if start == 0:
        return _LINE_START
    if last == start:
        return _GLUED
    between = text[last:start]
    return _LINE_START if "\n" in between or last == 0 else _SPACED


def _casing(word: str) -> int:
    """0 punctuation, 1 lower, 2 Title, 3 UPPER, 4 mixed, 5 digits, 6 letters with digits, 7 one capital."""
    if word.isalpha():
        if word.islower():
            return 1
        if word.isupper():
            return 7 if len(word) == 1 else 3
        if word[0].isupper() and word[1:].islower():
            return 2
        return 4
    if word.isdigit():
        return 5
    return 6 if word.isalnum() else 0
