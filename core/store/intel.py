"""Threat intelligence and known exploited vulnerabilities."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.audit import AuditEvent
from core.canonical import JsonObject
from core.intel import IntelRow
from core.intel import VulnerabilityRow as Vulnerability
from core.store.audit import AuditTrail
from core.store.schema import IndicatorRow, VulnerabilityRow


class Intel:
    """Reference tables. Values are indicators, not personal data, and stand in the clear."""

    def __init__(self, session: Session, audit: AuditTrail) -> None:
        self._session = session
        self._audit = audit

    def add(self, rows: Iterable[IntelRow], audit: AuditEvent) -> int:
        """Insert or refresh rows; returns how many there were."""
        count = 0
        for row in rows:
            self._session.merge(IndicatorRow(**{**asdict(row), "value": row.value.lower()}))
            count += 1
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
        count = 0
        for row in rows:
            self._session.merge(VulnerabilityRow(**{**asdict(row), "cve": row.cve.upper()}))
            count += 1
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

    def size(self) -> dict[str, int]:
        """Rows in each table."""
        return {
            "indicators": self._session.scalar(select(func.count()).select_from(IndicatorRow)) or 0,
            "vulnerabilities": self._session.scalar(select(func.count()).select_from(VulnerabilityRow)) or 0,
        }
