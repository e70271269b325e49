"""What an analyst wants to know of a page without opening it: its title, its forms and where they send."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

from tools.investigate.answer import clip
from tools.investigate.html_text import MAX_HTML, tame

#: Forms and addresses that are kept.
MAX_KEPT = 20
#: Scripts that send a reader elsewhere, or build a page that is not in the source.
SENDS_ON = re.compile(
    r"(?:window|document|top|self|parent)?\.?location(?:\.href)?\s*=(?!=)|location\.(?:replace|assign)\s*\(",
    re.IGNORECASE,
)
BUILDS = re.compile(
    r"\beval\s*\(|document\.write(?:ln)?\s*\(|\batob\s*\(|String\.fromCharCode|unescape\s*\(", re.IGNORECASE
)
#: Names of fields that ask for what nobody should hand over.
ASKS = re.compile(
    r"passw|passwd|cardnumber|card.number|mnemonic|seed.?phrase"
    r"|(?<![a-z])(?:pwd|pin|otp|cvv|cvc|iban|ssn|tan)(?![a-z])",
    re.IGNORECASE,
)


@dataclass(kw_only=True, slots=True)
class WebPage:
    """What is in a page's source."""

    title: str = ""
    #: Where forms send, as absolute URLs.
    form_targets: list[str] = field(default_factory=list)
    password_fields: int = 0
    #: Fields for passwords, card numbers, one-time codes and the like.
    asking_fields: list[str] = field(default_factory=list)
    frames: list[str] = field(default_factory=list)
    scripts: int = 0
    #: Where `<meta http-equiv=refresh>` leads.
    refresh: str | None = None
    sends_on: bool = False
    builds_itself: bool = False
    text: str = ""


def read_page(html: str, url: str) -> WebPage:
    """Parse as browsers do, never failing."""
    reader = _Reader(url)
    try:
        reader.feed(tame(html[:MAX_HTML]))
        reader.close()
    except (AssertionError, ValueError, RecursionError):
        pass  # what was read until then counts
    page = reader.page
    page.title = " ".join("".join(reader.title).split())
    page.text = " ".join("".join(reader.shown).split())
    return page


class _Reader(HTMLParser):
    def __init__(self, url: str) -> None:
        super().__init__(convert_charrefs=True)
        self.page = WebPage()
        self.title: list[str] = []
        self.shown: list[str] = []
        self._base = url
        self._inside: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag in {"script", "style", "title"}:
            self._inside = tag
        match tag:
            case "base" if values.get("href"):
                self._base = self._absolute(values["href"])
            case "form":
                self._keep(self.page.form_targets, self._absolute(values.get("action", "")))
            case "input":
                self._input(values)
            case "iframe" | "frame" if values.get("src"):
                self._keep(self.page.frames, self._absolute(values["src"]))
            case "script":
                self.page.scripts += 1
            case "meta" if values.get("http-equiv", "").lower() == "refresh":
                found = re.search(r"url\s*=\s*['\"]?([^'\"\s>]+)", values.get("content", ""), re.IGNORECASE)
                self.page.refresh = self._absolute(found[1]) if found else self.page.refresh

    def handle_endtag(self, tag: str) -> None:
        if tag == self._inside:
            self._inside = None

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.page.sends_on = self.page.sends_on or bool(SENDS_ON.search(data[:100_000]))
            self.page.builds_itself = self.page.builds_itself or bool(BUILDS.search(data[:100_000]))
        elif self._inside == "title":
            self.title.append(data)
        elif self._inside is None:
            self.shown.append(data + " ")

    def _input(self, values: dict[str, str]) -> None:
        named = " ".join(values.get(key, "") for key in ("name", "id", "autocomplete", "placeholder"))
        if values.get("type", "").lower() == "password":
            self.page.password_fields += 1
            self._keep(self.page.asking_fields, clip(values.get("name") or "password", 60))
        elif values.get("type", "").lower() != "hidden" and ASKS.search(named):
            self._keep(self.page.asking_fields, clip(values.get("name") or named, 60))

    def _absolute(self, url: str) -> str:
        try:
            return urljoin(self._base, re.sub(r"[\x00-\x20]+", "", url))[:2000]
        except ValueError:
            return url[:2000]

    @staticmethod
    def _keep(kept: list[str], value: str) -> None:
        if len(kept) < MAX_KEPT and value not in kept:
            kept.append(value)


def host(url: str) -> str:
    """The host of a URL in lower case; empty where there is none."""
    try:
        return (urlsplit(url).hostname or "").rstrip(".").lower()
    except ValueError:
        return ""
