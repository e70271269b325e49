"""What Sigma's rules mean, as its specification says it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.detection.rules import matches, rule, run, sigma
from tools.investigate.sigma.evaluate import holds
from tools.investigate.sigma.events import Event

COMMAND = r"C:\Windows\System32\cmd.exe /c whoami"


@pytest.mark.parametrize(
    ("selection", "value", "expected"),
    [
        # Texts are compared whole and without regard to case; `cased` asks for it.
        ("f: CMD.exe", "cmd.EXE", True),
        ("f: cmd", "cmd.exe", False),
        ("f|cased: CMD.exe", "cmd.exe", False),
        ("f|contains|cased: System32", r"c:\windows\System32\x", True),
        ("f|contains|cased: System32", r"c:\windows\system32\x", False),
        # Wildcards, and what is escaped.
        ("f: '*\\cmd.exe *'", COMMAND, True),
        ("f: 'C:\\*\\cmd.exe'", COMMAND, False),
        ("f: 'c?d'", "cmd", True),
        ("f: 'c?d'", "cmmd", False),
        (r"f: 'a\*b'", "a*b", True),
        (r"f: 'a\*b'", "axb", False),
        (r"f: 'a\?b'", "a?b", True),
        (r"f: 'a\\*b'", r"a\xxb", True),
        (r"f|contains: '50%'", "at 50% now", True),
        (r"f: 'a*b'", "a\nb", True),
        # A backslash before a letter is only a backslash.
        (r"f|endswith: '\cmd.exe'", r"C:\x\CMD.EXE", True),
        (r"f|startswith: '\\srv'", r"\\srv\share", False),
        (r"f|startswith: '\\\\srv'", r"\\srv\share", True),
        # Modifiers.
        ("f|contains: 'SYSTEM32'", COMMAND, True),
        ("f|startswith: 'c:\\windows'", COMMAND, True),
        ("f|endswith: 'WHOAMI'", COMMAND, True),
        ("f|contains|all: ['cmd', 'whoami']", COMMAND, True),
        ("f|contains|all: ['cmd', 'hostname']", COMMAND, False),
        ("f|contains: ['hostname', 'whoami']", COMMAND, True),
        ("f|contains: 'a?c*f'", "xxabcddfxx", True),
        ("f|windash|contains: ' -c '", COMMAND, True),
        ("f|windash|contains: ' /c'", "cmd \u2013c x", True),
        ("f|base64offset|contains: 'whoami'", "x=AAd2hvYW1pAA", True),
        ("f|base64: 'foobar'", "Zm9vYmFy", True),
        ("f|wide|base64offset|contains: 'ping'", "cABpAG4AZwA=", True),
        ("f|re: '^C:.*who(ami|is)$'", COMMAND, True),
        ("f|re: 'WHOAMI'", COMMAND, False),
        ("f|re|i: 'WHOAMI'", COMMAND, True),
        ("f|re: 'b.c'", "b\nc", False),
        ("f|re|s: 'b.c'", "b\nc", True),
        ("f|re|m: '^c$'", "b\nc", True),
        ("f|cidr: '10.0.0.0/8'", "10.20.30.40", True),
        ("f|cidr: '10.0.0.0/8'", "11.0.0.1", False),
        ("f|cidr: '10.0.0.0/8'", "::ffff:10.1.1.1", True),
        ("f|cidr: '2001:db8::/32'", "2001:DB8::7", True),
        ("f|cidr: '10.0.0.0/8'", "not an address", False),
        ("f|gt: 5", 6, True),
        ("f|gt: 5", "6", True),
        ("f|gte: 5", 5, True),
        ("f|lt: 5", 5, False),
        ("f|lte: 5", 5, True),
        ("f|gt: 5", "many", False),
        ("f|neq: 'a'", "b", True),
        ("f|neq: 'a'", "A", False),
        ("f|exists: true", "", True),
        ("f|exists: false", "x", False),
        ("f|hour: 9", "2026-01-05T09:21:37Z", True),
        ("f|hour: 9", "2026-01-05T09:21:37-02:00", False),
        ("f|year: 2026", 1767604897, True),
        # Numbers, truth values, nothing.
        ("f: 4624", "4624", True),
        ("f: 4624", 4624, True),
        ("f: 4624", 4624.0, True),
        ("f: 4624", "46240", False),
        ("f: '4624'", 4624, True),
        ("f: true", "True", True),
        ("f: true", True, True),
        ("f: false", 0, False),
        ("f: null", None, True),
        ("f: null", "", False),
        ("f: ''", "", True),
        ("f: ''", "x", False),
        ("f: [null, '']", None, True),
        # A list in the event: any of its values.
        ("f: two", ["one", "TWO"], True),
        ("f|contains|all: [one, tw]", ["one", "two"], True),
    ],
)
def test_field_is_compared_as_the_specification_says(
    tmp_path: Path, selection: str, value: Any, expected: bool
) -> None:
    event = {"EventID": 1, "Channel": "Security", "Computer": "x", "f": value}
    assert matches(tmp_path, f"s:\n  {selection}\ncondition: s", event) is expected


@pytest.mark.parametrize(
    ("detection", "expected"),
    [
        ("s: {a: 1, b: 2}\ncondition: s", True),
        ("s: {a: 1, b: 3}\ncondition: s", False),
        ("s: [{a: 9}, {b: 2}]\ncondition: s", True),
        ("s: {a: 1}\nn: {b: 2}\ncondition: s and not n", False),
        ("s: {a: 1}\nn: {b: 3}\ncondition: s and not n", True),
        ("s1: {a: 9}\ns2: {b: 2}\ncondition: 1 of s*", True),
        ("s1: {a: 9}\ns2: {b: 2}\ncondition: all of s*", False),
        ("s1: {a: 1}\ns2: {b: 2}\ncondition: all of them", True),
        ("s1: {a: 9}\ns2: {b: 9}\ncondition: 1 of them", False),
        ("s: {a: 1}\nf1: {b: 2}\nf2: {b: 9}\ncondition: s and not 1 of f*", False),
        ("s: {a: 1}\nf1: {b: 2}\nf2: {b: 9}\ncondition: s and not all of f*", True),
        ("s: {a: 1}\nt: {a: 9}\nu: {b: 9}\ncondition: s or t and u", True),
        ("s: {a: 1}\nt: {a: 9}\nu: {b: 9}\ncondition: (s or t) and u", False),
        ("s: {c|fieldref: d}\ncondition: s", True),
        ("s: {c|fieldref: a}\ncondition: s", False),
        ("s: {c|fieldref|startswith: e}\ncondition: s", True),
        ("s: {missing: x}\ncondition: not s", True),
        ("k: ['needle', 'pin']\ncondition: k", True),
        ("k: ['hay*ck']\ncondition: k", True),
        ("k: ['nothing']\ncondition: k", False),
        ("k:\n  '|all': ['needle', 'haystack']\ncondition: k", True),
        ("s: {A: 1, B: 2}\ncondition: s", True),
        ("s: {deep.er.x: y}\ncondition: s", True),
    ],
)
def test_condition_joins_selections_as_the_specification_says(tmp_path: Path, detection: str, expected: bool) -> None:
    event = {
        "EventID": 1, "Channel": "Security", "a": 1, "b": "2", "c": "Text", "d": "tEXT", "e": "te",
        "note": "a needle in a haystack", "deep": [{"er": {"x": ["z", "y"]}}],
    }  # fmt: skip
    assert matches(tmp_path, detection, event) is expected


CORRELATION = (
    "title: x\ntype: correlation\n"
    "correlation: {type: event_count, rules: [a], group-by: [b], timespan: 1m, condition: {gte: 10}}\n"
)


def test_several_conditions_are_alternatives(tmp_path: Path) -> None:
    detection = "s: {a: 1}\nt: {a: 2}\ncondition: [s, t]"
    assert matches(tmp_path, detection, {"Channel": "Security", "a": 2})


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (rule("s: {a: b}\ncondition: s and nope"), 5, "'nope' not defined"),
        (rule("s: {a|nomodifier: b}\ncondition: s"), 5, "Unknown modifier 'nomodifier'"),
        (rule("s: {a|re: '(?=x)y'}\ncondition: s"), 5, "invalid perl operator"),
        (rule("s: {a|re: '('}\ncondition: s"), 5, "is invalid"),
        (rule("s: {a|cidr: 'home'}\ncondition: s"), 5, "Invalid CIDR"),
        (rule("s: {a|expand: '%admins%'}\ncondition: s"), 5, "needs a list of values"),
        (rule("s: {a: b}\ncondition: s | count() > 5"), 5, "pipe syntax"),
        ("title: x\ndetection: {s: {a: b}, condition: s}\n", 1, "log source"),
        ("title: x\nlogsource: {product: [}\n", 2, "expected"),
        ("- a list\n", 1, "a rule is a mapping"),
        (CORRELATION, 1, "joins several events"),
    ],
)  # fmt: skip
def test_rule_that_cannot_run_is_named_with_its_line_and_the_others_still_run(
    tmp_path: Path, text: str, line: int, message: str
) -> None:
    book = sigma(tmp_path, bad=text, good=rule("s: {a: b}\ncondition: s"))
    [problem] = book.problems
    assert (problem.file, problem.line) == ("bad.yml", line)
    assert message.lower() in problem.message.lower()
    found = run(book, {"Channel": "Security", "a": "B"})
    assert found["facts"] | {"matched": True, "skipped": 1} == found["facts"]
    assert found["detail"]["skipped"] == [problem.as_json()]


def test_rules_that_their_authors_took_back_do_not_run(tmp_path: Path) -> None:
    book = sigma(tmp_path, old=rule("s: {a: b}\ncondition: s") + "status: deprecated\n")
    assert (book.rules, book.problems) == ((), ())


def test_author_level_technique_and_what_made_it_match_are_told(tmp_path: Path) -> None:
    text = rule("s: {Image|endswith: '\\cmd.exe'}\nn: {User: SYSTEM}\ncondition: s and not n", level="critical")
    text += "tags: [attack.execution, attack.t1059.003]\nfalsepositives: [Admins]\n"
    text += "id: 6b1d4a06-0000-4000-8000-000000000001\n"
    found = run(sigma(tmp_path, one=text), {"Channel": "Security", "Image": r"C:\cmd.exe", "User": "ada"}, {"a": 1})
    [match] = found["detail"]["matches"]
    assert match["author"] == "Ada"
    assert match["fields"] == {"Image": r"C:\cmd.exe"}
    assert (match["events"], match["count"], match["file"]) == ([0], 1, "one.yml")
    facts = found["facts"]
    assert (facts["rule"], facts["level"], facts["technique"]) == ("A rule", "critical", "T1059.003")
    assert "by Ada" in found["summary"]


def test_only_rules_of_the_level_asked_for_run(tmp_path: Path) -> None:
    book = sigma(
        tmp_path, low=rule("s: {a: b}\ncondition: s", level="low"), high=rule("s: {a: b}\ncondition: s", level="high")
    )
    assert run(book, {"Channel": "Security", "a": "b"}, level="medium")["facts"]["rules"] == 1


TEXTS = st.text(alphabet="ab*?\\/.[(\né\udc80", max_size=8)


@settings(max_examples=150, derandomize=True, deadline=None)
@given(pattern=TEXTS.filter(lambda t: "\udc80" not in t), value=TEXTS)
def test_any_pattern_means_the_same_as_a_plain_reading_of_the_specification(pattern: str, value: str) -> None:
    from sigma.types import SigmaString

    from tools.detection.sigma_tree import tree

    parts, i = [], 0
    while i < len(pattern):  # the specification: `\` escapes `*`, `?` and itself; before anything else it is text
        if pattern[i] == "\\" and pattern[i + 1 : i + 2] in {"*", "?", "\\"}:
            parts.append(re.escape(pattern[i + 1]))
            i += 2
            continue
        parts.append({"*": "(?:.|\n)*", "?": "(?:.|\n)"}.get(pattern[i], re.escape(pattern[i])))
        i += 1
    expected = re.fullmatch("".join(parts), value.encode("utf-8", "replace").decode(), re.IGNORECASE) is not None
    from sigma.conditions import ConditionFieldEqualsValueExpression

    node = tree(ConditionFieldEqualsValueExpression("f", SigmaString(pattern)))
    event = Event({"f": value.encode("utf-8", "replace").decode()})
    assert holds(node, event) is expected


def test_time_of_a_hostile_regular_expression_is_linear(tmp_path: Path) -> None:
    # Where a backtracking engine would take 2**50 steps.
    assert not matches(tmp_path, "s: {f|re: '(a+)+$'}\ncondition: s", {"Channel": "Security", "f": "a" * 5_000 + "b"})
