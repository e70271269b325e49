"""What a bank that starts from the default rules can rely on, whatever else the facts are."""

from __future__ import annotations

import itertools
from typing import Any, get_args

import pytest

from core.decision import ArgumentFacts, Decision, Outcome, OutcomeName
from policies.bundle import Bundle
from policies.coverage import coverage, own_situations
from policies.engine import decide
from policies.examples import example_facts
from policies.vocabulary import facts_over_strictest
from tools.registry import default_registry

#: In this order: `close_ticket` last.
ACTING = [
    "quarantine_email",
    "block_indicator",
    "isolate_host",
    "disable_account",
    "revoke_sessions",
    "rotate_secret",
    "close_ticket",
]
ARGUMENTS = {
    "quarantine_email": {"message_id": "<1@evil.example>"},
    "block_indicator": {"indicator": "198.51.100.7"},
    "isolate_host": {"host": "WS-TRE-014"},
    "disable_account": {"account": "l.ferreira"},
    "revoke_sessions": {"account": "l.ferreira"},
    "rotate_secret": {"secret": "key", "owner": "l.ferreira"},
    "close_ticket": {"resolution": "benign"},
}
#: Everything speaks for acting.
BEST: dict[str, dict[str, Any]] = {
    "verdict": {"label": "malicious", "confidence": 1.0, "findings": 5},
    "evidence": {"manipulation": False, "count": 9, "internal": 9},
    "asset": {"known": True, "tier": 4, "kind": "workstation"},
    "identity": {"known": True, "vip": False, "privileged": False},
}


def ask(
    bundle: Bundle, tool: str, *, trusted: bool = True, args: dict[str, str] | None = None, **given: Any
) -> Decision:
    values = {**ARGUMENTS[tool], **(args or {})}
    arguments = {name: ArgumentFacts(value=value, trusted=trusted) for name, value in values.items()}
    groups = {group: {**fields, **given.get(group, {})} for group, fields in BEST.items()}
    return decide(bundle, facts_over_strictest(tool, arguments, {**given, **groups}))


def test_examples_and_tests_exercise_every_rule_and_every_part_of_every_condition(bundle: Bundle) -> None:
    seen = coverage(bundle, own_situations(bundle))
    assert [rule.rule for rule in seen.never_matched() + seen.never_decided()] == []
    assert [(rule.rule, part.as_json()) for rule in seen.rules for part in rule.gaps] == []


def test_every_acting_tool_has_an_example_that_is_allowed_one_that_is_asked_about_and_one_that_is_denied(
    bundle: Bundle,
) -> None:
    acting = set(default_registry().acting())
    assert acting == set(ACTING)
    shown = {
        (facts.tool, example.expect)
        for compiled in bundle.rules
        for example in compiled.rule.examples
        for facts in example_facts(compiled.rule, example)
    }
    assert sorted(set(itertools.product(acting, get_args(OutcomeName))) - shown) == []


@pytest.mark.parametrize("tool", ACTING[:-1])
def test_a_team_that_calls_the_ticket_benign_does_nothing_but_close_it(bundle: Bundle, tool: str) -> None:
    decision = ask(bundle, tool, verdict={"label": "benign"})
    assert (decision.outcome, decision.rules) == (Outcome.DENY, ("no-reason-to-act",))
    assert ask(bundle, "close_ticket", verdict={"label": "benign"}).outcome is Outcome.ALLOW


@pytest.mark.parametrize("tool", ["disable_account", "revoke_sessions", "rotate_secret"])
def test_a_break_glass_account_is_never_touched(bundle: Bundle, tool: str) -> None:
    person = bundle.organization.find_person("breakglass-1")
    assert person is not None
    identity = {"role": person.role, "privileged": person.privileged}
    assert ask(bundle, tool, identity=identity).outcome is Outcome.DENY


@pytest.mark.parametrize("sender", ["harbourbank.example", "mx.harbourbank.example", "cardnetwork.example"])
def test_mail_that_our_own_or_a_partners_servers_sent_is_asked_about(bundle: Bundle, sender: str) -> None:
    own = {"message_id": f"<20260301.1@{sender}>"}
    assert ask(bundle, "quarantine_email", args=own).outcome is Outcome.ASK
    alike = {"message_id": f"<20260301.1@{sender}.evil.example>"}
    assert ask(bundle, "quarantine_email", args=alike).outcome is Outcome.ALLOW


def test_a_host_is_not_isolated_unasked_for_the_third_time_in_a_day(bundle: Bundle) -> None:
    assert ask(bundle, "isolate_host", history={"target_last_day": 1}).outcome is Outcome.ALLOW
    assert ask(bundle, "isolate_host", history={"target_last_day": 2}).outcome is Outcome.ASK


def test_one_source_of_tickets_cannot_fill_the_perimeter(bundle: Bundle) -> None:
    assert ask(bundle, "block_indicator", history={"last_day": 90, "source_last_day": 49}).outcome is Outcome.ALLOW
    assert ask(bundle, "block_indicator", history={"last_day": 90, "source_last_day": 50}).outcome is Outcome.ASK


def test_a_question_about_a_critical_host_that_nobody_answers_goes_to_a_person(bundle: Bundle) -> None:
    assert ask(bundle, "isolate_host", asset={"tier": 0}).on_expiry == "escalate"
    assert ask(bundle, "isolate_host", trusted=False).on_expiry == "expire"


def test_activating_a_policy_takes_two_admins(bundle: Bundle) -> None:
    arguments = {"bundle": ArgumentFacts(value="9f86d081", trusted=False)}
    decision = decide(bundle, facts_over_strictest("activate_policy", arguments, {}))
    assert (decision.outcome, decision.approvals, decision.roles) == (Outcome.ASK, 2, ("admin",))
    assert decision.expires_seconds == 7 * 86400


@pytest.mark.parametrize("tool", ACTING[:-1])
def test_a_proven_attack_on_something_small_is_answered_at_once(bundle: Bundle, tool: str) -> None:
    assert ask(bundle, tool).outcome is Outcome.ALLOW


@pytest.mark.parametrize("tool", ACTING)
def test_a_manipulated_ticket_never_acts_without_a_person(bundle: Bundle, tool: str) -> None:
    for label, trusted in itertools.product(["malicious", "suspicious", "benign"], [True, False]):
        given: dict[str, Any] = {"evidence": {"manipulation": True}, "verdict": {"label": label}}
        assert ask(bundle, tool, trusted=trusted, **given).outcome is not Outcome.ALLOW


@pytest.mark.parametrize("tool", ACTING)
def test_without_facts_nothing_is_allowed(bundle: Bundle, tool: str) -> None:
    assert decide(bundle, facts_over_strictest(tool, {}, {})).outcome is not Outcome.ALLOW


@pytest.mark.parametrize("tool", ["block_indicator", "isolate_host", "disable_account", "revoke_sessions"])
def test_a_target_that_only_the_ticket_names_is_asked_about(bundle: Bundle, tool: str) -> None:
    assert ask(bundle, tool, trusted=False).outcome is Outcome.ASK


@pytest.mark.parametrize("kind", ["server", "workstation", "laptop", "build_server"])
@pytest.mark.parametrize("tier", [0, 1])
def test_critical_hosts_take_two_approvals_by_their_owners(bundle: Bundle, tier: int, kind: str) -> None:
    decision = ask(bundle, "isolate_host", asset={"tier": tier, "kind": kind})
    assert (decision.outcome, decision.approvals) == (Outcome.ASK, 2)
    assert set(decision.roles) == {"soc-lead", "server-owner"}
    assert 0 < decision.expires_seconds <= 1800


@pytest.mark.parametrize("kind", ["domain_controller", "network"])
@pytest.mark.parametrize("tier", range(5))
def test_domain_controllers_and_network_gear_are_never_isolated(bundle: Bundle, tier: int, kind: str) -> None:
    asset = {"tier": tier, "kind": kind}
    assert ask(bundle, "isolate_host", asset=asset).outcome is Outcome.DENY


@pytest.mark.parametrize("flag", [{"vip": True}, {"privileged": True}, {"service_account": True}, {"known": False}])
@pytest.mark.parametrize("tool", ["disable_account", "revoke_sessions", "rotate_secret"])
def test_powerful_and_unknown_accounts_take_two_approvals(bundle: Bundle, tool: str, flag: dict[str, bool]) -> None:
    decision = ask(bundle, tool, identity=flag)
    assert (decision.outcome, decision.approvals) == (Outcome.ASK, 2)
    assert set(decision.roles) <= {"soc-lead", "identity-admin"}


@pytest.mark.parametrize(
    "indicator",
    ["harbourbank.example", "https://www.harbourbank.example/", "10.9.9.9", "0.0.0.0/0", "x@cardnetwork.example"],
)
def test_our_own_and_our_partners_are_never_blocked(bundle: Bundle, indicator: str) -> None:
    assert ask(bundle, "block_indicator", args={"indicator": indicator}).outcome is Outcome.DENY


def test_a_look_alike_of_our_domain_can_be_blocked(bundle: Bundle) -> None:
    assert ask(bundle, "block_indicator", args={"indicator": "harbourbank-secure.example"}).outcome is Outcome.ALLOW


@pytest.mark.parametrize(
    ("resolution", "verdict", "outcome"),
    [
        ("benign", {"label": "benign", "confidence": 0.8}, Outcome.ALLOW),
        ("benign", {"label": "benign", "confidence": 0.79}, Outcome.ASK),
        ("benign", {"label": "benign", "confidence": 1.0, "findings": 0}, Outcome.ASK),
        ("benign", {"label": "suspicious", "confidence": 1.0}, Outcome.ASK),
        ("benign", {"label": "malicious", "confidence": 0.1}, Outcome.DENY),
        ("duplicate", {"label": "benign", "confidence": 1.0}, Outcome.ASK),
        ("resolved", {"label": "malicious", "confidence": 1.0}, Outcome.ASK),
    ],
)
def test_only_a_clearly_benign_ticket_closes_by_itself(
    bundle: Bundle, resolution: str, verdict: dict[str, Any], outcome: Outcome
) -> None:
    assert ask(bundle, "close_ticket", args={"resolution": resolution}, verdict=verdict).outcome is outcome


@pytest.mark.parametrize("tool", ACTING)
def test_more_confidence_and_trust_never_make_an_answer_stricter(bundle: Bundle, tool: str) -> None:
    strictness = {Outcome.ALLOW: 0, Outcome.ASK: 1, Outcome.DENY: 2}
    answers = [
        strictness[ask(bundle, tool, trusted=trusted, verdict={"confidence": confidence}).outcome]
        for trusted, confidence in [(False, 0.2), (False, 0.9), (True, 0.9), (True, 1.0)]
    ]
    assert answers == sorted(answers, reverse=True)
