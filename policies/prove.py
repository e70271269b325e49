"""Shows that the policy never answers what its invariants forbid, or gives a situation in which it does.

Every cell of the conditions is looked at. A counterexample is put before the live engine; only what the engine confirms
is called one. Rules that no situation reaches, and rules that never change an answer, are named on the way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.decision import Facts
from policies.atoms import Undecided
from policies.cases import SILENT, Rules
from policies.compiled import Bundle
from policies.engine import decide
from policies.external import every_tool
from policies.idle import idle_rules
from policies.invariants import Invariant
from policies.proof import Counterexample, Doubt, Proof, Shown
from policies.questions import TRUE, Question, keys_of
from policies.search import FOUND, NOTHING, TooManyCells, can_be, search
from policies.space import Space
from policies.vocabulary import ToolShape, activation
from policies.written import given_of, places_of, reads_of

#: Situations that may be a counterexample before the search for one that the engine confirms ends.
MAX_DOUBTS = 100
#: Values put before the engine for one of them.
MAX_TRIALS = 500


def prove(bundle: Bundle, tools: Mapping[str, ToolShape], *, invariants: Sequence[Invariant] | None = None) -> Proof:
    """Look at every situation in which one of `tools` can be called; without `invariants`, the bundle's own hold."""
    claimed = bundle.invariants if invariants is None else tuple(invariants)
    searches = [_Search(bundle, tool, shape, claimed) for tool, shape in every_tool(tools, bundle).items()]
    shown = tuple(_show(number, invariant, searches) for number, invariant in enumerate(claimed))
    free = {asked.key: asked for one in searches for asked in one.space.free()}
    return Proof(
        bundle_hash=bundle.hash,
        invariants=shown,
        idle=idle_rules(bundle, [one.rules for one in searches]),
        not_enumerated=tuple(_doubt(bundle, claimed, asked) for asked in free.values()),
    )


class _Search:
    """One tool: its situations, its rules, and the conditions of the invariants in them."""

    def __init__(self, bundle: Bundle, tool: str, shape: ToolShape, invariants: Sequence[Invariant]) -> None:
        self.bundle = bundle
        self.space = Space(tool, shape, bundle.organization)
        self.rules = Rules(bundle, self.space)
        self._when = [self.space.tree(one.condition.root) if one.condition else None for one in invariants]
        self._invariants = invariants
        self.space.close()

    def speaks(self, number: int) -> bool:
        """Whether an invariant can be about this tool at all."""
        when = self._when[number]
        return when is None or bool(self.space.value(when) & TRUE)

    def can_be_true(self, number: int) -> bool:
        """Whether some situation makes the condition of an invariant true."""
        when = self._when[number]
        return when is None or can_be(self.space, when)

    def violation(self, number: int) -> Counterexample | tuple[Question, ...] | None:
        """A confirmed counterexample, or the questions that a possible one hangs on, or None.

        Raises:
            TooManyCells: the search gave up.
        """
        doubts: dict[str, Question] = {}
        found = 0
        for _ in search(self.space, lambda: self._goal(number)):
            example = self._confirmed(number)
            if example is not None:
                return example
            doubts |= {asked.key: asked for asked in self.space.doubtful()}
            found += 1
            if found >= MAX_DOUBTS:
                break
        return tuple(doubts.values()) if found else None

    def _goal(self, number: int) -> int:
        claim, when = self._invariants[number].claim, self._when[number]
        applies = TRUE if when is None else self.space.value(when)
        if not applies & TRUE:
            return NOTHING
        states = self.rules.states()
        low = self.rules.loosest(states)
        if claim.loosens:
            # With more rules an answer only gets stricter: what the loosest cannot be, none can.
            silent = all(state == SILENT for state in low)
            if not any(claim.covers(self.rules.joined(one)) for one in (_each(states) if silent else (low,))):
                return NOTHING
        if applies != TRUE and when is not None:
            open_ = self.space.undecided(when)
            assert open_ is not None
            return open_
        decision = self.rules.settled(states)
        if decision is not None:
            return FOUND if claim.covers(decision) else NOTHING
        open_ = self.rules.next(states)
        assert open_ is not None
        return open_

    def _confirmed(self, number: int) -> Counterexample | None:
        invariant = self._invariants[number]
        for facts in self.space.candidates(MAX_TRIALS):
            decision = decide(self.bundle, facts)
            if invariant.claim.covers(decision) and _applies(invariant, facts):
                reads = reads_of(self.bundle, facts.tool, [invariant.condition])
                return Counterexample(facts=facts, decision=decision, given=given_of(facts, reads))
        return None


def _each(states: Sequence[int]) -> list[tuple[int, ...]]:
    """Each rule that may match, alone and at its loosest."""
    alone = []
    for number, state in enumerate(states):
        loudest = state & ~SILENT
        if loudest:
            quiet = [SILENT] * len(states)
            quiet[number] = loudest & -loudest
            alone.append(tuple(quiet))
    return alone


def _applies(invariant: Invariant, facts: Facts) -> bool:
    try:
        return invariant.condition is None or invariant.condition.holds(activation(facts))
    except Undecided:
        return False


def _show(number: int, invariant: Invariant, searches: Sequence[_Search]) -> Shown:
    about = [one for one in searches if one.speaks(number)]
    cells = sum(one.space.size for one in about)
    doubts: dict[str, Doubt] = {}
    unfinished = False
    for one in about:
        try:
            found = one.violation(number)
        except TooManyCells:
            unfinished = True
            continue
        if isinstance(found, Counterexample):
            return Shown(invariant=invariant, status="violated", cells=cells, counterexample=found)
        unfinished = unfinished or found is not None
        for asked in found or ():
            doubts[asked.key] = _doubt(one.bundle, (invariant,), asked)
    if unfinished:
        return Shown(invariant=invariant, status="not_proved", cells=cells, doubts=tuple(doubts.values()))
    says_nothing = not any(one.can_be_true(number) for one in about)
    return Shown(invariant=invariant, status="proved", cells=cells, says_nothing=says_nothing)


def _doubt(bundle: Bundle, invariants: Sequence[Invariant], asked: Question) -> Doubt:
    places = [(one.id, one.place) for one in invariants if one.condition and asked.key in keys_of(one.condition.root)]
    return Doubt(condition=asked.text, places=(*places_of(bundle, asked), *places))
