"""`/account`: a person's own name, roles, sessions and password; and the page that asks for the password again."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field

from core.audit import AuditEvent
from core.identity import ROLE_WORDS
from core.passwords import MAX_PASSWORD, MIN_PASSWORD
from gateway.console.fresh import is_fresh
from gateway.console.render import HEADERS, page
from gateway.console.signing_in import local
from gateway.console.visit import Visit, Visitor
from gateway.parts import Parts, parts
from gateway.problems import Problem
from workflows import accounts, people

router = APIRouter(include_in_schema=False)

Our = Annotated[Parts, Depends(parts)]
Someone = Annotated[Visitor, Depends(Visit())]
Password = Annotated[str, Form(max_length=MAX_PASSWORD)]


class NewPassword(BaseModel):
    """The form for another password."""

    current: Annotated[str, Field(max_length=MAX_PASSWORD)] = ""
    new: Annotated[str, Field(max_length=MAX_PASSWORD)] = ""
    again: Annotated[str, Field(max_length=MAX_PASSWORD)] = ""


#: What was done a moment ago, by the word for it in the address.
DONE = {
    "ended": "The session has ended.",
    "ended-others": "All your other sessions have ended.",
    "password": "Your password is changed, and all your other sessions have ended.",
}
#: Characters of a session's digest that name it in a form.
_SHORT = 16


@router.get("/account")
def account(request: Request, visitor: Someone, our: Our, done: Annotated[str, Query(max_length=20)] = "") -> Response:
    """Who I am here, and where I am signed in."""
    return _account(request, our, visitor, done=DONE.get(done))


@router.post("/account/sessions/{which}/end")
def end_session(visitor: Someone, our: Our, which: str) -> Response:
    """End one of my sessions."""
    event = AuditEvent(action="session.ended", actor=f"user:{visitor.name}", data={"user": visitor.name})
    with our.store.begin() as tx:
        mine = [session for session in tx.sessions.of(visitor.session.user.id) if session.digest[:_SHORT] == which]
        if not mine:
            raise Problem(HTTPStatus.NOT_FOUND, "This session is over already; go back to your account.")
        tx.sessions.revoke(mine[0].digest, event)
    return _to("/account?done=ended")


@router.post("/account/sessions/end-others")
def end_others(visitor: Someone, our: Our) -> Response:
    """End all of my sessions but this one; links that were made for me too."""
    people.sign_out(our.store, visitor.name, actor=f"user:{visitor.name}", keep=visitor.session.digest)
    return _to("/account?done=ended-others")


@router.post("/account/password")
def change_password(request: Request, visitor: Someone, our: Our, form: Annotated[NewPassword, Form()]) -> Response:
    """Another password. Who has one must show it; who has none has come by a link a moment ago."""
    if visitor.session.user.password_hash is None and not is_fresh(our, visitor):
        wrong = "Your sign-in is too old to set a first password; ask an admin for another link."
        return _account(request, our, visitor, wrong=wrong, status=HTTPStatus.CONFLICT)
    if form.new != form.again:
        wrong = "The two new passwords differ; write the same twice."
        return _account(request, our, visitor, wrong=wrong, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    try:
        if visitor.session.user.password_hash is not None:
            accounts.confirm(our.store, visitor.session, password=form.current)
        people.set_password(
            our.store, visitor.name, form.new, actor=f"user:{visitor.name}", keep=visitor.session.digest
        )
    except accounts.TooManyTries as refused:
        return _wait(_account(request, our, visitor, wrong=str(refused), status=HTTPStatus.TOO_MANY_REQUESTS), refused)
    except (accounts.SignInRefused, people.PeopleRefused) as refused:
        said = str(refused) if isinstance(refused, people.PeopleRefused) else _WRONG
        return _account(request, our, visitor, wrong=said, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    return _to("/account?done=password")


_WRONG = "This is not your password. After several wrong tries you wait a while."


def _wait(answer: Response, refused: accounts.TooManyTries) -> Response:
    answer.headers["Retry-After"] = str(refused.seconds)
    return answer


@router.get("/account/confirm")
def ask_again(request: Request, visitor: Someone, after: str = "/") -> Response:
    """The page that asks for the password before something that asks for a fresh sign-in."""
    return _confirm(request, visitor, after=after)


@router.post("/account/confirm")
def confirm(
    request: Request, visitor: Someone, our: Our, password: Password = "", after: Annotated[str, Form()] = "/"
) -> Response:
    """Look at the password; this session then counts as signed in just now."""
    try:
        accounts.confirm(our.store, visitor.session, password=password)
    except accounts.TooManyTries as refused:
        status = HTTPStatus.TOO_MANY_REQUESTS
        return _wait(_confirm(request, visitor, after=after, wrong=str(refused), status=status), refused)
    except accounts.SignInRefused:
        return _confirm(request, visitor, after=after, wrong=_WRONG, status=HTTPStatus.UNAUTHORIZED)
    return _to(local(after))


def _confirm(
    request: Request, visitor: Visitor, *, after: str, wrong: str | None = None, status: int = 200
) -> Response:
    return page(
        request,
        "account/confirm.html",
        visitor,
        status=status,
        title="Confirm that it is you",
        after=local(after),
        has_password=visitor.session.user.password_hash is not None,
        wrong=wrong,
    )


def _account(
    request: Request,
    our: Parts,
    visitor: Visitor,
    *,
    done: str | None = None,
    wrong: str | None = None,
    status: int = 200,
) -> Response:
    with our.store.read() as tx:
        sessions = tx.sessions.of(visitor.session.user.id)
    rows = [
        {"id": session.digest[:_SHORT], "session": session, "this": session.digest == visitor.session.digest}
        for session in sessions
    ]
    return page(
        request,
        "account/page.html",
        visitor,
        status=status,
        title="Account",
        rows=rows,
        roles=[(role, ROLE_WORDS.get(role, "")) for role in visitor.roles],
        has_password=visitor.session.user.password_hash is not None,
        least=MIN_PASSWORD,
        done=done,
        wrong=wrong,
    )


def to_confirm(after: str) -> Response:
    """Where somebody goes whose sign-in is too old for what they want, and back to `after`."""
    return _to(f"/account/confirm?{urlencode({'after': after})}")


def _to(path: str) -> Response:
    return RedirectResponse(path, HTTPStatus.SEE_OTHER, headers=HEADERS)
