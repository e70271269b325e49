"""Reviews of draft policies that people asked for: any process shows them, and one at a time makes each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, exists, select, text, update
from sqlalchemy.orm import Session

from core.audit import AuditEvent
from core.canonical import JsonObject
from core.clock import Clock
from core.errors import NotFound
from core.ids import new_id
from core.store.audit import AuditTrail
from core.store.console_schema import PolicyReviewRow
from core.store.sealing import Sealer
from core.store.vault import Vault

#: PostgreSQL advisory lock that lets one review of a person begin at a time.
REVIEW_LOCK = 7203519


@dataclass(frozen=True, kw_only=True, slots=True)
class PolicyReview:
    """Where one review stands; its texts and what it found are read by themselves."""

    id: str
    #: The person who asked for it; nobody else reads it.
    author: str
    #: Hash of the bundle that the editor began with.
    start: str
    #: How far it is, in words.
    stage: str
    #: When the process that makes it was to have said that it lives.
    held_until: datetime
    began_at: datetime
    ended_at: datetime | None

    def is_lost(self, now: datetime) -> bool:
        """Whether the process that made it is gone, and nobody makes it any more."""
        return self.ended_at is None and self.held_until <= now


class Reviews:
    """Texts and findings are sealed, as bundles are: `organization.yaml` names people."""

    def __init__(self, session: Session, clock: Clock, vault: Vault, audit: AuditTrail) -> None:
        self._session = session
        self._clock = clock
        self._sealer = Sealer(vault, "policy-reviews")
        self._audit = audit

    def begin(
        self,
        author: str,
        files: Mapping[str, str],
        *,
        start: str,
        stage: str,
        holder: str,
        until: datetime,
        keep: int,
        audit: AuditEvent,
    ) -> str | None:
        """A new review, held by `holder` until then; gives its id, or None while another of the author is made.

        Of the author's older ones the newest `keep` stay.
        """
        self._lock()
        if self._is_busy(author):
            return None
        self._audit.take(audit)
        now, id_ = self._clock.now(), new_id("ref")
        newest = (
            select(PolicyReviewRow.id)
            .where(PolicyReviewRow.author == author)
            .order_by(PolicyReviewRow.created_at.desc(), PolicyReviewRow.id.desc())
            .limit(keep)
        )
        kept = list(self._session.scalars(newest))
        self._session.execute(
            delete(PolicyReviewRow).where(PolicyReviewRow.author == author, PolicyReviewRow.id.not_in(kept))
        )
        self._session.add(
            PolicyReviewRow(
                id=id_,
                author=author,
                start=start,
                stage=stage,
                files=self._sealer.close(dict(files), context=f"review:{id_}:files"),
                outcome=None,
                holder=holder,
                held_until=until,
                created_at=now,
                began_at=now,
                ended_at=None,
            )
        )
        self._session.flush()
        return id_

    def get(self, review_id: str, author: str) -> PolicyReview:
        """Raises:
        NotFound: there is none of this author.
        """
        row = self._session.get(PolicyReviewRow, review_id)
        if row is None or row.author != author:
            raise NotFound("This review is gone: reviews are kept for a day, for the person who asked for them.")
        return PolicyReview(
            id=row.id,
            author=row.author,
            start=row.start,
            stage=row.stage,
            held_until=row.held_until,
            began_at=row.began_at,
            ended_at=row.ended_at,
        )

    def files(self, review_id: str) -> dict[str, str]:
        """The texts it is about.

        Raises:
            VaultError: they do not open: the master key is not here, or they were changed.
        """
        row = self._session.get_one(PolicyReviewRow, review_id)
        return self._sealer.open(row.files, context=f"review:{row.id}:files")

    def outcome(self, review_id: str) -> JsonObject | None:
        """What it found; None before its end.

        Raises:
            VaultError: as `files`.
        """
        row = self._session.get_one(PolicyReviewRow, review_id)
        return None if row.outcome is None else self._sealer.open(row.outcome, context=f"review:{row.id}:outcome")

    def take(self, review_id: str, *, holder: str, stage: str, until: datetime, audit: AuditEvent) -> bool:
        """Begin again a review whose process is gone; False when it has ended or somebody makes it."""
        self._lock()
        now, row = self._clock.now(), PolicyReviewRow
        author = self._session.scalar(
            update(row)
            .where(row.id == review_id, row.ended_at.is_(None), row.held_until <= now)
            .values(holder=holder, held_until=until, stage=stage, began_at=now)
            .returning(row.author)
        )
        if author is not None:
            self._audit.take(audit)
        return author is not None

    def hold(self, review_id: str, *, holder: str, until: datetime, stage: str | None = None) -> bool:
        """Say that the run of `holder` lives, and how far it is; False when it is not its review any more."""
        values = {"held_until": until} if stage is None else {"held_until": until, "stage": stage}
        return self._write(review_id, holder, values)

    def end(self, review_id: str, *, holder: str, outcome: JsonObject) -> bool:
        """Keep what was found; False when another run has taken the review over, whose findings count."""
        sealed = self._sealer.close(outcome, context=f"review:{review_id}:outcome")
        return self._write(review_id, holder, {"outcome": sealed, "ended_at": self._clock.now()})

    def forget(self, *, before: datetime) -> None:
        """Drop reviews that were asked for before."""
        self._session.execute(delete(PolicyReviewRow).where(PolicyReviewRow.created_at < before))

    def _write(self, review_id: str, holder: str, values: JsonObject) -> bool:
        row = PolicyReviewRow
        mine = (row.id == review_id, row.holder == holder, row.ended_at.is_(None))
        return self._session.scalar(update(row).where(*mine).values(**values).returning(row.id)) is not None

    def _is_busy(self, author: str) -> bool:
        row = PolicyReviewRow
        runs = exists().where(row.author == author, row.ended_at.is_(None), row.held_until > self._clock.now())
        return bool(self._session.scalar(select(runs)))

    def _lock(self) -> None:
        if self._session.get_bind().dialect.name == "postgresql":
            self._session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": REVIEW_LOCK})
