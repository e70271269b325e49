"""The rules of one tool in a space: which of them match in the cells chosen so far, and what follows from those."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from core.decision import Decision
from policies.actions import Ask, Rule
from policies.answers import Answer, answer_of, beyond, strictest, undecided
from policies.atoms import Comparison
from policies.compiled import Bundle, CompiledRule
from policies.questions import FAILS, FALSE, TRUE, Question
from policies.space import Space, Tree

#: What a rule does in a situation, as bits; loosest first.
SILENT, ANSWERS, BEYOND, BROKEN = 1, 2, 4, 8
_SINGLE = frozenset((SILENT, ANSWERS, BEYOND, BROKEN))


class Rules:
    """The rules of a bundle that speak of the tool of a space. Made before the space is closed.

    `of` is the number of the bundle's organization, when the space has several.
    """

    def __init__(self, bundle: Bundle, space: Space, of: int = 0) -> None:
        self.space = space
        self.compiled = bundle.rules_for(space.tool)
        self._hash = bundle.hash
        self.trees = [_tree(space, compiled, of) for compiled in self.compiled]
        self._bounds = [_bounds(space, compiled.rule) for compiled in self.compiled]
        self._said = [_said(compiled.rule, space.tool) for compiled in self.compiled]
        self._joined: dict[tuple[int, ...], Decision] = {}
        #: The order in which rules are looked at: those first that exclude most.
        self.order = sorted(range(len(self.compiled)), key=lambda number: _strictness(self.compiled[number].rule))

    def states(self) -> tuple[int, ...]:
        """What each rule may do in the cells chosen so far."""
        return tuple(self._state(number) for number in range(len(self.trees)))

    def _state(self, number: int) -> int:
        tree = self.trees[number]
        found = TRUE if tree is None else self.space.value(tree)
        state = (SILENT if found & FALSE else 0) | (BROKEN if found & FAILS else 0)
        if found & TRUE:
            state |= self._within(self._bounds[number])
        return state

    def _within(self, bounds: Sequence[int]) -> int:
        answers = [self.space.answers[bound] for bound in bounds]
        over = any(answer == TRUE for answer in answers)
        may_be_over = any(answer & TRUE for answer in answers)
        return (0 if over else ANSWERS) | (BEYOND if may_be_over else 0)

    def undecided(self, number: int) -> int | None:
        """The dimension to choose next so that it becomes clear what a rule does; None when it is."""
        tree = self.trees[number]
        if tree is not None:
            found = self.space.undecided(tree) if self.space.value(tree) not in (TRUE, FALSE, FAILS) else None
            if found is not None or self.space.value(tree) != TRUE:
                return found
        for bound in self._bounds[number]:
            if self.space.answers[bound] not in (TRUE, FALSE):
                return self.space.undecided(bound)
        return None

    def next(self, states: Sequence[int]) -> int | None:
        """The dimension to choose next so that one more rule is clear."""
        for number in self.order:
            if states[number] not in _SINGLE:
                return self.undecided(number)
        return None

    def joined(self, states: tuple[int, ...]) -> Decision:
        """The decision when each rule does one thing."""
        if states not in self._joined:
            answers = [self._said[number][state] for number, state in enumerate(states) if state != SILENT]
            self._joined[states] = strictest(self.space.tool, answers, self._hash)
        return self._joined[states]

    def loosest(self, states: Sequence[int]) -> tuple[int, ...]:
        """Only the rules that must do something, each the loosest it may."""
        return tuple(SILENT if state & SILENT else state & -state for state in states)

    def strictest(self, states: Sequence[int]) -> tuple[int, ...]:
        """Every rule doing the strictest it may."""
        return tuple(1 << (state.bit_length() - 1) for state in states)

    def settled(self, states: tuple[int, ...]) -> Decision | None:
        """The decision when it is the same whatever the open rules do; its rules are those that must matter."""
        low, high = self.loosest(states), self.strictest(states)
        decision = self.joined(low)
        if low == high:
            return decision
        # Every part of an answer only gets stricter with another rule, so what both ends share holds between them.
        # Before the first rule matches there is nothing to get stricter: that denies, and the next one may allow.
        if any(state != SILENT for state in low) and same_answer(decision, self.joined(high)):
            return decision
        return None

    def attributed(self, states: tuple[int, ...]) -> bool:
        """Whether a settled decision is also by the same rules, whatever the open ones do."""
        return self.joined(self.loosest(states)).rules == self.joined(self.strictest(states)).rules


def same_answer(one: Decision, other: Decision) -> bool:
    """Whether two decisions ask the same of people, whichever rules led to them."""
    return one.outcome is other.outcome and bare(one) == bare(other)


def bare(decision: Decision) -> Decision:
    """A decision without the rules, reason and bundle that led to it."""
    return replace(decision, rules=(), reason="", bundle_hash="")


def _tree(space: Space, compiled: CompiledRule, of: int) -> Tree | None:
    return None if compiled.condition is None else space.tree(compiled.condition.root, of)


def _bounds(space: Space, rule: Rule) -> list[int]:
    return [] if rule.limit is None else [space.ask(_reached(fact, most)) for fact, most, _ in rule.limit.bounds()]


def _reached(fact: str, most: int) -> Question:
    form = Comparison(fact, ">=", most)
    text = f"{fact} >= {most}"
    return Question(
        text=text, key=repr(form), reads=frozenset((fact,)), form=form, ask=lambda named: named[fact] >= most
    )


def _said(rule: Rule, tool: str) -> dict[int, Answer]:
    said = {ANSWERS: answer_of(rule, tool), BROKEN: undecided(rule, "an error")}
    for _, most, within in rule.limit.bounds() if rule.limit is not None else ():
        # Beyond any of its bounds a rule says the same; only the reason differs.
        said[BEYOND] = beyond(rule, most, within)
    return said


def _strictness(rule: Rule) -> tuple[int, int]:
    if isinstance(rule.then, Ask):
        return 1, -rule.then.approvals
    return (0, 0) if rule.then == "deny" else (2, 0)
