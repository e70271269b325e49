"""A text on its way to its masked form: what is replaced where, always counted in the text as it came."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from policies.masking.spans import Span, resolve
from policies.masking.views import View

#: Keeps a token apart from a letter it would grow together with; restoring takes it away again (U+2060 WORD JOINER).
JOINER = "\u2060"


class Draft:
    """Collects spans of one text and renders it with them replaced."""

    def __init__(self, text: str) -> None:
        self.text = text
        #: Non-overlapping, in order.
        self.spans: list[Span] = []
        #: As it was rendered last.
        self._rendered = View(text=text)

    def add(self, spans: Iterable[Span]) -> None:
        """Take more spans; all together are settled anew."""
        self.spans = resolve([*self.spans, *spans])

    def render(self, show: Callable[[Span], str]) -> str:
        """The text with every span replaced by what `show` makes of it."""
        ends = (0, *(span.end for span in self.spans))
        self._rendered = View.replacing(
            self.text,
            (
                (span.start, span.end, self._apart(span, show(span), touching=before == span.start))
                for before, span in zip(ends, self.spans, strict=False)
            ),
        )
        return self._rendered.text

    def raw_span(self, start: int, end: int) -> tuple[int, int]:
        """Where a part of the rendered text stands in the text as it came; a replaced part counts as a whole."""
        return self._rendered.raw_span(start, end)

    def _apart(self, span: Span, shown: str, *, touching: bool) -> str:
        before, after = self.text[span.start - 1 : span.start], self.text[span.end : span.end + 1]
        left = JOINER if span.start and (touching or (before.isascii() and before.isalnum())) else ""
        right = JOINER if after.isascii() and after.isalnum() else ""
        return f"{left}{shown}{right}"
