"""People with accounts of their own, and the links that sign them in once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.orm import Session

from core.audit import AuditEvent
from core.clock import Clock
from core.errors import NotFound
from core.identity import User
from core.ids import new_id
from core.store.audit import AuditTrail
from core.store.console_schema import SignInLinkRow, UserRow

#: PostgreSQL advisory lock under which accounts and keys are given names and taken rights, one at a time.
PEOPLE_LOCK = 7203518


class Users:
    """Accounts are disabled, never deleted: the audit trail names them."""

    def __init__(self, session: Session, clock: Clock, audit: AuditTrail) -> None:
        self._session = session
        self._clock = clock
        self._audit = audit

    def lock(self) -> None:
        """Let nobody else change accounts or keys before this transaction ends; on SQLite no other writer can."""
        if self._session.get_bind().dialect.name == "postgresql":
            self._session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": PEOPLE_LOCK})

    def add(self, name: str, *, roles: Iterable[str], password_hash: str | None, audit: AuditEvent) -> User:
        """A new account.

        Raises:
            Duplicate (when the transaction ends): there is one of this name already.
        """
        self._audit.take(audit)
        row = UserRow(
            id=new_id("usr"),
            name=name,
            roles=sorted(set(roles)),
            password_hash=password_hash,
            failures=0,
            created_at=self._clock.now(),
        )
        self._session.add(row)
        self._session.flush()
        return as_user(row)

    def named(self, name: str) -> User | None:
        """The account of this name."""
        row = self._session.scalar(select(UserRow).where(UserRow.name == name))
        return as_user(row) if row else None

    def get(self, user_id: str) -> User:
        """Raises:
        NotFound: there is no such account.
        """
        return as_user(self._row(user_id))

    def hold(self, user_id: str) -> User:
        """The account as it is now; nobody else changes it before this transaction ends.

        Raises:
            NotFound: there is no such account.
        """
        self._session.flush()
        row = self._session.scalar(
            select(UserRow).where(UserRow.id == user_id).with_for_update().execution_options(populate_existing=True)
        )
        return as_user(row or self._row(user_id))

    def all(self) -> list[User]:
        """Every account, by name."""
        return [as_user(row) for row in self._session.scalars(select(UserRow).order_by(UserRow.name))]

    def count(self) -> int:
        """How many accounts there are, disabled ones too."""
        return self._session.scalar(select(func.count()).select_from(UserRow)) or 0

    def set_password(self, user_id: str, password_hash: str, audit: AuditEvent) -> None:
        """A new password; what was wrong before is forgotten."""
        row = self._row(user_id)
        row.password_hash, row.failures, row.locked_until = password_hash, 0, None
        self._audit.take(audit)

    def set_roles(self, user_id: str, roles: Iterable[str], audit: AuditEvent) -> None:
        """Other roles, from the next request on."""
        self._row(user_id).roles = sorted(set(roles))
        self._audit.take(audit)

    def disable(self, user_id: str, audit: AuditEvent) -> None:
        """Nobody signs in with it any more; the caller revokes its sessions."""
        self._row(user_id).disabled_at = self._clock.now()
        self._audit.take(audit)

    def enable(self, user_id: str, audit: AuditEvent) -> None:
        """The opposite of `disable`."""
        self._row(user_id).disabled_at = None
        self._audit.take(audit)

    def note_failure(self, user_id: str, *, locked_until: Callable[[int], datetime | None]) -> None:
        """One more wrong password in a row; `locked_until` is asked with how many there are now, counted one by one."""
        failures = self._session.scalar(
            update(UserRow)
            .where(UserRow.id == user_id)
            .values(failures=UserRow.failures + 1)
            .returning(UserRow.failures)
        )
        until = locked_until(failures or 0)
        self._session.execute(update(UserRow).where(UserRow.id == user_id).values(locked_until=until))

    def note_success(self, user_id: str) -> None:
        """The right password: the count starts over."""
        row = self._row(user_id)
        row.failures, row.locked_until = 0, None

    # --- links

    def add_link(self, user_id: str, *, digest: str, expires_at: datetime, audit: AuditEvent) -> None:
        """A link that signs in once, kept by the digest of its secret."""
        self._audit.take(audit)
        now = self._clock.now()
        self._session.add(SignInLinkRow(digest=digest, user_id=user_id, created_at=now, expires_at=expires_at))
        self._session.flush()

    def whose_link(self, digest: str) -> User | None:
        """Whom an unused link signs in, without using it."""
        row = self._session.get(SignInLinkRow, digest)
        if row is None or row.used_at is not None or row.expires_at <= self._clock.now():
            return None
        return self.get(row.user_id)

    def use_link(self, digest: str) -> User | None:
        """Spend a link; None when it is unknown, spent or too old. Of two at once one gets in."""
        now = self._clock.now()
        user_id = self._session.scalar(
            update(SignInLinkRow)
            .where(SignInLinkRow.digest == digest, SignInLinkRow.used_at.is_(None), SignInLinkRow.expires_at > now)
            .values(used_at=now)
            .returning(SignInLinkRow.user_id)
        )
        return None if user_id is None else self.get(user_id)

    def cancel_links(self, user_id: str) -> None:
        """Spend a person's links without anybody getting in by them."""
        self._session.execute(
            update(SignInLinkRow)
            .where(SignInLinkRow.user_id == user_id, SignInLinkRow.used_at.is_(None))
            .values(used_at=self._clock.now())
        )

    def forget_links(self, *, before: datetime) -> None:
        """Drop rows of links that ended long ago."""
        self._session.execute(delete(SignInLinkRow).where(SignInLinkRow.expires_at < before))

    def _row(self, user_id: str) -> UserRow:
        row = self._session.get(UserRow, user_id)
        if row is None:
            raise NotFound(f"There is no account {user_id}; `casemate user list` shows all.")
        return row


def as_user(row: UserRow) -> User:
    """The value of a row."""
    return User(
        id=row.id,
        name=row.name,
        roles=frozenset(row.roles),
        password_hash=row.password_hash,
        failures=row.failures,
        locked_until=row.locked_until,
        disabled_at=row.disabled_at,
        created_at=row.created_at,
    )
