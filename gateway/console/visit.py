"""Who is looking: a person with a session, checked for every page, and for every change that a page asks for."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from urllib.parse import urlsplit

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from core.identity import Role, Session, holds, secret_digest
from gateway.parts import Parts, parts
from gateway.problems import Problem

#: Methods that change nothing.
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
#: What a form or a script sends to show that it came from a page of ours.
CSRF_FIELD, CSRF_HEADER = "csrf", "x-csrf-token"
#: Bytes of one field of a form. Forms carry policy files, and of a field that is too large a page shall say so itself.
FORM_FIELD = 32 * 1024 * 1024


class SignInNeeded(Exception):
    """The page is for people who have signed in."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Visitor:
    """A person who has signed in."""

    session: Session
    #: Belongs to this session; every change carries it.
    csrf: str

    @property
    def name(self) -> str:
        return self.session.user.name

    @property
    def roles(self) -> list[str]:
        return sorted(self.session.user.roles)

    def has(self, *roles: Role) -> bool:
        """True when one of `roles`, or `admin`, is theirs."""
        return holds(self.session.user.roles, *roles)


class Visit:
    """A dependency of a page: the person who looks, if one of these roles is theirs. No role: anybody signed in."""

    def __init__(self, *roles: Role) -> None:
        self.roles = roles

    async def __call__(self, request: Request) -> Visitor:
        """Raises:
        SignInNeeded: nobody is signed in.
        Problem: 403, the role is not theirs or the request did not come from a page of ours.
        """
        secret = request.cookies.get(cookie_name(request), "")
        session = await run_in_threadpool(_find, parts(request), secret) if secret else None
        if session is None:
            raise SignInNeeded
        visitor = Visitor(session=session, csrf=csrf_token(secret))
        if request.method not in SAFE:
            check_origin(request)
            await _check_token(request, visitor)
        if self.roles and not visitor.has(*self.roles):
            wanted = " or ".join(self.roles)
            raise Problem(
                HTTPStatus.FORBIDDEN, f"This page is for the role {wanted}; ask an admin to give it to {visitor.name}."
            )
        return visitor


def is_secure(request: Request) -> bool:
    """Whether people reach the console over HTTPS."""
    return parts(request).settings.is_secure


def cookie_name(request: Request) -> str:
    """With HTTPS the name says that no other host and no plain connection has set it (RFC 6265bis)."""
    return "__Host-casemate" if is_secure(request) else "casemate"


def csrf_token(secret: str) -> str:
    """What pages of the session with this secret send along: of no use to whoever sees it but not the cookie."""
    return hashlib.sha256(b"casemate csrf\0" + secret.encode()).hexdigest()


def check_origin(request: Request) -> None:
    """Raises:
    Problem: 403, another site's page sent this.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site == "same-origin":
            return
    elif (origin := request.headers.get("origin")) is not None:
        sent, public = urlsplit(origin.lower()), urlsplit(parts(request).settings.public_url.lower())
        here = public.netloc or request.headers.get("host", "").lower()
        if sent.netloc == here and here and sent.scheme == (public.scheme or sent.scheme):
            return
    raise Problem(HTTPStatus.FORBIDDEN, "This did not come from a page of casemate; open the console and do it there.")


async def _check_token(request: Request, visitor: Visitor) -> None:
    sent = request.headers.get(CSRF_HEADER)
    if sent is None:
        form = await request.form(max_part_size=FORM_FIELD)
        field = form.get(CSRF_FIELD)
        sent = field if isinstance(field, str) else ""
    if not hmac.compare_digest(sent.encode(), visitor.csrf.encode()):
        raise Problem(HTTPStatus.FORBIDDEN, "This page is of an earlier sign-in; reload it and do it again.")


def _find(our: Parts, secret: str) -> Session | None:
    digest = secret_digest(secret)
    idle = timedelta(minutes=our.settings.session_idle_minutes)
    with our.store.read() as tx:
        session = tx.sessions.find(digest, idle=idle)
        note = session is not None and tx.sessions.wants_note(session)
    if note:
        with our.store.begin() as tx:
            tx.sessions.note(digest)
    return session
