"""HTML reduced to what a reader sees, what a reader does not see, and where it leads."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

#: Characters of HTML read; mail clients cut earlier.
MAX_HTML = 1_000_000
#: Links kept.
MAX_LINKS = 500
#: Characters of one tag, once embedded images are taken out.
MAX_TAG = 4_000
EMBEDDED = re.compile(r"data:[\w/+.-]{1,80};base64,[A-Za-z0-9+/=\s]{200,}")
HIDING = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|opacity\s*:\s*0(?:\.0+)?\s*(?:;|$)|font-size\s*:\s*[01](?:px|pt|em|%)?"
    r"\s*(?:;|!|$)|max-height\s*:\s*0|(?:^|;)\s*height\s*:\s*0|text-indent\s*:\s*-\d{3,}|left\s*:\s*-\d{3,}|mso-hide\s*:\s*all|"
    r"(?:^|;)\s*color\s*:\s*(?:#fff(?:fff)?|white|transparent)\b",
    re.IGNORECASE,
)
BLOCKS = frozenset(
    {"p", "div", "br", "tr", "td", "th", "li", "ul", "ol", "table", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "hr"}
    | {"blockquote", "section", "article"}
)
VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"}
)
SILENT = frozenset({"script", "style", "template", "noscript"})


@dataclass(kw_only=True, slots=True)
class Link:
    """Where a link says it leads, and where it leads."""

    url: str
    text: str = ""


@dataclass(kw_only=True, slots=True)
class Page:
    """What is in a piece of HTML."""

    text: str = ""
    #: Text that is present and not shown: hidden elements, comments, alternative texts.
    hidden: str = ""
    links: list[Link] = field(default_factory=list)
    #: A form that sends somewhere, or a field for a password.
    form: bool = False


def read(html: str) -> Page:
    """Parse as browsers do, never failing; what cannot be parsed is taken as text."""
    html = tame(html[:MAX_HTML])
    reader = _Reader()
    try:
        reader.feed(html)
        reader.close()
    except (AssertionError, ValueError, RecursionError):
        reader.shown.append(re.sub(r"<[^>]{0,2000}>", " ", html))
    return reader.page()


def tame(html: str) -> str:
    """Tags that do not end soon become text: the parser looks ahead from each, which takes minutes on many."""
    html = EMBEDDED.sub("data:", html)
    pieces, position, end = [], 0, 0
    for match in re.finditer("<", html):
        start = match.start()
        if end <= start:
            end = html.find(">", start)
            end = len(html) + MAX_TAG if end < 0 else end
        if end - start > MAX_TAG:
            pieces += [html[position:start], "&lt;"]
            position = start + 1
    return "".join([*pieces, html[position:]])


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.shown: list[str] = []
        self._hidden: list[str] = []
        self._open: list[tuple[str, bool]] = []
        self._links: list[Link] = []
        self._link: Link | None = None
        self._form = False
        self._base = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag in BLOCKS:
            self.shown.append("\n")
        if tag not in VOID:
            hides = "hidden" in values or bool(HIDING.search(values.get("style", ""))) or tag in SILENT
            self._open.append((tag, hides))
        for name in ("alt", "title", "aria-label"):
            if values.get(name):
                self._hidden.append(values[name])
        self._follow(tag, values)

    def _follow(self, tag: str, values: dict[str, str]) -> None:
        if tag == "base" and values.get("href"):
            self._base = values["href"]
        elif tag in {"a", "area"} and values.get("href"):
            self._link = self._add(values["href"])
        elif tag == "form":
            self._form = True
            if values.get("action"):
                self._add(values["action"])
        elif tag == "input" and values.get("type", "").lower() == "password":
            self._form = True
        elif tag == "meta" and values.get("http-equiv", "").lower() == "refresh":
            match = re.search(r"url\s*=\s*['\"]?([^'\"\s>]+)", values.get("content", ""), re.IGNORECASE)
            if match:
                self._add(match.group(1))

    def _add(self, url: str) -> Link:
        url = re.sub(r"[\x00-\x20]+", "", url)
        if self._base and not re.match(r"[a-z][a-z0-9+.-]*:|//", url, re.IGNORECASE):
            url = self._base.rstrip("/") + "/" + url.lstrip("/")
        link = Link(url=url[:4096])
        if len(self._links) < MAX_LINKS:
            self._links.append(link)
        return link

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._link = None
        if tag in BLOCKS:
            self.shown.append("\n")
        for index in range(len(self._open) - 1, max(-1, len(self._open) - 200), -1):
            if self._open[index][0] == tag:
                del self._open[index:]
                return

    def handle_data(self, data: str) -> None:
        if any(tag in SILENT for tag, _ in self._open[-3:]):
            return
        if any(hides for _, hides in self._open):
            self._hidden.append(data)
            return
        self.shown.append(data)
        if self._link is not None and len(self._link.text) < 500:
            self._link.text += data

    def handle_comment(self, data: str) -> None:
        self._hidden.append(data)

    def page(self) -> Page:
        text = re.sub(r"[ \t\r\f\v\u00a0]+", " ", "".join(self.shown))
        return Page(
            text=re.sub(r" ?\n[ \n]*", "\n", text).strip(),
            hidden="\n".join(piece.strip() for piece in self._hidden if piece.strip())[:MAX_HTML],
            links=self._links,
            form=self._form,
        )
