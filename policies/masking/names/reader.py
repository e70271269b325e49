"""Reads prose with a name model, and settles what of its guesses counts: indicators and products are no people."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from policies.masking.common_words import COMMON, ORGANIZATION_WORDS
from policies.masking.formats.prose import prose_of
from policies.masking.names.model import Found, NameModel
from policies.masking.names.things import PLACES_OF_THINGS, ROLES, THINGS
from policies.masking.rules import Entity
from policies.masking.spans import GUESSED, SEPARATOR, Span
from policies.masking.tokens import TOKEN
from policies.masking.words import words_of

#: Marks of paths, identifiers, mailboxes and expressions: what holds one is no name in a sentence.
_TECHNICAL = re.compile(r"[\\/@_=<>{}|$%~^*+#\x00]|::|\d[A-Za-z]\d|[A-Za-z]\d+[A-Za-z]|[a-z]\.[a-z]|\[\.\]|^\d+$")
#: `multiFactorAuthentication`
_IDENTIFIER = re.compile(r"[a-z]+[A-Z]")
_EDGES = " \t\r\n.,;:!?\"'`“”„«»‘’()[]{}<>-–—*_|\\/\x00"
_AROUND = "\"'()[]<>,;:.!?*_|"
#: Characters of the shortest name that is believed by itself.
MIN_LETTERS = 2


class NameReader:
    """A name model with the judgement that it lacks."""

    def __init__(self, models: Sequence[NameModel], never: Collection[str] = ()) -> None:
        """`never` are words that are no names here: of the bundle, and of the organization's own name."""
        self._models = models
        self._never = frozenset(never)

    def find(self, text: str, budget: int) -> tuple[list[Span], int]:
        """Names in the prose of a text, and how much of the budget (characters of prose) is left.

        Prose beyond the budget is not read, so it is hidden as a whole.
        """
        places: dict[str, list[int]] = {}
        spans: list[Span] = []
        for start, end in prose_of(text):
            piece = text[start:end]
            if piece not in places:
                if len(piece) > budget:
                    spans.append(Span(start, end, "PROSE", piece, recognizer="budget"))
                    continue
                budget -= len(piece)
            places.setdefault(piece, []).append(start)
        pieces = list(places)
        for model in self._models if pieces else ():
            for piece, guesses in zip(pieces, model.find(pieces), strict=True):
                believed = [part for guess in guesses for part in self._believed(piece, guess)]
                found = [_span(piece, start, *part) for start in places[piece] for part in believed]
                spans += [span for span in found if span.entity != "LOCATION" or not _is_value(text, span)]
        return spans, budget

    def _believed(self, text: str, guess: Found) -> Iterator[tuple[int, int, Found]]:
        """The parts of a guess that count: between tokens, and no indicator, product or word of every day."""
        for start, end in _between_tokens(text, guess.start, guess.end):
            first, last = _trimmed(text, start, end)
            if last - first >= MIN_LETTERS and self._is_plausible(text, first, last, guess.entity):
                yield first, last, guess

    def _is_plausible(self, text: str, start: int, end: int, entity: Entity) -> bool:
        value = text[start:end]
        words = words_of(value)
        if not any(character.isalpha() for character in value):
            return entity == "ADDRESS"
        if entity == "ADDRESS" and any(character.isdigit() for character in value):
            return "://" not in value and "@" not in value
        if any(_TECHNICAL.search(word) for word in _whole_words(text, start, end)):
            return False
        if entity == "NRP":
            return True
        if any(_IDENTIFIER.match(word) for word in value.split()):
            return False
        if all(word in THINGS or word in self._never or word in PLACES_OF_THINGS for word in words):
            return False
        if entity in ("ORGANIZATION", "LOCATION") and len(words) > 1:
            return True
        return not all(word in COMMON or word in ORGANIZATION_WORDS or word in ROLES for word in words)


def _span(piece: str, start: int, first: int, last: int, guess: Found) -> Span:
    return Span(start + first, start + last, guess.entity, piece[first:last], score=guess.score, recognizer=GUESSED)


def _is_value(text: str, span: Span) -> bool:
    """Whether a guess is all that a field holds: `"country": "Norway"` in an event is where a login came from."""
    before, after = text[max(span.start - 2, 0) : span.start], text[span.end : span.end + 2]
    return (before[-1:] in ('"', "'") and after[:1] in ('"', "'")) or (
        before == SEPARATOR[1:] and after == SEPARATOR[:2]
    )


def _between_tokens(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The parts of a guess that no token stands in: a second look at masked text must not mask tokens."""
    position = start
    for match in TOKEN.finditer(text, max(start - 40, 0), min(end + 40, len(text))):
        if match.end() <= position or match.start() >= end:
            continue
        yield position, max(match.start(), position)
        position = match.end()
    if position < end:
        yield position, end


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start] in _EDGES:
        start += 1
    while end > start and text[end - 1] in _EDGES:
        end -= 1
    for possessive in ("'s", "’s"):
        if text[start:end].endswith(possessive):
            end -= 2
    return start, end


def _whole_words(text: str, start: int, end: int) -> list[str]:
    """The words of a guess with what they are joined to, up to white space: `evil` of `http://evil.example/x`."""
    left = start
    while left > max(start - 80, 0) and not text[left - 1].isspace():
        left -= 1
    right = end
    while right < min(end + 80, len(text)) and not text[right].isspace():
        right += 1
    before = text[left:start].lstrip(_EDGES.replace("/", "").replace("\\", "").replace("_", "").replace("*", ""))
    after = text[end:right].rstrip(_EDGES)
    inner = text[start:end].split()
    if not inner:
        return []
    inner[0] = before + inner[0]
    inner[-1] += after
    return [word.strip(_AROUND) for word in inner]
