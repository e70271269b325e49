"""Default bundles with one or two things changed: the prover refuses exactly those that break an invariant."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest

from policies.bundle import Bundle, default_bundle_path, load_bundle
from policies.compiled import CompiledRule
from policies.engine import decide
from policies.invariants import Invariant
from policies.proof import Counterexample
from policies.prove import prove
from policies.vocabulary import BUILT_IN, ToolShape, activation
from tools.registry import default_registry

from .exhaustive import GRIDS, Grid, Truth
from .mutants import Mutant, mutants

#: Mutants made of two others each.
PAIRS = 120
#: Situations of every mutant, drawn at random, in which the engine is asked by itself.
DRAWN = 20

SHAPES: dict[str, ToolShape] = {**BUILT_IN, **default_registry().shapes()}


@dataclass(frozen=True)
class Judged:
    """A mutant, what really breaks, and what the prover says."""

    mutant: Mutant
    #: Invariants that a situation of the grid breaks.
    broken: set[str]
    refused: set[str]
    not_proved: set[str]
    counterexamples: list[tuple[Invariant, Counterexample]] = field(default_factory=list)


def paired(bundle: Bundle, single: list[Mutant], draw: random.Random) -> Iterator[Mutant]:
    """Two changes of different rules at once."""
    originals = {compiled.rule.id: compiled for compiled in bundle.rules}
    for _ in range(PAIRS):
        one, other = draw.sample(single, 2)
        changed = {**_changed(one, originals), **_changed(other, originals)}
        rules = tuple(rule for name in originals if (rule := changed.get(name, originals[name])) is not None)
        tools = tuple(dict.fromkeys((*one.tools, *other.tools)))
        yield Mutant(what=f"{one.what}; {other.what}", bundle=replace(bundle, rules=rules), tools=tools)


def _changed(mutant: Mutant, originals: dict[str, CompiledRule]) -> dict[str, CompiledRule | None]:
    now = {compiled.rule.id: compiled for compiled in mutant.bundle.rules}
    return {name: now.get(name) for name, was in originals.items() if now.get(name) is not was}


@pytest.fixture(scope="module")
def judged() -> list[Judged]:
    bundle = load_bundle(default_bundle_path())
    grids = {tool: Grid(tool, bundle.organization) for tool in GRIDS}
    draw = random.Random(4)
    single = list(mutants(bundle))
    found = []
    for mutant in (*single, *paired(bundle, single, draw)):
        broken: set[str] = set()
        for tool in mutant.tools:
            if tool in grids:
                truth = Truth(mutant.bundle, grids[tool])
                broken |= truth.broken(bundle.invariants)
                assert truth.agrees_at(draw.choices(range(grids[tool].size), k=DRAWN))
        proof = prove(mutant.bundle, {tool: SHAPES[tool] for tool in mutant.tools})
        found.append(
            Judged(
                mutant=mutant,
                broken=broken,
                refused={shown.invariant.id for shown in proof.invariants if shown.status == "violated"},
                not_proved={shown.invariant.id for shown in proof.invariants if shown.status == "not_proved"},
                counterexamples=[(s.invariant, s.counterexample) for s in proof.invariants if s.counterexample],
            )
        )
    return found


def test_the_default_bundle_itself_breaks_nothing_in_any_situation_of_the_grids(bundle: Bundle) -> None:
    for tool in GRIDS:
        assert Truth(bundle, Grid(tool, bundle.organization)).broken(bundle.invariants) == set()


def test_there_are_many_mutants_of_both_kinds(judged: list[Judged]) -> None:
    breaking = [one for one in judged if one.broken]
    assert len(judged) >= 600
    assert len(breaking) >= 150
    assert len(judged) - len(breaking) >= 400


def test_every_mutant_that_breaks_an_invariant_is_caught_and_none_that_keeps_them_is_refused(
    judged: list[Judged],
) -> None:
    wrong = {one.mutant.what: (one.broken, one.refused) for one in judged if one.broken != one.refused}
    assert wrong == {}
    assert [one.mutant.what for one in judged if one.not_proved] == []


def test_every_counterexample_is_confirmed_by_the_live_engine(judged: list[Judged]) -> None:
    confirmed = 0
    for one in judged:
        assert len(one.counterexamples) == len(one.refused)
        for invariant, example in one.counterexamples:
            decision = decide(one.mutant.bundle, example.facts)
            assert decision == example.decision
            assert invariant.claim.covers(decision)
            assert invariant.condition is None or invariant.condition.holds(activation(example.facts))
            confirmed += 1
    assert confirmed >= 200


def test_every_default_invariant_has_a_mutant_that_breaks_it(bundle: Bundle, judged: list[Judged]) -> None:
    counts = Counter(name for one in judged for name in one.broken)
    assert {invariant.id for invariant in bundle.invariants} == set(counts)
