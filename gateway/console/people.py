"""`/admin/users` and `/admin/keys`: who may sign in, with which roles, and which machines hold a key.

A change here asks for a sign-in that is at most a quarter of an hour old. Links and secrets are in the answer to the
request that made them and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field

from core.identity import ROLE_WORDS, Role
from gateway.console.account import to_confirm
from gateway.console.admin import TABS
from gateway.console.fresh import is_fresh
from gateway.console.render import HEADERS, page
from gateway.console.visit import Visit, Visitor
from gateway.parts import Parts, parts
from workflows import people
from workflows.role_holders import asked_roles

router = APIRouter(include_in_schema=False)

USERS, KEYS = "/admin/users", "/admin/keys"
#: What was done a moment ago, by the word for it in the address.
DONE = {
    "roles": "{name} has other roles from now on.",
    "disable": "{name} cannot sign in any more, and every session has ended.",
    "enable": "{name} may sign in again.",
    "sign-out": "Every session of {name} has ended.",
    "revoke": "The key {name} opens nothing any more.",
}


@dataclass(frozen=True, slots=True)
class Office:
    """An admin at one of these pages."""

    request: Request
    visitor: Visitor
    our: Parts

    @property
    def actor(self) -> str:
        """Who the audit trail says it was."""
        return f"user:{self.visitor.name}"

    @property
    def fresh(self) -> bool:
        """Whether this person may change something now."""
        return is_fresh(self.our, self.visitor)


def office(
    request: Request,
    visitor: Annotated[Visitor, Depends(Visit(Role.ADMIN))],
    our: Annotated[Parts, Depends(parts)],
) -> Office:
    """A dependency of every endpoint here: admins only."""
    return Office(request, visitor, our)


Here = Annotated[Office, Depends(office)]
Done = Annotated[str, Query(max_length=20)]
About = Annotated[str, Query(max_length=64, pattern=r"^[a-z0-9._-]*$")]


class Chosen(BaseModel):
    """Roles as a form gives them."""

    role: Annotated[list[str], Field(max_length=people.MAX_ROLES)] = Field(default_factory=list)
    #: Further ones, separated by commas or spaces.
    more: Annotated[str, Field(max_length=1000)] = ""

    @property
    def roles(self) -> list[str]:
        """All of them."""
        return [*self.role, *self.more.replace(",", " ").split()]


class NewUser(Chosen):
    """The form for a person."""

    name: Annotated[str, Field(max_length=64)] = ""


class NewKey(NewUser):
    """The form for a machine."""

    days: Annotated[str, Field(max_length=8)] = str(people.KEY_DAYS)

    @property
    def lasts(self) -> int:
        """Days; -1 for what is no number, which is refused."""
        days = self.days.strip()
        return int(days) if days.isascii() and days.isdecimal() else -1


@router.get(USERS)
def users(here: Here, done: Done = "", name: About = "") -> Response:
    """Everybody with an account."""
    said = _done(done, name)
    if done == "disable" and said is not None:
        said += _keys_of(here, name)
    return _users(here, done=said)


@router.post(USERS)
def add_user(here: Here, form: Annotated[NewUser, Form()]) -> Response:
    """Make an account, and show the link that signs the person in once."""
    if not here.fresh:
        return to_confirm(USERS)
    name, our = form.name.strip(), here.our
    try:
        people.add(our.store, name, form.roles, actor=here.actor, reserved=our.settings.api_keys)
    except people.PeopleRefused as refused:
        return _users(here, wrong=str(refused), given=form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    return _users(here, link=(name, _link(here, name)))


@router.post(f"{USERS}/{{name}}/link")
def make_link(here: Here, name: str) -> Response:
    """Show another link that signs a person in once."""
    if not here.fresh:
        return to_confirm(USERS)
    try:
        return _users(here, link=(name, _link(here, name)))
    except people.PeopleRefused as refused:
        return _users(here, wrong=str(refused), status=HTTPStatus.CONFLICT)


@router.post(f"{USERS}/{{name}}/roles")
def set_roles(here: Here, name: str, form: Annotated[Chosen, Form()]) -> Response:
    """Give a person exactly these roles."""
    return _change(here, name, "roles", lambda: people.set_roles(here.our.store, name, form.roles, actor=here.actor))


@router.post(f"{USERS}/{{name}}/disable")
def disable(here: Here, name: str) -> Response:
    """Close an account."""
    return _change(here, name, "disable", lambda: people.disable(here.our.store, name, actor=here.actor))


@router.post(f"{USERS}/{{name}}/enable")
def enable(here: Here, name: str) -> Response:
    """Open a closed account again."""
    return _change(here, name, "enable", lambda: people.enable(here.our.store, name, actor=here.actor))


@router.post(f"{USERS}/{{name}}/sign-out")
def sign_out(here: Here, name: str) -> Response:
    """End every session of a person; of one's own all but this one."""
    keep = here.visitor.session.digest if name == here.visitor.name else ""
    return _change(here, name, "sign-out", lambda: people.sign_out(here.our.store, name, actor=here.actor, keep=keep))


@router.get(KEYS)
def keys(here: Here, done: Done = "", name: About = "") -> Response:
    """Every API key: of the database, and of the gateway's settings."""
    return _keys(here, done=_done(done, name))


@router.post(KEYS)
def add_key(here: Here, form: Annotated[NewKey, Form()]) -> Response:
    """Make a key, and show its secret this once."""
    if not here.fresh:
        return to_confirm(KEYS)
    name, our = form.name.strip(), here.our
    try:
        _, secret = people.add_key(
            our.store, name, form.roles, actor=here.actor, reserved=our.settings.api_keys, days=form.lasts
        )
    except people.PeopleRefused as refused:
        return _keys(here, wrong=str(refused), given=form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    return _keys(here, secret=(name, secret))


@router.post(f"{KEYS}/{{name}}/revoke")
def revoke(here: Here, name: str) -> Response:
    """Revoke a key."""
    if not here.fresh:
        return to_confirm(KEYS)
    people.revoke_key(here.our.store, name, actor=here.actor)
    return _to(KEYS, "revoke", name)


def _link(here: Office, name: str) -> str:
    return people.sign_in_url(here.our.settings, people.link(here.our.store, name, actor=here.actor))


def _change(here: Office, name: str, what: str, change: Callable[[], object]) -> Response:
    """Do it, and say so on the list."""
    if not here.fresh:
        return to_confirm(USERS)
    try:
        change()
    except people.PeopleRefused as refused:
        return _users(here, wrong=str(refused), status=HTTPStatus.CONFLICT)
    return _to(USERS, what, name)


def _users(here: Office, *, status: int = 200, **context: Any) -> Response:
    with here.our.store.read() as tx:
        rows = [{"user": user, "sessions": tx.sessions.of(user.id)} for user in tx.users.all()]
    given = {"given": NewUser(), "link": None, "done": None, "wrong": None, **context}
    return _page(here, "people/users.html", status=status, title="Users", rows=rows, **given)


def _keys(here: Office, *, status: int = 200, **context: Any) -> Response:
    settings = here.our.settings
    with here.our.store.read() as tx:
        rows = tx.api_keys.all()
    given = {
        "given": NewKey(),
        "secret": None,
        "done": None,
        "wrong": None,
        "settings_keys": sorted((name, sorted(key.roles)) for name, key in settings.api_keys.items()),
        "api": f"{people.console_url(settings)}/api/v1/tickets",
        **context,
    }
    return _page(here, "people/keys.html", status=status, title="API keys", rows=rows, **given)


def _page(here: Office, template: str, **context: Any) -> Response:
    return page(here.request, template, here.visitor, tabs=TABS, known=_known(here.our), fresh=here.fresh, **context)


def _known(our: Parts) -> list[tuple[str, str]]:
    """Roles to choose from, with what each is for: ours, then those that the live policy asks for."""
    asked = [role for role in asked_roles(our.live()) if role not in ROLE_WORDS]
    return [*ROLE_WORDS.items(), *((role, "asked for by rules of the policy") for role in asked)]


def _keys_of(here: Office, name: str) -> str:
    """A sentence on the keys that a person made, whose secrets they may know; nothing where none opens anything."""
    now = here.our.clock.now()
    with here.our.store.read() as tx:
        made = [key.name for key in tx.api_keys.all() if key.created_by == f"user:{name}" and not key.is_over(now)]
    return f" Keys that {name} made go on, and {name} may know their secrets: {', '.join(made)}." if made else ""


def _done(what: str, name: str) -> str | None:
    words = DONE.get(what)
    return None if words is None else words.format(name=name)


def _to(path: str, what: str, name: str) -> Response:
    where = f"{path}?{urlencode({'done': what, 'name': name})}"
    return RedirectResponse(where, HTTPStatus.SEE_OTHER, headers=HEADERS)
