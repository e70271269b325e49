"""Long texts in windows that the model can read, and windows of like length in batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from policies.masking.names.wordpiece import Words

#: Pieces of a window. Attention grows with the square of it, and names need little context.
LONGEST = 94
#: Pieces that two windows share, so that a name at the edge is read with words on both sides of it.
SHARED = 24
#: Pieces of a batch with its padding: what a processor's cache holds, and less than which is not worth a thread.
BATCH_PIECES = 1_024
LEAST_PIECES = 128


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of a text's words: what is read, and the words whose scores are taken from it."""

    text: int
    #: Words `first` to `last` of the text get their scores here.
    first: int
    last: int
    pieces: list[int]
    shapes: list[int]
    #: Where the first piece of each of those words stands in `pieces`.
    places: list[int]


def windows(text: int, words: Words) -> Iterator[Window]:
    """Windows over the words of one text, each word scored in exactly one of them."""
    count = len(words.pieces)
    start, first = 0, 0
    while first < count:
        end = _reach(words, start, LONGEST)
        last = count if end == count else max(first + 1, _back(words, end, SHARED // 2))
        yield _window(text, words, range(start, end), range(first, last))
        first = last
        start = max(start + 1, _back(words, last, SHARED // 2))


def batches(made: list[Window], workers: int = 1) -> Iterator[list[Window]]:
    """Windows in batches, the longest first; at least one for each worker where there is enough for all."""
    pieces = sum(len(window.pieces) + 2 for window in made)
    size = max(LEAST_PIECES, min(BATCH_PIECES, -(-pieces // workers)))
    batch: list[Window] = []
    for window in sorted(made, key=lambda each: -len(each.pieces)):
        if batch and (len(batch) + 1) * (len(batch[0].pieces) + 2) > size:
            yield batch
            batch = []
        batch.append(window)
    if batch:
        yield batch


def _reach(words: Words, start: int, most: int) -> int:
    """The word after the last one that still fits."""
    size = 0
    for index in range(start, len(words.pieces)):
        size += len(words.pieces[index])
        if size > most:
            return index
    return len(words.pieces)


def _back(words: Words, end: int, pieces: int) -> int:
    """The word that stands about so many pieces before another."""
    size = 0
    for index in range(end - 1, -1, -1):
        size += len(words.pieces[index])
        if size >= pieces:
            return index
    return 0


def _window(text: int, words: Words, read: range, own: range) -> Window:
    pieces: list[int] = []
    shapes: list[int] = []
    places: list[int] = []
    for index in read:
        if index in own:
            places.append(len(pieces))
        parts = words.pieces[index]
        pieces.extend(parts)
        shapes.extend([words.shapes[index]] * len(parts))
    return Window(text, own.start, own.stop, pieces, shapes, places)
