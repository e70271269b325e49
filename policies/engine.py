"""The decision: strictest matching rule wins, nothing matched or any error denies. Pure: no clock, no store, no log."""

from __future__ import annotations

from core.decision import Decision, Facts, Outcome
from policies.answers import strictest
from policies.compiled import Bundle
from policies.plan import Plan, answers, answers_by_cel, make_plan
from policies.vocabulary import activation


def decide(bundle: Bundle, facts: Facts) -> Decision:
    """The answer to one call of one tool."""
    plan = plan_of(bundle, facts.tool)
    if plan is None:
        return _nobody_speaks(bundle, facts)
    return strictest(facts.tool, answers(plan.rules, plan.reader.read(facts)), bundle.hash)


def decide_by_cel(bundle: Bundle, facts: Facts) -> Decision:
    """The same answer with every condition evaluated by CEL, hundreds of times as slow: to check `decide` against."""
    plan = plan_of(bundle, facts.tool)
    if plan is None:
        return _nobody_speaks(bundle, facts)
    return strictest(facts.tool, answers_by_cel(plan.rules, activation(facts)), bundle.hash)


def agrees(bundle: Bundle, facts: Facts) -> bool:
    """Whether the quick decision is the one that CEL leads to."""
    return decide(bundle, facts) == decide_by_cel(bundle, facts)


def tool_has_rule(bundle: Bundle, tool: str) -> bool:
    """Whether any rule speaks of a tool; without one every call is denied."""
    return bool(bundle.rules_for(tool))


def plan_of(bundle: Bundle, tool: str) -> Plan | None:
    """The rules of a tool made ready, once a bundle; None when no rule speaks of it."""
    plan = bundle.plans.get(tool)
    if plan is None:
        plan = make_plan(bundle, tool)
        if plan is not None:
            bundle.plans[tool] = plan
    return plan


def _nobody_speaks(bundle: Bundle, facts: Facts) -> Decision:
    reason = f"No rule speaks of {facts.tool}, so it is denied."
    return Decision(outcome=Outcome.DENY, rules=(), reason=reason, bundle_hash=bundle.hash)
