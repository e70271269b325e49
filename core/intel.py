"""Rows of the tables that lookup tools read: indicators of compromise, exploited vulnerabilities, exploit scores."""

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


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoreRow:
    """How likely a CVE is to be exploited within 30 days, as FIRST's EPSS model says."""

    cve: str
    #: Probability, 0 to 1.
    epss: float
    #: Share of all scored CVEs with the same score or a lower one, 0 to 1.
    percentile: float
    #: Version of the model and ISO date of the score, empty when the file has none.
    model: str = ""
    scored: str = ""
