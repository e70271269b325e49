"""Tells what a person could have written from what a machine wrote: the name model is slow and reads only the former.

A line of words is prose, whatever its case. In a line of a log, of JSON or of code only those runs of words are, that
hold two capitalised words nobody expects in a log, or words that people use and machines do not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from policies.masking.common_words import COMMON
from policies.masking.formats.html import is_html, without_tags
from policies.masking.formats.words import KNOWN, PERSONAL
from policies.masking.scan import compiled
from policies.masking.views import shape_of

#: Characters of the longest piece; a model reads no more at once.
MAX_PIECE = 2_000
#: Lines beside prose that belong to it although they hold no two words: `FI-00100 Helsinki`, `Anna`.
MAX_BESIDE = 4
#: Lines that are looked at one by one.
MAX_LINES = 20_000
#: Characters of such a line.
MAX_SHORT = 60

#: One character for each kind of character, so that counting and matching are quick.
_KINDS = {
    "a": "abcdefghijklmnopqrstuvwxyz",
    "A": "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "0": "0123456789",
    " ": " \t\r",
    "\n": "\n",
    "\x00": "\x00",
    '"': '"',
    "#": "@#$%^*+~/_`",
    "=": "={}[]<>|\\",
}
_KIND_OF = {character: kind for kind, characters in _KINDS.items() for character in characters}
_CLASSES = "".join(_KIND_OF.get(chr(code), ".") for code in range(256)).encode()

#: What only lines of words have: two words side by side, or a capitalised word beside a number.
_SIGN = (
    r"[A-Za-z]{2}[.,;:!?)\"']{0,3}[ \t]{1,8}[(\"'\-]{0,2}[A-Za-z]|[A-Za-z][.,;:!?\"']{1,3}[ \t][A-Za-z]"
    r"|\b[A-Za-z] [A-Za-z]|[0-9],?[ \t]{1,4}[A-Z]|[A-Z][a-z]{2,},? [0-9]"
)
_RUN = r"[aA0.#]+(?: {1,3}[aA0.#]+)+"
_MARGIN = re.compile(rb"[ \t>|*\-#=.]{0,40}")
#: How lines begin that machines write.
_MACHINE = re.compile(
    rb"[{}<$;]|[\"'][^\"]{0,100}[\"']\s*(?:[:=,]|\r?$)|\[[^\]]{0,40}[\"{]|\[\d|[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]"
    rb"|(?:<\d{1,3}>)?\d?\s?[A-Z][a-z]{2} [ 0-9][0-9] [0-9]{2}:"
    rb"|[0-9]{1,3}(?:\.[0-9]{1,3}){3}\b|[0-9]{10,}|[0-9]{2}:[0-9]{2}:[0-9]{2}"
    rb"|at [\w$.<>/]+\(|Traceback |File \"|import \w|from \S+ import |def \w+\(|class \w+[(:{]|#include|using [\w.]+;"
    rb"|(?:public|private|protected|static|var|let|const|function|func|fn|int|void|return)\b[^\n]{0,300}[({;=]\s*$"
    rb"|(?:if|for|while|switch) ?\(|//|/\*|PS [A-Z]:|[A-Z]:\\|/\w+/\w+|[\w.\-]+ ?:?=|[.#@]?[\w\-]+ ?\{"
    rb"|[\w\-]+: ?[^;]{1,80};\s*$|[0-9a-fA-F]{16,}|[a-z_.\-0-9]+: ?\S*\s*$|CEF:|LEEF:|SELECT "
)
_ASSIGNMENT = re.compile(rb"[\w\]]=[^\s=]")
#: Fields of a mail's header that no person wrote, and those that one did.
_TRACE = re.compile(
    rb"(?i)(?:received|dkim-[\w\-]+|arc-[\w\-]+|x-[\w\-]+|message-id|date|mime-version|content-[\w\-]+|return-path"
    rb"|authentication-[\w\-]+|list-[\w\-]+|references|in-reply-to|delivered-to|received-spf|user-agent|thread-index"
    rb"|domainkey-[\w\-]+|feedback-id|accept-language|precedence|envelope-to|status|lines|errors-to|resent-date"
    rb"|resent-message-id|autocrypt|importance|priority|auto-submitted)[ \t]*:"
)
_TRACE_END = re.compile(rb"\n(?![ \t])|\x00|\Z")
_WORD = re.compile(rb"[A-Za-z][A-Za-z']+")
_CAPITALISED = re.compile(rb"(?<![A-Za-z0-9_./\\@:\-])[A-Z][A-Za-z'\-]+(?![A-Za-z0-9_@/\\]|\.[A-Za-z0-9])")
_BETWEEN = re.compile(rb",? (?:(?:[A-Z]\.|van|von|de|der|den|la|le|el|al|bin|da|di|du|dos|del|ten|zu) ){0,3}")
_AGENT = re.compile(rb"[A-Za-z]/[0-9]+\.[0-9]")
_NUMBERED = re.compile(rb"\b[0-9]{1,5}[a-z]?,? [A-Z][a-z]{2,}|\b[A-Z][a-z]{2,},? [0-9]{1,5}\b")
_TEXT = re.compile(rb"[^\x00]+")
_SPACED = bytes.maketrans(b'.,;:!?()"', b" " * 9)
_HARD_MARK = re.compile(rb"[={}\[\]<>|\x00]")


def prose_of(text: str) -> list[tuple[int, int]]:
    """The stretches of a text that a person could have written, in order, none longer than `MAX_PIECE`."""
    shape = shape_of(text)
    if b"<" in shape and is_html(text):
        shape = shape_of(without_tags(text))
    stretches = _merged(shape, _stretches(shape))
    pieces = (piece for start, end in stretches for piece in _pieces(shape, start, end))
    return [(start, end) for start, end in pieces if _may_name(shape[start:end])]


def _stretches(shape: bytes) -> Iterator[tuple[int, int]]:
    """Lines of prose with the short lines beside them, and runs of prose in other lines."""
    classes = shape.translate(_CLASSES)
    joined = b"\x00" in shape
    last = floor = position = 0
    for _ in range(MAX_LINES):
        line = _next_line(shape, position)
        if line is None:
            break
        start, end = line
        position = end + 1
        if _TRACE.match(shape, start):
            # With its folded lines.
            after = _TRACE_END.search(shape, end)
            position = after.start() + 1 if after else len(shape)
        elif _is_human(shape, classes, start, end) and (not joined or _is_telling(shape, start, end)):
            if last:
                floor = _beside(shape, last, start, 1)
                yield last, floor
            yield _beside(shape, start, floor, -1), end
            last = floor = end
        else:
            yield from _runs(shape, classes, start, end)
    else:
        # More lines than anybody writes: the rest is read as it stands.
        yield from ((position + match.start(), position + match.end()) for match in _TEXT.finditer(shape[position:]))
    if last:
        yield last, _beside(shape, last, len(shape), 1)


def _next_line(shape: bytes, position: int) -> tuple[int, int] | None:
    """The next line that has words side by side."""
    match = _sign().search(shape, position) if position < len(shape) else None
    if match is None:
        return None
    start, end = match.span()
    start = max(shape.rfind(b"\n", position, start), shape.rfind(b"\x00", position, start), position - 1) + 1
    following = shape.find(b"\n", end)
    following = len(shape) if following < 0 else following
    cut = shape.find(b"\x00", end, following)
    return start, following if cut < 0 else cut


def _is_human(shape: bytes, classes: bytes, start: int, end: int) -> bool:
    """Whether a line as a whole reads like words of a person."""
    margin = _MARGIN.match(shape, start, end)
    start = margin.end() if margin else start
    length = end - start
    if length <= 0 or _MACHINE.match(shape, start, end):
        return False
    hard = classes.count(b"=", start, end)
    soft = classes.count(b"#", start, end)
    if 10 * hard > length or 6 * (hard + soft) > length + 12:
        return False
    spaces = classes.count(b" ", start, end)
    if length > 18 * (spaces + 1):
        return False
    if hard > 1 and len(_ASSIGNMENT.findall(shape, start, end)) > 1:
        return False
    digits = classes.count(b"0", start, end)
    letters = classes.count(b"a", start, end) + classes.count(b"A", start, end)
    if letters < digits or 3 * letters < length:
        return length <= MAX_SHORT and _NUMBERED.search(shape, start, end) is not None
    return True


def _is_telling(shape: bytes, start: int, end: int) -> bool:
    """Whether a value among others, such as those of a JSON object, is more than a few words of a machine."""
    alone = shape[start - 2 : start] in (b"", b"\x00\n") and shape[end : end + 2] in (b"", b"\n\x00")
    return not alone or _is_prose(shape[start:end])


def _runs(shape: bytes, classes: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    for run in _run_of_words().finditer(classes, start, end):
        first, last = run.span()
        if _is_prose(shape[first:last]):
            yield first, last


def _is_prose(run: bytes) -> bool:
    """Whether a run of words in a line of a machine is a person's or may name one."""
    words = run.lower().translate(_SPACED).split()
    if len(words) > 3 and not PERSONAL.isdisjoint(words):
        return True
    if _AGENT.search(run):
        return False
    last_end = -1
    last_known = True
    for match in _CAPITALISED.finditer(run):
        word = match.group().lower()
        known = word.decode() in COMMON or word in KNOWN or len(word) < 2
        if not known and not last_known and _BETWEEN.fullmatch(run, last_end, match.start()):
            return True
        # `user Anna called`: a capitalised word that is not expected, among small ones.
        if not known and match.start() > 0 and len(words) > 2 and _is_among_small(run, match):
            return True
        last_end, last_known = match.end(), known
    if last_end < 0 or not _NUMBERED.search(run):
        return False
    return any(word not in KNOWN and word.decode() not in COMMON for word in words if word.isalpha())


def _is_among_small(run: bytes, match: re.Match[bytes]) -> bool:
    before = run[: match.start()].rstrip(b" \"'(")[-1:]
    after = run[match.end() :].lstrip(b" \"')'s,.")[:1]
    return before.islower() and (after.islower() or not after) and match.group()[1:].islower()


def _beside(shape: bytes, position: int, limit: int, step: int) -> int:
    """How far the short lines reach that stand before or after a line of prose, with one empty line between."""
    reached = position
    blank = 0
    for _ in range(2 * MAX_BESIDE):
        if shape[position - (step < 0) : position + (step > 0)] != b"\n":
            return reached
        if step > 0:
            start = position + 1
            end = shape.find(b"\n", start, start + MAX_SHORT + 2)
            end = len(shape) if end < 0 and start + MAX_SHORT + 2 > len(shape) else end
        else:
            end = position - 1
            start = shape.rfind(b"\n", max(0, end - MAX_SHORT - 2), max(0, end)) + 1
            start = start if start or end <= MAX_SHORT else -1
        if start < 0 or end < start or (start < limit if step < 0 else end > limit):
            return reached
        line = shape[start:end]
        if not line.strip():
            blank += 1
            if blank > 1:
                return reached
        elif (
            not _HARD_MARK.search(line.lstrip(b" \t>|"))
            and not _TRACE.match(line)
            and not _MACHINE.match(line.lstrip(b" \t>|"))
        ):
            blank = 0
            reached = end if step > 0 else start
        else:
            return reached
        position = end if step > 0 else start
    return reached


def _merged(shape: bytes, stretches: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Neighbours as one: context helps the model. Not across what separates two texts."""
    start = end = -1
    for first, last in stretches:
        if start >= 0 and (first <= end or not shape[end:first].strip(b" \t\r\n>")):
            end = max(end, last)
            continue
        if start >= 0:
            yield start, end
        start, end = first, last
    if start >= 0:
        yield start, end


def _pieces(shape: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    """A stretch in pieces that end with a paragraph, a line, a sentence or at least a word."""
    while end - start > MAX_PIECE:
        limit = start + MAX_PIECE
        for mark in (b"\n\n", b"\n", b". ", b" "):
            cut = shape.rfind(mark, start + MAX_PIECE // 2, limit)
            if cut > 0:
                break
        cut = cut + len(mark) if cut > 0 else limit
        yield start, cut
        start = cut
    yield start, end


def _may_name(piece: bytes) -> bool:
    """Whether a piece has a word that is not one of the commonest, which name nobody."""
    return any(word not in KNOWN and word.decode() not in COMMON for word in set(_WORD.findall(piece.lower())))


@cache
def _sign() -> Any:
    return compiled(_SIGN)


@cache
def _run_of_words() -> Any:
    return compiled(_RUN)
