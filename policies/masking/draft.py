"""A text on its way to its masked form: what is replaced where, always counted in the text as it came."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable

from policies.masking.spans import Span, resolve

#: Keeps a token apart from a letter it would grow together with; restoring takes it away again (U+2060 WORD JOINER).
JOINER = "\u2060"


class Draft:
    """Collects spans of one text and renders it with them replaced."""

    def __init__(self, text: str) -> None:
        self.text = text
        #: Non-overlapping, in order.
        self.spans: list[Span] = []
        #: Of each replaced part, where it starts in the rendered text and its end there; made by `render`.
        self._shown: list[tuple[int, int]] = []

    def add(self, spans: Iterable[Span]) -> None:
        """Take more spans; all together are settled anew."""
        self.spans = resolve([*self.spans, *spans])

    def render(self, show: Callable[[Span], str]) -> str:
        """The text with every span replaced by what `show` makes of it."""
        pieces: list[str] = []
        self._shown = []
        position = length = 0
        for span in self.spans:
            gap = self.text[position : span.start]
            shown = self._apart(span, show(span), touching=position == span.start)
            pieces += [gap, shown]
            length += len(gap)
            self._shown.append((length, length + len(shown)))
            length += len(shown)
            position = span.end
        pieces.append(self.text[position:])
        return "".join(pieces)

    def raw_span(self, start: int, end: int) -> tuple[int, int]:
        """Where a part of the rendered text stands in the text as it came; a replaced part counts as a whole."""
        return self._raw(start, last=False), self._raw(end - 1, last=True)

    def _raw(self, position: int, *, last: bool) -> int:
        index = bisect.bisect_right(self._shown, position, key=lambda place: place[0]) - 1
        if index < 0:
            return position + last
        end = self._shown[index][1]
        span = self.spans[index]
        if position < end:
            return span.end if last else span.start
        return span.end + (position - end) + last

    def _apart(self, span: Span, shown: str, *, touching: bool) -> str:
        before, after = self.text[span.start - 1 : span.start], self.text[span.end : span.end + 1]
        left = JOINER if span.start and (touching or (before.isascii() and before.isalnum())) else ""
        right = JOINER if after.isascii() and after.isalnum() else ""
        return f"{left}{shown}{right}"
