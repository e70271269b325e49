"""Pages from templates. Everything a template prints is inert text unless markup of ours says otherwise."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from core.identity import READERS, Role
from gateway.console import assets, numbers
from gateway.console.inert import inert, shown
from gateway.console.visit import Visitor
from gateway.console.wording import telling
from gateway.parts import parts

#: Scripts, styles and requests come from here and nowhere else, inline ones not at all; no page may be framed.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the navigation."""

    path: str
    title: str
    #: Pressed one after the other.
    keys: str
    roles: tuple[Role, ...]


NAVIGATION = (
    Entry("/queue", "Queue", "g q", READERS),
    Entry("/overview", "Overview", "g o", READERS),
    Entry("/policy", "Policy", "g p", (Role.AUDITOR,)),
    Entry("/admin", "Admin", "g a", (Role.AUDITOR,)),
)


def page(request: Request, template: str, visitor: Visitor, *, status: int = 200, **context: Any) -> HTMLResponse:
    """A whole page. `title` must be among the context."""
    our = parts(request)
    with our.store.read() as tx:
        waiting = tx.proposals.count_waiting()
        halted = tx.operations.halted()
    shell = {
        "navigation": [entry for entry in NAVIGATION if visitor.has(*entry.roles)],
        "here": request.url.path,
        "waiting": waiting,
        "halted": halted,
    }
    return part(request, template, visitor, status=status, **{**shell, **context})


def part(
    request: Request, template: str, visitor: Visitor | None, *, status: int = 200, **context: Any
) -> HTMLResponse:
    """A piece of a page, for htmx, or a page for nobody in particular."""
    given = {
        "visitor": visitor,
        "csrf": visitor.csrf if visitor else "",
        "now": parts(request).clock.now(),
        **context,
    }
    return HTMLResponse(environment().get_template(template).render(given), status, headers=HEADERS)


def is_part(request: Request) -> bool:
    """Whether htmx asks for a piece and not for a page."""
    return request.headers.get("hx-request") == "true" and request.headers.get("hx-history-restore-request") != "true"


@cache
def environment() -> Environment:
    """The templates."""
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters.update(
        inert=inert,
        editable=editable,
        when=when,
        ago=ago,
        pretty=pretty,
        words=words,
        telling=telling,
        **numbers.FILTERS,
    )
    made.globals.update(asset=assets.url, Role=Role)
    return made


def _finalize(value: object) -> object:
    """What `{{ … }}` prints: nothing for None, text without hidden characters, our markup as it is."""
    if value is None:
        return ""
    return shown(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def editable(value: str) -> Markup:
    """Text for an input that a person edits: escaped, and otherwise exactly as it is."""
    return Markup.escape(value)


def when(value: datetime | str | None) -> Markup:
    """A moment; the browser shows it in the reader's zone, with UTC on hover."""
    if value is None:
        return Markup("–")
    moment = _moment(value)
    return Markup('<time datetime="%s" title="%s" data-when>%s</time>') % (
        moment.isoformat(timespec="seconds"),
        f"{moment:%Y-%m-%d %H:%M:%S} UTC",
        f"{moment:%Y-%m-%d %H:%M} UTC",
    )


def ago(value: datetime | str | None, now: datetime) -> Markup:
    """How long ago, or in how long, a moment is: `3 min`. The browser keeps it up to date."""
    if value is None:
        return Markup("–")
    moment = _moment(value)
    return Markup('<time datetime="%s" title="%s" data-ago>%s</time>') % (
        moment.isoformat(timespec="seconds"),
        f"{moment:%Y-%m-%d %H:%M:%S} UTC",
        numbers.duration(abs((now - moment).total_seconds())),
    )


def pretty(value: Any) -> str:
    """JSON for people to read."""
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=isinstance(value, Mapping))


def words(value: str) -> str:
    """A name of the machine as words: `needs_information` is `needs information`."""
    return value.replace("_", " ")


def _moment(value: datetime | str) -> datetime:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.astimezone(UTC)
