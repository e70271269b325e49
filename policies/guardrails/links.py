"""Makes text inert: nothing in it that a browser, a mail client, a chat or a terminal would follow, fetch or obey."""

from __future__ import annotations

import html
import re

from policies.masking.draft import JOINER
from policies.masking.tokens import mentions

#: `https://evil.example`; `hxxp` is harmless already.
_ADDRESS = re.compile(r"\b(?!hxxps?:)([a-z][a-z0-9+.-]{1,30})(:)([/\\]{2,9})([^\s<>\"'`)\]]*)", re.IGNORECASE)
#: Schemes that work without `//`. Glued to something they are links; `data: three rows` is a sentence.
_BARE = re.compile(
    r"\b(https?|ftp|wss?|file|data|javascript|vbscript|blob|mailto|tel|sms|callto|skype|intent|search-ms"
    r"|ms-[a-z-]{2,30}):(?![/\\]{2})([^\s<>\"'`)\]]+)",
    re.IGNORECASE,
)
#: `//evil.example/x`, which takes the scheme of the page it stands on.
_RELATIVE = re.compile(r"(?<![:\w\\\]])/{2,9}(?:[a-z0-9-]+\.)+[a-z0-9-]+", re.IGNORECASE)
_WWW = re.compile(r"\bwww\.\w[\w.-]*", re.IGNORECASE)
#: `![shown](target "title")` and the same without `!`.
_MARKDOWN = re.compile(
    r"!?\[([^\[\]]{0,300})\]\(\s{0,9}<?([^\s()<>]{1,2000}(?:\([^\s()<>]{0,200}\)[^\s()<>]{0,200})?)>?"
    r"(?:\s{1,9}(?:\"[^\"\n]{0,200}\"|'[^'\n]{0,200}'|\([^()\n]{0,200}\)))?\s{0,9}\)"
)
#: `[name]: target` at the start of a line, by which `[shown][name]` finds its target.
_DEFINITION = re.compile(
    r"^([ \t]{0,3})\[([^\[\]\n]{1,300})\]:(?=[ \t]*\n?[ \t]*<?[^\s<>]*[/:.][^\s<>]*)", re.MULTILINE
)
#: A tag, a comment, an autolink, also one that is never closed: what is shown behind it would close it.
_TAG = re.compile(r"<(?=[a-z/!?])([^<>]{0,2000})(>?)", re.IGNORECASE)
#: Bidirectional controls, zero width, tag characters, terminal control: text reads differently from what it is.
_DECEPTIVE = re.compile(
    "[\u00ad\u034f\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f"
    "\x00-\x08\x0b-\x1f\x7f-\x9f]"
)


def inert(text: str) -> str:
    """The text with links unclickable, images and markup spelled out, and characters that deceive left out.

    What is inert already stays as it is.
    """
    shown = undisguised(text)
    meant = undisguised(html.unescape(shown))
    if meant != shown and _without_markup(meant) != meant:
        shown = meant  # behind entities there was something alive
    return _without_markup(_without_markup(shown))  # again, for what the first time put together


def defang(text: str) -> str:
    """The text with every link made unclickable: `hxxps://evil[.]example`."""
    before = ""
    while text != before:  # a link may carry another in its query
        before = text
        text = _BARE.sub(lambda match: f"{match.group(1)}[:]{match.group(2)}", _ADDRESS.sub(_defanged, text))
    return _WWW.sub(_dotless, _RELATIVE.sub(_dotless, text))


def undisguised(text: str) -> str:
    """The text without characters that show nothing; what keeps a token apart from its neighbours stays."""
    if not _DECEPTIVE.search(text):
        return text
    beside = {place for token in mentions(text) for place in (token.start - 1, token.end)}
    return _DECEPTIVE.sub(lambda match: JOINER if match.group() == JOINER and match.start() in beside else "", text)


def _without_markup(text: str) -> str:
    text = _MARKDOWN.sub(lambda match: f"{match.group(1)} ({match.group(2)})".lstrip(), text)
    text = text.replace("](", "] (")  # one that is only a part, or nested
    text = _DEFINITION.sub(r"\1(\2):", text)
    text = _TAG.sub(lambda match: f"‹{match.group(1)}{'›' if match.group(2) else ''}", text)
    return defang(text)


def _defanged(match: re.Match[str]) -> str:
    scheme, colon, slashes, rest = match.groups()
    host, slash, path = rest.partition("/")
    joined = f"{slashes}{host.replace('.', '[.]')}{slash}{path}"
    harmless = {"http": "hxxp", "https": "hxxps"}.get(scheme.lower())
    return f"{harmless}{colon}{joined}" if harmless else f"{scheme}[:]{joined}"


def _dotless(match: re.Match[str]) -> str:
    return match.group().replace(".", "[.]")
