"""Files of two bundles, line by line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

#: Lines around a change that are shown with it.
AROUND = 3
#: Lines on both sides, multiplied, that are compared one by one; beyond it they are shown as replaced.
MOST_COMPARED = 4_000_000

Kind = Literal["same", "removed", "added", "gap"]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a diff; a gap stands for lines that are the same."""

    kind: Kind
    #: Its number in either file, from 1; None where it is in one of them only.
    before: int | None
    after: int | None
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class FileDiff:
    """What became of one file."""

    name: str
    change: Literal["added", "removed", "changed"]
    lines: tuple[Line, ...]
    added: int
    removed: int


def file_diffs(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[FileDiff, ...]:
    """Every file that differs, by name."""
    return tuple(
        _diff(name, before.get(name), after.get(name))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    )


def _diff(name: str, before: str | None, after: str | None) -> FileDiff:
    lines = tuple(_lines((before or "").splitlines(), (after or "").splitlines()))
    return FileDiff(
        name=name,
        change="added" if before is None else "removed" if after is None else "changed",
        lines=lines,
        added=sum(line.kind == "added" for line in lines),
        removed=sum(line.kind == "removed" for line in lines),
    )


def _lines(old: Sequence[str], new: Sequence[str]) -> Iterator[Line]:
    shown_old = shown_new = 0
    for group in _groups(old, new):
        begins_old, begins_new = group[0][1], group[0][3]
        if begins_old > shown_old or begins_new > shown_new:
            yield Line("gap", None, None, f"{begins_old - shown_old} lines are the same")
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                yield from (Line("same", i1 + n + 1, j1 + n + 1, old[i1 + n]) for n in range(i2 - i1))
            else:
                yield from (Line("removed", i + 1, None, old[i]) for i in range(i1, i2))
                yield from (Line("added", None, j + 1, new[j]) for j in range(j1, j2))
            shown_old, shown_new = i2, j2
    if shown_old < len(old) and (shown_old or shown_new):
        yield Line("gap", None, None, f"{len(old) - shown_old} lines are the same")


def _groups(old: Sequence[str], new: Sequence[str]) -> list[list[tuple[str, int, int, int, int]]]:
    """Changes with the lines around them. What both begin and end with is left out first: it is most of a file."""
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    first, last = max(start - AROUND, 0), max(end - AROUND, 0)
    a, b = old[first : len(old) - last], new[first : len(new) - last]
    if len(a) * len(b) > MOST_COMPARED:
        lead, tail = start - first, end - last
        codes = [
            ("equal", 0, lead, 0, lead),
            ("replace", lead, len(a) - tail, lead, len(b) - tail),
            ("equal", len(a) - tail, len(a), len(b) - tail, len(b)),
        ]
        groups = [[code for code in codes if code[1] < code[2] or code[3] < code[4]]]
    else:
        groups = [list(group) for group in SequenceMatcher(None, a, b, autojunk=False).get_grouped_opcodes(AROUND)]
    return [
        [(tag, i1 + first, i2 + first, j1 + first, j2 + first) for tag, i1, i2, j1, j2 in group] for group in groups
    ]
