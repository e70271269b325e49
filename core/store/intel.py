"""Threat intelligence, known exploited vulnerabilities, and how likely others are to be exploited."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from core.audit import AuditEvent
from core.canonical import JsonObject
from core.intel import IntelRow
from core.intel import ScoreRow as Score
from core.intel import VulnerabilityRow as Vulnerability
from core.store.audit import AuditTrail
from core.store.schema import Base, IndicatorRow, ScoreRow, VulnerabilityRow

#: Rows handed to the database at once.
BATCH = 2_000


class Intel:
    """Reference tables. Values are indicators, not personal data, and stand in the clear."""

    def __init__(self, session: Session, audit: AuditTrail) -> None:
        self._session = session
        self._audit = audit

    def add(self, rows: Iterable[IntelRow], audit: AuditEvent) -> int:
        """Insert or refresh rows; returns how many there were."""
        count = self._put(IndicatorRow, ({**asdict(row), "value": row.value.lower()} for row in rows))
        self._audit.take(audit)
        return count

    def lookup(self, values: Iterable[str]) -> list[JsonObject]:
        """What all feeds say of these values (compared without regard to case)."""
        wanted = sorted({value.lower() for value in values})
        rows = self._session.scalars(
            select(IndicatorRow).where(IndicatorRow.value.in_(wanted)).order_by(IndicatorRow.value, IndicatorRow.source)
        )
        return [
            {
                "value": row.value,
                "type": row.type,
                "source": row.source,
                "confidence": row.confidence,
                "malicious": row.malicious,
                "description": row.description,
                "first_seen": row.first_seen,
                "last_seen": row.last_seen,
            }
            for row in rows
        ]

    def add_vulnerabilities(self, rows: Iterable[Vulnerability], audit: AuditEvent) -> int:
        """Insert or refresh entries; returns how many there were."""
        count = self._put(VulnerabilityRow, ({**asdict(row), "cve": row.cve.upper()} for row in rows))
        self._audit.take(audit)
        return count

    def vulnerability(self, cve: str) -> JsonObject | None:
        """The entry of one CVE, or None when it is not known to be exploited."""
        row = self._session.get(VulnerabilityRow, cve.upper())
        if row is None:
            return None
        return {
            "cve": row.cve,
            "name": row.name,
            "vendor": row.vendor,
            "product": row.product,
            "added": row.added,
            "due": row.due,
            "ransomware": row.ransomware,
            "action": row.action,
        }

    def add_scores(self, rows: Iterable[Score], audit: AuditEvent) -> int:
        """Insert or refresh EPSS scores; returns how many there were."""
        count = self._put(ScoreRow, ({**asdict(row), "cve": row.cve.upper()} for row in rows))
        self._audit.take(audit)
        return count

    def score(self, cve: str) -> JsonObject | None:
        """The EPSS score of one CVE, or None when it has none here."""
        row = self._session.get(ScoreRow, cve.upper())
        if row is None:
            return None
        return {"epss": row.epss, "percentile": row.percentile, "model": row.model, "scored": row.scored}

    def size(self) -> dict[str, int]:
        """Rows in each table."""
        tables: dict[str, type[Base]] = {
            "indicators": IndicatorRow, "vulnerabilities": VulnerabilityRow, "scores": ScoreRow,
        }  # fmt: skip
        return {
            name: self._session.scalar(select(func.count()).select_from(table)) or 0 for name, table in tables.items()
        }

    def _put(self, table: type[Base], values: Iterable[dict[str, Any]]) -> int:
        """Insert or refresh by primary key: a quarter of a million rows take seconds. The last of two wins."""
        columns = table.__table__.columns
        key = [column.name for column in columns if column.primary_key]
        insert = postgres_insert if self._session.get_bind().dialect.name == "postgresql" else sqlite_insert
        statement = insert(table)
        fresh = {column.name: statement.excluded[column.name] for column in columns if not column.primary_key}
        statement = statement.on_conflict_do_update(index_elements=key, set_=fresh)
        count, batch = 0, dict[tuple[Any, ...], dict[str, Any]]()
        for value in values:
            count += 1
            batch[tuple(value[name] for name in key)] = value  # one statement may not touch a row twice
            if len(batch) >= BATCH:
                self._session.execute(statement, list(batch.values()))
                batch.clear()
        if batch:
            self._session.execute(statement, list(batch.values()))
        return count
