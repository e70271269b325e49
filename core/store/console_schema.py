"""The tables of people and machines that sign in, and of what people keep and say in the console."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.canonical import JsonObject
from core.store.columns import SafeJson
from core.store.schema import Base, BigId


class UserRow(Base):
    """A person with an account of their own."""

    __tablename__ = "users"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    roles: Mapped[list[str]] = mapped_column(SafeJson())
    password_hash: Mapped[str | None]
    failures: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class SignInLinkRow(Base):
    """A link that signs one person in once."""

    __tablename__ = "sign_in_links"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class SessionRow(Base):
    """One signed-in browser; its cookie's secret is kept as a digest only."""

    __tablename__ = "sessions"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    authenticated_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class SignInTryRow(Base):
    """Tries to sign in from one place within one window. The address stands nowhere, only a keyed hash of it."""

    __tablename__ = "sign_in_tries"

    place: Mapped[str] = mapped_column(String(64), primary_key=True)
    tries: Mapped[int]
    #: When the window ends and the row may go.
    until: Mapped[datetime] = mapped_column(index=True)


class ApiKeyRow(Base):
    """One machine's key, kept as a digest."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    roles: Mapped[list[str]] = mapped_column(SafeJson())
    created_by: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    #: Rounded: it is written once a minute at most.
    used_at: Mapped[datetime | None]


class HeadlineRow(Base):
    """A ticket's masked title, cut short: in a narrow table, so that many are searched at once."""

    __tablename__ = "headlines"

    sequence: Mapped[int] = mapped_column(BigId, ForeignKey("tickets.sequence"), primary_key=True, autoincrement=False)
    title: Mapped[str]


class ClaimRow(Base):
    """That somebody works on a ticket, so that nobody else does the same."""

    __tablename__ = "claims"

    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id"), primary_key=True)
    person: Mapped[str] = mapped_column(String(64), index=True)
    created_at: Mapped[datetime]
    #: Nobody sits on a ticket for ever.
    until: Mapped[datetime]


class SavedViewRow(Base):
    """Filters of the queue that a person keeps under a name."""

    __tablename__ = "saved_views"
    __table_args__ = (UniqueConstraint("user_id", "name", name="uq_saved_views_name"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    name: Mapped[str] = mapped_column(String(64))
    #: The query string of the queue.
    query: Mapped[str]
    created_at: Mapped[datetime]


class FeedbackRow(Base):
    """What a person says of a team's verdict; the newest of a person counts."""

    __tablename__ = "feedback"
    __table_args__ = (Index("ix_feedback_ticket", "ticket_id", "created_at"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id"))
    assessment_id: Mapped[str] = mapped_column(ForeignKey("assessments.id"), index=True)
    person: Mapped[str] = mapped_column(String(64))
    #: What the verdict should have been; the same as the team's where the person agrees.
    verdict: Mapped[str] = mapped_column(String(32))
    agrees: Mapped[bool]
    #: Masked.
    reason: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(index=True)


class PolicyReviewRow(Base):
    """A review of a draft policy that a person asked for in the workbench, and the process that works on it."""

    __tablename__ = "policy_reviews"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    author: Mapped[str] = mapped_column(String(64), index=True)
    #: Hash of the bundle that the editor began with.
    start: Mapped[str] = mapped_column(String(64))
    #: How far it is, in words.
    stage: Mapped[str]
    #: Sealed, as bundles are: the texts name people.
    files: Mapped[JsonObject]
    #: Sealed: what was found, or why nothing was.
    outcome: Mapped[JsonObject | None]
    #: One run of it in one process; what another run finds is dropped.
    holder: Mapped[str] = mapped_column(String(40))
    #: Moved on while the run lives.
    held_until: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(index=True)
    began_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
