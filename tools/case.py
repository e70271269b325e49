"""The case a gate serves: one ticket in one run of one team."""

from __future__ import annotations

from dataclasses import dataclass

from core.ticket import MaskedTicket, Original


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """The ticket as the trusted zone knows it, and as a team sees it."""

    ticket_id: str
    kind: str
    source: str
    team: str
    framework: str
    original: Original
    masked: MaskedTicket
