"""Who calls: API keys, given as `Authorization: Bearer …` and known here by their SHA-256 only."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus

from fastapi import Request

from core.settings import ApiKey
from gateway.problems import Problem


class Role(StrEnum):
    """What a caller may do here. Policy rules may ask approvers for further roles, by any name."""

    SUBMITTER = "submitter"  # hand tickets in
    ANALYST = "analyst"  # read tickets and approvals, and answer those whose rule names analysts
    APPROVER = "approver"  # answer approvals that name no role, or this one
    ADMIN = "admin"  # everything, and retry tickets
    AUDITOR = "auditor"  # read tickets, approvals and the audit trail


#: Roles that may read whole cases.
READERS = (Role.ANALYST, Role.APPROVER, Role.AUDITOR)


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """An authenticated caller."""

    name: str
    roles: frozenset[str]

    def has(self, *roles: Role) -> bool:
        """True when one of `roles`, or `admin`, is among the caller's."""
        return not self.roles.isdisjoint({*roles, Role.ADMIN})


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
