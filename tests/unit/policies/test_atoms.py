from __future__ import annotations

import pytest

from policies.atoms import Atom, Comparison, Constant, Form, Join, Membership, Not, Predicate, Truth, atoms
from policies.bundle import Bundle
from policies.condition import Compiler


@pytest.fixture(scope="module")
def compiler(bundle: Bundle) -> Compiler:
    return Compiler(bundle.organization)


@pytest.mark.parametrize(
    ("source", "form"),
    [
        ("true", Constant(True)),
        ("asset.known", Truth("asset.known")),
        ("args.host.trusted", Truth("args.host.trusted")),
        ("asset.tier >= 2", Comparison("asset.tier", ">=", 2)),
        ("2 <= asset . tier // turned", Comparison("asset.tier", ">=", 2)),
        ("asset.tier > -1", Comparison("asset.tier", ">", -1)),
        ("asset.tier < 0x10", Comparison("asset.tier", "<", 16)),
        ("verdict.confidence < 1e-3", Comparison("verdict.confidence", "<", 0.001)),
        (r'args.x.value == "\x41\u00e9\n"', Comparison("args.x.value", "==", "Aé\n")),
        (r"args.x.value != r'\d'", Comparison("args.x.value", "!=", r"\d")),
        ("args.x.value == 0.0", Comparison("args.x.value", "==", 0.0)),
        ("tool in [\"a\", 'b']", Membership("tool", ("a", "b"))),
        ("args.x.value in []", Membership("args.x.value", ())),
        ('args.x.value in [1, "a", true]', Membership("args.x.value", (1, "a", True))),
        ("isOwn(args.x.value)", Predicate("isOwn", "args.x.value", ())),
        ('inCidr(args.x.value, "10.0.0.0/8")', Predicate("inCidr", "args.x.value", ("10.0.0.0/8",))),
        ('args.x.value.startsWith("a,(b")', Predicate("startsWith", "args.x.value", ("a,(b",))),
        ('asset.owner.matches("^svc")', Predicate("matches", "asset.owner", ("^svc",))),
    ],
)
def test_plain_forms_are_recognised_with_the_values_that_cel_reads(compiler: Compiler, source: str, form: Form) -> None:
    root = compiler.compile(source).root
    assert isinstance(root, Atom)
    assert (root.form, type(getattr(root.form, "literal", None))) == (form, type(getattr(form, "literal", None)))


@pytest.mark.parametrize(
    "source",
    [
        "args.x.value == null",
        "args.x.value == b'a'",
        "args.x.value == 1u",
        # CEL compares these with a broken number after rounding them, Python does not.
        "args.x.value == 9007199254740993",
        "args.x.value in [1, 9007199254740993]",
        "args.x.value + 1 > 2",
        "asset.tier == evidence.count",
        "asset.tier == 9223372036854775807 - 1 + evidence.count",
        "asset.known == (asset.tier == 1)",
        '"E1" in args.x.sources',
        'inCidr("10.1.1.1", args.x.value)',
        "args.x.value.matches(asset.owner)",
        "asset.owner.size() > 3",
        "asset.known ? true : false",
        '["a"].exists(x, x == tool)',
        "args.x.value[0] == 1",
    ],
)
def test_anything_else_is_left_to_cel(compiler: Compiler, source: str) -> None:
    root = compiler.compile(source).root
    assert isinstance(root, Atom)
    assert root.form is None


def test_a_condition_is_a_tree_whose_atoms_know_their_place(compiler: Compiler) -> None:
    source = '!asset.known && (asset.tier < 2 ||\n  !isOwn(args.host.value)) && !("a" in args.host.sources)'
    root = compiler.compile(source).root
    assert isinstance(root, Join)
    assert not root.stops_at
    first, middle, last = root.parts
    assert isinstance(first, Not)
    assert isinstance(last, Not)
    assert isinstance(middle, Join)
    assert middle.stops_at
    assert isinstance(middle.parts[1], Not)
    for atom in atoms(root):
        assert source[atom.offset :].startswith(atom.source)
    assert [sorted(atom.reads) for atom in atoms(root)] == [
        ["asset.known"],
        ["asset.tier"],
        ["args.host.value"],
        ["args.host.sources"],
    ]


def test_not_covers_its_operand_only(compiler: Compiler) -> None:
    # In CEL this is `(!asset.known) == identity.vip`.
    assert isinstance(compiler.compile("!asset.known == identity.vip").root, Atom)
    twice = compiler.compile("!!asset.known").root
    assert isinstance(twice, Not)
    assert isinstance(twice.part, Not)


def test_an_atom_reads_what_it_names_and_nothing_else(compiler: Compiler) -> None:
    source = 'args.url.value.startsWith("asset.tier") == [tool, asset.owner].exists(x, x.contains(team . name))'
    (atom,) = atoms(compiler.compile(source).root)
    assert atom.reads == {"args.url.value", "tool", "asset.owner", "team.name"}
    (absolute,) = atoms(compiler.compile(".asset.tier + 1 > 2").root)
    assert absolute.reads == {"asset.tier"}
