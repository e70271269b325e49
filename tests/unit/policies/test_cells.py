from __future__ import annotations

import pytest
from ruamel.yaml import YAML

from core.decision import ArgumentFacts, Outcome
from policies.atoms import Predicate, atoms
from policies.bundle import Bundle
from policies.cells import cells_of, label_of
from policies.condition import Compiler
from policies.fast import Quick
from policies.organization import Asset, Organization
from policies.questions import FAILS, FALSE, TRUE, Question, elsewhere, question, signature
from policies.space import Space
from policies.vocabulary import ToolShape, facts_over_strictest
from policies.witnesses import examples_for
from policies.written import example_yaml, given_of

from .situations import TOOLS


def questions(bundle: Bundle, *conditions: str) -> list[Question]:
    compiler, quick = Compiler(bundle.organization), Quick(bundle.organization)
    found = [atom for text in conditions for atom in atoms(compiler.compile(text).root)]
    return [question(atom, quick.test(atom)) for atom in found]


def labels(bundle: Bundle, fact: str, *conditions: str) -> list[str]:
    asked = questions(bundle, *conditions)
    return [cell.label for cell in cells_of(fact, asked, examples=examples_for(fact, asked, bundle.organization))]


@pytest.mark.parametrize(
    ("fact", "conditions", "expected"),
    [
        ("asset.known", ["asset.known"], ["= false", "= true"]),
        ("asset.tier", ["asset.tier < 2"], ["≤ 1", "≥ 2"]),
        ("asset.tier", ["asset.tier in [1, 2, 3]"], ["in 0, 4", "in 1..3"]),
        ("asset.tier", ["asset.tier == 2"], ["in 0, 1, 3, 4", "= 2"]),
        (
            "verdict.confidence",
            ["verdict.confidence >= 0.8", "verdict.confidence > 0.9"],
            ["< 0.8", "in [0.8, 0.9]", "> 0.9"],
        ),
        ("verdict.confidence", ["verdict.confidence == 0.5"], ["< 0.5", "= 0.5", "> 0.5"]),
        ("verdict.confidence", ["verdict.confidence >= 1.0"], ["< 1.0", "= 1.0"]),
        ("verdict.confidence", ["verdict.confidence > 7.0"], ["any"]),
        ("verdict.findings", ["verdict.findings > 3", "verdict.findings < 1"], ["= 0", "in 1..3", "≥ 4"]),
        ("history.last_hour", ["history.last_hour in [2, 4]"], ["≤ 1", "= 2", "= 3", "= 4", "≥ 5"]),
        ("ticket.kind", ['ticket.kind == "a"', 'ticket.kind in ["a", "b"]'], ['= "a"', '= "b"', 'other than "a", "b"']),
        ("ticket.kind", ['"other" == ticket.kind'], ['= "other"', 'other than "other"']),
        (
            "verdict.label",
            ['verdict.label == "benign"'],
            ['in "malicious", "suspicious", "needs_information"', '= "benign"'],
        ),
        ("args.host.value", ["args.host.value > 2"], ["in 1, 2", "= 3", "any"]),
    ],
)  # fmt: skip
def test_cells_are_what_questions_tell_apart(
    bundle: Bundle, fact: str, conditions: list[str], expected: list[str]
) -> None:
    assert labels(bundle, fact, *conditions) == expected


def test_text_that_is_asked_for_more_than_words_gets_examples_and_a_cell_for_everything_else(bundle: Bundle) -> None:
    asked = questions(bundle, 'inCidr(args.host.value, "10.0.0.0/24")', 'args.host.value == "here"')
    examples = examples_for("args.host.value", asked, bundle.organization)
    cells = cells_of("args.host.value", asked, examples=examples)
    answers = [signature("args.host.value", cell.values[0], asked) for cell in cells if cell.values]
    assert sorted(answers) == [(TRUE, FALSE), (FALSE, FALSE), (FAILS, TRUE), (FAILS, FALSE)]
    assert (cells[-1].values, cells[-1].label) == ((), "something else")
    assert [elsewhere(one) for one in asked] == [None, FALSE]


def test_neighbours_are_written_as_one(bundle: Bundle) -> None:
    asked = questions(bundle, "verdict.findings > 3", "verdict.findings > 5", "verdict.findings == 9")
    cells = cells_of("verdict.findings", asked)
    assert label_of("verdict.findings", cells[1:3], cells) == "in 4..8"
    assert label_of("verdict.findings", [cells[0], cells[2]], cells) == "≤ 3 or in 6..8"
    asked = questions(bundle, 'ticket.kind == "a"', 'ticket.kind == "b"')
    cells = cells_of("ticket.kind", asked)
    assert label_of("ticket.kind", [cells[0], cells[2]], cells) == 'other than "b"'
    assert label_of("ticket.kind", cells[:2], cells) == '= "a" or = "b"'


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ('args.host.value.startsWith("SRV-") && args.host.value.endsWith("-01")', "SRV--01"),
        ('args.host.value.contains("pay") && args.host.value.contains("dc")', "paydc"),
        ('args.host.value.matches("^SRV-0$")', "SRV-0"),
        ('args.host.value < "SRV"', "SR"),
        ('inCidr(args.host.value, "2001:db8::/32")', "2001:db8::"),
        ('inCidr(args.host.value, "0.0.0.0/0")', "255.255.255.255"),
    ],
)
def test_texts_are_put_together_from_what_conditions_look_for(bundle: Bundle, condition: str, found: str) -> None:
    examples = examples_for("args.host.value", questions(bundle, condition), bundle.organization)
    assert found in examples
    assert len(set(examples)) == len(examples)


def test_a_network_that_is_none_needs_no_example(bundle: Bundle) -> None:
    form = Predicate("inCidr", "args.host.value", ("10.0.0.0/99",))
    asked = Question(text="", key="", reads=frozenset(("args.host.value",)), form=form, ask=lambda named: True)
    assert examples_for("args.host.value", [asked], bundle.organization)[0] == "something"


@pytest.mark.parametrize(
    "conditions", [["args.host.value == true", "args.host.value in [1]"], ["args.host.value == 0"]]
)
def test_true_is_not_one_and_false_is_not_zero(bundle: Bundle, conditions: list[str]) -> None:
    for some in (conditions, conditions[::-1]):
        asked = questions(bundle, *some)
        cells = cells_of("args.host.value", asked)
        for value in (0, 1, True, False):
            inside = [cell for cell in cells if any(type(v) is type(value) and v == value for v in cell.values)]
            answers = {signature("args.host.value", cell.values[0], asked) for cell in inside}
            assert answers <= {signature("args.host.value", value, asked)}
        answered = {signature("args.host.value", cell.values[0], asked) for cell in cells}
        assert answered == {signature("args.host.value", value, asked) for value in (0, 1, True, False, "x")}


def test_our_own_hosts_and_networks_are_tried(bundle: Bundle) -> None:
    asset = Asset(hostname="SRV-9", ip="10.1.1.1", tier=0, kind="server")
    ours = Organization(name="x", domains=["x.example"], networks=["10.9.0.0/16"], assets=[asset])
    examples = examples_for("args.host.value", questions(bundle, "isOwn(args.host.value)"), ours)
    assert {"www.x.example", "10.9.0.0", "10.9.255.255", "10.10.0.0", "SRV-9", "10.1.1.1"} <= set(examples)


def test_a_question_about_several_facts_of_few_values_is_gone_through(bundle: Bundle) -> None:
    space = Space("isolate_host", TOOLS["isolate_host"], bundle.organization)
    compiler = Compiler(bundle.organization)
    tree = space.tree(compiler.compile("asset.tier * 2 + time.weekday > 3").root)
    space.close()
    assert space.free() == ()
    sizes = {fact: len(cells) for fact, cells in space.every_cell().items()}
    assert (sizes["asset.tier"], sizes["time.weekday"]) == (5, 7)
    first = space.undecided(tree)
    assert first is not None
    assert space.value(tree) == TRUE | FALSE | FAILS


def test_arguments_that_a_tool_does_not_have_leave_a_condition_undecided(bundle: Bundle) -> None:
    space = Space("case_file", ToolShape(arguments=(), acts=False), bundle.organization)
    compiler = Compiler(bundle.organization)
    single = space.tree(compiler.compile("args.host.trusted").root)
    several = space.tree(compiler.compile("args.host.value == asset.owner").root)
    with_tool = space.tree(compiler.compile("tool == ticket.source").root)
    space.close()
    assert space.value(single) == FAILS
    assert space.value(several) == TRUE | FALSE | FAILS
    assert space.value(with_tool) == TRUE | FALSE | FAILS


def test_an_example_gives_only_what_matters_and_reads_back() -> None:
    facts = facts_over_strictest("isolate_host", {"host": ArgumentFacts(value="no", trusted=True, sources=("E1",))}, {})
    given = given_of(facts, {"asset.tier", "args.host.sources"})
    assert given == {
        "tool": "isolate_host",
        "args": {"host": {"value": "no", "trusted": True, "sources": ["E1"]}},
        "asset": {"tier": 0},
    }
    (read,) = YAML(typ="safe").load(example_yaml(given, Outcome.ASK, 2))
    assert read == {"given": given, "expect": "ask", "approvals": 2}
    assert given_of(facts_over_strictest("case_file", {}, {}), ()) == {"tool": "case_file"}
