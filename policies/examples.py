"""Runs what a bundle says of itself: the examples that every rule carries, and its tests. What fails cannot go live."""

from __future__ import annotations

from collections.abc import Iterator

from core.decision import ArgumentFacts, Decision, Facts
from policies.actions import Example, Given, Rule
from policies.compiled import Bundle
from policies.engine import decide
from policies.suite import Case
from policies.trial import Trial
from policies.vocabulary import facts_over_strictest


def try_examples(bundle: Bundle) -> Iterator[Trial]:
    """Every example of every rule against the whole policy."""
    document = bundle.documents["actions.yaml"]
    for number, compiled in enumerate(bundle.rules):
        rule = compiled.rule
        for position, example in enumerate(rule.examples):
            failures = (_difference(bundle, rule, example, facts) for facts in example_facts(rule, example))
            message = next((failure for failure in failures if failure), "")
            place = document.problem(("rules", number, "examples", position), message)
            yield Trial(kind="example", name=rule.id, place=place)


def try_tests(bundle: Bundle) -> Iterator[Trial]:
    """Every test of every `*_test.yaml` of a bundle."""
    for file, suite in bundle.tests.items():
        document = bundle.documents[file]
        for number, case in enumerate(suite.tests):
            decision = decide(bundle, given_facts(case.given, case.given.tool or ""))
            message = _case_difference(case, decision)
            yield Trial(kind="test", name=case.name, place=document.problem(("tests", number), message))


def example_facts(rule: Rule, example: Example) -> list[Facts]:
    """The facts of an example, once for each tool it speaks of."""
    tools = [example.given.tool] if example.given.tool is not None else rule.tools
    return [given_facts(example.given, tool) for tool in tools]


def given_facts(given: Given, tool: str) -> Facts:
    """The facts of a call of a tool; what was not given takes its strictest value."""
    args = {
        name: ArgumentFacts(value=argument.value, trusted=argument.trusted, sources=tuple(argument.sources))
        for name, argument in given.args.items()
    }
    return facts_over_strictest(tool, args, given.groups())


def _difference(bundle: Bundle, rule: Rule, example: Example, facts: Facts) -> str:
    """How the policy's answer differs from the expected one, or nothing."""
    decision = decide(bundle, facts)
    because = f"{decision.reason} (rules: {', '.join(decision.rules) or 'none'})"
    if decision.outcome.value != example.expect:
        expected = f"expects {example.expect}, but the policy answers {decision.outcome.value} for {facts.tool}"
        return f"example of `{rule.id}` {expected}: {because}"
    if example.approvals is not None and decision.approvals != example.approvals:
        expected = f"expects {example.approvals} approvals, but the policy asks for {decision.approvals}"
        return f"example of `{rule.id}` {expected} for {facts.tool}: {because}"
    return ""


def _case_difference(case: Case, decision: Decision) -> str:
    """How the answer differs from the expected one, or nothing."""
    because = f"{decision.reason} (rules: {', '.join(decision.rules) or 'none'})"
    what = f"test `{case.name}`"
    if decision.outcome.value != case.expect:
        return f"{what} expects {case.expect}, but the policy answers {decision.outcome.value}: {because}"
    if case.approvals is not None and decision.approvals != case.approvals:
        return f"{what} expects {case.approvals} approvals, but the policy asks for {decision.approvals}: {because}"
    if case.roles is not None and set(decision.roles) != set(case.roles):
        return f"{what} expects the roles {_named(case.roles)}, but the policy asks {_named(decision.roles)}: {because}"
    if case.rules is not None and set(decision.rules) != set(case.rules):
        return f"{what} expects the rules {_named(case.rules)}, but {_named(decision.rules)} answered: {because}"
    return ""


def _named(names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(sorted(names)) or "none"
