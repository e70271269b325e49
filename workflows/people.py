"""What admins do with the accounts of people and the keys of machines. Both act under names, and a name is one's own.

Answers to a question count by name. A person who had a key of the same name would still be one; a key that could take
the name of somebody else would speak for them. So a name is given out once, to a person or to a machine.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import timedelta

from pydantic import TypeAdapter, ValidationError

from core.audit import AuditEvent
from core.errors import CasemateError, Duplicate, NotFound
from core.identity import MachineKey, PersonName, Role, RoleName, User, new_key, secret_digest
from core.passwords import MAX_PASSWORD, MIN_PASSWORD, hashed
from core.settings import Settings
from core.store.engine import Store
from core.store.transaction import Transaction
from workflows.accounts import LINK_SECONDS, add_link

#: Days a new key is good for, unless said otherwise …
KEY_DAYS = 90
#: … and the most that may be said.
MAX_KEY_DAYS = 3650
#: The account that is made where there is none.
FIRST_ADMIN = "admin"
#: Roles that one account or key may hold.
MAX_ROLES = 32

_NAME: TypeAdapter[str] = TypeAdapter(PersonName)
_ROLE: TypeAdapter[str] = TypeAdapter(RoleName)


class PeopleRefused(CasemateError):
    """An account or a key may not be made or changed like this; the sentence says why."""


def add(
    store: Store, name: str, roles: Iterable[str], *, actor: str, reserved: Collection[str], password: str | None = None
) -> User:
    """A new account; without a password it is for whoever gets a link (`link`). `reserved` are the settings' keys.

    Raises:
        PeopleRefused: the name is taken or no name, a role is no role, or the password is too short or too long.
    """
    kept = None if password is None else _hashed(password)
    held = checked_roles(roles)
    event = AuditEvent(action="user.added", actor=actor, data={"user": name, "roles": held, "password": bool(kept)})
    try:
        with store.begin() as tx:
            tx.users.lock()
            _check_name(tx, name, reserved)
            return tx.users.add(name, roles=held, password_hash=kept, audit=event)
    except Duplicate:
        raise PeopleRefused(f"There is an account {name} already.") from None


def set_roles(store: Store, name: str, roles: Iterable[str], *, actor: str) -> User:
    """Other roles, for open sessions too, from their next request on.

    Raises:
        PeopleRefused: a role is no role, an admin gave up the role, or nobody would be an admin any more.
        NotFound: there is no such account.
    """
    held = checked_roles(roles)
    with store.begin() as tx:
        tx.users.lock()
        user = named(tx, name)
        if Role.ADMIN in user.roles and Role.ADMIN not in held:
            if actor == f"user:{name}":
                raise PeopleRefused("You cannot take the role admin from yourself; another admin can.")
            _check_not_last(tx, user)
        data = {"user": name, "roles": held, "before": sorted(user.roles)}
        tx.users.set_roles(user.id, held, AuditEvent(action="user.roles_changed", actor=actor, data=data))
        return tx.users.get(user.id)


def disable(store: Store, name: str, *, actor: str) -> User:
    """Nobody signs in with it any more; its sessions and links end now. Once is as good as twice.

    Raises:
        PeopleRefused: it is one's own, or the last enabled account of an admin.
        NotFound: there is no such account.
    """
    with store.begin() as tx:
        tx.users.lock()
        user = named(tx, name)
        if user.disabled_at is not None:
            return user
        if actor == f"user:{name}":
            raise PeopleRefused("You cannot disable your own account; another admin can.")
        _check_not_last(tx, user)
        tx.users.disable(user.id, AuditEvent(action="user.disabled", actor=actor, data={"user": name}))
        _end_all(tx, user, actor=actor)
        return tx.users.get(user.id)


def enable(store: Store, name: str, *, actor: str) -> User:
    """The opposite of `disable`; what was ended stays ended.

    Raises:
        NotFound: there is no such account.
    """
    with store.begin() as tx:
        tx.users.lock()
        user = named(tx, name)
        if user.disabled_at is not None:
            tx.users.enable(user.id, AuditEvent(action="user.enabled", actor=actor, data={"user": name}))
        return tx.users.get(user.id)


def link(store: Store, name: str, *, actor: str, seconds: float = LINK_SECONDS) -> str:
    """The secret of a new link that signs this person in once, within so many seconds.

    Raises:
        PeopleRefused: the account is disabled.
        NotFound: there is no such account.
    """
    with store.begin() as tx:
        user = tx.users.hold(named(tx, name).id)
        if user.disabled_at is not None:
            raise PeopleRefused(f"The account {name} is disabled; enable it first.")
        return add_link(tx, user, now=store.clock.now(), actor=actor, seconds=seconds)


def first_admin(store: Store, *, actor: str, reserved: Collection[str]) -> str | None:
    """An account `admin`, where nobody has one: gives the secret of its link. None where somebody has."""
    with store.read() as tx:
        if tx.users.count():
            return None
    try:
        add(store, FIRST_ADMIN, [Role.ADMIN], actor=actor, reserved=reserved)
    except PeopleRefused:  # another process was quicker, or a key has the name
        return None
    return link(store, FIRST_ADMIN, actor=actor)


def set_password(store: Store, name: str, password: str, *, actor: str, keep: str = "") -> int:
    """A new password. Links and sessions end, but the one of the digest `keep`; returns how many sessions did.

    Raises:
        PeopleRefused: it is too short or too long.
        NotFound: there is no such account.
    """
    kept = _hashed(password)
    with store.begin() as tx:
        user = named(tx, name)
        tx.users.set_password(user.id, kept, AuditEvent(action="user.password_set", actor=actor, data={"user": name}))
        return _end_all(tx, user, actor=actor, keep=keep)


def sign_out(store: Store, name: str, *, actor: str, keep: str = "") -> int:
    """End a person's sessions and links, but the session of the digest `keep`; returns how many sessions ended.

    Raises:
        NotFound: there is no such account.
    """
    with store.begin() as tx:
        return _end_all(tx, named(tx, name), actor=actor, keep=keep)


def add_key(
    store: Store, name: str, roles: Iterable[str], *, actor: str, reserved: Collection[str], days: int = KEY_DAYS
) -> tuple[MachineKey, str]:
    """A new API key and its secret, which is known nowhere else and never again. 0 days: it does not end by itself.

    Raises:
        PeopleRefused: the name is taken or no name, a role is no role, or the days are too many.
    """
    if not 0 <= days <= MAX_KEY_DAYS:
        raise PeopleRefused(f"A key is good for 1 to {MAX_KEY_DAYS} days; 0 is for ever.")
    held = checked_roles(roles)
    secret = new_key()
    expires_at = store.clock.now() + timedelta(days=days) if days else None
    data = {"key": name, "roles": held, "expires_at": expires_at.isoformat() if expires_at else None}
    try:
        with store.begin() as tx:
            tx.users.lock()
            _check_name(tx, name, reserved)
            made = tx.api_keys.add(
                name,
                digest=secret_digest(secret),
                roles=held,
                created_by=actor,
                expires_at=expires_at,
                audit=AuditEvent(action="key.added", actor=actor, data=data),
            )
    except Duplicate:
        raise PeopleRefused(f"There is a key {name} already.") from None
    return made, secret


def revoke_key(store: Store, name: str, *, actor: str) -> MachineKey:
    """It opens nothing any more, from the next request on. Once is as good as twice.

    Raises:
        NotFound: there is no such key.
    """
    with store.begin() as tx:
        key = tx.api_keys.named(name)
        if key is None:
            raise NotFound(f"There is no key {name} that was made here; `casemate key list` shows all.")
        tx.api_keys.revoke(key.id, AuditEvent(action="key.revoked", actor=actor, data={"key": name}))
        return tx.api_keys.get(key.id)


def named(tx: Transaction, name: str) -> User:
    """Raises:
    NotFound: there is no such account.
    """
    user = tx.users.named(name)
    if user is None:
        raise NotFound(f"There is no account {name[:64]}; `casemate user list` shows all.")
    return user


def checked_roles(roles: Iterable[str]) -> list[str]:
    """The roles, each once, in order.

    Raises:
        PeopleRefused: there is none, too many, or one is no role.
    """
    held = sorted({role.strip() for role in roles if role.strip()})
    if not 1 <= len(held) <= MAX_ROLES:
        raise PeopleRefused(f"Give 1 to {MAX_ROLES} roles, such as {', '.join(Role)}, or one that a policy rule names.")
    for role in held:
        try:
            _ROLE.validate_python(role)
        except ValidationError:
            raise PeopleRefused(
                f"`{role[:64]}` is no role: write small letters, digits, `.`, `_` or `-`, at most 64 of them."
            ) from None
    return held


def sign_in_url(settings: Settings, secret: str) -> str:
    """Where the link of this secret leads: under the public URL, else the address that the gateway listens on."""
    return f"{console_url(settings)}/sign-in/link/{secret}"


def console_url(settings: Settings) -> str:
    """Where people reach the console, without a slash at the end."""
    if settings.public_url:
        return settings.public_url.rstrip("/")
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.http_host, settings.http_host)  # noqa: S104 (it listens there, people do not go there)
    return f"http://[{host}]:{settings.http_port}" if ":" in host else f"http://{host}:{settings.http_port}"


def _check_name(tx: Transaction, name: str, reserved: Collection[str]) -> None:
    try:
        _NAME.validate_python(name)
    except ValidationError:
        raise PeopleRefused(
            f"`{name[:64]}` is no name: write small letters, digits, `.`, `_` or `-`, at most 64 of them, and begin "
            "with a letter."
        ) from None
    if tx.users.named(name) is not None:
        raise PeopleRefused(f"The name {name} belongs to an account; answers count by name, so it is given out once.")
    if name in reserved or tx.api_keys.named(name) is not None:
        raise PeopleRefused(f"The name {name} belongs to an API key; answers count by name, so it is given out once.")


def _check_not_last(tx: Transaction, user: User) -> None:
    admins = [other for other in tx.users.all() if Role.ADMIN in other.roles and other.disabled_at is None]
    if admins == [user]:
        raise PeopleRefused(f"{user.name} is the last enabled admin; make another one first.")


def _hashed(password: str) -> str:
    if len(password) < MIN_PASSWORD:
        raise PeopleRefused(f"A password has at least {MIN_PASSWORD} characters; a sentence of your own is fine.")
    if len(password) > MAX_PASSWORD:
        raise PeopleRefused(f"A password has at most {MAX_PASSWORD} characters.")
    return hashed(password)


def _end_all(tx: Transaction, user: User, *, actor: str, keep: str = "") -> int:
    tx.users.hold(user.id)  # a sign-in that goes on meanwhile is before this and ended by it, or sees it
    tx.users.cancel_links(user.id)
    event = AuditEvent(action="session.all_ended", actor=actor, data={"user": user.name})
    return tx.sessions.revoke_others(user.id, event, but=keep)
