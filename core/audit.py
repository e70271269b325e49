"""Audit events and the hash chain that makes changed history visible."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.canonical import JsonObject, digest

#: What the first event of a chain is linked to.
GENESIS = "0" * 64


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditEvent:
    """Who did what to which ticket. Data holds ids, states, rules, digests and masked reasons: never originals."""

    action: str
    actor: str
    ticket_id: str | None = None
    data: JsonObject = field(default_factory=dict)


def link(previous: str, *, sequence: int, at: str, event: AuditEvent) -> str:
    """The hash of an event: SHA-256 over the previous hash and the event's canonical form."""
    return digest(
        {
            "previous": previous,
            "sequence": sequence,
            "at": at,
            "action": event.action,
            "actor": event.actor,
            "ticket_id": event.ticket_id,
            "data": event.data,
        }
    )
