"""Every way in which a bundle can be broken: the file, the line, the column and what to write instead.

`‸` in a case marks where the problem must be said to stand; it is taken out before the file is written.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import BundleInvalid, Problem
from policies.bundle import load_bundle
from policies.source import MAX_FILE, MAX_FILES
from tools.registry import default_registry

from .broken_files import FILES, MASKING, ORGANIZATION
from .broken_rules import HERE, RULES


def problems_of(folder: Path) -> list[Problem]:
    with pytest.raises(BundleInvalid) as caught:
        load_bundle(folder, tools=default_registry().shapes())
    return caught.value.problems


def write(folder: Path, name: str, text: str) -> tuple[int, int]:
    """Write a file without its marks; the line and column (from 1) of the first mark, else the start."""
    index = text.find(HERE)
    before = text[: max(index, 0)]
    (folder / name).write_text(text.replace(HERE, ""), encoding="utf-8")
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def replace(folder: Path, name: str, old: str, new: str) -> tuple[int, int]:
    """Replace the first such text; the line and column of the mark in the new one."""
    text = (folder / name).read_text(encoding="utf-8")
    assert old in text, f"{old!r} stands no longer in {name}"
    return write(folder, name, text.replace(old, new, 1))


def check(folder: Path, name: str, place: tuple[int, int], message: str) -> None:
    found = [(Path(p.file).name, p.line, p.column, p.message) for p in problems_of(folder)]
    assert any(row[:3] == (name, *place) and message in row[3] for row in found), found


@pytest.mark.parametrize("case", RULES)
def test_a_broken_rule(folder: Path, case: str) -> None:
    old, new, message = RULES[case]
    place = replace(folder, "actions.yaml", old, new)
    if HERE in new:
        check(folder, "actions.yaml", place, message)
    else:
        assert any(message in problem.message and problem.line > 1 for problem in problems_of(folder))


@pytest.mark.parametrize("case", ORGANIZATION)
def test_a_broken_organization(folder: Path, case: str) -> None:
    old, new, message = ORGANIZATION[case]
    check(folder, "organization.yaml", replace(folder, "organization.yaml", old, new), message)


@pytest.mark.parametrize("case", MASKING)
def test_broken_masking(folder: Path, case: str) -> None:
    old, new, message = MASKING[case]
    place = replace(folder, "masking.yaml", old, new)
    if HERE in new:
        check(folder, "masking.yaml", place, message)
    else:
        assert any(message in problem.message and problem.line > 1 for problem in problems_of(folder))


@pytest.mark.parametrize("case", FILES)
def test_a_broken_file(folder: Path, case: str) -> None:
    name, text, message = FILES[case]
    check(folder, name, write(folder, name, text), message)


@pytest.mark.parametrize(
    ("raw", "line", "message"),
    [
        (b"assessment:\n  # caf\xe9\n", 2, "is not UTF-8; save it as UTF-8"),
        ("assessment: {}\n".encode("utf-16"), 1, "is not UTF-8; save it as UTF-8"),
        ("assessment: {}\n".encode("utf-16-le"), 1, "holds NUL bytes, so it is not UTF-8 text; save it as UTF-8"),
        (b"#" * (MAX_FILE + 1), 1, f"is larger than {MAX_FILE} bytes; split the bundle"),
    ],
)
def test_a_file_that_is_no_text(folder: Path, raw: bytes, line: int, message: str) -> None:
    (folder / "guardrails.yaml").write_bytes(raw)
    (problem,) = problems_of(folder)
    assert (problem.file, problem.line) == (str(folder / "guardrails.yaml"), line)
    assert problem.message == message


@pytest.mark.parametrize("name", ["actions.yaml", "guardrails.yaml", "masking.yaml", "organization.yaml"])
def test_a_file_that_is_missing(folder: Path, name: str) -> None:
    (folder / name).unlink()
    (problem,) = [problem for problem in problems_of(folder) if problem.file == str(folder / name)]
    assert problem.message.startswith("is missing; every bundle has it")


def test_a_file_that_may_not_be_read(folder: Path) -> None:
    (folder / "masking.yaml").unlink()
    (folder / "masking.yaml").symlink_to("nowhere")
    (problem,) = problems_of(folder)
    assert problem.message == "cannot be read (not a plain file); restore the file"


def test_more_files_than_a_bundle_has(folder: Path) -> None:
    for number in range(MAX_FILES):
        (folder / f"n{number}_test.yaml").touch()
    (problem,) = problems_of(folder)
    assert problem.message.startswith(f"holds more than {MAX_FILES} YAML files")


def test_no_folder_at_all(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path / "nothing")
    assert problem.message.startswith("is not a folder that can be read (No such file or directory)")


@pytest.mark.parametrize("ending", ["\r\n", "\r"])
def test_line_ends_of_other_systems_change_neither_hash_nor_lines(folder: Path, ending: str) -> None:
    path = folder / "actions.yaml"
    sound = load_bundle(folder)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", ending.encode()))
    assert load_bundle(folder).hash == sound.hash
    text = path.read_bytes().replace(b"when: evidence.manipulation", b"wehn: evidence.manipulation")
    path.write_bytes(text)
    line = text[: text.index(b"wehn")].count(ending.encode()) + 1
    (problem,) = problems_of(folder)
    assert (problem.line, problem.column) == (line, 5)


def test_ten_problems_at_once_are_ten_lines(folder: Path) -> None:
    places = [
        replace(folder, "organization.yaml", *ORGANIZATION["network with host bits"][:2]),
        replace(folder, "organization.yaml", *ORGANIZATION["tier"][:2]),
        replace(folder, "masking.yaml", *MASKING["sink of no tool"][:2]),
        replace(folder, "masking.yaml", *MASKING["treatment"][:2]),
        replace(folder, "actions.yaml", *RULES["unreachable role"][:2]),
        replace(folder, "actions.yaml", *RULES["unknown tool"][:2]),
        replace(folder, "actions.yaml", *RULES["id twice"][:2]),
        replace(folder, "actions.yaml", "when: asset.tier < 2", "when: asset.tier ‸< true"),
        write(folder, "action.yaml", "a: b\n"),
        write(folder, "more_test.yaml", FILES["test of no tool"][1]),
    ]
    files = ["organization"] * 2 + ["masking"] * 2 + ["actions"] * 4 + ["action", "more_test"]
    found = problems_of(folder)
    assert {(Path(p.file).stem, p.line, p.column) for p in found} == {
        (file, *place) for file, place in zip(files, places, strict=True)
    }
    assert len(found) == 10


def test_examples_run_as_far_as_what_they_speak_of_is_sound(folder: Path) -> None:
    replace(folder, "masking.yaml", *MASKING["example that is readable"][:2])
    example = replace(folder, "actions.yaml", *RULES["example that fails"][:2])
    guardrails = write(folder, "guardrails.yaml", FILES["guardrails misspelt"][1])
    found = {(Path(p.file).name, p.line) for p in problems_of(folder)}
    assert {("actions.yaml", example[0]), ("guardrails.yaml", guardrails[0])} < found
    assert any(name == "masking.yaml" for name, _ in found)
    # With a rule that is broken itself, examples would only repeat what is wrong.
    replace(folder, "actions.yaml", *RULES["unknown key"][:2])
    assert not any("expects" in problem.message for problem in problems_of(folder))


def test_there_are_more_than_forty_ways() -> None:
    assert len(RULES) + len(ORGANIZATION) + len(MASKING) + len(FILES) >= 100


def test_every_sentence_says_what_to_do() -> None:
    """No case is content with the parser's or the compiler's own words."""
    said = [case[-1] for cases in (RULES, ORGANIZATION, MASKING, FILES) for case in cases.values()]
    assert not [message for message in said if "Syntax error" in message or "Input should" in message]
