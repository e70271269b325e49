"""Evidence: what a tool found, where it came from, and how far it can be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.canonical import JsonObject

#: A fact is one named scalar that playbooks weigh and policies read.
Fact = bool | int | float | str


class Trust(StrEnum):
    """Set by the adapter that fetched the value, never by the value itself."""

    INTERNAL = "internal"  # asset, identity, log and intelligence stores of our own
    UNTRUSTED = "untrusted"  # ticket text, mail, files, web: an attacker may have written it


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """One result of one tool call on one ticket; every string in it is masked."""

    ticket_id: str
    #: Short name inside the ticket: `E1`, `E2`, … What findings cite.
    id: str
    tool: str
    agent: str
    #: Arguments as the model gave them (masked).
    arguments: JsonObject
    trust: Trust
    #: One sentence for people.
    summary: str
    #: What playbooks and policies read: `{"dmarc": "fail", "links": 3}`.
    facts: dict[str, Fact]
    #: The rest of the result.
    detail: JsonObject
    #: Why the call gave nothing (refused, timed out, crashed); None when it worked.
    error: str | None
    #: `namespaces`, or `none` for what never ran.
    sandbox: str
    duration_ms: int
    digest: str
    created_at: datetime

    def as_json(self) -> JsonObject:
        """What a model is shown."""
        shown: JsonObject = {
            "evidence": self.id,
            "tool": self.tool,
            "arguments": self.arguments,
            "trust": self.trust.value,
            "summary": self.summary,
            "facts": self.facts,
            "detail": self.detail,
        }
        if self.error is not None:
            shown["error"] = self.error
        return shown
