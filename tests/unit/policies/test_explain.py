from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.decision import ArgumentFacts, Facts, Outcome
from policies.bundle import Bundle
from policies.engine import decide
from policies.explain import Explanation, Part, explain
from policies.vocabulary import facts_over_strictest

from .conftest import BundleOf


def facts(value: Any = "WS-1", **given: dict[str, Any]) -> Facts:
    return facts_over_strictest("isolate_host", {"host": ArgumentFacts(value=value, trusted=True)}, given)


def sketch(part: Part | None) -> Any:
    """A part as nested lists: kind, value, parts."""
    if part is None:
        return None
    return (part.source or part.kind, part.value, *(sketch(inner) for inner in part.parts))


def condition(bundle_of: BundleOf, when: str, situation: Facts) -> Any:
    (rule,) = explain(bundle_of({"when": when, "then": "allow"}), situation).rules
    return sketch(rule.condition)


def test_each_part_says_what_it_was_and_what_was_not_looked_at(bundle_of: BundleOf) -> None:
    when = "asset.tier < 2 && (!asset.known || (identity.vip && true)) && time.hour > 5 && tool == 'x'"
    assert condition(bundle_of, when, facts(asset={"tier": 0, "known": True})) == (
        "all",
        "false",
        ("asset.tier < 2", "true"),
        (
            "any",
            "true",
            ("not", "false", ("asset.known", "true")),
            ("all", "true", ("identity.vip", "true"), ("true", "true")),
        ),
        ("time.hour > 5", "false"),
        ("tool == 'x'", "not looked at"),
    )


def test_what_stands_behind_an_error_is_not_looked_at(bundle_of: BundleOf) -> None:
    when = "!(args.host.value > 3) || !(asset.known && true)"
    assert condition(bundle_of, when, facts()) == (
        "any",
        "error",
        ("not", "error", ("args.host.value > 3", "error")),
        (
            "not",
            "not looked at",
            ("all", "not looked at", ("asset.known", "not looked at"), ("true", "not looked at")),
        ),
    )


def test_an_atom_shows_the_facts_it_read_masked_and_names_those_without_a_value(bundle_of: BundleOf) -> None:
    made = bundle_of({"when": "isOwn(args.host.value) && args.mail.value == asset.owner", "then": "allow"})
    explanation = explain(made, facts("ws-tre-014"), shown=facts("HOST_K7Q2XB"))
    (rule,) = explanation.rules
    assert rule.condition is not None
    own, missing = rule.condition.parts
    assert (own.value, own.facts) == ("true", {"args.host.value": "HOST_K7Q2XB"})
    assert (missing.value, missing.facts, missing.missing) == ("error", {"asset.owner": ""}, ("args.mail.value",))
    assert "ws-tre-014" not in json.dumps(explanation.as_json())


def test_the_join_of_questions_says_who_asked_for_what(bundle_of: BundleOf) -> None:
    made = bundle_of(
        {"then": {"approvals": 2, "from": ["soc-lead", "analyst"], "expires": "4h"}, "lease": "4h"},
        {"then": {"approvals": 1, "from": ["soc-lead"], "expires": "30m", "on_expiry": "deny", "reauthenticate": "5m"}},
        {"then": "allow", "lease": "2h", "id": "loose"},
        {"then": "deny", "when": "false", "id": "off"},
    )
    explanation = explain(made, facts())
    assert [(rule.id, rule.matched) for rule in explanation.rules] == [
        ("r0", "matched"),
        ("r1", "matched"),
        ("loose", "matched"),
        ("off", "did not match"),
    ]
    steps = {step.part: (step.value, dict(step.said)) for step in explanation.steps}
    assert steps == {
        "outcome": ("ask", {"loose": "allow", "r0": "ask", "r1": "ask"}),
        "approvals": (2, {"r0": 2, "r1": 1}),
        "roles": (["soc-lead"], {"r0": ["soc-lead", "analyst"], "r1": ["soc-lead"]}),
        "expires": (1800, {"r0": 14400, "r1": 1800}),
        "on_expiry": ("deny", {"r0": "expire", "r1": "deny"}),
        "reauthenticate": (300, {"r1": 300}),
        "lease": (7200, {"loose": 7200, "r0": 14400}),
    }


def test_a_limit_shows_how_much_was_used(bundle_of: BundleOf) -> None:
    made = bundle_of({"then": "allow", "limit": {"per_hour": 5, "per_target": {"per_day": 1}}})
    (rule,) = explain(made, facts(history={"last_hour": 4, "target_last_day": 1})).rules
    assert [(limit.fact, limit.done, limit.most, limit.reached) for limit in rule.limits] == [
        ("history.last_hour", 4, 5, False),
        ("history.target_last_day", 1, 1, True),
    ]
    assert rule.answer is not None
    assert rule.answer.outcome is Outcome.ASK


@pytest.mark.parametrize(
    ("rows", "how"),
    [
        ([{"then": "allow", "tools": ["other"]}], "no rule speaks of isolate_host"),
        ([{"then": "allow", "when": "false"}], "no rule matched, and what no rule allows is denied"),
        (
            [{"then": {"approvals": 1, "from": ["analyst"]}}, {"then": {"approvals": 1, "from": ["admin"]}}],
            "the rules that ask name roles that nobody can hold together",
        ),
        ([{"then": "allow"}], "the only answer"),
        ([{"then": "allow"}, {"then": "allow"}], "all that matched say so"),
        ([{"then": "allow"}, {"then": "deny"}], "the strictest answer wins: deny before ask before allow"),
    ],
)
def test_how_the_outcome_follows_is_said_in_words(bundle_of: BundleOf, rows: list[dict[str, Any]], how: str) -> None:
    assert explain(bundle_of(*rows), facts()).steps[0].how == how


def fold(part: Part) -> str:
    """The value of a part from its parts, as a check of the tree."""
    if part.kind == "atom":
        return part.value
    inner = [fold(child) for child in part.parts]
    if part.kind == "not":
        return {"true": "false", "false": "true"}.get(inner[0], inner[0])
    otherwise = "false" if part.kind == "any" else "true"
    return next((value for value in inner if value != otherwise), otherwise)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_the_explanation_of_any_example_is_of_the_decision_itself(bundle: Bundle, data: st.DataObject) -> None:
    values: st.SearchStrategy[Any] = st.sampled_from(["WS-TRE-014", "198.51.100.7", "", 7])
    tool = data.draw(st.sampled_from(sorted({tool for rule in bundle.actions.rules for tool in rule.tools})))
    situation = facts_over_strictest(
        tool,
        {
            name: ArgumentFacts(value=data.draw(values), trusted=True)
            for name in ("host", "indicator", "account", "resolution")
        },
        {
            "asset": {"tier": data.draw(st.integers(0, 4)), "known": data.draw(st.booleans())},
            "verdict": {"label": data.draw(st.sampled_from(["malicious", "benign"])), "confidence": 0.95},
            "evidence": {"manipulation": data.draw(st.booleans())},
        },
    )
    explanation: Explanation = explain(bundle, situation)
    assert explanation.decision == decide(bundle, situation)
    matched = {rule.id for rule in explanation.rules if rule.answer is not None}
    assert set(explanation.decision.rules) <= matched
    for rule in explanation.rules:
        if rule.condition is not None:
            assert fold(rule.condition) == rule.condition.value
    json.dumps(explanation.as_json())
