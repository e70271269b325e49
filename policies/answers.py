"""What single rules answer, and the join of their answers: every part only gets stricter when an answer is added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.decision import Decision, OnExpiry, Outcome
from policies.actions import Ask, Rule

#: Loosest first.
_ON_EXPIRY: tuple[OnExpiry, ...] = ("expire", "escalate", "deny")


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What one rule says of one call."""

    rule: str
    outcome: Outcome
    reason: str
    #: Of a rule that asks.
    ask: Ask | None = None
    #: Seconds until the effect reverts; 0 the rule does not say.
    lease: int = 0


def answer_of(rule: Rule, tool: str) -> Answer:
    """What a rule says when its condition holds and no limit is reached."""
    if rule.then == "deny":
        return Answer(rule=rule.id, outcome=Outcome.DENY, reason=rule.reason or f"Rule {rule.id} denies {tool}.")
    if isinstance(rule.then, Ask):
        reason = rule.reason or f"Rule {rule.id} asks people about {tool}."
        return Answer(rule=rule.id, outcome=Outcome.ASK, reason=reason, ask=rule.then, lease=rule.lease)
    reason = rule.reason or f"Rule {rule.id} allows {tool}."
    return Answer(rule=rule.id, outcome=Outcome.ALLOW, reason=reason, lease=rule.lease)


def beyond(rule: Rule, most: int, within: str) -> Answer:
    """What a rule that allows says when as many effects as it allows were done."""
    reason = f"Rule {rule.id} allows {most} {within}, and that many were done, so a person must agree."
    return Answer(rule=rule.id, outcome=Outcome.ASK, reason=reason, ask=Ask(approvals=1), lease=rule.lease)


def undecided(rule: Rule, why: str) -> Answer:
    """What a rule says that could not be evaluated."""
    reason = f"Rule {rule.id} could not be decided ({why}), so the call is denied."
    return Answer(rule=rule.id, outcome=Outcome.DENY, reason=reason)


def strictest(tool: str, answers: Sequence[Answer], bundle_hash: str) -> Decision:
    """The decision that follows from the answers of all rules that matched, which stand in the order of their ids."""
    denials = [answer for answer in answers if answer.outcome is Outcome.DENY]
    if denials:
        return _decision(Outcome.DENY, denials, bundle_hash)
    if not answers:
        reason = f"No rule allows this call of {tool}, so it is denied."
        return Decision(outcome=Outcome.DENY, rules=(), reason=reason, bundle_hash=bundle_hash)
    # A lease bounds the harm of the effect, so the shortest one counts whichever rule set it.
    lease = min((answer.lease for answer in answers if answer.lease), default=0)
    asks = [answer for answer in answers if answer.ask is not None]
    if not asks:
        return _decision(Outcome.ALLOW, answers, bundle_hash, lease=lease)
    questions = [answer.ask for answer in asks if answer.ask is not None]
    roles = common_roles(questions)
    if roles is None:
        named = ", ".join(answer.rule for answer in asks)
        reason = f"Rules {named} ask for roles that nobody can hold together; change one of them."
        return _decision(Outcome.DENY, asks, bundle_hash, reason=reason)
    return _decision(
        Outcome.ASK,
        asks,
        bundle_hash,
        approvals=max(question.approvals for question in questions),
        roles=roles,
        expires=min((question.expires for question in questions if question.expires), default=0),
        on_expiry=max((question.on_expiry for question in questions), key=_ON_EXPIRY.index),
        reauthenticate=min((question.reauthenticate for question in questions if question.reauthenticate), default=0),
        lease=lease,
    )


def common_roles(questions: Sequence[Ask]) -> tuple[str, ...] | None:
    """Roles that satisfy every question; empty when any approver does, None when no role does."""
    named = [set(question.roles) for question in questions if question.roles]
    if not named:
        return ()
    return tuple(sorted(set.intersection(*named))) or None


def _decision(
    outcome: Outcome,
    answers: Sequence[Answer],
    bundle_hash: str,
    *,
    reason: str = "",
    approvals: int = 0,
    roles: tuple[str, ...] = (),
    expires: int = 0,
    on_expiry: OnExpiry = "expire",
    reauthenticate: int = 0,
    lease: int = 0,
) -> Decision:
    return Decision(
        outcome=outcome,
        rules=tuple([answer.rule for answer in answers]),
        reason=reason or " ".join([answer.reason for answer in answers]),
        bundle_hash=bundle_hash,
        approvals=approvals,
        roles=roles,
        expires_seconds=expires,
        lease_seconds=lease,
        on_expiry=on_expiry,
        reauthenticate_seconds=reauthenticate,
    )
