"""Whatever bytes a policy file holds, reading it ends in values or in problems with a place, never in a crash."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import BundleInvalid, Problem
from policies.bundle import Bundle, BundleSource, load_bundle
from policies.document import Document
from policies.reading import read_document

#: What YAML and our own rules make something of.
PIECES = st.sampled_from(
    [
        "a: ",
        "- ",
        "{",
        "}",
        "[",
        "]",
        ": ",
        ", ",
        "\n",
        "\n  ",
        "\t",
        "&a ",
        "*a",
        "!t ",
        ">",
        "'",
        '"',
        "#",
        "%Y",
        "---",
        "rules",
        "1e999",
        "0x1F",
        "010",
        ".nan",
        "~",
        "null",
        "true",
        "\\",
        "\\ud800",
        "\u2028",
        "\x00",
        "é",
        "?",
        "<<",
    ]
)


def is_sound(document: Document) -> None:
    lines = document.text.split("\n")
    for problem in document.problems:
        assert 1 <= problem.line <= len(lines) + 1, problem
        assert problem.column >= 1
        assert problem.message
    assert document.problems or document.data is not None


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=60), st.lists(PIECES, max_size=25).map(lambda parts: "".join(parts).encode())))
def test_any_bytes_end_in_values_or_in_problems_with_a_place(raw: bytes) -> None:
    is_sound(read_document(raw, file="x.yaml"))


@pytest.mark.parametrize("seed", range(16))
def test_a_bundle_with_a_slip_anywhere_loads_or_names_its_problems(bundle: Bundle, seed: int) -> None:
    """A slip of a finger: a character lost, doubled, or another in its place."""
    chance = random.Random(seed)
    texts = dict(bundle.files)
    name = sorted(texts)[seed % len(texts)]
    text = texts[name]
    at = chance.randrange(len(text))
    slip = chance.choice(["", text[at] * 2, chance.choice("x:{}[]\"'-#\n\t&*0")])
    texts[name] = text[:at] + slip + text[at + 1 :]
    problems: list[Problem] = []
    try:
        load_bundle(BundleSource.from_files(texts, name="slip"))
    except BundleInvalid as error:
        problems = error.problems or pytest.fail("refused without a reason")
    for problem in problems:
        assert Path(problem.file).name in texts
        assert 1 <= problem.line <= texts[Path(problem.file).name].count("\n") + 2


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ('a: "\\ud800"\n', (1, 4), "holds half a character; write the character itself"),
        ('"\\ud800": b\n', (1, 1), "a key must be a plain word; remove anchor, tag and escapes"),
        ("&x a: b\n", (1, 1), "a key must be a plain word; remove anchor, tag and escapes"),
        ("a: b\n? *x\n: c\n", (2, 3), "a key must be a plain word"),
        ("? [a, {b: c}]\n: [d]\n", (1, 3), "a key must be a plain word"),
        ("a: b\na: {c: [d]}\n", (2, 1), "key `a` appears twice; keep one of them"),
        ('a: "\\UFFFFFFFF"\n', (1, 1), "is not YAML (OverflowError); write it anew"),
        ("a: \uffff\n", (1, 1), "is not YAML (ReaderError); write it anew"),
        ("a: [b\nc: d\n", (2, 2), "a list that `[` opens is not closed; add `]` or a comma"),
        ("a: {b: c\n", (2, 1), "keys that `{` opens are not closed; add `}` or a comma"),
        ("a: @b\n", (1, 4), "text cannot start with this character; put it in quotes"),
        ("a: 'b\n", (1, 4), "a quote is not closed; add it"),
        ("- a\nb: c\n", (2, 1), "the indentation does not fit the lines above; align it"),
    ],
)
def test_what_cannot_be_read_is_told_where_it_stands(text: str, place: tuple[int, int], message: str) -> None:
    found = [(p.line, p.column, p.message) for p in read_document(text.encode(), file="x").problems]
    assert any(row[:2] == place and message in row[2] for row in found), found


def test_words_are_those_of_yaml_1_2() -> None:
    read = read_document(
        b"a: [no, on, 1_000, 0o17, 0x1F, -5, 1.5, 1e3, 2026-01-01, 12:30, 'true', true, =, <]", file="x"
    )
    assert read.problems == []
    assert read.data == {
        "a": ["no", "on", "1_000", 15, 31, -5, 1.5, 1000.0, "2026-01-01", "12:30", "true", True, "=", "<"]
    }


def test_a_problem_with_something_that_is_not_there_stands_where_it_would_belong() -> None:
    document = read_document(b"a:\n  b: 1\n", file="x")
    problem = document.problem(("a", "c", "d"), "is missing")
    assert (problem.line, problem.column) == (2, 3)


def test_no_more_than_ten_invisible_characters_are_named() -> None:
    document = read_document(
        "a: \u200b\u200b\u200b\u200b\u200b\u200b\u200b\u200b\u200b\u200b\u200b\u200b".encode(), file="x"
    )
    assert len(document.problems) == 10


def test_whoever_writes_to_a_document_writes_to_their_own() -> None:
    raw = b"a: {b: [1]}\n"
    first = read_document(raw, file="x")
    first.data["a"]["b"].append(2)
    first.problems.append(first.problem((), "is spoilt"))
    first.unreadable.add(("a",))
    first.keys.clear()
    first.values.clear()
    again = read_document(raw, file="x")
    assert (again.data, again.problems, again.unreadable) == ({"a": {"b": [1]}}, [], set())
    assert again.keys
    assert again.values


def test_the_same_bytes_in_another_file_are_wrong_in_that_file() -> None:
    raw = b"a: 1\na: 2\n"
    assert {problem.file for problem in read_document(raw, file="x").problems} == {"x"}
    other = read_document(raw, file="y")
    assert (other.file, {problem.file for problem in other.problems}) == ("y", {"y"})
