"""People and machines: who they are, what they may do, and the secrets they show, which are known here as digests."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field


class Role(StrEnum):
    """What a person or a machine may do. Policy rules may ask approvers for further roles, by any name."""

    SUBMITTER = "submitter"  # hand tickets in
    ANALYST = "analyst"  # read tickets and approvals, and answer those whose rule names analysts
    APPROVER = "approver"  # answer approvals that name no role, or this one
    ADMIN = "admin"  # everything, and retry tickets
    AUDITOR = "auditor"  # read tickets, approvals and the audit trail


#: What each role is for, in words for whoever gives them out.
ROLE_WORDS: dict[str, str] = {
    Role.SUBMITTER: "hands tickets in",
    Role.ANALYST: "reads cases and approvals, answers those whose rule names analysts",
    Role.APPROVER: "answers approvals that name no role, or this one",
    Role.ADMIN: "everything on every page; changes the policy, accounts and keys",
    Role.AUDITOR: "reads cases, approvals, the policy and the audit trail",
}

#: Roles that may read whole cases.
READERS = (Role.ANALYST, Role.APPROVER, Role.AUDITOR)

#: How people are named: it stands in the audit trail for ever, so it is short and plain.
PersonName = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z][a-z0-9._-]*$")]

#: How roles are named. Policy rules ask for roles of their own by any such name.
RoleName = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9_.-]*$")]

#: How an API key of ours begins, so that scanners for leaked secrets find it.
KEY_PREFIX = "csm_"
#: Bytes of randomness in a session, a sign-in link or an API key.
_SECRET_BYTES = 32


def holds(roles: Collection[str], *wanted: Role) -> bool:
    """True when one of `wanted`, or `admin`, is among `roles`."""
    return not {*wanted, Role.ADMIN}.isdisjoint(roles)


def new_secret() -> str:
    """43 characters that nobody guesses, safe in URLs and headers."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def new_key() -> str:
    """A new API key: `csm_` and 43 characters."""
    return KEY_PREFIX + new_secret()


def secret_digest(secret: str) -> str:
    """How a secret of `new_secret` or `new_key` is kept: SHA-256 in hex. It is random, so nothing slower is needed."""
    return hashlib.sha256(secret.encode()).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class User:
    """A person with an account of their own here."""

    id: str
    name: str
    roles: frozenset[str]
    #: Argon2id in PHC format; None for those who only sign in by link.
    password_hash: str | None
    #: Wrong passwords in a row.
    failures: int
    #: No password is looked at before this moment.
    locked_until: datetime | None
    disabled_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """One signed-in browser."""

    #: SHA-256 of the secret in its cookie.
    digest: str
    user: User
    created_at: datetime
    #: Rounded: it is written once a minute at most.
    seen_at: datetime
    expires_at: datetime
    #: When a password or a link was last shown; what rules look at that ask for a fresh sign-in.
    authenticated_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class MachineKey:
    """An API key that was made here; its secret is known by its digest only."""

    id: str
    #: Acts as `user:NAME`, so no person has the same name.
    name: str
    roles: frozenset[str]
    created_by: str
    created_at: datetime
    #: None for a key that does not end by itself.
    expires_at: datetime | None
    revoked_at: datetime | None
    #: Rounded: it is written once a minute at most.
    used_at: datetime | None

    def is_over(self, now: datetime) -> bool:
        """Whether it opens nothing any more."""
        return self.revoked_at is not None or (self.expires_at is not None and self.expires_at <= now)
