"""The bytes of a tokenizer's tokens, laid out for questions about all of them at once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import xgrammar

Flags: TypeAlias = npt.NDArray[np.bool_]
Bits: TypeAlias = npt.NDArray[np.int32]
Counts: TypeAlias = npt.NDArray[np.int64]

#: Bytes of a token that a text which must be written is cut into; longer tokens are rare and save little.
MAX_PIECE = 16
#: Bytes of a token in a constrained answer; it has one quote at most. Longer ones are rows of blanks, and those with
#: two quotes end a string that they begin: both would have to be foreseen wherever characters are counted.
MAX_BYTES = 32

#: A text up to its first quote that is not escaped.
_QUOTE = re.compile(rb'^(?:[^"\\]|\\.)*"', re.DOTALL)


class Vocabulary:
    """Tokens that an answer may be made of: no special token, no padding, no token without text.

    Attributes:
        size: columns of the logits.
        texts: bytes by token id; empty where a constrained answer may not hold the token.
        known: which columns are tokens with a text, special ones included.
        stops: tokens that end an answer.
    """

    def __init__(self, tokenizer: Any, *, size: int, stops: Sequence[int]) -> None:
        self.size = size
        self.stops = tuple(stops)
        found = xgrammar.TokenizerInfo.from_huggingface(tokenizer, vocab_size=size, stop_token_ids=list(stops))
        special = {number for number, token in tokenizer.added_tokens_decoder.items() if token.special}
        special |= {*tokenizer.all_special_ids, *stops}
        self.texts = [
            b"" if number in special or len(text) > MAX_BYTES or text.count(b'"') > 1 else bytes(text)
            for number, text in enumerate(found.decoded_vocab)
        ]
        self.known: Flags = np.array([bool(text) for text in found.decoded_vocab], dtype=np.bool_)
        # Texts are given as bytes, so that the engine knows special tokens as what they are.
        self.info = xgrammar.TokenizerInfo(
            self.texts, xgrammar.VocabType.RAW, vocab_size=size, stop_token_ids=list(stops), add_prefix_space=False
        )
        self._numbers = {text: number for number, text in reversed(list(enumerate(self.texts))) if text}
        self._lay_out()

    def _lay_out(self) -> None:
        self._filled = np.array([number for number, text in enumerate(self.texts) if text], dtype=np.int64)
        lengths = np.array([len(text) for text in self.texts], dtype=np.int64)
        self._starts = _starts(lengths[self._filled])
        self._bytes = np.frombuffer(b"".join(self.texts), dtype=np.uint8)
        #: First bytes; 0 where there is no text.
        self.first = np.zeros(self.size, dtype=np.int64)
        self.first[self._filled] = self._bytes[self._starts]
        whole = [_characters(text) for text in self.texts]
        #: Characters of each token; 0 where it holds parts of one.
        self.characters = np.array([len(text) for text in whole], dtype=np.int64)
        #: Tokens from the shortest to the longest; those that hold parts of a character last, but for single bytes.
        late = (self.characters == 0) & (lengths > 1)
        self.by_length = np.argsort(lengths + MAX_BYTES * late, kind="stable")
        self._whole = np.flatnonzero(self.characters)
        self._points = np.array([ord(char) for text in whole for char in text], dtype=np.int64)
        self._firsts = _starts(self.characters[self._whole])
        #: Tokens without a quote that would end a string, and how many characters come before such a quote at most.
        ends = [_QUOTE.search(text) for text in self.texts]
        self.open = np.array([end is None for end in ends], dtype=np.bool_)
        before = [text if end is None else text[: end.end() - 1] for text, end in zip(self.texts, ends, strict=True)]
        self.spans = np.array([len(text.decode(errors="replace")) for text in before], dtype=np.int64)
        self.of_ranges = lru_cache(maxsize=64)(self._of_ranges)
        self.without = lru_cache(maxsize=8)(self._without)

    def costs(self, text: bytes) -> tuple[int, ...]:
        """The fewest tokens that write `text` from each of its bytes on.

        Raises:
            KeyError: a byte of it is in no token.
        """
        best = [0] * (len(text) + 1)
        for at in range(len(text) - 1, -1, -1):
            known = [best[end] for end in range(at + 1, min(at + MAX_PIECE, len(text)) + 1)
                     if text[at:end] in self._numbers and best[end] >= 0]  # fmt: skip
            best[at] = 1 + min(known) if known else -1
        if -1 in best:
            raise KeyError(text[best.index(-1) :])
        return tuple(best)

    def piece(self, text: bytes, costs: Sequence[int], at: int) -> int:
        """The token to write from byte `at` on, so that the fewest follow."""
        ends = range(min(at + MAX_PIECE, len(text)), at, -1)
        fitting = (end for end in ends if costs[end] == costs[at] - 1 and text[at:end] in self._numbers)
        return self._numbers[text[at : next(fitting)]]

    def number(self, text: bytes) -> int:
        """The token of one character, or else of its first byte.

        Raises:
            KeyError: there is neither.
        """
        return self._numbers[text if text in self._numbers else text[:1]]

    def sums(self, weights: Counts) -> Counts:
        """For each token the sum of the weights of its bytes."""
        found: Counts = np.zeros(self.size, dtype=np.int64)
        found[self._filled] = np.add.reduceat(weights[self._bytes], self._starts)
        return found

    def _without(self, byte: int) -> Flags:
        """Tokens with a text in which a byte does not occur."""
        found: Flags = np.zeros(self.size, dtype=np.bool_)
        found[self._filled] = ~np.logical_or.reduceat(self._bytes == byte, self._starts)
        return found

    def _of_ranges(self, ranges: tuple[tuple[int, int], ...]) -> Flags:
        """Tokens that are whole characters out of these ranges."""
        inside = np.zeros(len(self._points), dtype=np.bool_)
        for low, high in ranges:
            inside |= (self._points >= low) & (self._points <= high)
        found: Flags = np.zeros(self.size, dtype=np.bool_)
        found[self._whole] = np.logical_and.reduceat(inside, self._firsts)
        return found


def bits(flags: Flags) -> Bits:
    """Flags of tokens as a row of a mask: 32 of them in a number, the first the lowest."""
    padded = np.zeros(-(-len(flags) // 32) * 32, dtype=np.bool_)
    padded[: len(flags)] = flags
    return np.packbits(padded, bitorder="little").view(np.int32)


def flags(row: Bits, size: int) -> Flags:
    """The other way round."""
    return np.unpackbits(row.view(np.uint8), bitorder="little")[:size].astype(np.bool_)


def _starts(lengths: Counts) -> Counts:
    found: Counts = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(lengths)[:-1]))
    return found


def _characters(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        return ""
