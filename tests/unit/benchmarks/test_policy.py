"""The policy benchmark: all sides decide the same rules on the same calls. How fast is not a test's matter."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks import policy
from benchmarks._policy_peers import CelExpr, CelPython
from benchmarks._policy_rules import RULES, TARGETS, bundle_of, calls
from policies.compiled import Bundle
from policies.engine import agrees, decide


def without_limits(bundle: Bundle) -> Bundle:
    rules = (replace(rule, rule=rule.rule.model_copy(update={"limit": None})) for rule in bundle.rules)
    return replace(bundle, rules=tuple(rules))


@pytest.mark.parametrize("tools", [["isolate_host"], list(TARGETS)])
def test_every_side_gives_the_same_outcome_but_for_limits(tools: list[str]) -> None:
    bundle = bundle_of(tools)
    assert len(bundle.rules) == RULES
    unlimited = without_limits(bundle)
    peers = (CelExpr(bundle), CelPython(bundle))
    outcomes = set()
    for facts in calls(tools, 60):
        assert agrees(bundle, facts)
        outcome = decide(unlimited, facts).outcome.value
        outcomes.add(outcome)
        assert [peer.outcome(facts) for peer in peers] == [outcome, outcome]
    assert outcomes == {"allow", "ask", "deny"}


def test_calls_are_the_same_on_every_run() -> None:
    assert calls(["isolate_host"], 20) == calls(["isolate_host"], 20)


def test_the_parts_that_need_no_peer_give_what_the_document_holds() -> None:
    simulated = policy.simulate(60)
    assert simulated["decisions"] == 60
    proved = policy.prove()
    assert (proved["holds"], proved["invariants"] > 0) == (True, True)
