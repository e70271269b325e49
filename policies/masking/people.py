"""Names of people whom nobody listed: in greetings, headers, signatures, labels, rows of personal data, and pairs of
a common given name and a family name. Patterns run over the ASCII shape."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from functools import cache, lru_cache
from pathlib import Path

from policies.masking.common_words import COMMON, ORGANIZATION_WORDS, PLACE_WORDS
from policies.masking.needs import is_needed
from policies.masking.scan import find_all
from policies.masking.views import shape_of
from policies.masking.words import name_length

_WORD = r"[A-Z][A-Za-z'\-]+"
_JOINING = r"[A-Z]\.|(?:de|da|di|del|della|dos|van|von|der|den|ten|zu|la|le|al|el|bin)\b"
_NAME = rf"{_WORD}(?:,? ?[ \t](?:{_JOINING}|{_WORD})){{1,3}}"
#: After a greeting a comma ends the name.
_CALLED = rf"{_WORD}(?:[ \t]{{1,2}}(?:{_JOINING}|{_WORD})){{1,3}}"

_GREETING = (
    r"\b(?:dear|hi|hello|hey|hallo|moin|servus|ciao|salut|liebe[r]?|bonjour|cher|chere|hola|estimad[oa]|car[oa]"
    r"|sehr geehrter?|guten (?:morgen|tag|abend)|good (?:morning|afternoon|evening)|thanks|thank you|danke)"
)
_CLOSING = (
    r"\b(?:regards|best|best wishes|sincerely|faithfully|thanks|thank you|cheers|danke|grus?s|grus?se|grus?sen"
    r"|cordialement|saludos|saluti|vg|lg|mfg)"
)
_LINE_END = r"[ \t]*(?:\r?\n|$)"
#: What shows that a row is about somebody.
_PERSONAL = (
    r"(?:\biban\b|\bborn\b|\bgeb\.|\bd\.?o\.?b\b|\bcard [0-9]|\+[1-9][0-9 ]{6}|[A-Z]{2}[0-9]{2}(?: ?[0-9]{4}){3})"
)
_BULLET = r"(?:[0-9]{1,4}[.):]?|[*#|>\-])"

_GREETING_NEEDS = (
    *(
        "dear",
        "<hi>",
        "hello",
        "<hey>",
        "hallo",
        "moin",
        "servus",
        "ciao",
        "salut",
        "liebe",
        "bonjour",
        "<cher>",
        "chere",
    ),
    *("hola", "estimad", "<caro>", "<cara>", "sehr geehrt", "guten", "good morn", "good after", "good even", "thank"),
    "danke",
)
_CLOSING_NEEDS = (
    *("regards", "<best", "sincerely", "faithfully", "thank", "cheers", "danke", "grus", "cordialement", "saludos"),
    *("saluti", "<vg>", "<lg>", "<mfg>"),
)
_HEADER_NEEDS = tuple(
    f"<{name}{end}" for name in ("from", "to", "cc", "bcc", "sender", "von", "an", "de") for end in (":", " :")
)
_TITLES = (r"~\b(?:Mr|Mrs|Ms|Miss|Dr|Prof|Herr|Frau|Mme|Sr|Sra)\.?[ \t]+[A-Z]",)
#: What all patterns for labels share, and all for rows.
_LABEL_SIGN = (
    r"~(?i:(?:name|holder|customer|client|contact|beneficiary|payee|patient|employee|caller|reported by|requested by"
    r"|kunde|kundin|kontoinhaber|kontoinhaberin|prenom|apellidos?|cognome)(?: is)?)[\"']?[ \t]*[:=][ \t]*[\"']?[A-Z]"
)
_ROW_SIGN = rf"~(?m:^)[ \t>]*(?:{_BULLET}[ \t]*)?[\"']?{_NAME}[\"']?[ \t]*[,;|\t(:\-]"

#: What must be somewhere in the text, and the pattern; group 1 is a full name; `name_length` has the last word.
_FULL = (
    (_GREETING_NEEDS, rf"(?i:{_GREETING})[ \t]+(?i:(?:mr|mrs|ms|dr|herr|frau)\.?[ \t]+)?({_CALLED})"),
    (
        _HEADER_NEEDS,
        rf"(?im:^[ \t>]*(?:from|to|cc|bcc|sender|reply-to|von|an|de))[ \t]?:[ \t]*[\"']?({_NAME})",
    ),
    (("~<[^<>\\s@]+@",), rf"({_NAME})[\"']?[ \t]*<[^<>\s@]+@[^<>\s]+>"),
    (_CLOSING_NEEDS, rf"(?i:{_CLOSING}),?[ \t]*\r?\n(?:[ \t]*\r?\n)?[ \t\-]*({_NAME}){_LINE_END}"),
    (_TITLES, rf"\b(?:Mr|Mrs|Ms|Miss|Dr|Prof|Herr|Frau|Mme|Sra?)\.?[ \t]+({_CALLED})"),
    (_TITLES, rf"\b((?:Mr|Mrs|Ms|Miss|Herr|Frau|Mme|Sra?)\.?[ \t]+{_WORD})"),
    (
        ("name is", "im namen von", "on behalf of"),
        rf"(?i:\b(?:my name is|the name is|im namen von|on behalf of))[ \t]+({_CALLED})",
    ),
    (
        (_LABEL_SIGN,),
        (
            rf"(?i:\b(?:(?:full|display|customer|client|employee|contact|cardholder|owner|holder|patient|legal)"
            rf"[ _-]?name"
            rf"|customer|client|cardholder|account[ _-]holder|holder|contact|beneficiary|payee|patient|employee|caller"
            rf"|reported by|requested by|kunde|kundin|kontoinhaber(?:in)?))[\"']?[ \t]*[:=][ \t]*[\"']?({_NAME})"
        ),
    ),
    (
        (_LABEL_SIGN,),
        (
            rf"(?im:^[ \t>]*name)[ \t]*:[ \t]*({_NAME})[ \t]*\r?\n[ \t>]*"
            rf"(?i:phone|tel|mobile|e-?mail|address|street|born|dob|iban)"
        ),
    ),
    # 1) Greta Sommerfeld, born 14.03.1968, … | Greta Sommerfeld | greta@… |
    (
        (_ROW_SIGN,),
        rf"(?m:^)[ \t]*{_BULLET}[ \t]*({_NAME})[ \t]*[,;|\t(:\-][^\n]*?(?i:{_PERSONAL}|@[A-Za-z0-9\-]+\.)",
    ),
    ((_ROW_SIGN,), rf"(?m:^)[ \t>]*[\"']?({_NAME})[\"']?[ \t]*[,;|\t][^\n]*?(?i:{_PERSONAL})"),
)
#: Group 1 is one name, if `_is_called` says so; group 2 the mark that ends it.
_SINGLE = (
    (_GREETING_NEEDS, rf"(?i:{_GREETING}),?[ \t]+([A-Za-z][A-Za-z'\-]+)[ \t]*([,!.:;\r\n]|$)?"),
    (
        _CLOSING_NEEDS,
        rf"(?i:{_CLOSING})[,!.]?[ \t]*\r?\n(?:[ \t]*\r?\n)?[ \t\-]*([A-Za-z][A-Za-z'\-]+)[ \t]*(\r?\n|$)",
    ),
    (("name is",), r"(?i:\bmy name is)[ \t]+([A-Z][A-Za-z'\-]+)[ \t]*([,!.:;\r\n]|$)?"),
)
_LABELLED = (
    r"(?i:\b(?:(?:first|last|given|family|maiden|middle)[ _-]?name|surname|forename|vorname|nachname|prenom|apellidos?"
    rf"|cognome))(?: is)?[\"']?[ \t]*[:=][ \t]*[\"']?({_WORD}(?: {_WORD})?)"
)
#: What `Names` asks the scan for.
NEEDS = frozenset(stem for needs, _ in (*_FULL, *_SINGLE) for stem in needs)
_RUN = rf"{_WORD}(?:[ \t]{{1,2}}(?:{_JOINING}|{_WORD}))+"
#: Words of a run that are read together.
_RUN_WORDS = 6
_WORD_STARTS = re.compile(r"\S+")
_JOINS = re.compile(_JOINING)
_FAMILY = re.compile(r"[A-Z][a-z][A-Za-z'\-]*|[A-Z]{4,}")
_PIECES = re.compile(r"[-']")
_BESIDE = frozenset(b"_/\\@.#$%-&")


@cache
def _given() -> tuple[frozenset[str], frozenset[str]]:
    """Common given names in ASCII shape: those that are nothing else, and those that are words or places too."""
    lists = json.loads(Path(__file__).with_name("given_names.json").read_text(encoding="utf-8"))

    def shaped(names: str) -> frozenset[str]:
        return frozenset(shape_of(name).decode().casefold() for name in names.split())

    also_words = shaped(lists["also_words"])
    return shaped(" ".join(lists["names"].values())) - also_words, also_words


@cache
def given_name_need() -> str:
    """What a text with a pair of names needs: a common given name and a blank."""
    return "|".join(f"<{name} " for name in sorted(_given()[0]))


def is_given_name(word: str) -> bool:
    """Whether a word is a common given name and nothing else."""
    return shape_of(word).decode().casefold() in _given()[0]


def is_word_too(word: str) -> bool:
    """Whether a given name is also a word or a place, so that it is not masked wherever it occurs."""
    return shape_of(word).decode().casefold() in _given()[1]


@lru_cache(maxsize=4096)
def _wanted(present: frozenset[str]) -> tuple[list[str], list[str]]:
    """Which of `_FULL` and `_SINGLE` can match."""
    full, single = ([regex for needs, regex in group if is_needed(needs, present)] for group in (_FULL, _SINGLE))
    return full, single


class Names:
    """Finds names. `never` are words of the organization and its bundle, `own` the parts of its people's names."""

    def __init__(self, never: Collection[str], own: Collection[str]) -> None:
        self._never = frozenset(never)
        self._own = own

    def find(self, text: str, shape: bytes, present: frozenset[str]) -> list[tuple[int, int]]:
        """Where names stand. `present` are the needs that the text has."""
        full, single = _wanted(present)
        found: list[tuple[int, int]] = []
        for regex in full:
            found += self._full(regex, text, shape)
        for regex in single:
            for _, (start, end), (mark, _) in find_all(regex, shape):
                if self._is_called(shape[start:end].decode(), ended=mark >= 0):
                    found.append((start, end))
        if _LABEL_SIGN in present:
            found += self._labelled(shape)
        if given_name_need() in present:
            found += self._in_runs(shape)
        return found

    def _labelled(self, shape: bytes) -> Iterator[tuple[int, int]]:
        for _, (start, end) in find_all(_LABELLED, shape):
            if is_single_name(shape[start:end].decode(), self._never):
                yield start, end

    def _full(self, regex: str, text: str, shape: bytes) -> Iterator[tuple[int, int]]:
        lengths: dict[str, int] = {}
        for _, (start, end) in find_all(regex, shape):
            name = text[start:end]
            length = lengths.get(name, -1)
            if length < 0:
                length = lengths[name] = self._length(name)
            if length:
                yield start, start + length

    def _length(self, name: str) -> int:
        """How many characters at its start are a name. Most are plain, and need no judge."""
        words = name.replace(". ", " ").casefold().split()
        plain = name.isascii() and 2 <= len(words) <= 5 and "".join(words).isalpha()
        if plain and 2 < max(map(len, words)) <= 30 and name[-len(words[-1])].isupper() and self._are_names(words):
            return len(name)
        return name_length(name, self._never)

    def _are_names(self, words: list[str]) -> bool:
        return COMMON.isdisjoint(words) and ORGANIZATION_WORDS.isdisjoint(words) and self._never.isdisjoint(words)

    def _in_runs(self, shape: bytes) -> list[tuple[int, int]]:
        """Pairs in runs of capitalised words; a run without a given name is not looked at word by word."""
        names = _given()[0]
        found: list[tuple[int, int]] = []
        for ((start, end),) in find_all(_RUN, shape):
            run = shape[start:end].decode()
            folded = run.lower().split()
            if not names.isdisjoint(folded):
                found += self._in_run(run, folded, start, shape)
        return found

    def _in_run(self, run: str, folded: list[str], offset: int, shape: bytes) -> Iterator[tuple[int, int]]:
        words = run.split()
        pairs = [pair for first, stop in _parts(words) for pair in self._pairs(words, folded, first, stop)]
        starts = [offset + match.start() for match in _WORD_STARTS.finditer(run)] if pairs else []
        for first, last in pairs:
            start, end = starts[first], starts[last] + len(words[last].removesuffix("'s"))
            if not self._is_code(shape, start, end):
                yield start, end

    def _is_called(self, word: str, *, ended: bool) -> bool:
        """Whether a word after a greeting or at the end of a letter is somebody's first or last name."""
        folded = word.casefold()
        if folded in self._own:
            return True
        names, also_words = _given()
        known = folded in names or (ended and folded in also_words)
        return known and word[0].isupper() and folded not in COMMON and folded not in self._never

    def _pairs(self, words: list[str], folded: list[str], index: int, stop: int) -> list[tuple[int, int]]:
        """First and last word of each `Given Family` in some capitalised words, given in one case too."""
        names = _given()[0]
        pairs: list[tuple[int, int]] = []
        while index < stop - 1:
            last = self._family(words, folded, index, stop) if folded[index] in names else 0
            if last:
                pairs.append((index, last))
                index = last
            index += 1
        return pairs

    def _family(self, words: list[str], folded: list[str], first: int, stop: int) -> int:
        """Index of the family name that follows a given name, or 0."""
        names = _given()[0]
        index = first + 1
        while index < stop - 1 and (folded[index] in names or _JOINS.fullmatch(words[index])):
            index += 1
        word = words[index].removesuffix("'s")
        after = folded[index + 1] if index + 1 < stop else ""
        if after in ORGANIZATION_WORDS or after in PLACE_WORDS or not _FAMILY.fullmatch(word):
            return 0
        for piece in _PIECES.split(word.casefold()):
            if piece in COMMON or piece in ORGANIZATION_WORDS or piece in PLACE_WORDS or piece in self._never:
                return 0
        return index

    def _is_code(self, shape: bytes, start: int, end: int) -> bool:
        """Whether the words belong to a path, an identifier or an expression."""
        before, after = shape[start - 1 : start], shape[end : end + 2]
        if before and (before.isalnum() or before[0] in _BESIDE):
            return True
        if not after:
            return False
        return after[:1].isalnum() or after[0] in b"_/\\@(=" or (after[0] in b".-:" and after[1:2].isalnum())


def _parts(words: list[str]) -> Iterator[tuple[int, int]]:
    """A run in parts of a few words; each begins with a word of a name, not with `van` or `J.`."""
    first = 0
    while first < len(words) - 1:
        if words[first][0].islower() or words[first][1] == ".":
            first += 1
        else:
            yield first, min(first + _RUN_WORDS, len(words))
            first += _RUN_WORDS


def is_single_name(value: str, never: Collection[str]) -> bool:
    """Whether what stands in a field for a first or a last name can be one."""
    words = [word.casefold() for word in re.findall(r"[^\W_]+", value)]
    plain = all(word.isalpha() and word not in COMMON and word not in ORGANIZATION_WORDS for word in words)
    plain = plain and not re.search(r"[:=;,/@]", value)  # `Lee, surname: Moss` is two fields
    return plain and 0 < len(words) <= 4 and value[:1].isupper() and not any(word in never for word in words)
