"""The life of a policy bundle: what is kept of it, the question whether it may go live, what was live since when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal

from core.action import Answer
from core.canonical import digest
from core.decision import Decision

#: The tool that policy is asked about when a bundle shall go live.
ACTIVATE: Final = "activate_policy"
#: Who a change comes from that nobody proposed by hand: the folder of the settings, or a new release of casemate.
FILES: Final = "files"
SHIPPED: Final = "shipped"

Origin = Literal["shipped", "files", "cli", "http"]
ActivationKind = Literal["first", "change", "rollback", "files"]


class ChangeState(StrEnum):
    """What has become of the question whether a bundle may go live."""

    PENDING = "pending"  # people have not answered in full
    LIVE = "live"  # a full quorum said yes, and it went live in that moment; it may have been followed since
    DENIED = "denied"  # refused by a person
    EXPIRED = "expired"  # nobody answered in time
    OUTDATED = "outdated"  # another bundle went live meanwhile, so what was reviewed is no longer what would change


#: Every permitted move of a change.
CHANGE_TRANSITIONS: dict[ChangeState, frozenset[ChangeState]] = {
    ChangeState.PENDING: frozenset({ChangeState.LIVE, ChangeState.DENIED, ChangeState.EXPIRED, ChangeState.OUTDATED}),
    ChangeState.LIVE: frozenset(),
    ChangeState.DENIED: frozenset(),
    ChangeState.EXPIRED: frozenset(),
    ChangeState.OUTDATED: frozenset(),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredBundle:
    """A bundle that loaded, by the hash of its content."""

    hash: str
    #: Name → text.
    files: Mapping[str, str] = field(repr=False)
    #: `user:NAME`, `files` or `shipped`.
    author: str
    reason: str
    origin: Origin
    created_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class BundleChange:
    """That somebody wants a bundle live in the place of another."""

    id: str
    bundle_hash: str
    #: The bundle that was live when it was asked; what the review compares with.
    base_hash: str
    author: str
    reason: str
    state: ChangeState
    decision: Decision
    digest: str
    expires_at: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class BundleAnswer(Answer):
    """One person's one answer to one change."""

    change_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Activation:
    """That a bundle went live. The newest says what is live now."""

    sequence: int
    bundle_hash: str
    #: The bundle that was live before; nothing for the first.
    previous_hash: str | None
    change_id: str | None
    kind: ActivationKind
    actor: str
    reason: str
    created_at: datetime


def change_digest(bundle_hash: str, base_hash: str) -> str:
    """What answers to a change are bound to: this bundle in the place of that one."""
    return digest({"bundle": bundle_hash, "base": base_hash})
