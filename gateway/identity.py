"""Who calls: API keys, given as `Authorization: Bearer …` and known here by their SHA-256 only.

Some stand in the settings, the others in the database. Either acts as `user:NAME`.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from fastapi import Request

from core.identity import KEY_PREFIX, Role, holds, secret_digest
from core.settings import ApiKey
from core.store.engine import Store
from gateway.problems import Problem


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """An authenticated caller."""

    name: str
    roles: frozenset[str]

    def has(self, *roles: Role) -> bool:
        """True when one of `roles`, or `admin`, is among the caller's."""
        return holds(self.roles, *roles)


class Keys:
    """The API keys of this gateway: of its settings, and of the database. A request costs one look there at most."""

    def __init__(self, keys: Mapping[str, ApiKey], store: Store) -> None:
        self._keys = dict(keys)
        self._store = store

    def caller(self, request: Request) -> Caller:
        """Who sent this request.

        Raises:
            Problem: 401, it carries no key that is known, or one that is revoked or too old; 403, a person has the
                name of a key of the settings.
        """
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        secret = secret.strip()
        if secret and scheme.lower() == "bearer":
            found = self._of_settings(secret_digest(secret)) or self._of_database(secret)
            if found is not None:
                return found
        raise Problem(
            HTTPStatus.UNAUTHORIZED,
            "Send a valid API key as `Authorization: Bearer …`.",
            headers={"WWW-Authenticate": "Bearer"},
        )

    def _of_settings(self, digest: str) -> Caller | None:
        found = None
        for name, known in self._keys.items():  # all are compared, so that time tells nothing
            if hmac.compare_digest(known.key_sha256, digest):
                found = Caller(name=name, roles=frozenset(known.roles))
        if found is not None:
            with self._store.read() as tx:
                taken = tx.users.named(found.name) is not None
            if taken:  # answers count by name: the key would be a second hand of that person, or of somebody else
                raise Problem(
                    HTTPStatus.FORBIDDEN,
                    f"A person's account has the name {found.name} too; rename the key in CASEMATE_API_KEYS.",
                )
        return found

    def _of_database(self, secret: str) -> Caller | None:
        if not secret.startswith(KEY_PREFIX):
            return None
        with self._store.read() as tx:
            key = tx.api_keys.find(secret_digest(secret))
            note = key is not None and tx.api_keys.wants_note(key)
        if key is None:
            return None
        if note:
            with self._store.begin() as tx:
                tx.api_keys.note(key.id)
        return Caller(name=key.name, roles=key.roles)


class Permit:
    """A dependency of an endpoint: the caller, if one of these roles is theirs."""

    def __init__(self, *roles: Role) -> None:
        self.roles = roles

    def __call__(self, request: Request) -> Caller:
        keys: Keys = request.app.state.keys
        caller = keys.caller(request)
        if not caller.has(*self.roles):
            wanted = " or ".join(f"`{role}`" for role in self.roles)
            raise Problem(HTTPStatus.FORBIDDEN, f"This needs the role {wanted}; the key `{caller.name}` lacks it.")
        return caller


class Open:
    """A dependency of an endpoint that anybody may call. Every endpoint has this or asks who calls."""

    def __init__(self, why: str) -> None:
        #: Why nobody is asked for a name here; for those who read the code.
        self.why = why

    def __call__(self) -> None:
        """Lets everybody in."""
