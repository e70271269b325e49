"""The ways to read one text: as it stands, as its escapes mean it, and as HTML shows it.

Whatever is found in one of them is replaced in the text as it stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from policies.masking.formats.html import HtmlView, text_of_html
from policies.masking.spans import MIN_REST, Span
from policies.masking.views import View, decoded_view


@dataclass(frozen=True, slots=True)
class Layer:
    """One way to read a text."""

    text: str
    #: Leads from this reading to the one before it, or to the raw text, …
    view: View | None = None
    #: … and what leads on from there.
    below: View | None = None
    #: Escapes of the raw text, which no span of it may cut apart.
    escapes: View | None = None

    def to_raw(self, text: str, spans: Iterable[Span]) -> list[Span]:
        """The spans of this reading in the raw `text`. What tags stand in between becomes a span for each piece."""
        found: list[Span] = []
        for span in spans:
            if self.view is None:
                found.extend(_snapped(self.escapes, text, span))
                continue
            places = _pieces(self.view, span)
            for start, end in places:
                if self.below is not None:
                    start, end = self.below.raw_span(start, end)  # noqa: PLW2901
                said = span.text if len(places) == 1 else text[start:end]
                if said.strip():
                    found.append(replace(span, start=start, end=end, text=said))
        return found


def layers_of(text: str) -> list[Layer]:
    """The readings of a text; the last is the one that a person would see."""
    escapes = decoded_view(text)
    layers = [Layer(text, escapes=escapes)]
    if escapes is not None:
        layers.append(Layer(escapes.text, view=escapes))
    page = text_of_html(layers[-1].text)
    if page is not None:
        layers.append(Layer(page.text, view=page, below=escapes))
    return layers


def _pieces(view: View, span: Span) -> list[tuple[int, int]]:
    if isinstance(view, HtmlView):
        return view.raw_pieces(span.start, span.end)
    return [view.raw_span(span.start, span.end)]


def _snapped(escapes: View | None, text: str, span: Span) -> Iterator[Span]:
    """A span of the raw text without the halves of escapes at its ends, if anything is left then."""
    start, end = (span.start, span.end) if escapes is None else escapes.snapped(span.start, span.end)
    if (start, end) == (span.start, span.end):
        yield span
    elif sum(map(str.isalnum, text[start:end])) >= MIN_REST:
        yield replace(span, start=start, end=end, text=text[start:end])
