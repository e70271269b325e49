"""The quick tests of conditions against CEL itself: random conditions over random facts, errors included."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.decision import ArgumentFacts, Facts, Outcome
from policies.atoms import Undecided, atoms
from policies.bundle import Bundle
from policies.condition import Compiler, ConditionInvalid
from policies.engine import agrees, plan_of
from policies.examples import example_facts, given_facts
from policies.fast import Quick
from policies.named import Reader
from policies.plan import answers
from policies.vocabulary import FIELDS, activation, facts_over_strictest

from .conftest import BundleOf

TYPED = {f"{group}.{name}": kind for group, fields in FIELDS.items() for name, kind in fields.items()}
#: Facts of which each type is drawn from; few, so that conditions and facts meet.
NAMES = {
    "bool": ["asset.known", "evidence.manipulation", "args.x.trusted"],
    "int": ["asset.tier", "history.last_hour"],
    "double": ["verdict.confidence"],
    "string": ["asset.owner", "ticket.source", "tool"],
    "any": ["args.x.value", "args.y.value"],
}
WORDS = [
    "",
    "a",
    "b",
    "ab",
    "é",
    "e\u0301",
    "\uffff",
    "😀",
    "svc-a",
    "10.1.2.3",
    "bank.example",
    "https://a.b/c",
    "a\nb",
]
INTS = [0, 1, -1, 2, 3, 2**31, 2**53 - 1, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), 2**63, 2**64 - 1, 2**64, -(2**63) - 1]
DOUBLES = [0.0, -0.0, 0.5, 1.0, 0.9, float(2**53), 1e300, float("inf"), float("-inf"), float("nan")]
HOSTILE = ["a\0b", "\0", "\ud800", "a\udfff"]

words, ints, doubles = st.sampled_from(WORDS), st.sampled_from(INTS), st.sampled_from(DOUBLES)
scalars = st.one_of(words, st.text(max_size=4), ints, st.integers(), doubles, st.floats(), st.booleans())
anything: st.SearchStrategy[Any] = st.one_of(
    scalars,
    st.none(),
    st.sampled_from(HOSTILE),
    st.lists(st.one_of(scalars, st.sampled_from(HOSTILE)), max_size=2),
    st.dictionaries(words, scalars, max_size=2),
)


def quoted(word: str) -> str:
    return '"' + "".join(f"\\U{ord(letter):08x}" if letter in '"\\\n' else letter for letter in word) + '"'


literals = {
    "string": words.map(quoted),
    "int": st.sampled_from([0, 1, -1, 2, 3, 2**53 - 1, 2**53, 2**63 - 1]).map(str),
    "double": st.sampled_from(["0.0", "-0.0", "0.5", "1.0", "9e-1", "9007199254740992.0", "1e300"]),
    "bool": st.sampled_from(["true", "false"]),
}
signs = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
patterns = st.sampled_from(['"^a"', '"b$"', '"(?i)A"', r"r'\pL'", '"^.$"', '"["', '""', '"^svc-[a-z]+$"'])
networks = st.sampled_from(["10.0.0.0/8", "::/0", "10.0.0.1/8", "nonsense"])


@st.composite
def plain_atoms(draw: st.DrawFn) -> str:
    kind = draw(st.sampled_from(["bool", "int", "double", "string", "any", "any"]))
    fact = draw(st.sampled_from(NAMES[kind]))
    literal = draw(literals[kind]) if kind != "any" else draw(st.one_of(*literals.values()))
    shape = draw(st.sampled_from(["compare", "turned", "in", "truth", "constant", "word", "own", "cidr", "cel"]))
    if shape == "constant":
        return draw(literals["bool"])
    if shape == "compare" or (shape in ("word", "own", "cidr") and kind not in ("string", "any")):
        return f"{fact} {draw(signs)} {literal}"
    if shape == "turned":
        return f"{literal} {draw(signs)} {fact}"
    if shape == "in":
        among = st.one_of(*literals.values()) if draw(st.booleans()) else literals.get(kind, literals["string"])
        return f"{fact} in [{', '.join(draw(st.lists(among, max_size=4)))}]"
    if shape == "truth":
        return draw(st.sampled_from(NAMES["bool"] + NAMES["any"]))
    if shape == "word":
        method = draw(st.sampled_from(["contains", "startsWith", "endsWith", "matches"]))
        return f"{fact}.{method}({draw(patterns if method == 'matches' else words.map(quoted))})"
    if shape == "own":
        return f"{draw(st.sampled_from(['isOwn', 'isPartner']))}({fact})"
    if shape == "cidr":
        return f'inCidr({fact}, "{draw(networks)}")'
    return draw(st.sampled_from(["asset.tier == history.last_hour", '"E1" in args.x.sources', "args.x.value == null"]))


conditions = st.recursive(
    plain_atoms(),
    lambda part: st.one_of(
        part.map(lambda inner: f"!({inner})"),
        st.lists(part, min_size=2, max_size=5).map(lambda parts: " && ".join(f"({p})" for p in parts)),
        st.lists(part, min_size=2, max_size=5).map(lambda parts: " || ".join(f"({p})" for p in parts)),
    ),
    max_leaves=7,
)


@st.composite
def situations(draw: st.DrawFn) -> Facts:
    """Facts of which some are missing, some of the wrong type, and arguments of any JSON type."""
    by_kind = {"bool": st.booleans(), "int": ints, "double": doubles, "string": words}
    given: dict[str, dict[str, Any]] = {}
    for names in NAMES.values():
        for name in names:
            group, _, key = name.partition(".")
            if name in TYPED and draw(st.integers(0, 9)):
                value = draw(by_kind[TYPED[name]] if draw(st.integers(0, 7)) else anything)
                given.setdefault(group, {})[key] = value
    args = {}
    for name in ("x", "y"):
        if draw(st.integers(0, 9)):
            args[name] = ArgumentFacts(value=draw(anything), trusted=draw(st.booleans()), sources=("E1",))
    facts = facts_over_strictest(draw(st.sampled_from(["isolate_host", "a"])), args, given)
    if not draw(st.integers(0, 5)):
        facts.asset.pop("tier")
    return facts


@pytest.fixture(scope="module")
def compiler(bundle: Bundle) -> Compiler:
    return Compiler(bundle.organization)


def by_cel(root: Any, named: dict[str, Any]) -> bool | None:
    try:
        answer: bool = root.holds(named)
    except Undecided:
        return None
    return answer


def quickly(test: Any, named: dict[str, Any]) -> bool | None:
    try:
        answer = test(named)
    except Exception:  # noqa: BLE001  (any error means undecided, as in the engine)
        return None
    assert answer is True or answer is False
    return bool(answer)


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(conditions, st.lists(situations(), min_size=1, max_size=4))
def test_the_quick_form_of_a_condition_is_what_cel_says(
    bundle: Bundle, compiler: Compiler, source: str, facts: list[Facts]
) -> None:
    try:
        root = compiler.compile(source).root
    except ConditionInvalid:
        return
    test = Quick(bundle.organization).test(root)
    reader = Reader.of(name for atom in atoms(root) for name in atom.reads)
    for situation in facts:
        named = reader.read(situation)
        assert quickly(test, named) == by_cel(root, activation(situation))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(conditions, min_size=1, max_size=4), st.lists(situations(), min_size=1, max_size=3), st.data())
def test_a_decision_is_the_one_that_cel_leads_to(
    bundle_of: BundleOf, compiler: Compiler, sources: list[str], facts: list[Facts], data: st.DataObject
) -> None:
    rows = []
    for source in sources:
        try:
            compiler.compile(source)
        except ConditionInvalid:
            continue
        then = data.draw(st.sampled_from(["allow", "deny", {"approvals": 2, "on_expiry": "deny"}]))
        limit = {"limit": {"per_hour": 1, "per_source": {"per_day": 2}}} if then == "allow" else {}
        rows.append({"tools": ["isolate_host"], "when": source, "then": then, **limit})
    made = bundle_of(*rows, {"then": "allow"})
    assert all(agrees(made, situation) for situation in facts)


def test_every_example_and_test_of_the_default_bundle_is_decided_as_cel_would(bundle: Bundle) -> None:
    situations = [
        facts for rule in bundle.actions.rules for example in rule.examples for facts in example_facts(rule, example)
    ]
    situations += [
        given_facts(case.given, case.given.tool or "") for suite in bundle.tests.values() for case in suite.tests
    ]
    assert len(situations) > 50
    for facts in situations:
        assert agrees(bundle, facts)


@pytest.mark.parametrize("value", ["WS-1", "10.1.2.3", 1, True, "a\0", None])
def test_what_many_rules_ask_is_asked_once_and_answered_the_same(bundle_of: BundleOf, value: Any) -> None:
    asked = "isOwn(args.host.value)"
    made = bundle_of({"when": asked, "then": "allow"}, {"when": f"{asked} || asset.known", "then": {"approvals": 1}})
    given = facts_over_strictest("isolate_host", {"host": ArgumentFacts(value=value, trusted=True)}, {})
    assert agrees(made, given)


@pytest.mark.parametrize("value", [True, "a", 2.5, {"a": 1}, [1]])
def test_every_form_is_decided_as_cel_would_for_a_value_of_every_type(
    bundle: Bundle, compiler: Compiler, value: Any
) -> None:
    given = facts_over_strictest("t", {"x": ArgumentFacts(value=value, trusted=True)}, {})
    sources = (
        "args.x.value && true",
        "args.x.value == true",
        "args.x.value == 2.5 || args.x.value == 'a' || asset.known || asset.known",
        "args.x.value >= 1",
        'args.x.value > "A"',
        "args.x.value < true",
        "args.x.value in [true, 'a', 3]",
        "asset.known in [false] && asset.tier in [0] && verdict.confidence in [0.0] && asset.known == false && true",
        "args.x.value.endsWith('a')",
        "args.x.value.matches('^a')",
    )
    for source in sources:
        root = compiler.compile(source).root
        named = activation(given)
        assert quickly(Quick(bundle.organization).test(root), dict(named)) == by_cel(root, named), source


def test_without_a_rule_both_ways_deny(bundle_of: BundleOf) -> None:
    assert agrees(bundle_of({"tools": ["other"], "then": "allow"}), facts_over_strictest("isolate_host", {}, {}))


def test_a_quick_test_that_breaks_denies_and_cel_says_why(bundle_of: BundleOf) -> None:
    made = bundle_of({"id": "broken", "when": "asset.known || true", "then": "allow"})
    plan = plan_of(made, "isolate_host")
    assert plan is not None
    (rule,) = plan.rules

    def breaks(named: dict[str, Any]) -> bool:
        raise ZeroDivisionError

    broken = replace(rule, test=breaks)
    (answer,) = answers([broken], {"tool": "isolate_host"})
    assert (answer.outcome, "asset.known has no value" in answer.reason) == (Outcome.DENY, True)
    (answer,) = answers([broken], {"tool": "isolate_host", "asset.known": True})
    assert (answer.outcome, "(an error)" in answer.reason) == (Outcome.DENY, True)
