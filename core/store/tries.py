"""Tries to sign in, counted by the place they come from: for all processes together, and only for a while."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime, timedelta

from sqlalchemy import case, delete, select, update
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from core.audit import AuditEvent
from core.clock import Clock
from core.store.audit import AuditTrail
from core.store.console_schema import SignInTryRow
from core.store.schema import VaultSecretRow
from core.store.vault import Vault

#: What the vault's secret is for under which places are hashed.
PURPOSE = "sign-in"


class Tries:
    """A place is a word such as an address; kept is its HMAC-SHA256, so that a copy of the database names nobody."""

    def __init__(self, session: Session, clock: Clock, vault: Vault, audit: AuditTrail) -> None:
        self._session = session
        self._clock = clock
        self._vault = vault
        self._audit = audit

    def waits_until(self, place: str, *, limit: int) -> datetime | None:
        """When a place may try again; None: now. Reads only, so that a flood of what is refused writes nothing."""
        if self._session.get(VaultSecretRow, PURPOSE) is None:  # nobody has tried yet, anywhere
            return None
        return self._session.scalar(
            select(SignInTryRow.until).where(
                SignInTryRow.place == self._hashed(place),
                SignInTryRow.tries >= limit,
                SignInTryRow.until > self._clock.now(),
            )
        )

    def take(self, place: str, *, limit: int, lasts: timedelta, audit: AuditEvent) -> bool:
        """Count one try; False when there were `limit` within the window, which began with the first of them.

        `audit` is taken once a window, with the try that uses it up.
        """
        now = self._clock.now()
        self.forget(before=now)
        insert = postgres_insert if self._session.get_bind().dialect.name == "postgresql" else sqlite_insert
        row = SignInTryRow
        counted = self._session.scalar(
            insert(row)
            .values(place=self._hashed(place), tries=1, until=now + lasts)
            .on_conflict_do_update(index_elements=[row.place], set_={"tries": row.tries + 1}, where=row.tries < limit)
            .returning(row.tries)
        )
        if counted == limit:
            self._audit.take(audit)
        return counted is not None

    def give_back(self, place: str, *, tries: int = 1) -> None:
        """A try that shall not count after all. With 0 it is as much work, and changes nothing."""
        row = SignInTryRow
        left = case((row.tries > tries, row.tries - tries), else_=0)
        self._session.execute(update(row).where(row.place == self._hashed(place)).values(tries=left))

    def forget(self, *, before: datetime) -> None:
        """Drop what ended by then."""
        self._session.execute(delete(SignInTryRow).where(SignInTryRow.until <= before))

    def _hashed(self, place: str) -> str:
        return hmac.new(self._vault.secret(PURPOSE), place.encode(), hashlib.sha256).hexdigest()
