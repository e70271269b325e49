from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.decision import Decision, Outcome
from policies.bundle import Bundle, load_bundle
from policies.cases import bare
from policies.compiled import CompiledRule
from policies.difference import Difference, difference, direction
from policies.engine import decide
from tools.registry import default_registry

from .conftest import BundleOf
from .situations import OPEN_WORLDS, TOOLS, WORLDS, every_situation, rule_rows
from .test_engine import is_looser
from .test_prove import invariant


@st.composite
def pairs(draw: st.DrawFn, worlds: dict[str, tuple[tuple[str, ...], tuple[Any, ...]]]) -> tuple[Any, ...]:
    names = draw(st.lists(st.sampled_from(sorted(worlds)), min_size=1, max_size=2, unique=True))
    atoms = [atom for name in names for atom in worlds[name][0]]
    bundles = []
    for _ in range(2):
        rows = draw(st.lists(rule_rows(atoms), min_size=1, max_size=3))
        if "history" not in names:
            rows = [{key: value for key, value in row.items() if key != "limit"} for row in rows]
        bundles.append(rows)
    if draw(st.booleans()):
        bundles[1] = [*bundles[0][:-1], *bundles[1][:1]]
    return names, bundles[0], bundles[1]


def check_against_brute_force(before: Bundle, after: Bundle, names: list[str], *, complete: bool) -> None:
    """Every change the engines show is in the difference, and nothing else."""
    worlds = {**WORLDS, **OPEN_WORLDS}
    situations = every_situation([worlds[name][1] for name in names])
    answers = [(bare(decide(before, facts)), bare(decide(after, facts))) for facts in situations]
    changed = {(one, other) for one, other in answers if one != other}
    found = difference(before, after, TOOLS)
    said = {(bare(region.before), bare(region.after)) for region in found.regions}
    for region in found.regions:
        old, new = decide(before, region.example), decide(after, region.example)
        assert (bare(old), bare(new)) == (bare(region.before), bare(region.after))
        if region.direction == "stricter":
            assert not is_looser(new, old)
    assert found.cut == ()
    assert changed <= said or found.unconfirmed
    if complete:
        assert changed == said
        assert found.same == (not changed)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(pairs(WORLDS))
def test_the_difference_is_exactly_what_both_engines_answer_otherwise(
    bundle_of: BundleOf, drawn: tuple[Any, ...]
) -> None:
    names, old, new = drawn
    check_against_brute_force(bundle_of(*old), bundle_of(*new), names, complete=True)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(pairs(OPEN_WORLDS))
def test_no_change_is_lost_where_values_cannot_be_gone_through(bundle_of: BundleOf, drawn: tuple[Any, ...]) -> None:
    names, old, new = drawn
    check_against_brute_force(bundle_of(*old), bundle_of(*new), names, complete=False)


def changed(folder: Path, name: str, old: str, new: str) -> Bundle:
    path = folder / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return load_bundle(folder)


def between(before: Bundle, after: Bundle) -> Difference:
    return difference(before, after, default_registry().shapes())


def test_a_bundle_written_otherwise_means_the_same(bundle: Bundle, folder: Path) -> None:
    after = changed(folder, "actions.yaml", "when: asset.tier < 2", "when: '!(asset.tier >= 2) && 2 > asset.tier'")
    assert after.hash != bundle.hash
    found = between(bundle, after)
    assert found.same
    assert not found.looser
    assert found.as_json()["regions"] == []


def test_another_order_of_rules_means_the_same(bundle: Bundle) -> None:
    assert between(bundle, replace(bundle, rules=tuple(reversed(bundle.rules)))).same


def test_a_moved_threshold_is_told_with_its_bounds_and_an_example(bundle: Bundle, folder: Path) -> None:
    (folder / "actions_test.yaml").unlink()
    old = "  - id: isolate-workstation\n    tools: [isolate_host]\n    when: >-\n      asset.known && asset.tier >= 2"
    after = changed(folder, "actions.yaml", old, old.replace("tier >= 2", "tier >= 3"))
    found = between(bundle, after)
    assert not found.same
    assert {region.tool for region in found.regions} == {"isolate_host"}
    allowed = next(region for region in found.regions if region.before.outcome is Outcome.ALLOW)
    assert (allowed.direction, allowed.after.outcome, allowed.after.rules) == ("stricter", Outcome.DENY, ())
    (where,) = allowed.where
    assert {"asset.tier = 2", 'asset.kind in "workstation", "laptop"', "verdict.confidence ≥ 0.9"} <= set(where)
    assert decide(bundle, allowed.example).outcome is Outcome.ALLOW
    assert decide(after, allowed.example).outcome is Outcome.DENY
    assert "expect: deny" in allowed.yaml()


def test_looser_answers_come_first(bundle: Bundle, bundle_of: BundleOf) -> None:
    before = bundle_of(
        {"when": "asset.tier < 2", "then": {"approvals": 2}}, {"when": "asset.tier > 2", "then": "allow"}
    )
    after = bundle_of({"when": "asset.tier < 2", "then": {"approvals": 1}}, {"when": "asset.tier > 3", "then": "allow"})
    found = difference(before, after, TOOLS)
    assert [region.direction for region in found.regions] == ["looser", "stricter"]
    assert [region.where for region in found.regions] == [(("asset.tier ≤ 1",),), (("asset.tier = 3",),)]
    assert found.looser


ASK = Decision(outcome=Outcome.ASK, rules=(), reason="", bundle_hash="", approvals=2, roles=("a", "b"))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"approvals": 1}, "looser"),
        ({"approvals": 3}, "stricter"),
        ({"roles": ("a",)}, "stricter"),
        ({"roles": ()}, "looser"),
        ({"roles": ("a", "b", "c")}, "looser"),
        ({"roles": ("c",)}, "other"),
        ({"expires_seconds": 60}, "stricter"),
        ({"lease_seconds": 60}, "stricter"),
        ({"on_expiry": "deny"}, "stricter"),
        ({"reauthenticate_seconds": 300}, "stricter"),
        ({"reauthenticate_seconds": 300, "approvals": 1}, "other"),
        ({"approvals": 1, "lease_seconds": 60}, "other"),
        ({"outcome": Outcome.ALLOW, "approvals": 0, "roles": ()}, "looser"),
        ({"outcome": Outcome.DENY, "approvals": 0, "roles": ()}, "stricter"),
    ],
)
def test_a_change_is_looser_or_stricter_in_every_part_or_neither(changes: dict[str, Any], expected: str) -> None:
    assert direction(ASK, replace(ASK, **changes)) == expected
    opposite = {"looser": "stricter", "stricter": "looser", "other": "other"}
    assert direction(replace(ASK, **changes), ASK) == opposite[expected]


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ('approvals < 2 when tool == "isolate_host"', 'approvals < 1 when tool == "isolate_host"', "weakened"),
        ('approvals < 2 when tool == "isolate_host"', 'approvals < 3 when tool == "isolate_host"', "changed"),
        ('isolate_host" && asset.tier == 0', 'isolate_host" && asset.tier == 0 && args.host.trusted', "weakened"),
        ('isolate_host" && asset.tier == 0', 'isolate_host" && asset.tier <= 1', "changed"),
        ("lease > 4h when", "lease > 5h when", "weakened"),
        ("lease > 4h when", "lease > 3h when", "changed"),
        ("- id: isolation-ends", "- id: isolation-stops", "removed"),
    ],
)
def test_what_becomes_of_an_invariant_is_said_the_weakened_first(
    bundle: Bundle, folder: Path, old: str, new: str, kind: str
) -> None:
    found = between(bundle, changed(folder, "invariants.yaml", old, new))
    assert found.invariants[0].kind == kind
    assert found.invariants[0].weaker == (kind in ("weakened", "removed")) == found.looser
    assert not found.same
    assert found.regions == ()


def test_another_reason_of_an_invariant_is_no_change(bundle: Bundle, folder: Path) -> None:
    assert between(bundle, changed(folder, "invariants.yaml", "Others depend on a server.", "Servers serve.")).same


def test_organization_masking_and_guardrails_are_compared_key_by_key(bundle: Bundle, folder: Path) -> None:
    changed(folder, "organization.yaml", "tier: 3, kind: laptop", "tier: 4, kind: laptop")
    after = changed(folder, "organization.yaml", ", cardnetwork.example]", "]")
    said = [str(change) for change in between(bundle, after).keys]
    assert any(line.endswith("].tier: 3 → 4") and line.startswith("organization.assets[LT-") for line in said)
    assert 'organization.mail_partners["cardnetwork.example"]: removed "cardnetwork.example"' in said


def test_names_that_are_no_longer_our_own_change_the_answers_about_them(bundle: Bundle, folder: Path) -> None:
    (folder / "actions_test.yaml").unlink(missing_ok=True)
    text = (folder / "organization.yaml").read_text()
    path = folder / "organization.yaml"
    path.write_text(text.replace("mail_partners: [", "mail_partners: [further.example, "))
    found = between(bundle, load_bundle(folder))
    blocked = [region for region in found.regions if region.tool == "block_indicator"]
    assert {region.after.rules for region in blocked} == {("never-block-ourselves",)}
    assert all("further.example" in str(region.example.args["indicator"].value) for region in blocked)


def test_a_change_that_hangs_on_a_condition_of_many_values_is_not_called_the_same(bundle_of: BundleOf) -> None:
    before = bundle_of({"when": 'args.host.value.matches("^[a-f]{3}[0-9]{9}$")', "then": "allow"})
    after = bundle_of({"when": 'args.host.value.matches("^[a-f]{3}[0-9]{8}$")', "then": "allow"})
    found = difference(before, after, TOOLS)
    assert not found.same
    assert len(found.unconfirmed["isolate_host"]) == 2


def test_too_many_situations_are_cut_off_and_said_to_be(bundle_of: BundleOf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("policies.search.MAX_STEPS", 2)
    before = bundle_of({"when": "asset.tier < 2 && verdict.confidence > 0.5", "then": "allow"})
    found = difference(before, bundle_of({"then": "deny"}), TOOLS)
    assert found.cut == ("isolate_host",)
    assert not found.same


def test_a_tool_that_only_one_bundle_speaks_of_is_compared(bundle_of: BundleOf) -> None:
    before = bundle_of({"then": "allow"})
    after = replace(
        before, rules=(CompiledRule(rule=before.rules[0].rule.model_copy(update={"tools": ["x"]}), condition=None),)
    )
    (region,) = difference(before, after, TOOLS).regions
    assert (region.tool, region.before.outcome, region.after.outcome) == ("isolate_host", Outcome.ALLOW, Outcome.DENY)
    assert region.where == ()


def test_branches_beyond_the_most_are_cut_off(bundle_of: BundleOf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("policies.difference.MAX_BRANCHES", 0)
    found = difference(bundle_of({"then": "allow"}), bundle_of({"then": "deny"}), TOOLS)
    assert (found.regions, found.cut) == ((), ("isolate_host",))


def test_an_added_invariant_is_no_weaker_one(bundle: Bundle, folder: Path) -> None:
    found = between(replace(bundle, invariants=bundle.invariants[:-1]), bundle)
    assert [(change.kind, change.weaker) for change in found.invariants] == [("added", False)]
    assert found.as_json()["invariants"][0]["before"] is None


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ('allow when tool == "isolate_host" && asset.tier == 0', "allow", "changed"),
        ("allow", "allow when asset.tier == 0", "weakened"),
        ("allow when verdict.findings * 2 > 5", "allow when verdict.findings > 2", "weakened"),
        ("allow when asset.tier == 0", "deny when asset.tier == 0", "weakened"),
    ],
)
def test_conditions_of_invariants_are_compared_by_meaning(bundle: Bundle, old: str, new: str, kind: str) -> None:
    found = between(*(replace(bundle, invariants=(invariant(bundle, never),)) for never in (old, new)))
    assert [change.kind for change in found.invariants] == [kind]


def test_a_comparison_of_invariants_that_would_not_end_counts_as_weakened(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("policies.search.MAX_STEPS", 0)
    bundles = (
        replace(bundle, rules=(), invariants=(invariant(bundle, n),))
        for n in ("deny when asset.tier < 1", "deny when asset.tier < 2")
    )
    assert [change.kind for change in between(*bundles).invariants] == ["weakened"]


def test_lists_without_names_and_long_values_are_compared_too(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    organization = bundle.organization.model_copy(update={"name": "x" * 200, "brands": []})
    after = replace(bundle, organization=organization)
    said = {change.key: str(change) for change in between(bundle, after).keys}
    assert said["organization.name"].endswith("…")
    assert said['organization.brands["harbourbank"]'] == 'organization.brands["harbourbank"]: removed "harbourbank"'
    back = [str(change) for change in between(after, bundle).keys]
    assert 'organization.brands["harbourbank"]: added "harbourbank"' in back
    monkeypatch.setattr("policies.key_changes.MAX_CHANGES", 1)
    assert len(between(bundle, after).keys) == 1
