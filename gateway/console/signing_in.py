"""Signing in with a password or a link, and signing out.

How a person proves who they are ends in `begin`, and nothing after it knows how: another way in (OIDC) is another
endpoint that calls it.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from core.audit import AuditEvent
from core.errors import Temporary
from core.identity import User, secret_digest
from core.passwords import MAX_PASSWORD
from gateway.address import place_of
from gateway.console.render import HEADERS, part
from gateway.console.visit import Visit, Visitor, check_origin, cookie_name, is_secure
from gateway.identity import Open
from gateway.parts import Parts, parts
from gateway.problems import RETRY_AFTER
from workflows import accounts

router = APIRouter(include_in_schema=False)

Our = Annotated[Parts, Depends(parts)]
Anybody = Depends(Open("this is where people say who they are"))


@router.get("/sign-in", dependencies=[Anybody])
def ask(request: Request, after: str = "/") -> Response:
    """The page that asks for name and password."""
    return part(request, "sign_in.html", None, title="Sign in", after=local(after), name="", wrong=None)


@router.post("/sign-in", dependencies=[Anybody])
def sign_in(
    request: Request,
    our: Our,
    name: Annotated[str, Form(max_length=64)] = "",
    password: Annotated[str, Form(max_length=MAX_PASSWORD)] = "",
    after: Annotated[str, Form()] = "/",
) -> Response:
    """Look at name and password."""
    check_origin(request)
    settings = our.settings
    place = accounts.Place(
        address=place_of(request, settings),
        tries=settings.sign_in_tries,
        seconds=settings.sign_in_minutes * 60,
    )
    try:
        user = accounts.by_password(our.store, name=name, password=password, place=place)
        return begin(request, our, user, how="password", after=local(after))
    except accounts.TooManyTries as refused:
        status, wrong, wait = HTTPStatus.TOO_MANY_REQUESTS, str(refused), refused.seconds
    except accounts.SignInRefused as refused:
        status, wrong, wait = HTTPStatus.UNAUTHORIZED, str(refused), 0
    except Temporary as refused:
        status, wrong, wait = HTTPStatus.SERVICE_UNAVAILABLE, str(refused), RETRY_AFTER
    given = {"title": "Sign in", "after": local(after), "name": name, "wrong": wrong}
    answer = part(request, "sign_in.html", None, status=status, **given)
    if wait:
        answer.headers["Retry-After"] = str(wait)
    return answer


@router.get("/sign-in/link/{secret}", dependencies=[Anybody])
def look_at_link(request: Request, our: Our, secret: str) -> Response:
    """Whom a link signs in. Looking does not spend it: programs that preview links look too."""
    with our.store.read() as tx:
        user = tx.users.whose_link(secret_digest(secret))
    if user is None or user.disabled_at is not None:
        wrong = "This link was used before or is too old; ask an admin for another, or sign in with your password."
        given = {"title": "Sign in", "after": "/", "name": "", "wrong": wrong}
        return part(request, "sign_in.html", None, status=HTTPStatus.GONE, **given)
    return part(request, "sign_in_link.html", None, title="Sign in", name=user.name, secret=secret)


@router.post("/sign-in/link/{secret}", dependencies=[Anybody])
def use_link(request: Request, our: Our, secret: str) -> Response:
    """Spend a link."""
    check_origin(request)
    try:
        user = accounts.by_link(our.store, secret=secret)
        return begin(request, our, user, how="link", after="/")
    except accounts.SignInRefused as refused:
        given = {"title": "Sign in", "after": "/", "name": "", "wrong": str(refused)}
        return part(request, "sign_in.html", None, status=HTTPStatus.GONE, **given)


@router.post("/sign-out")
def sign_out(request: Request, our: Our, visitor: Annotated[Visitor, Depends(Visit())]) -> Response:
    """End this session, here and in the database."""
    with our.store.begin() as tx:
        event = AuditEvent(action="session.ended", actor=f"user:{visitor.name}", data={"user": visitor.name})
        tx.sessions.revoke(visitor.session.digest, event)
    gone = RedirectResponse("/sign-in", HTTPStatus.SEE_OTHER, headers={**HEADERS, "Clear-Site-Data": '"cache"'})
    gone.delete_cookie(cookie_name(request), path="/", secure=is_secure(request), httponly=True, samesite="lax")
    return gone


def begin(request: Request, our: Parts, user: User, *, how: str, after: str) -> Response:
    """Start a session for somebody who has proved who they are, always under a new secret.

    Raises:
        SignInRefused: meanwhile the account was disabled or got another password.
    """
    lasts = our.settings.session_hours * 3600
    had = request.cookies.get(cookie_name(request), "")
    secret = accounts.start_session(our.store, user, how=how, seconds=lasts, instead_of=had)
    went = RedirectResponse(after, HTTPStatus.SEE_OTHER, headers=HEADERS)
    went.set_cookie(
        cookie_name(request),
        secret,
        max_age=int(lasts),
        path="/",
        secure=is_secure(request),
        httponly=True,
        samesite="lax",
    )
    return went


def local(path: str) -> str:
    """A path of this console, whatever somebody put into a link: never another site's."""
    plain = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and "\\" not in path
    return path if plain else "/"
