from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import BundleInvalid, Problem
from policies.bundle import Bundle, BundleSource, default_bundle_path, load_bundle
from policies.engine import tool_has_rule
from policies.vocabulary import ToolShape
from tools.registry import default_registry


def problems_of(folder: Path | BundleSource) -> list[Problem]:
    with pytest.raises(BundleInvalid) as caught:
        load_bundle(folder)
    return caught.value.problems


def change(folder: Path, name: str, old: str, new: str) -> tuple[int, int]:
    """Replace a text that occurs once or more; the line and column (from 1) where the first one stood."""
    path = folder / name
    text = path.read_text()
    index = text.index(old)
    path.write_text(text.replace(old, new, 1))
    return text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)


def test_the_default_bundle_loads_and_names_only_real_tools_and_arguments(bundle: Bundle) -> None:
    registry = default_registry()
    assert load_bundle(default_bundle_path(), tools=registry.shapes()).hash == bundle.hash
    assert all(tool_has_rule(bundle, tool) for tool in registry.names())
    assert re.fullmatch(r"[0-9a-f]{64}", bundle.hash)


def test_a_bundle_is_checked_once_until_its_files_or_the_tools_are_others(folder: Path) -> None:
    tools = default_registry().shapes()
    once = load_bundle(folder, tools=tools)
    assert load_bundle(folder, tools=dict(tools)) is once
    assert load_bundle(folder) is not once
    isolate = tools.pop("isolate_host")
    with pytest.raises(BundleInvalid, match="isolate_host"):
        load_bundle(folder, tools=tools)
    tools["isolate_host"] = replace(isolate, target={"identity": "host"})
    assert load_bundle(folder, tools=tools) is not once
    (folder / "actions.yaml").write_text("rules: 3\n")
    for _ in range(2):
        assert problems_of(folder)


def test_comments_and_layout_do_not_change_the_hash_but_any_value_does(folder: Path, bundle: Bundle) -> None:
    path = folder / "actions.yaml"
    path.write_text("# a comment\n" + path.read_text())
    assert load_bundle(folder).hash == bundle.hash
    change(folder, "actions.yaml", "per_hour: 50}\n", "per_hour: 49}\n")
    change(folder, "actions.yaml", "last_hour: 50}", "last_hour: 49}")
    assert load_bundle(folder).hash != bundle.hash


def test_a_misspelt_key_is_named_with_its_place_and_what_was_meant(folder: Path) -> None:
    line, column = change(folder, "actions.yaml", "when: evidence.manipulation", "wehn: evidence.manipulation")
    (problem,) = problems_of(folder)
    assert (problem.line, problem.column) == (line, column)
    assert problem.message == "unknown key `wehn`; did you mean `when`?"
    assert problem.file.endswith("actions.yaml")


def test_a_misspelt_fact_in_a_folded_condition_is_found_at_its_own_line_and_column(folder: Path) -> None:
    line, column = change(folder, "actions.yaml", "evidence.internal >= 1\n", "evidence.internl >= 1\n")
    (problem,) = problems_of(folder)
    assert (problem.line, problem.column) == (line, column)
    assert "did you mean `evidence.internal`?" in problem.message


@pytest.mark.parametrize(
    ("written", "at"),
    [
        ('when: asset.teir == "x"', 6),
        ("when: 'asset.teir == ''x'''", 7),
        ('when: "asset.teir == \\"x\\""', 7),
        ('when: "true && \\"a\\" == asset.teir"', 24),
    ],
)
def test_the_place_of_a_flaw_is_right_however_the_condition_is_quoted(folder: Path, written: str, at: int) -> None:
    line, column = change(folder, "actions.yaml", "when: evidence.manipulation", written)
    problem = next(p for p in problems_of(folder) if "asset.teir" in p.message)
    assert (problem.line, problem.column) == (line, column + at)


def test_all_problems_of_all_files_come_at_once(folder: Path) -> None:
    change(folder, "actions.yaml", "approvals: 1, expires: 4h", "approvals: 0, expires: 4x")
    change(folder, "actions.yaml", "from: [analyst, approver, soc-lead]", "from: [analist]")
    change(folder, "actions.yaml", "asset.tier < 2", 'asset.tier < "2"')
    change(folder, "actions.yaml", "id: look", "id: isolate-critical")
    change(folder, "masking.yaml", "CARD: partial", "CARD: half")
    change(folder, "guardrails.yaml", "max_findings: 20", "max_findings: 2000")
    (folder / "organization.yaml").write_text("name: [")
    text = "\n".join(map(str, problems_of(folder)))
    for expected in (
        "greater than or equal to 1",
        "should be a duration such as 30m, 4h or 2d",
        "nobody can hold the role `analist`; did you mean `analyst`?",
        "`<` cannot compare a whole number with text",
        "rule id `isolate-critical` appears twice",
        "`treatments.CARD` should be 'token'",
        "less than or equal to 40",
        "is not YAML here",
    ):
        assert expected in text


@pytest.mark.parametrize(
    ("yaml", "message"),
    [
        ("assessment: &a {}\n", "anchors are not allowed"),
        ("assessment: *a\n", "alias \\*a"),
        ("assessment: !!python/object:os.system {}\n", "tags are not allowed"),
        ("assessment: {}\nassessment: {}\n", "key `assessment` appears twice"),
        ("assessment: " + "{a: " * 20 + "1" + "}" * 20, "nested deeper than"),
        ("", "is empty"),
        ("[" * 3000, "is nested deeper than"),
        ("assessment: {max_findings: 9007199254740993}", "is beyond 9007199254740991"),
        ("{a: b}: c\n", "a key must be a plain word"),
        ("a: b\n---\nc: d\n", "a second document starts here"),
        ("42\n", "should be keys with values"),
    ],
)
def test_yaml_that_a_reviewer_cannot_read_as_it_stands_is_refused(folder: Path, yaml: str, message: str) -> None:
    (folder / "guardrails.yaml").write_text(yaml)
    assert any(re.search(message, problem.message) for problem in problems_of(folder))


def test_unreadable_files_are_named(folder: Path) -> None:
    (folder / "guardrails.yaml").unlink()
    (folder / "masking.yaml").write_bytes(b"a: \xff")
    (folder / "organization.yaml").write_bytes(b"#" * (2 * 1024 * 1024 + 1))
    text = "\n".join(map(str, problems_of(folder)))
    assert "guardrails.yaml:1:1: is missing" in text
    assert "masking.yaml:1:1: is not UTF-8" in text
    assert "organization.yaml:1:1: is larger than" in text


def test_a_file_with_a_misspelt_name_is_noticed(folder: Path) -> None:
    (folder / "action.yaml").write_text("rules: []")
    assert any("did you mean `actions.yaml`?" in problem.message for problem in problems_of(folder))


def test_a_path_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleInvalid, match="is not a folder that can be read"):
        load_bundle(tmp_path / "nothing")


def test_a_rule_that_breaks_its_own_example_does_not_load(folder: Path) -> None:
    change(folder, "actions.yaml", "then: {approvals: 2, from: [soc-lead, server-owner]", "then: {approvals: 1")
    found = problems_of(folder)
    assert "expects 2 approvals, but the policy asks for 1" in found[0].message
    assert (folder / "actions.yaml").read_text().splitlines()[found[0].line - 1].lstrip().startswith("- ")


def test_an_example_with_another_outcome_than_the_policy_gives_is_shown_with_the_reason(folder: Path) -> None:
    change(folder, "actions.yaml", "{given: {}, expect: allow}", "{given: {}, expect: deny}")
    (problem,) = problems_of(folder)
    assert "expects deny, but the policy answers allow for case_file" in problem.message
    assert "rules: look" in problem.message


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("    examples:\n      - {given: {}, expect: allow}\n", "", "`examples` is missing"),
        ("- {given: {}, expect: allow}", "", "has no value"),
        ("then: allow\n    reason: Looking", "then: alow\n    reason: Looking", "did you mean allow?"),
        ("      - case_file\n", "      - '*'\n", "there are no wildcards"),
        ("      - case_file\n", "      - read_email\n", "stands in this list twice"),
        ("then: deny\n", "then: deny\n    lease: 4h\n", "is nothing to a rule that denies"),
        ("then: deny\n", "then: deny\n    limit: {per_hour: 1}\n", "only a rule that allows has a limit"),
        ("tool: quarantine_email", "tool: quarantine_mail", "this rule does not speak of `quarantine_mail`"),
        ("{approvals: 1, expires: 4h}", "{approvals: 1, expire: 4h}", "did you mean `expires`?"),
        ("when: evidence.manipulation", "when: 7", "should be text; put it in quotes"),
    ],
)
def test_rules_that_cannot_mean_what_they_say_are_refused(folder: Path, old: str, new: str, message: str) -> None:
    change(folder, "actions.yaml", old, new)
    assert any(message in problem.message for problem in problems_of(folder))


def test_rules_tests_and_sinks_are_checked_against_the_tools_that_exist(folder: Path) -> None:
    tools = {**default_registry().shapes(), "isolate_host": ToolShape(arguments=("hots",), acts=True)}
    del tools["lookup_asset"]
    case = "{name: x, given: {tool: isolate_hots, args: {}}, expect: deny}"
    (folder / "more_test.yaml").write_text(f"tests:\n  - {case}\n")
    with pytest.raises(BundleInvalid) as caught:
        load_bundle(folder, tools=tools)
    messages = [str(problem) for problem in caught.value.problems]
    assert any("no tool is called `lookup_asset`; did you mean" in message for message in messages)
    assert any("`isolate_host` has no argument `host`; did you mean `hots`?" in message for message in messages)
    assert any("masking.yaml" in message for message in messages)
    assert any("more_test.yaml:2:29: no tool is called `isolate_hots`" in message for message in messages)


def test_the_default_bundle_ships_with_the_package() -> None:
    shipped = {path.name for path in default_bundle_path().iterdir()}
    assert {"actions.yaml", "guardrails.yaml", "masking.yaml", "organization.yaml", "actions_test.yaml"} <= shipped
    assert all(path.suffix == ".yaml" for path in default_bundle_path().iterdir())


def test_a_bundle_from_its_own_texts_is_the_same_bundle(bundle: Bundle) -> None:
    again = load_bundle(BundleSource.from_files(bundle.files, name="stored"))
    assert (again.hash, again.files, again.name) == (bundle.hash, bundle.files, "stored")
    assert set(again.tests) == {"actions_test.yaml"}


def test_invariants_are_part_of_the_hash_and_tests_are_not(folder: Path, bundle: Bundle) -> None:
    (folder / "actions_test.yaml").unlink()
    assert load_bundle(folder).hash == bundle.hash
    (folder / "invariants.yaml").write_text("invariants: []\n")
    changed = load_bundle(folder)
    assert (changed.hash == bundle.hash, changed.invariants) == (False, ())


def test_a_source_is_read_once_so_that_what_was_checked_is_what_goes_live(folder: Path) -> None:
    source = BundleSource.from_folder(folder)
    change(folder, "actions.yaml", "then: deny", "then: allow")
    assert load_bundle(source).files["actions.yaml"] == (default_bundle_path() / "actions.yaml").read_text()


def test_what_is_no_plain_file_is_a_problem_and_not_waited_for(folder: Path) -> None:
    (folder / "guardrails.yaml").unlink()
    os.mkfifo(folder / "guardrails.yaml")
    (folder / "more_test.yaml").mkdir()
    text = "\n".join(map(str, problems_of(folder)))
    assert "guardrails.yaml:1:1: cannot be read (not a plain file); restore the file" in text
    assert "more_test.yaml:1:1: cannot be read" in text
    assert "guardrails.yaml:1:1: is missing" not in text
