from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from core.decision import ArgumentFacts, Facts
from policies.atoms import Undecided
from policies.bundle import Bundle
from policies.coverage import Coverage, coverage, own_situations
from policies.engine import decide
from policies.vocabulary import activation, facts_over_strictest

from .conftest import BundleOf
from .situations import WORLDS, every_situation, rule_rows


def facts(**groups: dict[str, Any]) -> Facts:
    return facts_over_strictest("isolate_host", {"host": ArgumentFacts(value="WS-1", trusted=False)}, groups)


def never(found: Coverage) -> dict[str, str | None]:
    return {part.source: part.never for rule in found.rules for part in rule.parts}


def test_rules_that_nothing_matched_or_decided_by_are_named(bundle_of: BundleOf) -> None:
    bundle = bundle_of(
        {"id": "strict", "when": "asset.tier < 2", "then": {"approvals": 2}},
        {"id": "lax", "when": "asset.tier < 3", "then": "allow"},
        {"id": "idle", "when": "asset.tier == 4", "then": "deny"},
    )
    found = coverage(bundle, [facts(), facts(), facts(asset={"tier": 3})])
    assert (found.situations, found.unspoken) == (3, 0)
    assert [(rule.rule, rule.asked, rule.matched, rule.decided) for rule in found.rules] == [
        ("strict", 3, 2, 2),
        ("lax", 3, 2, 0),
        ("idle", 3, 0, 0),
    ]
    assert [rule.rule for rule in found.never_matched()] == ["idle"]
    assert [rule.rule for rule in found.never_decided()] == ["lax"]


def test_parts_are_counted_only_where_they_are_looked_at(bundle_of: BundleOf) -> None:
    when = "asset.known && (asset.tier == 2 || evidence.manipulation) && !(verdict.findings > 1)"
    found = coverage(bundle_of({"when": when, "then": "allow", "limit": {"per_hour": 2}}), [facts()])
    assert never(found) == {
        "asset.known": "true",
        "asset.tier == 2": "looked at",
        "evidence.manipulation": "looked at",
        "verdict.findings > 1": "looked at",
        "history.last_hour >= 2": "looked at",
    }
    bundle = bundle_of({"when": when, "then": "allow", "limit": {"per_hour": 2}})
    found = coverage(bundle, [facts(), facts(asset={"known": True, "tier": 1}, history={"last_hour": 2})])
    assert never(found) == {
        "asset.known": None,
        "asset.tier == 2": "true",
        "evidence.manipulation": "false",
        "verdict.findings > 1": "true",
        "history.last_hour >= 2": "false",
    }


def test_what_cannot_be_decided_is_neither_true_nor_false(bundle_of: BundleOf) -> None:
    found = coverage(bundle_of({"when": 'inCidr(args.host.value, "10.0.0.0/8")', "then": "allow"}), [facts()])
    (rule,) = found.rules
    assert (rule.matched, rule.decided, rule.parts[0].failed, rule.parts[0].never) == (0, 1, 1, "looked at")


def test_calls_of_tools_that_no_rule_speaks_of_are_counted(bundle_of: BundleOf) -> None:
    found = coverage(bundle_of({"then": "allow"}), [facts_over_strictest("other", {}, {})])
    assert (found.situations, found.unspoken) == (1, 1)


def test_the_default_bundle_exercises_every_rule_by_its_own_examples_and_tests(bundle: Bundle) -> None:
    found = coverage(bundle, own_situations(bundle))
    assert found.situations > 60
    assert found.never_matched() == []
    assert found.never_decided() == []
    place = next(rule for rule in found.rules if rule.rule == "isolate-workstation").parts[0]
    lines = bundle.documents["actions.yaml"].text.splitlines()
    assert "asset.known && asset.tier >= 2" in lines[place.line - 1]


@settings(max_examples=40, deadline=None)
@given(st.lists(rule_rows(WORLDS["asset"][0]), min_size=1, max_size=4))
def test_counts_are_those_of_the_engine_and_of_cel(bundle_of: BundleOf, rows: list[dict[str, Any]]) -> None:
    bundle = bundle_of(*rows)
    situations = list(every_situation([WORLDS["asset"][1]]))
    found = coverage(bundle, situations)
    for rule, compiled in zip(found.rules, bundle.rules, strict=True):
        matched = 0
        for each in situations:
            try:
                matched += compiled.condition is None or compiled.condition.holds(activation(each))
            except Undecided:
                continue
        assert rule.matched == matched
        assert rule.decided == sum(compiled.rule.id in decide(bundle, each).rules for each in situations)


def test_a_limit_that_cannot_be_counted_is_neither_reached_nor_not(bundle_of: BundleOf) -> None:
    uncounted = replace(facts(), history={})
    (rule,) = coverage(bundle_of({"then": "allow", "limit": {"per_hour": 2}}), [uncounted]).rules
    assert (rule.decided, rule.parts[0].failed, rule.parts[0].never) == (1, 1, "looked at")
