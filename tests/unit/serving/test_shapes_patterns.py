"""Patterns mean what they mean elsewhere; those that are not regular or too large are refused."""

from __future__ import annotations

import json
import re
from random import Random

import pytest

from serving.grammar.patterns import PatternRefused, parsed
from serving.grammar.strings import FORMATS
from serving.grammar.validating import TooMuchWork, matches
from serving.shapes import ShapeRefused
from tests.unit.serving.batch import shape_of, texts

#: Patterns that Python's engine reads as ours does, for texts without line breaks.
PATTERNS = (
    "^E[1-9][0-9]{0,3}$", "abc", "^abc", "abc$", "^(ab|a)(c|bcd)$", "^a*b+c?$", "^[^ab]+$", r"^\w+@\w+\.com$", "^$",
    r"^\d{2,}-\D{1,3}$", "a|^b|c$", "^(a?b?)*c$", "^(a*)*$", r"^[\w.-]{3}$", r"^\x41é$", "^(?:a|(?P<n>b))+?$",
    r"^[\]\\^-]+$", "^a{2}b{0,1}c{1,}$", r"^\s*$", "^[a-]$", "^[-a]$", r"^\/\.$",
)  # fmt: skip


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_is_found_where_another_engine_finds_it(pattern: str) -> None:
    random, engine = Random(pattern), re.compile(pattern, re.ASCII)
    for _ in range(400):
        text = "".join(random.choices("abcdE019 @.-A\\]^/é", k=random.randint(0, 6)))
        assert matches(pattern, text) == bool(engine.search(text)), text


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("(?=a)b", "looks around"), ("(?<!a)b", "looks around"), (r"(a)\1", r"\\1"), (r"\bword\b", r"\\b"),
        ("a^b", "end"), ("(a", "does not end"), ("a)", "never opened"), ("[]", "no character"),
        ("*a", "nothing before"), ("a**", "already"),
        ("[z-a]", "wrong way"), ("a{3,1}", "wrong way"), ("a{x}", "number of times"), (r"\ud800", "surrogate"),
        (r"\p{L}", r"\\p"), ("a{1,1000}" * 112, "1000 characters"), ("(a{1,99}){1,99}", "more than 1000 times"),
        ("(" * 21 + "a" + ")" * 21, "20 groups"), ("a\\", "too early"), (r"\xg0", "hexadecimal"), (r"\y", "no meaning"),
    ],
)  # fmt: skip
def test_a_pattern_that_cannot_be_kept_is_refused_with_the_reason(pattern: str, why: str) -> None:
    with pytest.raises(PatternRefused, match=why):
        parsed(pattern)
    with pytest.raises(ShapeRefused, match=r"`pattern` at /properties/a"):
        shape_of({"type": "object", "properties": {"a": {"type": "string", "pattern": pattern}}})


@pytest.mark.parametrize(
    "pattern", [*PATTERNS, r'^["\\\n\x01]{1,40}$', r"^\u{1F600}[^\x00-\x1f]{0,9}$", "^[^a]{10,12}$"]
)
def test_answers_keep_their_pattern(pattern: str) -> None:
    shape = shape_of({"type": "string", "pattern": pattern})
    for text in texts(shape, 5):
        assert matches(pattern, json.loads(text))


@pytest.mark.parametrize(
    ("pattern", "least", "most"),
    [("^[a-z]+$", 3, 5), ("^[a-z]+$", 0, 40), ("@", 3, 9), ("^x[0-9]*(-[a-z]{0,9})?$", 2, 30),
     ("^(a|bb|c[0-9]*)$", 2, 6), ("^T[0-9]{4}$", 5, 5), ("^[a-z]{1,200}$", 50, 60)],
)  # fmt: skip
def test_a_pattern_and_lengths_are_kept_together(pattern: str, least: int, most: int) -> None:
    shape = shape_of({"type": "string", "pattern": pattern, "minLength": least, "maxLength": most})
    for text in texts(shape, 6):
        assert least <= len(json.loads(text)) <= most


def test_a_pattern_that_lengths_cannot_be_counted_in_is_refused() -> None:
    with pytest.raises(ShapeRefused, match="minLength and maxLength"):
        shape_of({"type": "string", "pattern": "^(ab)+$", "maxLength": 7})


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_format_is_kept(name: str) -> None:
    shape = shape_of({"type": "string", "format": name})
    for text in texts(shape, 5):
        assert re.search(FORMATS[name], json.loads(text))


def test_a_format_nobody_knows_is_a_remark() -> None:
    assert texts(shape_of({"type": "string", "format": "made-up", "maxLength": 3}), 2)


def test_an_engine_that_backtracks_would_not_come_back() -> None:
    assert not matches("^(a+)+$", "a" * 5000 + "b")
    assert matches("^(a+)+$", "a" * 5000)


def test_a_pattern_with_too_many_readings_is_not_worked_on_for_ever() -> None:
    with pytest.raises(TooMuchWork):
        matches("(a|b|c)*" * 120, "abc" * 200)
