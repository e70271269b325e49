"""Runs the examples that every rule carries; a rule that breaks its own example cannot go live."""

from __future__ import annotations

from core.decision import ArgumentFacts, Facts, Outcome
from core.errors import Problem
from policies.actions import Example, Rule
from policies.compiled import Bundle
from policies.engine import decide
from policies.vocabulary import facts_over_strictest


def run_examples(bundle: Bundle) -> list[Problem]:
    """Every example whose answer is not the expected one, at its line."""
    problems: list[Problem] = []
    document = bundle.documents["actions.yaml"]
    for number, compiled in enumerate(bundle.rules):
        for position, example in enumerate(compiled.rule.examples):
            for facts in example_facts(compiled.rule, example):
                message = _difference(bundle, compiled.rule, example, facts)
                if message is not None:
                    problems.append(document.problem(("rules", number, "examples", position), message))
                    break
    return problems


def example_facts(rule: Rule, example: Example) -> list[Facts]:
    """The facts of an example, once for each tool it speaks of."""
    given = example.given
    args = {
        name: ArgumentFacts(value=argument.value, trusted=argument.trusted, sources=tuple(argument.sources))
        for name, argument in given.args.items()
    }
    tools = [given.tool] if given.tool is not None else rule.tools
    return [facts_over_strictest(tool, args, given.groups()) for tool in tools]


def _difference(bundle: Bundle, rule: Rule, example: Example, facts: Facts) -> str | None:
    decision = decide(bundle, facts)
    because = f"{decision.reason} (rules: {', '.join(decision.rules) or 'none'})"
    if decision.outcome.value != example.expect:
        expected = f"expects {example.expect}, but the policy answers {decision.outcome.value} for {facts.tool}"
        return f"example of `{rule.id}` {expected}: {because}"
    if example.approvals is not None and (
        decision.outcome is not Outcome.ASK or decision.approvals != example.approvals
    ):
        expected = f"expects {example.approvals} approvals, but the policy asks for {decision.approvals}"
        return f"example of `{rule.id}` {expected} for {facts.tool}: {because}"
    return None
