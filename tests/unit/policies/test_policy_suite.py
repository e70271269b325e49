"""What a bundle says of itself is tried: examples of rules, `*_test.yaml`, examples of masking."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from core.errors import BundleInvalid
from policies.bundle import Bundle, load_bundle, try_bundle
from policies.suite import Suite
from policies.trial import Trial
from policies.vocabulary import CLOSED_SETS, FIELDS
from tools.registry import default_registry


def tried(folder: Path) -> list[Trial]:
    return try_bundle(folder, tools=default_registry().shapes())


def test_every_example_and_test_of_the_bundle_is_tried_once(folder: Path, bundle: Bundle) -> None:
    trials = tried(folder)
    assert [trial for trial in trials if trial.failed] == []
    assert Counter(trial.kind for trial in trials) == {
        "example": sum(len(compiled.rule.examples) for compiled in bundle.rules),
        "test": sum(len(suite.tests) for suite in bundle.tests.values()),
        "masking": len(bundle.masking.examples) + len(bundle.masking.patterns),
    }


def test_each_failure_is_told_at_its_place_and_the_others_are_tried_all_the_same(folder: Path) -> None:
    path = folder / "actions.yaml"
    # Denies what was asked about, so several expectations of several rules fail.
    path.write_text(
        path.read_text().replace("then: {approvals: 2, from: [soc-lead, server-owner]", "then: {approvals: 3")
    )
    trials = tried(folder)
    failed = [trial for trial in trials if trial.failed]
    assert Counter(trial.kind for trial in failed) == {"example": 2, "test": 2}
    assert len(trials) == len(tried_names(folder))
    for trial in failed:
        assert Path(trial.place.file).name == ("actions.yaml" if trial.kind == "example" else "actions_test.yaml")
        line = Path(trial.place.file).read_text().splitlines()[trial.place.line - 1]
        assert line.lstrip().startswith("- ")
        assert "but the policy asks" in trial.place.message


def tried_names(folder: Path) -> list[str]:
    return [trial.name for trial in tried(folder)]


def test_a_bundle_with_a_failing_test_does_not_go_live(folder: Path) -> None:
    (folder / "night_test.yaml").write_text(
        "tests:\n  - {name: Nobody isolates., given: {tool: isolate_host, args: {host: {value: x}}}, expect: deny}\n"
    )
    with pytest.raises(BundleInvalid, match=r"night_test.yaml:2:5: test `Nobody isolates.` expects deny"):
        load_bundle(folder)


def test_a_bundle_that_is_broken_otherwise_is_not_tried(folder: Path) -> None:
    (folder / "guardrails.yaml").unlink()
    with pytest.raises(BundleInvalid, match="is missing"):
        tried(folder)


def test_a_test_holds_when_all_that_it_says_is_so(folder: Path) -> None:
    (folder / "more_test.yaml").write_text(
        """
tests:
  - name: Two of the two, in any order.
    given: {tool: isolate_host, args: {host: {value: x, sources: [E1]}}, evidence: {manipulation: false}}
    expect: ask
    approvals: 2
    roles: [server-owner, soc-lead]
    rules: [isolate-doubtful, isolate-critical]
  - name: Nothing matches.
    given: {tool: close_ticket, args: {resolution: {value: benign}}, verdict: {label: malicious}}
    expect: deny
"""
    )
    names = {trial.name: trial.failed for trial in tried(folder)}
    assert names["Two of the two, in any order."] is names["Nothing matches."] is False


def test_a_situation_can_give_every_fact_there_is() -> None:
    values = {"bool": True, "int": 1, "double": 0.5, "string": "x"}
    given = {
        group: {
            field: CLOSED_SETS[f"{group}.{field}"][-1] if f"{group}.{field}" in CLOSED_SETS else values[kind]
            for field, kind in fields.items()
        }
        for group, fields in FIELDS.items()
    }
    suite = Suite.model_validate({"tests": [{"name": "All.", "given": {"tool": "x", **given}, "expect": "deny"}]})
    assert suite.tests[0].given.groups() == given
