"""Columns whose heading says what stands in them: CSV, TSV, Markdown and HTML tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from policies.masking.formats.values import Place
from policies.masking.keys import in_record, is_telling

#: Characters of the longest heading line, and of the longest quoted cell.
MAX_LINE = 4_000
MAX_CELL = 8_000
#: Rows that are read, at most one per so many characters.
MIN_ROW = 25
#: Quoted cells without an end, after which quotes count for nothing.
MAX_BROKEN = 16
_DELIMITERS = ",;\t|"
_HEADING = re.compile(r"[^\W\d][^\d=:{}<>\\/@]{0,40}[\w)?.]{0,3}|[#\w]{0,3}")
_RULE = re.compile(r"[\s|:+\-]+")
_ROW = re.compile(r"<tr\b[^<>]{0,300}>", re.IGNORECASE)
_CELL = re.compile(
    r"<t([hd])\b[^<>]{0,300}>\s{0,200}(?:<(?!/?t[hdr]\b)[^<>]{1,200}>\s{0,100}){0,4}([^<>]{0,500}?)\s{0,200}(?=<)",
    re.IGNORECASE,
)


def columns(text: str, shape: bytes, lines: list[int]) -> Iterator[tuple[str, list[Place]]]:
    """The cells below each heading that tells, for the lines that start at these places and may be headings."""
    read_to = 0
    left = 1_000 + len(text) // MIN_ROW
    for start in lines:
        if start < read_to:
            continue
        end = text.find("\n", start, start + MAX_LINE)
        end = len(text) if end < 0 else end
        delimiter = _delimiter(text[start:end])
        if end - start > MAX_LINE or not delimiter:
            continue
        names = [_plain(name) for name in _split(text[start:end], delimiter)]
        wanted = _wanted(names)
        if wanted:
            for row_end, row in _rows(text, end + 1, delimiter, len(names)):
                read_to = row_end
                left -= 1
                if left < 0:
                    break
                yield from ((wanted[index], [place]) for index, place in row if index in wanted)
    if b"<t" in shape or b"<T" in shape:
        yield from _html(text)


def _delimiter(line: str) -> str:
    """What separates the cells of a heading line; nothing where it is no heading."""
    delimiter = max(_DELIMITERS, key=line.count)
    return delimiter if delimiter in line else ""


def _split(line: str, delimiter: str) -> list[str]:
    return [line[start:end] for start, end in _cells(line, delimiter)]


def _plain(cell: str) -> str:
    return cell.strip(" \t\r\"'*`#\ufeff")


def _wanted(names: list[str]) -> dict[int, str]:
    """The columns that tell, by place; none where one of the cells is no heading."""
    if len([name for name in names if name]) < 2 or not all(_HEADING.fullmatch(name) for name in names):
        return {}
    keys = [in_record(name, names) for name in names]
    return {index: key for index, key in enumerate(keys) if is_telling(key)}


def _cells(line: str, delimiter: str) -> Iterator[tuple[int, int]]:
    """The places of the cells in a line without quoted delimiters."""
    position = 0
    while True:
        end = line.find(delimiter, position)
        if end < 0:
            yield position, len(line)
            return
        yield position, end
        position = end + 1


def _rows(text: str, position: int, delimiter: str, count: int) -> Iterator[tuple[int, list[tuple[int, Place]]]]:
    """Each row with as many cells as there are headings: where it ends, and its cells by number."""
    broken = 0
    while position < len(text):
        end = text.find("\n", position)
        end = len(text) if end < 0 else end
        if text.find('"', position, end) >= 0 and broken < MAX_BROKEN:
            cells, after = _quoted_row(text, position, delimiter)
            broken += after < 0
            end = end if after < 0 else after
            if after < 0:
                cells = _plain_row(text, position, end, delimiter)
        else:
            cells = _plain_row(text, position, end, delimiter)
        if len(cells) < 2 or len(cells) > count + 2 or text[position:end].isspace():
            if not (delimiter == "|" and _RULE.fullmatch(text, position, end)):
                return
        elif not _RULE.fullmatch(text, position, min(end, position + MAX_LINE)):
            yield end, list(enumerate(cells))
        position = end + 1


def _plain_row(text: str, start: int, end: int, delimiter: str) -> list[Place]:
    cells = []
    position = start
    while position <= end:
        stop = text.find(delimiter, position, end)
        stop = end if stop < 0 else stop
        cells.append(_trimmed(text, position, stop))
        position = stop + 1
    return cells


def _quoted_row(text: str, start: int, delimiter: str) -> tuple[list[Place], int]:
    """The cells of a row with quotes, and its end; -1 where a quote stays open. A quoted cell may hold line breaks."""
    cells: list[Place] = []
    position = start
    while True:
        first = position
        while text[first : first + 1] == " ":
            first += 1
        if text[first : first + 1] == '"':
            close = _closing(text, first + 1)
            if close < 0:
                return cells, -1
            cells.append(Place(first + 1, close))
            position = close + 1
        stop = position
        while stop < len(text) and text[stop] != delimiter and text[stop] != "\n":
            stop += 1
        if text[first : first + 1] != '"':
            cells.append(_trimmed(text, position, stop))
        if text[stop : stop + 1] != delimiter:
            return cells, stop
        position = stop + 1


def _closing(text: str, position: int) -> int:
    """The quote that ends a cell; a doubled one belongs to it."""
    limit = position + MAX_CELL
    while True:
        end = text.find('"', position, limit)
        if end < 0:
            return -1
        if text[end + 1 : end + 2] != '"':
            return end
        position = end + 2


def _trimmed(text: str, start: int, end: int) -> Place:
    while start < end and text[start] in " \t*`'":
        start += 1
    while start < end and text[end - 1] in " \t\r*`'":
        end -= 1
    return Place(start, end)


def _html(text: str) -> Iterator[tuple[str, list[Place]]]:
    """Tables with a row of headings."""
    wanted: dict[int, str] = {}
    rows = [match.end() for match in _ROW.finditer(text)]
    for start, end in pairwise([*rows, len(text)]):
        cells = list(_CELL.finditer(text, start, min(end, start + 20_000)))
        if cells and all(cell.group(1) in "hH" for cell in cells) and len(cells) > 1:
            wanted = _wanted([_plain(cell.group(2)) for cell in cells])
            continue
        for index, cell in enumerate(cells):
            if index in wanted and cell.group(2):
                yield wanted[index], [Place(*cell.span(2))]
