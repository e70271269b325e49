"""Accounts of people: how they prove who they are, and what an admin does with them."""

from __future__ import annotations

from datetime import datetime, timedelta

from core.audit import AuditEvent
from core.errors import CasemateError
from core.identity import Session, User, new_secret, secret_digest
from core.passwords import matches
from core.store.engine import Store

#: Wrong passwords in a row that cost nothing.
FREE_FAILURES = 5
#: Seconds an account then waits; doubled by each further one …
FIRST_WAIT = 15.0
#: … up to this, so that nobody is locked out for long by somebody else's guesses.
LONGEST_WAIT = 900.0
#: Seconds a sign-in link is good for, unless said otherwise.
LINK_SECONDS = 3600.0

#: The same words for every reason, so that they tell no names.
WRONG = "This name and password do not go together; check both. After several wrong tries an account waits a while."


class SignInRefused(CasemateError):
    """Nobody is signed in by this."""


def by_password(store: Store, *, name: str, password: str) -> User:
    """The person of this name and password.

    Raises:
        SignInRefused: they do not go together, or the account waits or is disabled.
    """
    with store.read() as tx:
        user = tx.users.named(name)
    right = matches(user.password_hash if user else None, password)
    now = store.clock.now()
    if user is None:
        raise SignInRefused(WRONG)
    if user.locked_until is not None and now < user.locked_until:
        raise SignInRefused(WRONG)
    if not right or user.disabled_at is not None:
        if not right:
            with store.begin() as tx:
                tx.users.note_failure(user.id, locked_until=lambda failures: _locked_until(failures, now))
        raise SignInRefused(WRONG)
    if user.failures:
        with store.begin() as tx:
            tx.users.note_success(user.id)
    return user


def confirm(store: Store, session: Session, *, password: str) -> None:
    """Somebody who is signed in has shown the password again; it is as fresh as a sign-in from now on.

    Raises:
        SignInRefused: it is not theirs, or the account waits after several wrong ones.
    """
    user = by_password(store, name=session.user.name, password=password)
    event = AuditEvent(action="session.confirmed", actor=f"user:{user.name}", data={"user": user.name})
    with store.begin() as tx:
        tx.sessions.reauthenticated(session.digest, event)


def by_link(store: Store, *, secret: str) -> User:
    """The person whom an unused link signs in; it is used up.

    Raises:
        SignInRefused: it is unknown, used or too old, or the account is disabled.
    """
    with store.begin() as tx:
        user = tx.users.use_link(secret_digest(secret))
    if user is None or user.disabled_at is not None:
        raise SignInRefused("This link was used before or is too old; ask an admin for another.")
    return user


def link_for(store: Store, user: User, *, actor: str, seconds: float = LINK_SECONDS) -> str:
    """The secret of a new link that signs `user` in once."""
    secret = new_secret()
    event = AuditEvent(action="user.link_made", actor=actor, data={"user": user.name})
    with store.begin() as tx:
        expires_at = store.clock.now() + timedelta(seconds=seconds)
        tx.users.add_link(user.id, digest=secret_digest(secret), expires_at=expires_at, audit=event)
    return secret


def _locked_until(failures: int, now: datetime) -> datetime | None:
    over = failures - FREE_FAILURES
    if over < 0:
        return None
    return now + timedelta(seconds=min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(over, 10)))
