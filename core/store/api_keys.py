"""API keys of machines. They are revoked, never deleted: the audit trail names them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.audit import AuditEvent
from core.clock import Clock
from core.errors import NotFound
from core.identity import MachineKey
from core.ids import new_id
from core.store.audit import AuditTrail
from core.store.console_schema import ApiKeyRow

#: Seconds between two notes that a key is in use: a write for every request would be too many.
NOTE_SECONDS = 60.0


class ApiKeys:
    """Keys by the digest of their secret, and by name."""

    def __init__(self, session: Session, clock: Clock, audit: AuditTrail) -> None:
        self._session = session
        self._clock = clock
        self._audit = audit

    def add(
        self,
        name: str,
        *,
        digest: str,
        roles: Iterable[str],
        created_by: str,
        expires_at: datetime | None,
        audit: AuditEvent,
    ) -> MachineKey:
        """A new key.

        Raises:
            Duplicate (when the transaction ends): there is one of this name already.
        """
        self._audit.take(audit)
        row = ApiKeyRow(
            id=new_id("key"),
            name=name,
            digest=digest,
            roles=sorted(set(roles)),
            created_by=created_by,
            created_at=self._clock.now(),
            expires_at=expires_at,
        )
        self._session.add(row)
        self._session.flush()
        return _key(row)

    def find(self, digest: str) -> MachineKey | None:
        """The key of this digest, unless it is revoked or too old."""
        row = self._session.scalar(select(ApiKeyRow).where(ApiKeyRow.digest == digest))
        key = None if row is None else _key(row)
        return None if key is None or key.is_over(self._clock.now()) else key

    def named(self, name: str) -> MachineKey | None:
        """The key of this name, whether it still opens anything or not."""
        row = self._session.scalar(select(ApiKeyRow).where(ApiKeyRow.name == name))
        return None if row is None else _key(row)

    def get(self, key_id: str) -> MachineKey:
        """Raises:
        NotFound: there is no such key.
        """
        row = self._session.get(ApiKeyRow, key_id)
        if row is None:
            raise NotFound(f"There is no key {key_id}; `casemate key list` shows all.")
        return _key(row)

    def all(self) -> list[MachineKey]:
        """Every key, by name."""
        return [_key(row) for row in self._session.scalars(select(ApiKeyRow).order_by(ApiKeyRow.name))]

    def revoke(self, key_id: str, audit: AuditEvent) -> bool:
        """It opens nothing any more, from the next request on; False when it was revoked already."""
        done = self._session.execute(
            update(ApiKeyRow)
            .where(ApiKeyRow.id == key_id, ApiKeyRow.revoked_at.is_(None))
            .values(revoked_at=self._clock.now())
            .returning(ApiKeyRow.id)
        ).first()
        if done is not None:
            self._audit.take(audit)
        return done is not None

    def wants_note(self, key: MachineKey) -> bool:
        """Whether it is time to note that it is in use."""
        return key.used_at is None or self._clock.now() - key.used_at >= timedelta(seconds=NOTE_SECONDS)

    def note(self, key_id: str) -> None:
        """That it is in use."""
        self._session.execute(update(ApiKeyRow).where(ApiKeyRow.id == key_id).values(used_at=self._clock.now()))


def _key(row: ApiKeyRow) -> MachineKey:
    return MachineKey(
        id=row.id,
        name=row.name,
        roles=frozenset(row.roles),
        created_by=row.created_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        used_at=row.used_at,
    )
