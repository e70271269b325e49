"""What each fact means and which values it can take: for the schema that editors use, for examples and for the docs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Meaning:
    """One fact in words, and the bounds of a number."""

    words: str
    least: int | None = None
    most: int | None = None


def _fact(words: str, least: int | None = None, most: int | None = None) -> Meaning:
    return Meaning(words=words, least=least, most=most)


#: Every fact of `policies.vocabulary.FIELDS`, as rules write it.
MEANINGS: Mapping[str, Meaning] = {
    "ticket.kind": _fact("kind of the ticket, such as phishing or endpoint"),
    "ticket.source": _fact("system the ticket came from"),
    "ticket.age_minutes": _fact("minutes since what the ticket reports; 0 when it does not say", 0),
    "verdict.label": _fact("what the team calls the ticket"),
    "verdict.severity": _fact("how bad the team says it is"),
    "verdict.confidence": _fact("how sure the team is, from 0.0 to 1.0", 0, 1),
    "verdict.findings": _fact("findings of the team that cite evidence", 0),
    "asset.known": _fact("the host the action aims at is in organization.yaml"),
    "asset.tier": _fact("its tier: 0 is the most critical, and so is an unknown host", 0, 4),
    "asset.kind": _fact("its kind; empty for an unknown host"),
    "asset.owner": _fact("username of the person who answers for it"),
    "asset.environment": _fact("its environment, such as production or build"),
    "identity.known": _fact("the person the action aims at is in organization.yaml"),
    "identity.role": _fact("the person's role, as organization.yaml writes it"),
    "identity.department": _fact("the person's department"),
    "identity.vip": _fact("a likely target of impersonation; an unknown account is one"),
    "identity.privileged": _fact("holds rights that could harm many systems; an unknown account does"),
    "identity.service_account": _fact("no person but a program signs in with it"),
    "team.name": _fact("name of the team that proposes"),
    "team.framework": _fact("framework the team runs on"),
    "evidence.count": _fact("pieces of evidence on the ticket", 0),
    "evidence.internal": _fact("pieces from our own stores that say something", 0),
    "evidence.untrusted": _fact("pieces that an attacker may have written", 0),
    "evidence.manipulation": _fact("an instruction to the agents stands in the ticket, or nobody has read it"),
    "time.hour": _fact("hour of the day in UTC", 0, 23),
    "time.weekday": _fact("day of the week; 0 is Monday", 0, 6),
    "time.business_hours": _fact("Monday to Friday in working hours (UTC)"),
    "history.last_hour": _fact("effects of this tool dispatched in the last hour", 0),
    "history.last_day": _fact("effects of this tool dispatched in the last 24 hours", 0),
    "history.target_last_hour": _fact("of these in the last hour, at the same target", 0),
    "history.target_last_day": _fact("of these in the last 24 hours, at the same target", 0),
    "history.source_last_hour": _fact("of these in the last hour, for tickets of the same source", 0),
    "history.source_last_day": _fact("of these in the last 24 hours, for tickets of the same source", 0),
}
