"""HTML as its reader sees it: without tags, with what entities mean, and where each part stands in the raw text."""

from __future__ import annotations

import bisect
import html
import re
from dataclasses import dataclass, field

from policies.masking.views import View

#: One of these shows that a text is HTML; an XML log has none of them.
_HTML = re.compile(r"<(?:html|body|div|p|br|td|tr|span|a|table|li|font|b|i|u|h[1-6]|strong|em)[\s/>]", re.IGNORECASE)
#: Every part is bounded, so that matching stays linear. The content of scripts and styles is no text.
_TAG = re.compile(
    r"<(?:style|script)\b[^<>]{0,1000}>[^<]{0,100000}(?=</)|<!--[^<>]{0,10000}-->"
    r"|</?([A-Za-z][A-Za-z0-9]{0,15})(?=[\s/>])[^<>]{0,3000}>|<[!?][^<>]{0,1000}>",
    re.IGNORECASE,
)
_ENTITY = r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});"
_MARKUP = re.compile(f"{_TAG.pattern}|{_ENTITY}", re.IGNORECASE)
_INLINE_TAGS = "b i u em strong span a font small big tt code mark s sub sup abbr label"
_INLINE = frozenset(_INLINE_TAGS.split())


@dataclass(kw_only=True)
class HtmlView(View):
    """A text without its tags. A span of it may stand in several pieces of the raw text, between tags."""

    #: Whether each part is a tag, which no replacement may swallow.
    _tags: list[bool] = field(default_factory=list)

    def raw_pieces(self, start: int, end: int) -> list[tuple[int, int]]:
        """Where a span stands in the raw text, without the tags inside of it."""
        first, last = self.raw_span(start, end)
        pieces: list[tuple[int, int]] = []
        position = first
        for index in range(bisect.bisect_left(self._at, start), bisect.bisect_right(self._at, end)):
            _, raw_start, raw_end = self._parts[index]
            if self._tags[index] and first <= raw_start and raw_end <= last:
                pieces.append((position, raw_start))
                position = raw_end
        pieces.append((position, last))
        return [(start, end) for start, end in pieces if start < end]


def is_html(text: str) -> bool:
    """Whether a text has tags that only HTML has."""
    return _HTML.search(text) is not None


def without_tags(text: str) -> str:
    """The text with blanks for its tags, character for character; a tag that ends a line in print ends it here."""
    return _TAG.sub(_blank, text)


def text_of_html(text: str) -> HtmlView | None:
    """What a reader of HTML sees; None where a text has no tags of HTML."""
    if not is_html(text):
        return None
    marks = [(match, match.group()[0] == "<") for match in _MARKUP.finditer(text)]
    view = HtmlView.replacing(text, [(*match.span(), _shown(match, tag=tag)) for match, tag in marks])
    view._tags = [tag for _, tag in marks]  # noqa: SLF001  (a view is built here and nowhere else)
    return view


def _shown(match: re.Match[str], *, tag: bool) -> str:
    if tag:
        return "" if _is_inline(match) else "\n"
    return html.unescape(match.group()).replace("\u00a0", " ")


def _is_inline(tag: re.Match[str]) -> bool:
    return (tag.group(1) or "").lower() in _INLINE


def _blank(tag: re.Match[str]) -> str:
    length = tag.end() - tag.start()
    return " " * length if _is_inline(tag) else "\n" + " " * (length - 1)
