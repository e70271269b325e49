"""`casemate policy`: prove, diff and coverage, as a person or a pipeline runs them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from core.decision import Facts
from core.store.engine import Store
from policies.bundle import default_bundle_path, load_bundle
from policies.engine import decide
from tests.unit.cli.conftest import Casemate
from tests.unit.workflows.test_simulate import logged


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(default_bundle_path(), tmp_path / "bundle"))


def spoil(folder: Path, name: str, old: str, new: str) -> None:
    path = folder / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.fixture
def loosened(folder: Path) -> Path:
    """A bundle that isolates tier 0 hosts after one approval, and whose examples do not notice."""
    spoil(
        folder,
        "actions.yaml",
        "then: {approvals: 2, from: [soc-lead, server-owner]",
        "then: {approvals: 1, from: [soc-lead]",
    )
    text = (folder / "actions.yaml").read_text()
    before, rule, after = text.partition("  - id: isolate-critical\n")
    (folder / "actions.yaml").write_text(before + rule + after.replace("approvals: 2", "approvals: 1", 2))
    (folder / "actions_test.yaml").unlink()
    return folder


def test_the_default_bundle_proves_its_invariants(casemate: Casemate) -> None:
    ran = casemate("policy", "prove")
    assert ran.code == 0, ran.err
    assert "tier-0-host-takes-two-people: proved for all" in ran.out
    assert "20 of 20 invariants are proved" in ran.out
    assert "`isOwn(args.indicator.value)` in never-block-ourselves" in ran.out
    document = casemate("policy", "prove", "--json").document
    assert (document["ok"], document["idle_rules"]) == (True, [])
    assert all(shown["status"] == "proved" and shown["cells"] > 0 for shown in document["invariants"])


def test_a_broken_invariant_is_shown_with_an_example_to_paste_and_ends_with_1(
    casemate: Casemate, loosened: Path
) -> None:
    ran = casemate("policy", "prove", str(loosened))
    assert ran.code == 1
    assert "✗ tier-0-host-takes-two-people: violated: the engine answers ask with 1 approval" in ran.out
    block = ran.out.partition("    - given:\n")
    lines = [line[4:] for line in (block[1] + block[2]).splitlines() if line.startswith("    ")]
    (example,) = YAML(typ="safe").load("\n".join(lines))
    assert example["given"]["asset"]["tier"] == 0
    assert (example["expect"], example["approvals"]) == ("ask", 1)
    shown = next(
        one
        for one in casemate("policy", "prove", str(loosened), "--json").document["invariants"]
        if one["status"] != "proved"
    )
    facts = Facts.from_json(shown["counterexample"]["facts"])
    assert decide(load_bundle(loosened), facts).as_json() == shown["counterexample"]["decision"]


def test_invariants_of_another_file_are_proved_instead(casemate: Casemate, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("invariants:\n  - {id: mine, never: 'allow when tool == \"isolate_host\"'}\n")
    ran = casemate("policy", "prove", "--invariants", str(path))
    assert (ran.code, "✗ mine: violated" in ran.out) == (1, True)
    path.write_text("invariants:\n  - {id: mine, never: allow when asset.teir == 0}\n")
    ran = casemate("policy", "prove", "--invariants", str(path))
    assert (ran.code, f"{path}:2:34: `asset.teir` is not a fact; did you mean `asset.tier`?" in ran.err) == (1, True)
    ran = casemate("policy", "prove", "--invariants", str(tmp_path / "none.yaml"))
    assert (ran.code, "is not a file" in ran.err) == (1, True)


def test_a_bundle_without_invariants_is_told_to_write_some(casemate: Casemate, folder: Path) -> None:
    (folder / "invariants.yaml").unlink()
    ran = casemate("policy", "prove", str(folder))
    assert (ran.code, "there is nothing to prove" in ran.out) == (0, True)


def test_idle_rules_are_named_with_their_place(casemate: Casemate, folder: Path) -> None:
    spoil(
        folder,
        "actions.yaml",
        "rules:\n",
        "rules:\n  - {id: idle, tools: [isolate_host], when: asset.tier > 4, then: deny,\n"
        "     examples: [{given: {args: {host: {value: x}}}, expect: ask}]}\n",
    )
    ran = casemate("policy", "prove", str(folder))
    assert ran.code == 0, ran.err
    assert "rule idle is dead: `asset.tier > 4` is never true" in ran.out
    (rule,) = casemate("policy", "prove", str(folder), "--json").document["idle_rules"]
    assert (rule["rule"], rule["kind"], rule["file"]) == ("idle", "dead", f"{folder}/actions.yaml")


def test_a_looser_answer_is_shown_first_with_bounds_and_an_example(casemate: Casemate, loosened: Path) -> None:
    ran = casemate("policy", "diff", str(default_bundle_path()), str(loosened))
    assert ran.code == 0, ran.err
    first = ran.out.splitlines()[0]
    assert first.startswith("isolate_host, ")
    assert "ask, 2 of server-owner, soc-lead" in first
    assert "asset.tier" in ran.out
    assert "- given:" in ran.out
    document = casemate("policy", "diff", str(default_bundle_path()), str(loosened), "--json").document
    assert (document["same"], document["looser"]) == (False, True)
    assert {region["tool"] for region in document["regions"]} == {"isolate_host"}
    before, after = load_bundle(default_bundle_path()), load_bundle(loosened)
    for region in document["regions"]:
        facts = Facts.from_json(region["example"])
        assert decide(before, facts).approvals == region["before"]["approvals"]
        assert decide(after, facts).approvals == region["after"]["approvals"]


def test_a_removed_invariant_is_said_before_anything_else(casemate: Casemate, loosened: Path) -> None:
    (loosened / "invariants.yaml").unlink()
    ran = casemate("policy", "diff", str(default_bundle_path()), str(loosened))
    assert ran.out.startswith("Invariant manipulated-ticket-never-acts-unasked is removed.")


def test_the_live_bundle_is_the_one_compared_with_when_one_is_given(casemate: Casemate, folder: Path) -> None:
    spoil(folder, "actions.yaml", "when: asset.tier < 2\n", "when: 2 > asset.tier\n")
    ran = casemate("policy", "diff", str(folder), "--exit-code")
    assert (ran.code, "mean the same" in ran.out) == (0, True)


def test_the_exit_code_tells_whether_the_meaning_differs_when_asked(casemate: Casemate, loosened: Path) -> None:
    assert casemate("policy", "diff", str(loosened)).code == 0
    assert casemate("policy", "diff", str(loosened), "--exit-code").code == 1


def test_a_kept_bundle_is_found_by_the_beginning_of_its_hash(casemate: Casemate, opened: Store, folder: Path) -> None:
    assert casemate("policy", "propose", str(folder), "--reason", "x").code in (0, 1)
    assert casemate("policy", "diff", "0123456789").code == 1
    live = casemate("policy", "show", "--json").document["hash"]
    ran = casemate("policy", "diff", live[:12], str(folder), "--exit-code")
    assert (ran.code, "mean the same" in ran.out) == (0, True), ran.err


def test_what_was_never_exercised_comes_first(casemate: Casemate, folder: Path) -> None:
    spoil(
        folder,
        "actions.yaml",
        "rules:\n",
        "rules:\n  - {id: rare, tools: [isolate_host], when: verdict.findings > 90, then: deny,\n"
        "     examples: [{given: {args: {host: {value: x}}}, expect: ask}]}\n",
    )
    ran = casemate("policy", "coverage", str(folder))
    assert ran.code == 0, ran.err
    assert ran.out.splitlines()[:2] == ["Rules that nothing ever matched:", "  rare"]
    assert "`verdict.findings > 90` was never true" in ran.out
    assert "0 past decisions" in ran.out
    document = casemate("policy", "coverage", str(folder), "--json").document
    assert document["never_exercised"]["rules_never_matched"] == ["rare"]
    assert document["examples_and_tests"]["situations"] > 60
    assert document["past_decisions"]["situations"] == 0


def test_past_decisions_count_as_exercise(casemate: Casemate, opened: Store) -> None:
    opened.migrate()
    logged(opened)
    ran = casemate("policy", "coverage")
    assert (ran.code, "1 past decisions" in ran.out) == (0, True), ran.err
    past = casemate("policy", "coverage", "--json").document["past_decisions"]
    assert (past["situations"], past["not_replayable"]) == (1, 0)
    assert sum(rule["matched"] for rule in past["rules"]) > 0


def test_what_may_change_beyond_what_was_found_is_said(
    casemate: Casemate, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(
        folder, "actions.yaml", "when: asset.tier < 2\n", 'when: asset.tier < 2 || args.host.value.matches("^q{9}z$")\n'
    )
    spoil(folder, "organization.yaml", "tier: 3", "tier: 4")
    ran = casemate("policy", "diff", str(folder))
    assert "isolate_host: more may change, hanging on `args.host.value.matches(" in ran.out
    assert ".tier: 3 → 4" in ran.out
    monkeypatch.setattr("policies.search.MAX_STEPS", 0)
    assert "too many situations to go through all of them" in casemate("policy", "diff", str(folder)).out


def test_other_keys_alone_leave_the_answers_as_they_are(casemate: Casemate, folder: Path) -> None:
    spoil(folder, "organization.yaml", "tier: 3", "tier: 4")
    ran = casemate("policy", "diff", str(folder))
    assert ran.out.splitlines()[-1] == "The rules answer the same in every situation."


def test_long_lists_are_cut_for_people_only(
    casemate: Casemate, loosened: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.policy_prove.SHOWN", 1)
    spoil(loosened, "organization.yaml", "name: Harbour Bank", "name: Harbour")
    spoil(loosened, "organization.yaml", "tier: 3", "tier: 4")
    ran = casemate("policy", "diff", str(loosened))
    assert "further changes are in --json." in ran.out
    assert "1 further keys are in --json." in ran.out
    assert "more, which --json lists" in casemate("policy", "coverage", str(loosened)).out
