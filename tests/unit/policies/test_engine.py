from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.decision import ArgumentFacts, Decision, Facts, Outcome
from policies.engine import decide, tool_has_rule
from policies.vocabulary import facts_over_strictest

from .conftest import BundleOf

STRICTNESS = {Outcome.ALLOW: 0, Outcome.ASK: 1, Outcome.DENY: 2}
#: Times and leases where 0 stands for "without end".
ENDLESS = 10**9
#: Loosest first.
ON_EXPIRY = ("expire", "escalate", "deny")
HISTORY = ("last_hour", "last_day", "target_last_hour", "target_last_day", "source_last_hour", "source_last_day")


def facts(**given: dict[str, Any]) -> Facts:
    return facts_over_strictest("isolate_host", {"host": ArgumentFacts(value="WS-1", trusted=True)}, given)


def is_looser(after: Decision, before: Decision) -> bool:
    """Whether `after` permits something that `before` did not."""
    if STRICTNESS[after.outcome] != STRICTNESS[before.outcome]:
        return STRICTNESS[after.outcome] < STRICTNESS[before.outcome]
    if after.outcome is Outcome.DENY:
        return False
    return (
        after.approvals < before.approvals
        or bool(before.roles and (not after.roles or not set(after.roles) <= set(before.roles)))
        or (after.expires_seconds or ENDLESS) > (before.expires_seconds or ENDLESS)
        or (after.reauthenticate_seconds or ENDLESS) > (before.reauthenticate_seconds or ENDLESS)
        or (after.lease_seconds or ENDLESS) > (before.lease_seconds or ENDLESS)
        or ON_EXPIRY.index(after.on_expiry) < ON_EXPIRY.index(before.on_expiry)
    )


roles = st.lists(st.sampled_from(["analyst", "soc-lead", "server-owner"]), unique=True, max_size=3)
asks = st.fixed_dictionaries(
    {"approvals": st.integers(1, 4), "from": roles},
    optional={
        "expires": st.sampled_from(["30m", "4h"]),
        "on_expiry": st.sampled_from(ON_EXPIRY),
        "reauthenticate": st.sampled_from(["5m", "1h"]),
    },
) | st.just({"approvals": 1, "expires": "never"})
windows = st.dictionaries(st.sampled_from(["per_hour", "per_day"]), st.integers(0, 3), min_size=1)
limits = st.one_of(windows, st.dictionaries(st.sampled_from(["per_target", "per_source"]), windows, min_size=1))
conditions = st.sampled_from(
    [
        "true",
        "false",
        "asset.tier < 2",
        "asset.tier >= 2",
        "evidence.manipulation",
        "verdict.confidence >= 0.9",
        "args.host.trusted",
        "args.host.value > 3",
        "args.nothing.trusted || true",
    ]
)


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    row: dict[str, Any] = {"then": draw(st.one_of(st.sampled_from(["allow", "allow", "deny"]), asks))}
    if draw(st.booleans()):
        row["when"] = draw(conditions)
    if row["then"] != "deny" and draw(st.booleans()):
        row["lease"] = draw(st.sampled_from(["30m", "4h"]))
    if row["then"] == "allow" and draw(st.booleans()):
        row["limit"] = draw(limits)
    return row


situations = st.builds(
    lambda tier, manipulation, confidence, done: facts(
        asset={"tier": tier},
        evidence={"manipulation": manipulation},
        verdict={"confidence": confidence},
        history=done,
    ),
    st.integers(0, 4),
    st.booleans(),
    st.floats(0, 1),
    st.fixed_dictionaries({name: st.integers(0, 4) for name in HISTORY}),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(rules(), max_size=5), rules(), situations)
def test_adding_a_rule_never_loosens(
    bundle_of: BundleOf, rows: list[dict[str, Any]], extra: dict[str, Any], situation: Facts
) -> None:
    before = decide(bundle_of(*rows), situation)
    after = decide(bundle_of(*rows, extra), situation)
    # From "no rule matched" a first matching rule may of course permit something.
    if before.rules:
        assert not is_looser(after, before)


@settings(max_examples=100, deadline=None)
@given(st.lists(rules(), min_size=2, max_size=6), st.randoms(use_true_random=False), situations)
def test_order_does_not_matter(
    bundle_of: BundleOf, rows: list[dict[str, Any]], shuffler: random.Random, situation: Facts
) -> None:
    named = [{**row, "id": f"rule{number}"} for number, row in enumerate(rows)]
    shuffled = list(named)
    shuffler.shuffle(shuffled)
    assert decide(bundle_of(*named), situation) == decide(bundle_of(*shuffled), situation)


def test_a_tool_without_a_rule_is_denied(bundle_of: BundleOf) -> None:
    decision = decide(bundle_of({"tools": ["other"], "then": "allow"}), facts())
    assert (decision.outcome, decision.rules) == (Outcome.DENY, ())
    assert "No rule speaks of isolate_host" in decision.reason


def test_whether_a_tool_has_a_rule_at_all_can_be_asked(bundle_of: BundleOf) -> None:
    made = bundle_of({"then": "allow"})
    assert (tool_has_rule(made, "isolate_host"), tool_has_rule(made, "other")) == (True, False)


def test_a_call_that_no_rule_matches_is_denied(bundle_of: BundleOf) -> None:
    decision = decide(bundle_of({"when": "false", "then": "allow"}), facts())
    assert (decision.outcome, decision.rules) == (Outcome.DENY, ())


def test_an_error_in_any_rule_denies_and_names_the_rule(bundle_of: BundleOf) -> None:
    rows = ({"id": "fine", "then": "allow"}, {"id": "broken", "when": "args.host.value > 3 || true", "then": "allow"})
    decision = decide(bundle_of(*rows), facts())
    assert (decision.outcome, decision.rules) == (Outcome.DENY, ("broken",))
    assert "broken could not be decided" in decision.reason


def test_deny_beats_ask_beats_allow(bundle_of: BundleOf) -> None:
    allow, ask, deny = {"then": "allow"}, {"then": {"approvals": 1}}, {"then": "deny"}
    assert decide(bundle_of(allow), facts()).outcome is Outcome.ALLOW
    assert decide(bundle_of(allow, ask), facts()).outcome is Outcome.ASK
    assert decide(bundle_of(allow, ask, deny), facts()).outcome is Outcome.DENY


def test_questions_join_to_the_strictest_of_each_part(bundle_of: BundleOf) -> None:
    decision = decide(
        bundle_of(
            {"then": {"approvals": 2, "from": ["soc-lead", "analyst"], "expires": "4h"}, "lease": "4h"},
            {"then": {"approvals": 1, "from": ["soc-lead", "admin"], "expires": "30m"}},
            {"then": {"approvals": 1}, "lease": "2h"},
        ),
        facts(),
    )
    assert (decision.approvals, decision.roles) == (2, ("soc-lead",))
    assert (decision.expires_seconds, decision.lease_seconds) == (1800, 7200)
    assert decision.rules == ("r0", "r1", "r2")


def test_questions_that_nobody_can_answer_together_deny(bundle_of: BundleOf) -> None:
    rows = ({"then": {"approvals": 1, "from": ["analyst"]}}, {"then": {"approvals": 1, "from": ["admin"]}})
    decision = decide(bundle_of(*rows), facts())
    assert decision.outcome is Outcome.DENY
    assert "r0, r1" in decision.reason


def test_beyond_its_limit_a_rule_asks_instead_of_allowing(bundle_of: BundleOf) -> None:
    bundle = bundle_of({"then": "allow", "limit": {"per_hour": 5, "per_day": 10}})
    assert decide(bundle, facts(history={"last_hour": 4, "last_day": 9})).outcome is Outcome.ALLOW
    by_hour = decide(bundle, facts(history={"last_hour": 5}))
    by_day = decide(bundle, facts(history={"last_hour": 0, "last_day": 10}))
    assert (by_hour.outcome, by_hour.approvals) == (Outcome.ASK, 1)
    assert (by_day.outcome, "10 a day" in by_day.reason) == (Outcome.ASK, True)


@pytest.mark.parametrize("name", HISTORY)
def test_each_limit_counts_its_own_history(bundle_of: BundleOf, name: str) -> None:
    scope, _, window = name.rpartition("last_")
    bound = {f"per_{window}": 2}
    limit = {f"per_{scope.rstrip('_')}": bound} if scope else bound
    bundle = bundle_of({"then": "allow", "limit": limit})
    others = dict.fromkeys(HISTORY, 9)
    assert decide(bundle, facts(history={**others, name: 1})).outcome is Outcome.ALLOW
    assert decide(bundle, facts(history={**dict.fromkeys(HISTORY, 0), name: 2})).outcome is Outcome.ASK


@pytest.mark.parametrize("name", HISTORY)
@pytest.mark.parametrize("wrong", ["many", None, 1.5, 2**70, True])
def test_a_limit_that_cannot_be_counted_denies_and_says_so(bundle_of: BundleOf, name: str, wrong: Any) -> None:
    scope, _, window = name.rpartition("last_")
    bound = {f"per_{window}": 5}
    bundle = bundle_of({"then": "allow", "limit": {f"per_{scope.rstrip('_')}": bound} if scope else bound})
    decision = decide(bundle, facts(history={name: wrong}))
    assert decision.outcome is Outcome.DENY
    assert f"history.{name} has no value" in decision.reason


@pytest.mark.parametrize(
    ("said", "joined"),
    [(("expire", "expire"), "expire"), (("escalate", "expire"), "escalate"), (("escalate", "deny"), "deny")],
)
def test_what_becomes_of_a_question_joins_to_the_strictest(
    bundle_of: BundleOf, said: tuple[str, str], joined: str
) -> None:
    rows = [{"then": {"approvals": 1, "on_expiry": each}} for each in said]
    assert decide(bundle_of(*rows), facts()).on_expiry == joined
    assert decide(bundle_of(*reversed(rows)), facts()).on_expiry == joined


@pytest.mark.parametrize(
    ("said", "joined"), [((None, None), 0), ((None, "1h"), 3600), (("5m", "1h"), 300), (("1h", "90s"), 90)]
)
def test_the_freshest_sign_in_that_a_rule_asks_for_counts(
    bundle_of: BundleOf, said: tuple[str | None, str | None], joined: int
) -> None:
    rows = [{"then": {"approvals": 1} | ({"reauthenticate": each} if each else {})} for each in said]
    assert decide(bundle_of(*rows), facts()).reauthenticate_seconds == joined
    assert decide(bundle_of(*reversed(rows), {"then": "allow"}), facts()).reauthenticate_seconds == joined
