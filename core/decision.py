"""What policy answers about one action, and the facts it answers from."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from core.canonical import JsonObject
from core.evidence import Fact


class Outcome(StrEnum):
    """The three answers, loosest first; the strictest matching rule wins."""

    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


#: What becomes of a question nobody answers: it lapses, it goes to a person with the whole ticket, it counts as a no.
OnExpiry = Literal["expire", "escalate", "deny"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ArgumentFacts:
    """One argument of a proposal as policy sees it: `args.host.value`, `args.host.trusted`."""

    value: Fact
    #: True when the value occurs in internal evidence (not only in ticket text, mail or files).
    trusted: bool
    #: Ids of the evidence the value was found in.
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """Everything a rule may look at. Values are real (restored), inside the trusted zone."""

    tool: str
    args: dict[str, ArgumentFacts]
    #: kind, source, age_minutes
    ticket: dict[str, Fact]
    #: label, severity, confidence, findings
    verdict: dict[str, Fact]
    #: Of the host an action aims at: known, tier (0 most critical … 4), kind, owner, environment
    asset: dict[str, Fact]
    #: Of the person an action aims at: known, role, department, vip, privileged, service_account
    identity: dict[str, Fact]
    #: name, framework
    team: dict[str, Fact]
    #: count, internal, untrusted, manipulation (an instruction to the agents was found in the ticket)
    evidence: dict[str, Fact]
    #: hour (0-23 UTC), weekday (0 Monday), business_hours
    time: dict[str, Fact]
    #: Effects of this tool already dispatched: last_hour, last_day; at the same target: target_last_hour,
    #: target_last_day; for tickets of the same source: source_last_hour, source_last_day
    history: dict[str, Fact]

    def as_json(self) -> JsonObject:
        return {
            "tool": self.tool,
            "args": {
                name: {"value": a.value, "trusted": a.trusted, "sources": list(a.sources)}
                for name, a in self.args.items()
            },
            "ticket": self.ticket,
            "verdict": self.verdict,
            "asset": self.asset,
            "identity": self.identity,
            "team": self.team,
            "evidence": self.evidence,
            "time": self.time,
            "history": self.history,
        }

    @classmethod
    def from_json(cls, value: JsonObject) -> Facts:
        """The inverse of `as_json`."""
        args = {
            name: ArgumentFacts(value=given["value"], trusted=given["trusted"], sources=tuple(given["sources"]))
            for name, given in value["args"].items()
        }
        return cls(**{**value, "args": args})


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """The answer, the rules that led to it, and what it takes from people when it is `ask`."""

    outcome: Outcome
    #: Ids of the rules of the winning strictness; empty for the default deny.
    rules: tuple[str, ...]
    reason: str
    bundle_hash: str
    #: For `ask`: how many different people must approve …
    approvals: int = 0
    #: … each holding one of these roles (empty: any approver) …
    roles: tuple[str, ...] = ()
    #: … within this many seconds (0: never expires).
    expires_seconds: int = 0
    #: For effects that revert by themselves: seconds until they do (0: they stay).
    lease_seconds: int = 0
    #: For `ask`: what becomes of the question when nobody answers in time.
    on_expiry: OnExpiry = "expire"
    #: For `ask`: whoever answers has signed in, or shown the password again, within this many seconds (0: any session
    #: or key will do).
    reauthenticate_seconds: int = 0

    def as_json(self) -> JsonObject:
        return {
            "outcome": self.outcome.value,
            "rules": list(self.rules),
            "reason": self.reason,
            "bundle_hash": self.bundle_hash,
            "approvals": self.approvals,
            "roles": list(self.roles),
            "expires_seconds": self.expires_seconds,
            "lease_seconds": self.lease_seconds,
            "on_expiry": self.on_expiry,
            "reauthenticate_seconds": self.reauthenticate_seconds,
        }

    @classmethod
    def from_json(cls, value: JsonObject) -> Decision:
        """The inverse of `as_json`; what an older release did not write takes its default."""
        return cls(
            **{
                **value,
                "outcome": Outcome(value["outcome"]),
                "rules": tuple(value["rules"]),
                "roles": tuple(value["roles"]),
            }
        )


#: The words rules use for the outcome.
OutcomeName = Literal["allow", "ask", "deny"]


@dataclass(frozen=True, kw_only=True, slots=True)
class EmptyFacts:
    """Defaults for what is not known; each is the value that makes policy strictest."""

    #: An unknown host counts as the most critical tier.
    asset: dict[str, Fact] = field(
        default_factory=lambda: {"known": False, "tier": 0, "kind": "", "owner": "", "environment": ""}
    )
    #: An unknown account counts as privileged.
    identity: dict[str, Fact] = field(
        default_factory=lambda: {
            "known": False,
            "role": "",
            "department": "",
            "vip": True,
            "privileged": True,
            "service_account": False,
        }
    )
