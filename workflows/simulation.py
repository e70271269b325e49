"""What a simulation found: which decisions flip, who would be asked how often, and what that costs people."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime

from core.canonical import JsonObject
from core.decision import Decision

#: Minutes a person takes for one approval, unless told otherwise: an assumption, and always shown as one.
MINUTES = 5.0
#: What stands for a rule where none allowed it.
NO_RULE = "(no rule)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Flip:
    """One decision that the candidate takes differently."""

    decision_id: str
    ticket_id: str | None
    proposal_id: str | None
    door: str
    tool: str
    at: datetime
    before: Decision
    after: Decision

    @property
    def kind(self) -> str:
        """`ask → allow`; `ask, differently` when only what it takes from people, or the lease, is another."""
        before, after = self.before.outcome.value, self.after.outcome.value
        return f"{before} → {after}" if before != after else f"{after}, differently"

    def as_json(self) -> JsonObject:
        return {
            "decision": self.decision_id,
            "ticket": self.ticket_id,
            "proposal": self.proposal_id,
            "door": self.door,
            "tool": self.tool,
            "at": self.at.isoformat(),
            "kind": self.kind,
            "before": terms(self.before),
            "after": terms(self.after),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """How often people were asked on the same terms, and would have been."""

    roles: tuple[str, ...]
    approvals: int
    before: int
    after: int

    def as_json(self) -> JsonObject:
        return {"roles": list(self.roles), "approvals": self.approvals, "before": self.before, "after": self.after}


@dataclass(kw_only=True)
class Simulation:
    """What changes when the candidate goes live, told exactly."""

    candidate: str
    #: Hash of the bundle it is compared with; None: with what was decided then.
    against: str | None
    since: datetime | None
    #: Minutes per approval, assumed.
    minutes: float
    #: Past decisions that were decided again, without re-checks.
    replayed: int = 0
    #: Re-checks that were decided again, and those of them that come out differently.
    rechecks: int = 0
    rechecks_flipped: int = 0
    #: Past decisions whose facts cannot be told any more, by why.
    not_replayable: Counter[str] = field(default_factory=Counter)
    flips: list[Flip] = field(default_factory=list)
    tools: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    #: Rule → decisions it led to, before and after.
    rules: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    #: (roles, approvals) → questions, before and after.
    asked: dict[tuple[tuple[str, ...], int], Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    #: Approvals that wait now.
    pending: int = 0
    pending_flips: list[Flip] = field(default_factory=list)
    #: Those of them whose facts cannot be told any more, and why.
    pending_not_replayable: dict[str, str] = field(default_factory=dict)

    @property
    def questions(self) -> list[Question]:
        """Who was asked how often, and would have been; most asked first."""
        found = [
            Question(roles=roles, approvals=approvals, before=times["before"], after=times["after"])
            for (roles, approvals), times in self.asked.items()
        ]
        return sorted(found, key=lambda q: (-max(q.before, q.after), q.roles, q.approvals))

    @property
    def minutes_before(self) -> float:
        """What the answers took people, by the assumption."""
        return self.minutes * sum(question.approvals * question.before for question in self.questions)

    @property
    def minutes_after(self) -> float:
        return self.minutes * sum(question.approvals * question.after for question in self.questions)

    @property
    def kinds(self) -> Counter[str]:
        """How many flips there are of each kind."""
        return Counter(flip.kind for flip in self.flips)

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What must be known to read the numbers rightly."""
        return (
            f"Every approval is taken to cost a person {self.minutes:g} minutes.",
            "Limits count what had been done when each decision was taken, not what the candidate would have led to.",
            "What is known of a host or a person comes from the organization of the bundle that decides.",
            "Everything else is as it was when each decision was taken.",
        )

    def as_json(self, *, limit: int | None = None) -> JsonObject:
        """All of it; with `limit`, at most that many flips of each list. Counts are always of all."""
        return {
            "candidate": self.candidate,
            "against": self.against or "recorded",
            "since": self.since.isoformat() if self.since else None,
            "replayed": self.replayed,
            "not_replayable": dict(self.not_replayable),
            "rechecks": {"replayed": self.rechecks, "flipped": self.rechecks_flipped},
            "flipped": len(self.flips),
            "kinds": dict(self.kinds),
            "flips": [flip.as_json() for flip in self.flips[:limit]],
            "tools": {tool: dict(counts) for tool, counts in sorted(self.tools.items())},
            "rules": {
                rule: {"before": counts["before"], "after": counts["after"]}
                for rule, counts in sorted(self.rules.items())
            },
            "questions": [question.as_json() for question in self.questions],
            "minutes": {
                "per_approval": self.minutes,
                "before": self.minutes_before,
                "after": self.minutes_after,
                "saved": self.minutes_before - self.minutes_after,
            },
            "pending": {
                "waiting": self.pending,
                "flipped": len(self.pending_flips),
                "flips": [flip.as_json() for flip in self.pending_flips[:limit]],
                "not_replayable": self.pending_not_replayable,
            },
            "assumptions": list(self.assumptions),
        }


def terms(decision: Decision) -> JsonObject:
    """What a decision means for people, and the rules behind it."""
    return {name: value for name, value in decision.as_json().items() if name not in {"reason", "bundle_hash"}}
