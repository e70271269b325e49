"""The order of rules never matters: not in the bundle that ships, and not in any other."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.decision import ArgumentFacts, Decision, Facts
from policies.actions import Rule
from policies.bundle import Bundle, load_bundle
from policies.engine import decide
from policies.examples import example_facts
from policies.meanings import MEANINGS
from policies.source import BundleSource
from policies.vocabulary import CLOSED_SETS, FIELDS, facts_over_strictest, strictest
from tools.registry import default_registry

from .conftest import BundleOf

#: Numbers around the thresholds that rules name.
NUMBERS = st.sampled_from([0, 1, 2, 3, 4, 5, 19, 20, 50, 100])
VALUES = st.sampled_from(["harbourbank.example", "198.51.100.7", "benign", "duplicate", "<1@evil.example>", "x"])


def whole(decision: Decision) -> dict[str, Any]:
    """All of an answer but the bundle it came from."""
    return {name: value for name, value in decision.as_json().items() if name != "bundle_hash"}


@st.composite
def situations(draw: st.DrawFn, tools: tuple[str, ...]) -> Facts:
    groups: dict[str, dict[str, Any]] = {}
    for group, fields in FIELDS.items():
        groups[group] = {}
        for field, kind in fields.items():
            groups[group][field] = draw(fact(f"{group}.{field}", kind))
    tool = draw(st.sampled_from(tools))
    shapes = default_registry().shapes()
    names = shapes[tool].arguments if tool in shapes else ("bundle",)
    args = {name: ArgumentFacts(value=draw(VALUES), trusted=draw(st.booleans())) for name in names}
    return facts_over_strictest(tool, args, groups)


def fact(name: str, kind: str) -> st.SearchStrategy[Any]:
    group, _, field = name.partition(".")
    if name in CLOSED_SETS:
        return st.sampled_from(CLOSED_SETS[name])
    match kind:
        case "bool":
            return st.booleans()
        case "double":
            return st.sampled_from([0.0, 0.5, 0.8, 0.85, 0.9, 1.0])
        case "int":
            most = MEANINGS[name].most
            return st.integers(0, most) if most is not None else NUMBERS
    return st.sampled_from([str(strictest()[group][field]), "Break-glass", "Platform"])


ACTING = (*default_registry().acting(), "activate_policy", "read_email", "no_such_tool")


@settings(max_examples=300, deadline=None)
@given(situations(ACTING), st.randoms(use_true_random=False))
def test_the_bundle_that_ships_answers_the_same_in_any_order(
    bundle: Bundle, situation: Facts, shuffler: random.Random
) -> None:
    rules = list(bundle.rules)
    shuffler.shuffle(rules)
    assert whole(decide(replace(bundle, rules=tuple(rules)), situation)) == whole(decide(bundle, situation))


@pytest.mark.parametrize("seed", range(3))
def test_the_bundle_that_ships_loads_in_any_order_with_all_its_examples(bundle: Bundle, seed: int) -> None:
    """The file itself is shuffled, so that loading, places and examples are part of it."""
    text = bundle.files["actions.yaml"]
    start = text.index("  - id: ")
    head, rules = text[:start], text[start:].split("  - id: ")[1:]
    random.Random(seed).shuffle(rules)
    body = "".join(f"  - id: {rule.rstrip()}\n" for rule in rules)
    shuffled = load_bundle(BundleSource.from_files({**bundle.files, "actions.yaml": head + body}))
    assert shuffled.hash != bundle.hash
    for compiled in bundle.rules:
        for example in compiled.rule.examples:
            for facts in example_facts(compiled.rule, example):
                assert whole(decide(shuffled, facts)) == whole(decide(bundle, facts))


roles = st.lists(st.sampled_from(["analyst", "soc-lead", "admin"]), unique=True, max_size=3)
windows = st.fixed_dictionaries({}, optional={"per_hour": st.integers(0, 2), "per_day": st.integers(0, 2)})
limits = st.fixed_dictionaries(
    {"per_hour": st.integers(0, 3)},
    optional={"per_day": st.integers(0, 3), "per_target": windows, "per_source": windows},
)
asks = st.fixed_dictionaries(
    {"approvals": st.integers(1, 4), "from": roles},
    optional={
        "expires": st.sampled_from(["30m", "4h"]),
        "on_expiry": st.sampled_from(["expire", "escalate", "deny"]),
        "reauthenticate": st.sampled_from(["5m", "1h"]),
    },
)
conditions = st.sampled_from(
    [
        "true",
        "false",
        "asset.tier < 2",
        "evidence.manipulation",
        "verdict.confidence >= 0.9",
        "args.host.trusted",
        "args.host.value > 3",
        "args.nothing.trusted || true",
        "isOwn(args.host.value)",
    ]
)


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    row: dict[str, Any] = {"then": draw(st.one_of(st.just("allow"), st.just("allow"), st.just("deny"), asks))}
    if draw(st.booleans()):
        row["when"] = draw(conditions)
    if row["then"] != "deny" and draw(st.booleans()):
        row["lease"] = draw(st.sampled_from(["30m", "4h"]))
    if row["then"] == "allow" and draw(st.booleans()):
        row["limit"] = draw(limits)
    return row


@settings(max_examples=200, deadline=None)
@given(st.lists(rules(), min_size=2, max_size=6), st.randoms(use_true_random=False), situations(("isolate_host",)))
def test_any_bundle_answers_the_same_in_any_order(
    bundle_of: BundleOf, rows: list[dict[str, Any]], shuffler: random.Random, situation: Facts
) -> None:
    named = [{**row, "id": f"rule{number}"} for number, row in enumerate(rows)]
    shuffled = list(named)
    shuffler.shuffle(shuffled)
    assert decide(bundle_of(*named), situation) == decide(bundle_of(*shuffled), situation)


def test_every_part_of_a_rule_takes_part_in_the_shuffling() -> None:
    """A key added to the language must be drawn above, or this file proves less than it says."""
    assert set(Rule.model_fields) == {"id", "tools", "when", "then", "lease", "limit", "reason", "examples"}
