"""Who calls: API keys, given as `Authorization: Bearer …` and known here by their SHA-256 only."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from fastapi import Request

from core.identity import Role, holds
from core.settings import ApiKey
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
    """The API keys of this gateway."""

    def __init__(self, keys: Mapping[str, ApiKey]) -> None:
        self._keys = dict(keys)

    def caller(self, request: Request) -> Caller:
        """Who sent this request.

        Raises:
            Problem: 401, when it carries no known key.
        """
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        digest = hashlib.sha256(key.strip().encode()).hexdigest()
        found = None
        for name, known in self._keys.items():  # all are compared, so that time tells nothing
            if hmac.compare_digest(known.key_sha256, digest):
                found = Caller(name=name, roles=frozenset(known.roles))
        if found is None or scheme.lower() != "bearer":
            raise Problem(
                HTTPStatus.UNAUTHORIZED,
                "Send a valid API key as `Authorization: Bearer …`.",
                headers={"WWW-Authenticate": "Bearer"},
            )
        return found


class Permit:
    """A dependency of an endpoint: the caller, if one of these roles is theirs."""

    def __init__(self, *roles: Role) -> None:
        self._roles = roles

    def __call__(self, request: Request) -> Caller:
        keys: Keys = request.app.state.keys
        caller = keys.caller(request)
        if not caller.has(*self._roles):
            wanted = " or ".join(f"`{role}`" for role in self._roles)
            raise Problem(HTTPStatus.FORBIDDEN, f"This needs the role {wanted}; the key `{caller.name}` lacks it.")
        return caller


class Open:
    """A dependency of an endpoint that anybody may call. Every endpoint has this or asks who calls."""

    def __init__(self, why: str) -> None:
        #: Why nobody is asked for a name here; for those who read the code.
        self.why = why

    def __call__(self) -> None:
        """Lets everybody in."""
