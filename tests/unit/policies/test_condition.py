from __future__ import annotations

from typing import Any

import pytest

from core.decision import ArgumentFacts
from policies.bundle import Bundle
from policies.condition import Compiler, ConditionInvalid, Undecided
from policies.named import Reader
from policies.vocabulary import activation, facts_over_strictest, strictest


@pytest.fixture(scope="module")
def compiler(bundle: Bundle) -> Compiler:
    return Compiler(bundle.organization)


def facts(**args: Any) -> dict[str, Any]:
    named = activation(facts_over_strictest("isolate_host", {}, {}))
    for name, value in args.items():
        named |= {f"args.{name}.value": value, f"args.{name}.trusted": False, f"args.{name}.sources": ["E1"]}
    return named


@pytest.mark.parametrize(
    ("source", "holds"),
    [
        ("true", True),
        ("asset.tier == 0 && identity.privileged", True),
        ("asset.tier > 0 || evidence.manipulation", True),
        ("!(asset.known || verdict.confidence > 0.5)", True),
        ("(asset.known)", False),
        ("asset.known ? false : true", True),
        ('verdict.label in ["malicious", "needs_information"] // why not', True),
        ('tool == "isolate_host" && "E1" in args.host.sources', True),
        ('inCidr("10.1.2.3", "10.0.0.0/8") && !inCidr("11.0.0.1", "10.0.0.0/8")', True),
        ("isOwn(args.host.value)", True),
        ("isPartner(args.host.value)", False),
        ('["a", "b"].exists(x, x == "b" && (true || false))', True),
        ('"a && (b" == "a && (b"', True),
    ],
)
def test_conditions_say_what_they_look_like(compiler: Compiler, source: str, holds: bool) -> None:
    assert compiler.compile(source).holds(facts(host="WS-TRE-014")) is holds


@pytest.mark.parametrize(
    "source",
    [
        "args.host.value > 3 || true",
        "true && args.host.value > 3",
        "!(args.host.value > 3)",
        "1 / 0 == 1 || true",
        'inCidr(args.host.value, "10.0.0.0/8") || asset.tier == 0',
        "args.account.trusted || true",
        "isOwn(args.number.value) || true",
    ],
)
def test_an_error_is_never_absorbed_by_or(compiler: Compiler, source: str) -> None:
    condition = compiler.compile(source)
    with pytest.raises(Undecided):
        condition.holds(facts(host="not an address", number=7))


def test_what_a_guard_keeps_from_being_reached_is_no_error(compiler: Compiler) -> None:
    assert not compiler.compile('args.host.value != "x" && args.host.value > 3').holds(facts(host="x"))
    assert compiler.compile('args.host.value == "x" || args.host.value > 3').holds(facts(host="x"))


def test_the_reason_of_an_error_carries_no_value(compiler: Compiler) -> None:
    condition = compiler.compile('inCidr(args.host.value, "10.0.0.0/8")')
    with pytest.raises(Undecided) as caught:
        condition.holds(facts(host="Anna Lindqvist"))
    assert "Anna" not in str(caught.value)


def test_a_fact_of_the_wrong_type_counts_as_missing(compiler: Compiler) -> None:
    wrong = facts_over_strictest("isolate_host", {}, {"asset": {"tier": True}, "verdict": {"confidence": "high"}})
    for source in ("asset.tier >= 0", "verdict.confidence >= 0.0"):
        with pytest.raises(Undecided):
            compiler.compile(source).holds(activation(wrong))


@pytest.mark.parametrize(
    ("source", "offset", "message"),
    [
        ("asset.teir > 2", 0, "did you mean `asset.tier`?"),
        ("true &&\n  asset.teir > 2", 10, "did you mean `asset.tier`?"),
        ("asset.colour == 1", 0, "`asset` has known, tier"),
        ("nothing.here", 0, "`nothing.here` is not known"),
        ("args.host.trustd", 0, "did you mean `args.host.trusted`?"),
        ("args.host", 0, "did you mean `args.host.value`?"),
        ("size(args) > 0", 5, "write `args.NAME.value`"),
        ("asset.tier", 0, "gives int, not true or false"),
        ("asset.tier >", 11, "the condition ends too early"),
        ("verdict.confidence > 1", 19, "write a number with a point"),
        ('verdict.label == "malicous"', 17, 'did you mean "malicious"?'),
        ('verdict.severity in ["high", "hgh"]', 29, 'did you mean "high"?'),
        ('team.framework != "zzz"', 18, "it is one of autogen, adk"),
        ("has(asset.tier)", 0, "`has()` is not needed"),
        ('asset.known && asset.owner.matches("a(")', 35, "`a(` is not a regular expression (missing )"),
        ('inCidr(args.host.value, "10.0.0.1/8")', 24, "write it like 10.0.0.0/8"),
        ("(" * 400 + "true" + ")" * 400, 0, "does not compile"),
        ("true" + " " * 5000, 0, "is longer than"),
    ],
)
def test_flaws_are_told_at_their_place_with_a_remedy(
    compiler: Compiler, source: str, offset: int, message: str
) -> None:
    with pytest.raises(ConditionInvalid) as caught:
        compiler.compile(source)
    assert any(flaw.offset == offset and message in flaw.message for flaw in caught.value.flaws)


def test_every_fact_has_a_strictest_value_of_its_type() -> None:
    from policies.vocabulary import FIELDS

    for group, values in strictest().items():
        assert set(values) == set(FIELDS[group])
    assert len(activation(facts_over_strictest("x", {}, {}))) == 1 + sum(map(len, FIELDS.values()))


@pytest.mark.parametrize("value", ["10.0.0.1\0.evil.example", "\ud800", 2**64, [2**70], {"a": "\0"}, b"a", [[[]]] * 2])
def test_a_value_that_cel_would_not_see_exactly_counts_as_missing(compiler: Compiler, value: Any) -> None:
    nested: Any = value
    for _ in range(40 if value == [[[]]] * 2 else 0):
        nested = [nested]
    given = facts_over_strictest("x", {"host": ArgumentFacts(value=nested, trusted=True)}, {})
    with pytest.raises(Undecided, match=r"args\.host\.value has no value"):
        compiler.compile('args.host.value != "x"').holds(activation(given))


@pytest.mark.parametrize(
    ("group", "name", "value", "becomes"),
    [
        ("asset", "tier", 2.0, 2),
        ("asset", "tier", 2.5, None),
        ("asset", "tier", float("nan"), None),
        ("asset", "tier", 2**63, None),
        ("verdict", "confidence", 1, 1.0),
        ("verdict", "confidence", 10**400, None),
        ("asset", "owner", "a\0b", None),
        ("asset", "known", 1, None),
    ],
)
def test_facts_take_their_declared_type_or_none(group: str, name: str, value: Any, becomes: Any) -> None:
    given = facts_over_strictest("x", {}, {group: {name: value}})
    assert activation(given).get(f"{group}.{name}") == becomes
    assert Reader.of([f"{group}.{name}"]).read(given).get(f"{group}.{name}") == becomes


def test_an_error_names_what_has_no_value_or_what_is_wrong_and_quotes_no_value(compiler: Compiler) -> None:
    with pytest.raises(Undecided, match=r"args\.host\.trusted has no value"):
        compiler.compile("args.host.trusted").holds({})
    with pytest.raises(Undecided, match=r"`args\.host\.value > 3` is an error"):
        compiler.compile("asset.known || args.host.value  > 3").holds(facts(host="Anna"))


def test_parts_of_an_argument_that_are_no_such_thing_count_as_missing() -> None:
    odd = ArgumentFacts(value="x", trusted="yes", sources=("E\0",))  # type: ignore[arg-type]
    given = facts_over_strictest("x", {"host": odd}, {})
    assert {name for name in activation(given) if name.startswith("args.")} == {"args.host.value"}
    assert Reader.of(["args.host.trusted", "args.host.sources"]).read(given) == {"tool": "x"}


def test_a_closed_fact_may_be_asked_in_other_ways(compiler: Compiler) -> None:
    assert compiler.compile('verdict.label.startsWith("needs") && verdict.label.size() > 3').holds(facts())
