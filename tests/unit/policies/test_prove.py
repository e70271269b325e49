from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.decision import Facts
from policies.atoms import Undecided
from policies.bundle import Bundle, BundleInvalid, load_bundle
from policies.cases import bare
from policies.condition import Compiler
from policies.engine import decide
from policies.invariants import Invariant, parse_claim
from policies.proof import Proof, Shown
from policies.prove import prove
from policies.situations import WORKING_DAYS, WORKING_HOURS
from policies.vocabulary import activation
from tools.facts import WORKING_HOURS as HOURS_OF_FACTS
from tools.registry import default_registry

from .conftest import BundleOf
from .situations import OPEN_WORLDS, TOOLS, WORLDS, conditions, every_situation, rule_rows

CLAIMS = [
    "allow",
    "ask",
    "deny",
    "allow or ask",
    "approvals < 2",
    "approvals < 3",
    "lease > 1h",
    "allow with lease > 8h",
]


def invariant(bundle: Bundle, never: str, name: str = "wanted") -> Invariant:
    claim, start = parse_claim(never)
    condition = Compiler(bundle.organization).compile(never[start:]) if start is not None else None
    place = bundle.documents["actions.yaml"].problem((), "")
    return Invariant(id=name, claim=claim, condition=condition, reason="", place=place)


def proof_of(bundle: Bundle, *nevers: str) -> Proof:
    return prove(bundle, TOOLS, invariants=[invariant(bundle, never) for never in nevers])


def shown(bundle: Bundle, never: str) -> Shown:
    (found,) = proof_of(bundle, never).invariants
    return found


def breaks(bundle: Bundle, claimed: Invariant, facts: Facts) -> bool:
    """What the live engine and CEL say of one situation."""
    try:
        applies = claimed.condition is None or claimed.condition.holds(activation(facts))
    except Undecided:
        applies = False
    return applies and claimed.claim.covers(decide(bundle, facts))


@st.composite
def claims(draw: st.DrawFn, worlds: dict[str, tuple[tuple[str, ...], tuple[Any, ...]]]) -> tuple[Any, ...]:
    names = draw(st.lists(st.sampled_from(sorted(worlds)), min_size=1, max_size=2, unique=True))
    atoms = [atom for name in names for atom in worlds[name][0]]
    rows = draw(st.lists(rule_rows(atoms), min_size=1, max_size=4))
    if "history" not in names:
        rows = [{key: value for key, value in row.items() if key != "limit"} for row in rows]
    if draw(st.booleans()):
        rows = [{"then": "allow"}, *rows]
    return names, rows, f'{draw(st.sampled_from(CLAIMS))} when tool == "isolate_host" && ({draw(conditions(atoms))})'


def check_against_brute_force(bundle: Bundle, never: str, situations: list[Facts], *, complete: bool) -> None:
    """Hold the result about one invariant, and the idle rules, against what the engine says of every situation."""
    claimed = invariant(bundle, never)
    proof = prove(bundle, TOOLS, invariants=[claimed])
    (found,) = proof.invariants
    broken = any(breaks(bundle, claimed, facts) for facts in situations)
    if found.status == "violated":
        assert found.counterexample is not None
        assert breaks(bundle, claimed, found.counterexample.facts)
        assert found.counterexample.decision == decide(bundle, found.counterexample.facts)
    assert not (broken and found.status == "proved")
    if complete:
        assert found.status == ("violated" if broken else "proved")
    answers = [bare(decide(bundle, facts)) for facts in situations]
    idle = {rule.rule for rule in proof.idle}
    for rule in bundle.rules:
        without = replace(bundle, rules=tuple(other for other in bundle.rules if other is not rule))
        changes = any(bare(decide(without, facts)) != answer for facts, answer in zip(situations, answers, strict=True))
        assert not (changes and rule.rule.id in idle)
        assert changes or not complete or rule.rule.id in idle


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(claims(WORLDS))
def test_a_claim_is_proved_exactly_when_no_situation_breaks_it(bundle_of: BundleOf, drawn: tuple[Any, ...]) -> None:
    names, rows, never = drawn
    situations = list(every_situation([WORLDS[name][1] for name in names]))
    check_against_brute_force(bundle_of(*rows), never, situations, complete=True)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(claims({**OPEN_WORLDS, "verdict": WORLDS["verdict"]}))
def test_where_values_cannot_be_gone_through_nothing_broken_is_called_proved(
    bundle_of: BundleOf, drawn: tuple[Any, ...]
) -> None:
    names, rows, never = drawn
    worlds = {**OPEN_WORLDS, **WORLDS}
    situations = list(every_situation([worlds[name][1] for name in names]))
    check_against_brute_force(bundle_of(*rows), never, situations, complete=False)


def test_the_default_bundle_proves_its_invariants_and_no_rule_of_it_is_idle(bundle: Bundle) -> None:
    proof = prove(bundle, default_registry().shapes())
    assert len(proof.invariants) >= 20
    assert [found.sentence() for found in proof.invariants if found.status != "proved"] == []
    assert not any(found.says_nothing for found in proof.invariants)
    assert proof.ok
    assert proof.idle == ()


def test_a_counterexample_is_a_situation_that_can_happen(bundle_of: BundleOf) -> None:
    bundle = bundle_of({"then": "allow"})
    found = shown(bundle, "allow when asset.tier == 0 && args.host.trusted && evidence.internal > 2 && !asset.known")
    assert found.counterexample is not None
    facts = found.counterexample.facts
    assert facts.asset == {"known": False, "tier": 0, "kind": "", "owner": "", "environment": ""}
    assert facts.evidence["internal"] == facts.evidence["count"] == 3
    assert facts.args["host"].sources == ("E1",)


@pytest.mark.parametrize(
    "when",
    [
        "!asset.known && asset.tier > 0",
        'asset.known && asset.kind == ""',
        'asset.tier == 1 && asset.kind == ""',
        "identity.known",
        "history.target_last_hour > 3 && history.last_day < 3",
        "history.source_last_day > 3 && history.last_day < 3",
        "evidence.internal > 1 && evidence.untrusted > 1 && evidence.count < 4",
        "!evidence.manipulation && evidence.count == 0",
        "time.business_hours && time.hour < 7",
        "time.business_hours && time.weekday == 6",
        "asset.tier > 4",
        "verdict.confidence > 1.0",
        "args.account.trusted",
    ],
)
def test_what_cannot_happen_breaks_nothing(bundle_of: BundleOf, when: str) -> None:
    assert shown(bundle_of({"then": "allow"}), f'allow when tool == "isolate_host" && {when}').status == "proved"


@pytest.mark.parametrize(
    "when",
    [
        "history.target_last_hour > history.last_hour",
        "args.host.trusted && size(args.host.sources) == 0",
        "evidence.internal + evidence.untrusted > evidence.count",
    ],
)
def test_what_cannot_happen_is_no_counterexample_even_where_cells_do_not_tell(bundle_of: BundleOf, when: str) -> None:
    assert shown(bundle_of({"then": "allow"}), f'allow when tool == "isolate_host" && {when}').status == "not_proved"


def test_the_working_day_is_that_of_the_facts() -> None:
    assert WORKING_HOURS == HOURS_OF_FACTS
    assert list(WORKING_DAYS) == [0, 1, 2, 3, 4]


def test_a_counterexample_can_be_pasted_as_an_example(folder: Path, bundle: Bundle) -> None:
    never = 'approvals < 3 when tool == "isolate_host" && asset.tier == 0 && asset.kind != "domain_controller"'
    (found,) = prove(bundle, default_registry().shapes(), invariants=[invariant(bundle, never)]).invariants
    assert found.counterexample is not None
    text = "".join(f"      {line}\n" for line in found.counterexample.yaml().splitlines())
    assert "approvals: 2" in text
    path = folder / "actions.yaml"
    before, rule, after = path.read_text().partition("  - id: isolate-critical\n")
    path.write_text(before + rule + after.replace("    examples:\n", "    examples:\n" + text, 1))
    load_bundle(folder)
    path.write_text(path.read_text().replace(text, text.replace("approvals: 2", "approvals: 3")))
    with pytest.raises(BundleInvalid, match="expects 3 approvals"):
        load_bundle(folder)


def test_what_hangs_on_a_condition_of_many_values_is_not_proved_and_says_where(bundle_of: BundleOf) -> None:
    bundle = bundle_of({"id": "odd", "when": "verdict.findings % 2 == 1 && verdict.findings > 100", "then": "allow"})
    # A value is found and confirmed where one is near.
    assert shown(bundle, "allow when asset.known").status == "violated"
    bundle = bundle_of({"id": "odd", "when": "verdict.findings * verdict.findings == 2", "then": "allow"})
    found = shown(bundle, "allow when asset.known")
    assert found.status == "not_proved"
    assert "`verdict.findings * verdict.findings == 2` in odd (" in found.sentence()
    assert not proof_of(bundle, "allow when asset.known").ok


def test_a_proof_holds_whatever_a_condition_of_many_values_answers(bundle_of: BundleOf) -> None:
    odd = {"when": "size(args.host.value) > 5", "then": "allow"}
    bundle = bundle_of(odd, {"when": "asset.tier < 2", "then": {"approvals": 2}})
    proof = proof_of(bundle, "allow when asset.tier == 0")
    assert proof.ok
    assert [doubt.condition for doubt in proof.not_enumerated] == ["size(args.host.value) > 5"]


def test_text_that_no_example_stands_for_is_not_taken_for_harmless(bundle_of: BundleOf) -> None:
    bundle = bundle_of({"when": 'args.host.value.matches("^[a-f]{3}[0-9]{9}$")', "then": "allow"})
    found = shown(bundle, "allow when asset.known")
    assert found.status == "not_proved"
    assert "matches" in found.sentence()


def test_a_condition_that_is_never_true_is_said_to_forbid_nothing(bundle_of: BundleOf) -> None:
    found = shown(bundle_of({"then": "allow"}), 'allow when tool == "isolate_hots"')
    assert (found.status, found.says_nothing) == ("proved", True)
    assert "forbids nothing" in found.sentence()


def test_rules_that_no_situation_reaches_are_dead_and_say_which_part_is_never_true(bundle_of: BundleOf) -> None:
    rows = (
        {"id": "alone", "when": "asset.known && asset.tier > 4", "then": "deny"},
        {"id": "pair", "when": "asset.tier < 2 && args.host.trusted && asset.tier > 2", "then": "allow"},
        {"id": "target", "when": "identity.vip == false", "then": "allow"},
        {"id": "all", "when": "true", "then": {"approvals": 1}},
    )
    found = {rule.rule: (rule.kind, rule.reason) for rule in proof_of(bundle_of(*rows)).idle}
    assert found == {
        "alone": ("dead", "`asset.tier > 4` is never true"),
        "pair": ("dead", "`asset.tier < 2` and `asset.tier > 2` are never true together"),
        "target": ("dead", "`identity.vip == false` is never true"),
    }


def test_why_a_rule_is_dead_is_told_in_its_own_words(bundle_of: BundleOf) -> None:
    rows = (
        {"id": "either", "when": "(asset.tier > 4 || !(asset.tier >= 0 && true)) && asset.known", "then": "deny"},
        {"id": "three", "when": "asset.tier != 0 && asset.tier < 2 && asset.tier != 1", "then": "deny"},
        {"id": "never", "when": "!(asset.tier < 9)", "then": "deny"},
        {"id": "all", "then": {"approvals": 1}},
    )
    assert {rule.rule: rule.reason for rule in proof_of(bundle_of(*rows)).idle} == {
        "either": "`asset.tier > 4 || !(asset.tier >= 0 && true)` is never true",
        "three": "the parts of its condition are never all true together",
        "never": "`!(asset.tier < 9)` is never true",
    }


def test_many_rules_that_cover_another_are_counted(bundle_of: BundleOf) -> None:
    rows = [{"id": f"t{n}", "when": f"asset.tier == {n}", "then": {"approvals": 2}} for n in range(5)]
    (found,) = (
        r for r in proof_of(bundle_of(*rows, {"id": "weak", "then": {"approvals": 1}})).idle if r.rule == "weak"
    )
    assert found.reason == "wherever it matches, `t0`, `t1`, `t2`, `t3` and 1 more answer at least as strictly"


def test_a_search_for_idle_rules_that_would_not_end_names_none(
    bundle_of: BundleOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = ({"when": "asset.tier == 1 && !asset.known", "then": "allow"}, {"when": "asset.known", "then": "allow"})
    assert len(proof_of(bundle_of(*rows)).idle) == 1
    monkeypatch.setattr("policies.search.MAX_STEPS", 0)
    assert proof_of(bundle_of(*rows)).idle == ()


def test_what_no_condition_restricts_is_forbidden_everywhere(bundle_of: BundleOf) -> None:
    found = shown(bundle_of({"then": "allow", "lease": "4h"}), "allow with lease > 30m")
    assert "allow, reverting after 14400 s" in found.sentence()
    assert shown(bundle_of({"then": {"approvals": 2}}), "allow").status == "proved"


def test_the_search_for_a_confirmed_example_ends(bundle_of: BundleOf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("policies.prove.MAX_DOUBTS", 1)
    bundle = bundle_of({"when": "verdict.findings * verdict.findings == 2 || asset.tier + 1 == 9", "then": "allow"})
    assert shown(bundle, 'allow when tool == "isolate_host"').status == "not_proved"


def test_rules_that_never_change_an_answer_are_shadowed_and_say_by_which(bundle_of: BundleOf) -> None:
    rows = (
        {
            "id": "small",
            "when": "asset.tier == 0 && evidence.manipulation",
            "then": {"approvals": 1, "from": ["analyst"]},
        },
        {"id": "large", "when": "asset.tier < 2", "then": {"approvals": 2, "from": ["analyst"]}},
        {"id": "open", "when": "asset.tier < 3", "then": "allow"},
        {"id": "closed", "when": "asset.tier == 4", "then": "deny"},
    )
    found = {rule.rule: (rule.kind, rule.reason) for rule in proof_of(bundle_of(*rows)).idle}
    assert found == {
        "small": ("shadowed", "wherever it matches, `large` answers at least as strictly"),
        "closed": ("shadowed", "without it the call is denied as well, because no rule allows it"),
    }


def test_a_rule_that_only_sometimes_cannot_be_decided_is_not_idle(bundle_of: BundleOf) -> None:
    rows = ({"then": "allow"}, {"when": 'inCidr(args.host.value, "10.0.0.0/8") && false', "then": "allow"})
    # For text that is no address the second rule cannot be decided, and that denies.
    assert proof_of(bundle_of(*rows)).idle == ()


def test_the_same_proof_comes_out_in_whatever_order_the_rules_stand(bundle: Bundle) -> None:
    shapes = default_registry().shapes()
    turned = replace(bundle, rules=tuple(reversed(bundle.rules)))
    one, other = prove(bundle, shapes), prove(turned, shapes)
    assert [(s.invariant.id, s.status, s.cells) for s in one.invariants] == [
        (s.invariant.id, s.status, s.cells) for s in other.invariants
    ]


def test_too_many_cells_end_the_search_and_are_not_called_proved(
    bundle_of: BundleOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = bundle_of({"when": "asset.tier > 1 && asset.known", "then": "allow"})
    assert shown(bundle, "allow when asset.tier == 0 && verdict.confidence < 0.5").status == "proved"
    monkeypatch.setattr("policies.search.MAX_STEPS", 0)
    found = shown(bundle, "allow when asset.tier == 0 && verdict.confidence < 0.5")
    assert found.status == "not_proved"
    assert "too many cells" in found.sentence()


def test_a_proof_is_json(bundle_of: BundleOf) -> None:
    value = proof_of(bundle_of({"then": "allow"}), "allow when asset.tier == 0", "deny when false").as_json()
    assert value["ok"] is False
    first, second = value["invariants"]
    assert (first["status"], second["status"]) == ("violated", "proved")
    assert Facts.from_json(first["counterexample"]["facts"]).asset["tier"] == 0
