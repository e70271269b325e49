"""Accounts of people: how they prove who they are, and what an admin does with them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from core.audit import AuditEvent
from core.errors import CasemateError, Temporary
from core.identity import Session, User, new_secret, secret_digest
from core.passwords import matches
from core.store.engine import Store
from core.store.transaction import Transaction

#: Wrong passwords in a row that cost nothing.
FREE_FAILURES = 5
#: Seconds an account then waits; doubled by each further one …
FIRST_WAIT = 15.0
#: … up to this, so that nobody is locked out for long by somebody else's guesses.
LONGEST_WAIT = 900.0
#: Seconds a sign-in link is good for, unless said otherwise.
LINK_SECONDS = 3600.0

#: What one place may try, unless said otherwise: so many wrong passwords, on whatever names, in so many seconds.
PLACE_TRIES, PLACE_SECONDS = 30, 600.0

#: The same words for every reason, so that they tell no names.
WRONG = "This name and password do not go together; check both. After several wrong tries an account waits a while."


class SignInRefused(CasemateError):
    """Nobody is signed in by this."""


class TooManyTries(SignInRefused):
    """So many wrong passwords came from one place that it waits, whatever comes next."""

    def __init__(self, seconds: float) -> None:
        #: Until it may try again.
        self.seconds = max(1, ceil(seconds))
        minutes = ceil(self.seconds / 60)
        wait = "a minute" if minutes == 1 else f"{minutes} minutes"
        super().__init__(f"Too many wrong passwords came from here; try again in {wait}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where somebody tries to sign in from, and what it may."""

    address: str
    tries: int = PLACE_TRIES
    seconds: float = PLACE_SECONDS


def by_password(store: Store, *, name: str, password: str, place: Place | None = None) -> User:
    """The person of this name and password. A wrong one counts against the name, and against `place` for any name.

    Raises:
        SignInRefused: they do not go together, or the account waits or is disabled.
        TooManyTries: the place waits; nothing was looked at.
        Temporary: too many passwords are being looked at.
    """
    if place is not None:
        _count(store, place)
    with store.read() as tx:
        user = tx.users.named(name)
    try:
        right = matches(user.password_hash if user else None, password)
    except Temporary:
        if place is not None:
            _give_back(store, place)
        raise
    with store.begin() as tx:
        # Whether the account waits is asked now: of many guesses that come together, those before this one count.
        accepted = user is not None and accepted_now(tx, user, right=right, now=store.clock.now())
        if place is not None:
            tx.tries.give_back(place.address, tries=int(accepted))
    if user is None or not accepted:
        raise SignInRefused(WRONG)
    return user


def accepted_now(tx: Transaction, user: User, *, right: bool, now: datetime) -> bool:
    """Whether the password that was right or wrong for `user`, as they were a moment ago, signs in; it is counted."""
    held = tx.users.hold(user.id)
    if held.locked_until is not None and now < held.locked_until:
        return False
    if not right:
        tx.users.note_failure(user.id, locked_until=lambda failures: _locked_until(failures, now))
        return False
    if held.failures and held.disabled_at is None:
        tx.users.note_success(user.id)
    return held.disabled_at is None and held.password_hash == user.password_hash


def _count(store: Store, place: Place) -> None:
    """Raises:
    TooManyTries: the place has none left.
    """
    now = store.clock.now()
    with store.read() as tx:
        until = tx.tries.waits_until(place.address, limit=place.tries)
    if until is None:
        event = AuditEvent(action="sign_in.limited", actor="gateway", data={"tries": place.tries})
        with store.begin() as tx:
            if tx.tries.take(place.address, limit=place.tries, lasts=timedelta(seconds=place.seconds), audit=event):
                return
            until = tx.tries.waits_until(place.address, limit=place.tries)
    raise TooManyTries((until - now).total_seconds() if until is not None else 1)


def _give_back(store: Store, place: Place) -> None:
    with store.begin() as tx:
        tx.tries.give_back(place.address)


def confirm(store: Store, session: Session, *, password: str) -> None:
    """Somebody who is signed in has shown the password again; it is as fresh as a sign-in from now on.

    Wrong ones count against this session and not against the name: strangers who guess at the sign-in must not keep
    those who are in from answering what waits for them, and whoever took a browser over guesses a few times.

    Raises:
        SignInRefused: it is not theirs.
        TooManyTries: several wrong ones came from this session; nothing was looked at.
        Temporary: too many passwords are being looked at.
    """
    place = Place(address=f"session {session.digest}", tries=FREE_FAILURES, seconds=LONGEST_WAIT)
    _count(store, place)
    try:
        right = matches(session.user.password_hash, password)
    except Temporary:
        _give_back(store, place)
        raise
    with store.begin() as tx:
        held = tx.users.hold(session.user.id)
        if not right or held.disabled_at is not None or held.password_hash != session.user.password_hash:
            raise SignInRefused(WRONG)
        tx.tries.give_back(place.address)
        event = AuditEvent(action="session.confirmed", actor=f"user:{held.name}", data={"user": held.name})
        tx.sessions.reauthenticated(session.digest, event)


def start_session(store: Store, user: User, *, how: str, seconds: float, instead_of: str = "") -> str:
    """The secret of a new session of somebody who has proved who they are, as they were known then.

    The session of the secret `instead_of`, which the same browser had, ends: nobody would end it any more.

    Raises:
        SignInRefused: meanwhile the account was disabled, or its password changed, which ends what began before.
    """
    secret = new_secret()
    with store.begin() as tx:
        held = tx.users.hold(user.id)
        if held.disabled_at is not None or held.password_hash != user.password_hash:
            raise SignInRefused(WRONG)
        event = AuditEvent(action="session.started", actor=f"user:{user.name}", data={"user": user.name, "by": how})
        until = store.clock.now() + timedelta(seconds=seconds)
        if instead_of:
            ended = AuditEvent(action="session.ended", actor=f"user:{user.name}", data={"by": "another sign-in"})
            tx.sessions.revoke(secret_digest(instead_of), ended)
        tx.sessions.start(digest=secret_digest(secret), user_id=user.id, expires_at=until, audit=event)
    return secret


def by_link(store: Store, *, secret: str) -> User:
    """The person whom an unused link signs in; it is used up.

    Raises:
        SignInRefused: it is unknown, used or too old, or the account is disabled.
    """
    digest = secret_digest(secret)
    with store.read() as tx:
        user = tx.users.whose_link(digest)  # strangers who guess hold up no writer
    if user is not None:
        with store.begin() as tx:
            user = tx.users.use_link(digest)
    if user is None or user.disabled_at is not None:
        raise SignInRefused("This link was used before or is too old; ask an admin for another.")
    return user


def link_for(store: Store, user: User, *, actor: str, seconds: float = LINK_SECONDS) -> str:
    """The secret of a new link that signs `user` in once."""
    with store.begin() as tx:
        return add_link(tx, user, now=store.clock.now(), actor=actor, seconds=seconds)


def add_link(tx: Transaction, user: User, *, now: datetime, actor: str, seconds: float) -> str:
    """The same, together with what the caller has looked at."""
    secret = new_secret()
    event = AuditEvent(action="user.link_made", actor=actor, data={"user": user.name})
    expires_at = now + timedelta(seconds=seconds)
    tx.users.add_link(user.id, digest=secret_digest(secret), expires_at=expires_at, audit=event)
    return secret


def _locked_until(failures: int, now: datetime) -> datetime | None:
    over = failures - FREE_FAILURES
    if over < 0:
        return None
    return now + timedelta(seconds=min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(over, 10)))
