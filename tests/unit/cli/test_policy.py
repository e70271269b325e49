"""`casemate policy`: check, test, schema and show, as a person or a pipeline runs them."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from policies.bundle import default_bundle_path
from policies.schema import MODELS
from tests.unit.cli.conftest import Casemate


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(default_bundle_path(), tmp_path / "bundle"))


def spoil(folder: Path, name: str, old: str, new: str) -> None:
    path = folder / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_a_sound_bundle_is_said_to_be_sound(casemate: Casemate, folder: Path) -> None:
    ran = casemate("policy", "check", str(folder))
    assert (ran.code, "is sound: " in ran.out) == (0, True)
    assert casemate("policy", "check", str(folder), "--json").document["ok"] is True


def test_every_problem_is_a_line_that_editors_can_jump_to(casemate: Casemate, folder: Path) -> None:
    spoil(folder, "actions.yaml", "when: evidence.manipulation", "wehn: evidence.manipulation")
    spoil(folder, "organization.yaml", "tier: 3", "tier: 7")
    ran = casemate("policy", "check", str(folder))
    lines = ran.err.splitlines()
    assert (ran.code, len(lines)) == (1, 2)
    assert lines[0].startswith(f"{folder}/actions.yaml:")
    assert "did you mean `when`?" in lines[0]
    document = casemate("policy", "check", str(folder), "--json").document
    assert [problem["file"] for problem in document["problems"]] == [
        f"{folder}/actions.yaml",
        f"{folder}/organization.yaml",
    ]
    assert set(document["problems"][0]) == {"file", "line", "column", "message"}


def test_the_live_bundle_is_checked_and_tried_when_no_folder_is_given(casemate: Casemate) -> None:
    assert casemate("policy", "check").code == 0
    ran = casemate("policy", "test", "--json")
    assert (ran.code, ran.document["ok"], ran.document["failed"]) == (0, True, [])
    assert ran.document["tried"] > 40


def test_failing_examples_and_tests_are_listed_with_what_the_policy_answered(casemate: Casemate, folder: Path) -> None:
    spoil(folder, "actions.yaml", "{given: {}, expect: allow}", "{given: {}, expect: deny}")
    (folder / "more_test.yaml").write_text("tests:\n  - {name: Look., given: {tool: read_email}, expect: deny}\n")
    ran = casemate("policy", "test", str(folder))
    assert ran.code == 1
    assert "actions.yaml:" in ran.err
    assert "more_test.yaml:2:5: test `Look.` expects deny, but the policy answers allow: Looking" in ran.err
    assert "2 of " in ran.err.splitlines()[-1]
    document = casemate("policy", "test", str(folder), "--json").document
    assert [(row["kind"], row["name"], row["line"] > 0) for row in document["failed"]] == [
        ("example", "look", True),
        ("test", "Look.", True),
    ]


def test_a_bundle_that_does_not_load_is_not_tried_and_says_why(casemate: Casemate, folder: Path) -> None:
    (folder / "masking.yaml").unlink()
    ran = casemate("policy", "test", str(folder))
    assert ran.code == 1
    assert "masking.yaml:1:1: is missing" in ran.err
    assert "Nothing was tried" in ran.err
    document = casemate("policy", "test", str(folder), "--json").document
    assert (document["ok"], document["tried"], len(document["problems"])) == (False, 0, 1)


def test_one_schema_is_printed_as_it_is_and_all_of_them_by_name(casemate: Casemate) -> None:
    one = casemate("policy", "schema", "actions").document
    Draft202012Validator.check_schema(one)
    ours, of_others = one["$defs"]["Rule"]["properties"]["tools"]["items"]["anyOf"]
    assert "isolate_host" in ours["enum"]
    assert re.match(of_others["pattern"], "wiki__delete_page")
    every = casemate("policy", "schema").document
    assert (every["actions"], set(every)) == (one, set(MODELS))


def test_schemas_are_written_where_an_editor_finds_them(casemate: Casemate, tmp_path: Path) -> None:
    ran = casemate("policy", "schema", "--write", str(tmp_path / "schemas"), "--json")
    assert ran.code == 0
    assert sorted(Path(file).name for file in ran.document["written"]) == sorted(f"{n}.schema.json" for n in MODELS)
    for file in ran.document["written"]:
        Draft202012Validator.check_schema(json.loads(Path(file).read_text()))
    only = casemate("policy", "schema", "tests", "--write", str(tmp_path / "one"))
    assert (only.code, [path.name for path in (tmp_path / "one").iterdir()]) == (0, ["tests.schema.json"])


def test_a_folder_that_cannot_be_written_and_a_schema_that_is_none(casemate: Casemate, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ran = casemate("policy", "schema", "--write", str(tmp_path / "file" / "below"))
    assert (ran.code, "choose another folder" in ran.err) == (1, True)
    assert casemate("policy", "schema", "bogus").code == 2


def test_rules_are_shown_with_what_they_ask_and_how_often_they_allow(casemate: Casemate, folder: Path) -> None:
    out = casemate("policy", "show", str(folder)).out
    said = " ".join(out.split())
    assert "isolate-critical" in out
    for words in ("ask 2 of", "else escalate", "at most 50 an hour", "20 an hour"):
        assert words in said, words
    rules = casemate("policy", "show", str(folder), "--json").document["rules"]
    critical = next(rule for rule in rules if rule["id"] == "isolate-critical")
    assert critical["then"]["on_expiry"] == "escalate"
