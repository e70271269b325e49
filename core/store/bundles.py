"""Policy bundles by the hash of their content, and which of them was live since when."""

from __future__ import annotations

from typing import cast

from sqlalchemy import and_, or_, select, text
from sqlalchemy.orm import Session

from core.audit import AuditEvent
from core.bundle_change import FILES, SHIPPED, Activation, ActivationKind, Origin, StoredBundle
from core.clock import Clock
from core.errors import NotFound
from core.store.audit import AuditTrail
from core.store.bundle_changes import BundleChanges
from core.store.schema import BundleActivationRow, BundleChangeRow, BundleRow
from core.store.sealing import Sealer
from core.store.vault import Vault

#: PostgreSQL advisory lock that orders those who change what is live.
LIVE_LOCK = 7203516


class Bundles:
    """Nothing here is changed or deleted: what was live at any time can be read again.

    Files are sealed, because `organization.yaml` names people and hosts, and a copy of the database must not.
    """

    def __init__(self, session: Session, clock: Clock, vault: Vault, audit: AuditTrail) -> None:
        self._session = session
        self._clock = clock
        self._audit = audit
        self._sealer = Sealer(vault, "bundles")
        #: The questions whether a bundle may go live.
        self.changes = BundleChanges(session, clock, self._sealer, audit)

    # --- content

    def keep(self, bundle: StoredBundle) -> None:
        """Keep a bundle; one that is there already stays as it is, with its first author and reason."""
        if self._session.get(BundleRow, bundle.hash) is not None:
            return
        self._session.add(
            BundleRow(
                hash=bundle.hash,
                files=self._sealer.close(dict(bundle.files), context=f"bundle:{bundle.hash}"),
                author=bundle.author,
                reason=bundle.reason,
                origin=bundle.origin,
                created_at=bundle.created_at,
            )
        )
        self._session.flush()

    def get(self, hash_: str) -> StoredBundle:
        """A bundle with its files.

        Raises:
            NotFound: no bundle has this hash.
            VaultError: its files do not open: the master key is not here, or they were changed.
        """
        row = self._session.get(BundleRow, hash_)
        if row is None:
            raise NotFound(f"There is no bundle {hash_[:64]}; `casemate policy history` shows those that were live.")
        return StoredBundle(
            hash=row.hash,
            files=self._sealer.open(row.files, context=f"bundle:{row.hash}"),
            author=row.author,
            reason=row.reason,
            origin=cast("Origin", row.origin),
            created_at=row.created_at,
        )

    def find(self, start: str) -> str:
        """The whole hash of the one bundle whose hash begins so.

        Raises:
            NotFound: none does, or several do.
        """
        hexadecimal = bool(start) and set(start) <= set("0123456789abcdef")
        found = self._session.scalars(select(BundleRow.hash).where(BundleRow.hash.startswith(start)).limit(2)).all()
        if not hexadecimal or len(found) != 1:
            how = "Several bundles have" if hexadecimal and found else "No bundle has"
            raise NotFound(f"{how} a hash that begins with {start[:64]!r}; `casemate policy history` shows them.")
        return found[0]

    # --- what is live

    def lock(self) -> None:
        """Let nobody else change what is live before this transaction ends; on SQLite no other writer can."""
        if self._session.get_bind().dialect.name == "postgresql":
            self._session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LIVE_LOCK})

    def live(self) -> Activation | None:
        """What is live now; None before the first start."""
        return next(iter(self.activations(limit=1)), None)

    def live_hash(self) -> str | None:
        """The hash of what is live now."""
        newest = select(BundleActivationRow.bundle_hash).order_by(BundleActivationRow.sequence.desc()).limit(1)
        return self._session.scalar(newest)

    def activations(self, *, limit: int = 100) -> list[Activation]:
        """What was live, newest first."""
        rows = self._session.scalars(
            select(BundleActivationRow).order_by(BundleActivationRow.sequence.desc()).limit(limit)
        )
        return [_activation(row) for row in rows]

    def activate(
        self, hash_: str, *, kind: ActivationKind, actor: str, reason: str, change_id: str | None = None
    ) -> Activation:
        """Make a kept bundle live. Waiting changes that would replace another bundle are outdated by that.

        Callers hold `lock`, and have checked that this may be done.
        """
        previous = self.live_hash()
        row = BundleActivationRow(
            bundle_hash=hash_,
            previous_hash=previous,
            change_id=change_id,
            kind=kind,
            actor=actor,
            reason=reason,
            created_at=self._clock.now(),
        )
        self._session.add(row)
        self._session.flush()
        data = {"bundle": hash_, "before": previous, "kind": kind, "change": change_id}
        self._audit.take(AuditEvent(action="policy.activated", actor=actor, data=data))
        self.changes.outdate(live=hash_, actor=actor)
        return _activation(row)

    def rolled_back(self, hash_: str) -> bool:
        """Whether a bundle was rolled back from and has not gone live since."""
        row = BundleActivationRow
        newest = self._session.scalars(
            select(row)
            .where(or_(row.bundle_hash == hash_, and_(row.previous_hash == hash_, row.kind == "rollback")))
            .order_by(row.sequence.desc())
            .limit(1)
        ).first()
        return newest is not None and newest.bundle_hash != hash_

    def last_from_folder(self) -> tuple[str, str] | None:
        """The bundle that a folder last asked for or put live by itself, and which folder: `files` or `shipped`."""
        change, live = BundleChangeRow, BundleActivationRow
        asked = self._session.execute(
            select(change.created_at, change.bundle_hash, change.author)
            .where(change.author.in_([FILES, SHIPPED]))
            .order_by(change.created_at.desc(), change.id.desc())
            .limit(1)
        ).first()
        went = self._session.execute(
            select(live.created_at, live.bundle_hash, live.actor)
            .where(live.kind.in_(["first", "files"]))
            .order_by(live.sequence.desc())
            .limit(1)
        ).first()
        # Of the same moment, the question came after what went live.
        newest = max((row for row in (asked, went) if row is not None), key=lambda row: row[0], default=None)
        return (newest[1], newest[2]) if newest is not None else None


def _activation(row: BundleActivationRow) -> Activation:
    return Activation(
        sequence=row.sequence,
        bundle_hash=row.bundle_hash,
        previous_hash=row.previous_hash,
        change_id=row.change_id,
        kind=cast("ActivationKind", row.kind),
        actor=row.actor,
        reason=row.reason,
        created_at=row.created_at,
    )
