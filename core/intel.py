"""Rows of the reference tables that lookup tools read: indicators of compromise and exploited vulnerabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

IndicatorType = Literal["ip", "domain", "url", "hash", "email"]


@dataclass(frozen=True, kw_only=True, slots=True)
class IntelRow:
    """What one feed says of one indicator."""

    value: str
    type: IndicatorType
    source: str
    #: 0 to 100, as the feed states it.
    confidence: int
    malicious: bool
    description: str = ""
    #: ISO dates, empty when the feed has none.
    first_seen: str = ""
    last_seen: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class VulnerabilityRow:
    """One entry of a known-exploited-vulnerabilities list."""

    cve: str
    name: str
    vendor: str
    product: str
    #: ISO dates.
    added: str
    due: str
    #: Used in ransomware campaigns.
    ransomware: bool
    action: str
