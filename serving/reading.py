"""Reads an answer while it is written: tokens become text, and text becomes reasoning, content and whole calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from serving import formats

#: Tokens that may wait for the rest of a character; of UTF-8 three bytes can be missing, so more are no character.
MAX_PENDING = 4
#: Where a call may begin: anywhere in the text, only where nothing but calls came before, or nowhere.
Calls = Literal["anywhere", "front", "nowhere"]


@dataclass(frozen=True, slots=True)
class Piece:
    """Some more of an answer: of its reasoning or its content, or one whole call."""

    kind: Literal["reasoning", "content", "call"]
    text: str = ""
    call: formats.Call | None = None


class Text:
    """Tokens to text, piece by piece, never in the middle of a character."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._tokens: list[int] = []
        self._start = 0
        self._read = 0

    def add(self, tokens: Sequence[int]) -> str:
        """What these tokens add; may be empty while a character is incomplete."""
        self._tokens += tokens
        return self._new(final=False)

    def end(self) -> str:
        """What is left."""
        return self._new(final=True)

    def _new(self, *, final: bool) -> str:
        # Decoded with the tokens before them, because some tokenizers write a space only between two tokens.
        before = self._decode(self._tokens[self._start : self._read])
        now = self._decode(self._tokens[self._start :])
        pending = len(self._tokens) - self._read
        if now.endswith("\ufffd") and not final and pending <= MAX_PENDING:
            return ""
        self._start, self._read = self._read, len(self._tokens)
        return now[len(before) :]

    def _decode(self, tokens: Sequence[int]) -> str:
        text: str = self._tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text


class Reader:
    """Text to pieces. Space between pieces of different kinds belongs to none of them."""

    def __init__(self, *, thinking: bool, calls: Calls, stops: Sequence[str]) -> None:
        self._state: Literal["thinking", "content", "call"] = "thinking" if thinking else "content"
        self._calls = calls
        self._stops = tuple(stops)
        self._rest = ""
        self._fresh = True  # nothing of the present kind came yet
        self._after = False  # another kind came before, so space at the beginning is nobody's
        #: True once one of the stops was read; the answer ends before it.
        self.stopped = False

    def feed(self, text: str) -> list[Piece]:
        """What is certain now."""
        self._rest += text
        pieces: list[Piece] = []
        while not self.stopped and self._advance(pieces):
            pass
        return pieces

    def end(self) -> list[Piece]:
        """What was held back because it might have become something else."""
        rest, self._rest = self._rest, ""
        if self.stopped or (self._after and not rest.strip()):
            return []
        if self._state == "thinking":
            rest = rest.rstrip()
        return [Piece("reasoning" if self._state == "thinking" else "content", rest)] if rest else []

    def _advance(self, pieces: list[Piece]) -> bool:
        """Take one step; False when more text is needed for the next."""
        match self._state:
            case "thinking":
                return self._think(pieces)
            case "content":
                return self._write(pieces)
            case "call":
                return self._call(pieces)

    def _think(self, pieces: list[Piece]) -> bool:
        if self._fresh:
            start = self._rest.lstrip()
            if formats.THINK.startswith(start) and len(start) < len(formats.THINK):
                return False  # it may still become the mark that opens it
            self._rest = start.removeprefix(formats.THINK).lstrip()
            self._fresh = not self._rest
            if self._fresh:
                return False
        place = self._rest.find(formats.THOUGHT)
        self._put("reasoning", place, (formats.THOUGHT,), pieces)
        if place < 0:
            return False
        self._rest = self._rest[len(formats.THOUGHT) :]
        self._turn("content")
        return True

    def _write(self, pieces: list[Piece]) -> bool:
        if self._after and self._fresh:
            self._rest = self._rest.lstrip()
        if self._calls == "front" and not self._at_front():
            return False
        marks = self._stops if self._calls == "nowhere" else (*self._stops, formats.BEGIN)
        places = [(self._rest.find(mark), mark) for mark in marks if mark in self._rest]
        place, mark = min(places, default=(-1, ""))
        self._put("content", place, marks, pieces, keep_space=mark in self._stops and place >= 0)
        if place < 0:
            return False
        if mark in self._stops:
            self.stopped = True
            return False
        self._turn("call")
        return True

    def _at_front(self) -> bool:
        """Whether it is certain what comes: a call, or an answer in which no call can be."""
        start = self._rest.lstrip()
        if formats.BEGIN.startswith(start) and len(start) < len(formats.BEGIN):
            return False
        if not start.startswith(formats.BEGIN):
            self._calls = "nowhere"
        return True

    def _call(self, pieces: list[Piece]) -> bool:
        place = self._rest.find(formats.END)
        if place < 0:
            return False
        written = self._rest[: place + len(formats.END)]
        pieces += [Piece("call", call=call) for call in formats.parse(written, thinking=False).calls]
        self._rest = self._rest[len(written) :]
        self._turn("content")
        return True

    def _turn(self, state: Literal["content", "call"]) -> None:
        self._state, self._fresh, self._after = state, True, True

    def _put(
        self,
        kind: Literal["reasoning", "content"],
        place: int,
        marks: Sequence[str],
        pieces: list[Piece],
        *,
        keep_space: bool = False,
    ) -> None:
        """Give out the text up to a mark at `place`, or what can be no part of one; space waits for what follows."""
        sure = self._rest[:place] if place >= 0 else self._rest[: len(self._rest) - held_back(self._rest, marks)]
        if kind == "content" and self._calls == "nowhere":
            keep_space = True  # nothing but text follows
        text = sure if keep_space else sure.rstrip()
        self._rest = self._rest[place if place >= 0 else len(text) :]
        if text:
            pieces.append(Piece(kind, text))
            self._fresh = False


def held_back(text: str, marks: Sequence[str]) -> int:
    """Characters at the end of `text` that may be the beginning of one of the marks."""
    longest = max((len(mark) for mark in marks), default=1) - 1
    for length in range(min(longest, len(text)), 0, -1):
        if any(mark.startswith(text[-length:]) for mark in marks):
            return length
    return 0
