"""Shows what masking did: a table of what was replaced, one JSON document, or the words that changed."""

from __future__ import annotations

import bisect
import os
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from cli.mask_parts import Part
from cli.output import console, inert, print_table
from core.canonical import Json, JsonObject

if TYPE_CHECKING:
    from policies.masking.spans import Span

#: Unchanged lines shown before and after a change.
CONTEXT = 1
#: Characters of an original in the table.
MAX_CELL = 60

#: What masking puts between a token and a neighbour it would grow together with, and round a bare JSON number.
_APART = ' "\u2060'
#: What is shown of a card.
_LAST_FOUR = re.compile(r"-\w{1,4}(?!\w)")


@dataclass(frozen=True, slots=True)
class MaskedPart:
    """A part, what a model would see of it, and what was replaced, in order."""

    part: Part
    text: str
    spans: Sequence[Span]


@dataclass(frozen=True, slots=True)
class Change:
    """A replaced stretch of an original, and what stands in its place."""

    start: int
    end: int
    shown: str


def counts_of(parts: Sequence[MaskedPart]) -> dict[str, int]:
    """Places per entity."""
    return dict(sorted(Counter(span.entity for done in parts for span in done.spans).items()))


def document(parts: Sequence[MaskedPart], *, kind: str, masked_for: str, masked: Json) -> JsonObject:
    """What `--json` prints. Offsets say where an original stood; the original itself is not repeated."""
    spans: list[Json] = []
    for done in parts:
        places = Places(done.part.text)
        for span in done.spans:
            line, column = places.of(span.start)
            where: JsonObject = {"part": done.part.name} if kind == "eml" else {}
            spans.append({
                **where, "start": span.start, "end": span.end, "line": line, "column": column, "type": span.entity,
                "token": span.token, "score": round(span.score, 3), "recognizer": span.recognizer,
            })  # fmt: skip
    return {
        "kind": kind,
        "masked_for": masked_for,
        "masked": masked,
        "spans": spans,
        "entities": dict(counts_of(parts)),
    }


def print_spans(parts: Sequence[MaskedPart]) -> None:
    """One row for each place that was replaced."""
    several = len(parts) > 1
    head = ("entity", "token", "place", "length", "recognizer", "score", "original")
    print_table((*head[:2], "part", *head[2:]) if several else head, _rows(parts, several=several))


def _rows(parts: Sequence[MaskedPart], *, several: bool) -> Iterator[tuple[object, ...]]:
    for done in parts:
        places = Places(done.part.text)
        for span in done.spans:
            line, column = places.of(span.start)
            original = done.part.text[span.start : span.end]
            cut = original if len(original) <= MAX_CELL else f"{original[: MAX_CELL - 1]}…"
            name = (done.part.name,) if several else ()
            facts = (f"{line}:{column}", len(original), span.recognizer, f"{span.score:.2f}", cut)
            yield (span.entity, span.token, *name, *facts)


class Places:
    """Lines and columns of a text, both counted from one."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def of(self, offset: int) -> tuple[int, int]:
        line = bisect.bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1


def print_diff(done: MaskedPart) -> None:
    """The lines that changed: in colour on a terminal, else with `[-original-]{+token+}`."""
    changes = changes_of(done)
    if changes is None:
        changes = [Change(0, len(done.part.text), done.text)]
    coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    for start, end in _stretches(done.part.text, changes):
        line, _ = Places(done.part.text[: start + 1]).of(start)
        inside = [change for change in changes if start <= change.start and change.end <= end]
        if coloured:
            _print_coloured(done.part.text, line, start, end, inside)
        else:
            print(f"@@ line {line} @@")
            _print_plain(done.part.text, start, end, inside)


def changes_of(done: MaskedPart) -> list[Change] | None:
    """What replaced what, read from the masked text itself; None when the two texts do not line up."""
    text, masked = done.part.text, done.text
    changes: list[Change] = []
    position = cursor = 0
    following = [*done.spans[1:], None] if done.spans else []
    for span, after in zip(done.spans, following, strict=True):
        cursor += span.start - position
        literal = (after.start if after else len(text)) - span.end
        size = _shown_size(text, masked, span, cursor, literal, last=after is None)
        if size is None:
            return None
        changes.append(Change(span.start, span.end, masked[cursor : cursor + size].strip(_APART)))
        cursor += size
        position = span.end
    return changes


def _shown_size(text: str, masked: str, span: Span, cursor: int, literal: int, *, last: bool) -> int | None:
    """Characters that stand for a span: its token, what keeps it apart from its neighbours, the part that is kept."""
    token = span.token or ""
    begin = masked.find(token, cursor, cursor + len(token) + 2)
    if not token or begin < 0 or masked[cursor:begin].strip(_APART):
        return None
    end = begin + len(token)
    kept = [text[place : span.end] for place in range(span.start, span.end) if text[place] in "[@ "]
    numbers = _LAST_FOUR.match(masked, end)
    tails = [*kept, *([numbers.group()] if numbers else []), ""]
    follows = text[span.end : span.end + literal]
    for tail in tails:
        after = end + len(tail)
        for stop in range(after, after + 3) if masked.startswith(tail, end) else ():
            fits = not masked[after:stop].strip(_APART) and _alike(masked[stop : stop + literal], follows)
            if fits and (not last or stop + literal == len(masked)):
                return stop - cursor
    return None


def _alike(shown: str, original: str) -> bool:
    """The same text but for look-alikes of tokens and zero bytes, which masking makes harmless."""
    if shown == original:
        return True
    pairs = zip(shown, original, strict=False)
    return len(shown) == len(original) and all(a == b or (a, b) in {("-", "_"), ("\ufffd", "\0")} for a, b in pairs)


def _stretches(text: str, changes: Sequence[Change]) -> list[tuple[int, int]]:
    """Whole lines round the changes; neighbours that meet become one."""
    starts = [0, *(match.end() for match in re.finditer("\n", text)), len(text)]
    starts = [start for start, after in pairwise(starts) if start < after]
    found: list[tuple[int, int]] = []
    for change in changes:
        first = max(bisect.bisect_right(starts, change.start) - 1 - CONTEXT, 0)
        last = bisect.bisect_left(starts, change.end) + CONTEXT
        start, end = starts[first], starts[last] if last < len(starts) else len(text)
        if found and start <= found[-1][1]:
            start = found.pop()[0]
        found.append((start, end))
    return found


def _print_plain(text: str, start: int, end: int, changes: Sequence[Change]) -> None:
    pieces = []
    for change in changes:
        pieces += [text[start : change.start], f"[-{text[change.start : change.end]}-]{{+{change.shown}+}}"]
        start = change.end
    for line in "".join([*pieces, text[start:end]]).splitlines():
        print(inert(line))


def _print_coloured(text: str, line: int, start: int, end: int, changes: Sequence[Change]) -> None:
    from rich.text import Text

    shown = Text(f"@@ line {line} @@\n", style="cyan")
    body = Text()
    for change in changes:
        body.append(_inert_lines(text[start : change.start]))
        body.append(_inert_lines(text[change.start : change.end]), style="red strike")
        body.append(_inert_lines(change.shown), style="bold green")
        start = change.end
    body.append(_inert_lines(text[start:end]))
    body.rstrip()
    console().print(Text.assemble(shown, body), soft_wrap=True)


def _inert_lines(text: str) -> str:
    return "\n".join(inert(line) for line in text.split("\n"))
