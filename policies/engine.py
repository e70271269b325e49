"""The decision: strictest matching rule wins, nothing matched or any error denies. Pure: no clock, no store, no log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.decision import Decision, Facts, Outcome
from policies.actions import Ask, Limit, Rule
from policies.compiled import Bundle, CompiledRule
from policies.condition import Undecided
from policies.vocabulary import activation


@dataclass(frozen=True, kw_only=True, slots=True)
class _Answer:
    """What one matching rule says."""

    rule: str
    outcome: Outcome
    reason: str
    ask: Ask | None = None
    lease: int = 0


def decide(bundle: Bundle, facts: Facts) -> Decision:
    """The answer to one call of one tool."""
    rules = bundle.rules_for(facts.tool)
    if not rules:
        return _deny(bundle, (), f"No rule speaks of {facts.tool}, so it is denied.")
    named = activation(facts)
    answers: list[_Answer] = []
    for rule in rules:
        try:
            answer = _answer(rule, facts, named)
        except Undecided as error:
            reason = f"Rule {rule.rule.id} could not be decided ({error.code}), so the call is denied."
            answer = _Answer(rule=rule.rule.id, outcome=Outcome.DENY, reason=reason)
        if answer is not None:
            answers.append(answer)
    return _strictest(bundle, facts.tool, answers)


def tool_has_rule(bundle: Bundle, tool: str) -> bool:
    """Whether any rule speaks of a tool; without one every call is denied."""
    return bool(bundle.rules_for(tool))


def _answer(compiled: CompiledRule, facts: Facts, named: Mapping[str, object]) -> _Answer | None:
    rule = compiled.rule
    if compiled.condition is not None and not compiled.condition.holds(named):
        return None
    if rule.then == "deny":
        return _Answer(rule=rule.id, outcome=Outcome.DENY, reason=rule.reason or f"Rule {rule.id} denies {facts.tool}.")
    if isinstance(rule.then, Ask):
        reason = rule.reason or f"Rule {rule.id} asks people about {facts.tool}."
        return _Answer(rule=rule.id, outcome=Outcome.ASK, reason=reason, ask=rule.then, lease=rule.lease)
    exceeded = _exceeded(rule.limit, named) if rule.limit is not None else None
    if exceeded is not None:
        reason = f"Rule {rule.id} allows {exceeded}, and that many were done, so a person must agree."
        ask = Ask(approvals=1)
        return _Answer(rule=rule.id, outcome=Outcome.ASK, reason=reason, ask=ask, lease=rule.lease)
    return _Answer(rule=rule.id, outcome=Outcome.ALLOW, reason=_allowed(rule, facts.tool), lease=rule.lease)


def _allowed(rule: Rule, tool: str) -> str:
    return rule.reason or f"Rule {rule.id} allows {tool}."


def _exceeded(limit: Limit, named: Mapping[str, object]) -> str | None:
    for name, most, words in (
        ("history.last_hour", limit.per_hour, "an hour"),
        ("history.last_day", limit.per_day, "a day"),
    ):
        if most is None:
            continue
        done = named.get(name)
        if not isinstance(done, int):
            raise Undecided("NO_HISTORY")
        if done >= most:
            return f"{most} {words}"
    return None


def _strictest(bundle: Bundle, tool: str, answers: list[_Answer]) -> Decision:
    """Join the answers. Every part only ever gets stricter when an answer is added, in whatever order."""
    denials = [answer for answer in answers if answer.outcome is Outcome.DENY]
    asks = [answer for answer in answers if answer.outcome is Outcome.ASK]
    if denials:
        return _deny(bundle, _rules(denials), _reasons(denials))
    if not answers:
        return _deny(bundle, (), f"No rule allows this call of {tool}, so it is denied.")
    # A lease bounds the harm of the effect, so the shortest one counts whichever rule set it.
    lease = min((answer.lease for answer in answers if answer.lease), default=0)
    if not asks:
        return Decision(
            outcome=Outcome.ALLOW,
            rules=_rules(answers),
            reason=_reasons(answers),
            bundle_hash=bundle.hash,
            lease_seconds=lease,
        )
    questions = [answer.ask for answer in asks if answer.ask is not None]
    roles = _common_roles(questions)
    if roles is None:
        reason = f"Rules {', '.join(_rules(asks))} ask for roles that nobody can hold together; change one of them."
        return _deny(bundle, _rules(asks), reason)
    return Decision(
        outcome=Outcome.ASK,
        rules=_rules(asks),
        reason=_reasons(asks),
        bundle_hash=bundle.hash,
        approvals=max(question.approvals for question in questions),
        roles=roles,
        expires_seconds=min((question.expires for question in questions if question.expires), default=0),
        lease_seconds=lease,
    )


def _common_roles(questions: list[Ask]) -> tuple[str, ...] | None:
    """Roles that satisfy every question; empty when any approver does, None when no role does."""
    named = [set(question.roles) for question in questions if question.roles]
    if not named:
        return ()
    return tuple(sorted(set.intersection(*named))) or None


def _deny(bundle: Bundle, rules: tuple[str, ...], reason: str) -> Decision:
    return Decision(outcome=Outcome.DENY, rules=rules, reason=reason, bundle_hash=bundle.hash)


def _rules(answers: list[_Answer]) -> tuple[str, ...]:
    return tuple(sorted(answer.rule for answer in answers))


def _reasons(answers: list[_Answer]) -> str:
    return " ".join(answer.reason for answer in sorted(answers, key=lambda answer: answer.rule))
