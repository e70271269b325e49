"""Signed-in browsers. They live here and not in the cookie, so that they can be ended from here."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, select, update
from sqlalchemy.orm import Session as Connection

from core.audit import AuditEvent
from core.clock import Clock
from core.identity import Session
from core.store.audit import AuditTrail
from core.store.console_schema import SessionRow, UserRow
from core.store.users import as_user

#: Seconds between two notes that a session is in use: a write for every page would be too many.
NOTE_SECONDS = 60.0


class Sessions:
    """Sessions by the digest of their secret."""

    def __init__(self, session: Connection, clock: Clock, audit: AuditTrail) -> None:
        self._session = session
        self._clock = clock
        self._audit = audit

    def start(self, *, digest: str, user_id: str, expires_at: datetime, audit: AuditEvent) -> None:
        """A browser signed in just now."""
        now = self._clock.now()
        self._audit.take(audit)
        self._session.add(
            SessionRow(
                digest=digest,
                user_id=user_id,
                created_at=now,
                seen_at=now,
                expires_at=expires_at,
                authenticated_at=now,
            )
        )
        self._session.flush()

    def find(self, digest: str, *, idle: timedelta) -> Session | None:
        """The session, unless it is over: revoked, too old, unused for `idle`, or its account is disabled."""
        now = self._clock.now()
        found = self._session.execute(
            select(SessionRow, UserRow)
            .join(UserRow, UserRow.id == SessionRow.user_id)
            .where(
                SessionRow.digest == digest,
                SessionRow.revoked_at.is_(None),
                SessionRow.expires_at > now,
                SessionRow.seen_at > now - idle,
                UserRow.disabled_at.is_(None),
            )
        ).first()
        return None if found is None else _session(found[0], found[1])

    def wants_note(self, session: Session) -> bool:
        """Whether it is time to note that it is in use."""
        return self._clock.now() - session.seen_at >= timedelta(seconds=NOTE_SECONDS)

    def note(self, digest: str) -> None:
        """That it is in use."""
        self._session.execute(update(SessionRow).where(SessionRow.digest == digest).values(seen_at=self._clock.now()))

    def reauthenticated(self, digest: str, audit: AuditEvent) -> None:
        """The person has shown a password again."""
        self._audit.take(audit)
        now = self._clock.now()
        self._session.execute(update(SessionRow).where(SessionRow.digest == digest).values(authenticated_at=now))

    def of(self, user_id: str) -> list[Session]:
        """A person's sessions that are not over, newest first; idle ones too."""
        rows = self._session.execute(
            select(SessionRow, UserRow)
            .join(UserRow, UserRow.id == SessionRow.user_id)
            .where(
                SessionRow.user_id == user_id,
                SessionRow.revoked_at.is_(None),
                SessionRow.expires_at > self._clock.now(),
            )
            .order_by(SessionRow.created_at.desc(), SessionRow.digest)
        )
        return [_session(session, user) for session, user in rows]

    def revoke(self, digest: str, audit: AuditEvent) -> bool:
        """End one; False when it was over."""
        return self._revoke(SessionRow.digest == digest, audit) > 0

    def revoke_all(self, user_id: str, audit: AuditEvent) -> int:
        """End all of a person's; returns how many there were."""
        return self._revoke(SessionRow.user_id == user_id, audit)

    def revoke_others(self, user_id: str, audit: AuditEvent, *, but: str) -> int:
        """End all of a person's but the one of the digest `but`; returns how many there were."""
        return self._revoke(and_(SessionRow.user_id == user_id, SessionRow.digest != but), audit)

    def forget(self, *, before: datetime) -> None:
        """Drop rows of sessions that ended long ago."""
        self._session.execute(delete(SessionRow).where(SessionRow.expires_at < before))

    def _revoke(self, which: ColumnElement[bool], audit: AuditEvent) -> int:
        now = self._clock.now()
        ended = self._session.execute(
            update(SessionRow)
            .where(which, SessionRow.revoked_at.is_(None))
            .values(revoked_at=now)
            .returning(SessionRow.digest)
        ).all()
        if ended:
            self._audit.take(audit)
        return len(ended)


def _session(row: SessionRow, user: UserRow) -> Session:
    return Session(
        digest=row.digest,
        user=as_user(user),
        created_at=row.created_at,
        seen_at=row.seen_at,
        expires_at=row.expires_at,
        authenticated_at=row.authenticated_at,
    )
