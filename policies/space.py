"""All situations in which one tool can be called, as a grid of cells: one dimension for each fact that is read.

A question whose answer the cells do not tell becomes a dimension of its own, with the answers yes, no and neither.
What holds for every cell of the grid holds for every situation; the grid may hold cells in which nothing can happen.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from core.decision import Facts
from policies import situations
from policies.atoms import Atom, Node, Not, Predicate
from policies.cells import Cell, cells_of, finite_values, is_text
from policies.fast import Quick
from policies.organization import Organization
from policies.questions import ANY, FAILS, FALSE, TRUE, Question, elsewhere, question
from policies.vocabulary import ToolShape
from policies.witnesses import examples_for

#: A condition over the questions of a space: an index, or a join of parts.
Tree = int | tuple[str, tuple["Tree", ...]]

_ANSWERS = (TRUE, FALSE, FAILS)
#: In a table of answers: the question is a dimension of its own in this cell.
_OPEN = 0


@dataclass(kw_only=True)
class _Dimension:
    """A fact and its cells, or a question that no cell answers; `cells` are then its answers."""

    fact: str | None
    cells: tuple[Cell, ...]
    #: The questions whose answer depends on it.
    asked: list[int] = field(default_factory=list)
    group: str = ""


@dataclass(kw_only=True)
class _Known:
    """How the answer to a question follows from the cells."""

    #: Dimensions of the facts it reads.
    reads: tuple[int, ...]
    #: Its answer in each cell of its one fact.
    table: tuple[int, ...] = ()
    #: The dimension of the question itself, where cells do not tell.
    own: int | None = None
    #: Answers of a question about several facts, by cells.
    found: dict[tuple[int, ...], int] = field(default_factory=dict)
    #: Every answer it has in some cell.
    ever: int = ANY


class Space:
    """The situations of one tool. `chosen` is the cell of each dimension, None where it is still open."""

    def __init__(self, tool: str, shape: ToolShape, *organizations: Organization) -> None:
        self.tool = tool
        self.shape = shape
        self._organizations = organizations
        self._quick = tuple(Quick(organization) for organization in organizations)
        self.questions: list[Question] = []
        self._index: dict[str, int] = {}
        self._dimensions: list[_Dimension] = []
        self._known: list[_Known] = []
        self._of_fact: dict[str, int] = {}
        #: Dimensions whose cells may exclude each other.
        self._groups: dict[str, list[int]] = {}
        self.chosen: list[int | None] = []
        #: The answers each question may still have.
        self.answers: list[int] = []

    def ask(self, asked: Question) -> int:
        """The index of a question; equal ones share it."""
        if asked.key not in self._index:
            self._index[asked.key] = len(self.questions)
            self.questions.append(asked)
        return self._index[asked.key]

    def tree(self, node: Node, of: int = 0) -> Tree:
        """A condition over the questions of this space, for one of its organizations."""
        if isinstance(node, Atom):
            asked = question(node, self._quick[of].test(node))
            if of and _asks_who_we_are(asked):
                asked = replace(asked, key=f"{asked.key} of {of}")
            return self.ask(asked)
        if isinstance(node, Not):
            return "!", (self.tree(node.part, of),)
        return "||" if node.stops_at else "&&", tuple(self.tree(part, of) for part in node.parts)

    def close(self) -> None:
        """Make the cells; nothing can be asked after that."""
        facts = sorted({fact for asked in self.questions for fact in asked.reads if self._exists(fact)})
        facts += sorted({other for fact in facts for other in situations.companions(fact)} - set(facts))
        for fact in facts:
            self._of_fact[fact] = len(self._dimensions)
            group = situations.group_of(fact)
            self._groups.setdefault(group, []).append(len(self._dimensions))
            self._dimensions.append(_Dimension(fact=fact, cells=self._cells(fact), group=group))
        self._known = [self._learn(asked) for asked in self.questions]
        for index, known in enumerate(self._known):
            for dimension in (*known.reads, *([known.own] if known.own is not None else [])):
                self._dimensions[dimension].asked.append(index)
        self.chosen = [None] * len(self._dimensions)
        self.answers = [known.ever for known in self._known]
        for dimension, found in enumerate(self._dimensions):
            if len(found.cells) == 1:
                self.choose(dimension, 0)

    def _exists(self, fact: str) -> bool:
        group, _, rest = fact.partition(".")
        return fact != "tool" and (group != "args" or rest.partition(".")[0] in self.shape.arguments)

    def _cells(self, fact: str) -> tuple[Cell, ...]:
        asked = [one for one in self.questions if fact in one.reads]
        examples = [e for one in self._organizations for e in examples_for(fact, asked, one)] if is_text(fact) else []
        cells = cells_of(fact, asked, apart=situations.apart(fact), examples=examples)
        if situations.fixed(fact, self.shape):
            value = situations.UNKNOWN[fact]
            label = next(cell.label for cell in cells if value in cell.values)
            return (Cell(values=(value,), label=label, low=value if isinstance(value, int) else 0),)
        return cells

    def _learn(self, asked: Question) -> _Known:
        reads = tuple(self._of_fact[fact] for fact in sorted(asked.reads) if fact in self._of_fact)
        base = {"tool": self.tool}
        missing = asked.reads - set(self._of_fact) - {"tool"}
        if not reads and (not missing or len(asked.reads) == 1):
            return _Known(reads=(), ever=asked.answer(base))
        facts = [self._dimensions[dimension].fact or "" for dimension in reads]
        if missing or "tool" in asked.reads:
            return _Known(reads=(), own=self._own())
        if len(facts) > 1:
            return (
                _Known(reads=reads)
                if all(finite_values(fact) is not None for fact in facts)
                else _Known(reads=(), own=self._own())
            )
        fact, cells = facts[0], self._dimensions[reads[0]].cells
        if asked.form is None and not is_text(fact) and finite_values(fact) is None:
            return _Known(reads=(), own=self._own())
        table = tuple(self._in_cell(asked, fact, cell) for cell in cells)
        own = self._own() if _OPEN in table else None
        ever = ANY if own is not None else _union(table)
        return _Known(reads=reads, table=table, own=own, ever=ever)

    def _in_cell(self, asked: Question, fact: str, cell: Cell) -> int:
        if cell.values:
            return asked.answer({fact: cell.values[0]})
        # Every text that a question names has a cell of its own.
        return elsewhere(asked) or _OPEN

    def _own(self) -> int:
        answers = tuple(Cell(values=(), label=str(answer)) for answer in _ANSWERS)
        self._dimensions.append(_Dimension(fact=None, cells=answers))
        return len(self._dimensions) - 1

    def choose(self, dimension: int, cell: int | None) -> bool:
        """Choose a cell, or open the dimension again; False when the cells chosen so far cannot happen together."""
        self.chosen[dimension] = cell
        found = self._dimensions[dimension]
        for index in found.asked:
            self.answers[index] = self._answer(index)
        together = self._groups.get(found.group, ())
        if cell is None or len(together) < 2:
            return True
        chosen: dict[str, Cell] = {}
        for other in together:
            at, fact = self.chosen[other], self._dimensions[other].fact
            if at is not None and fact is not None:
                chosen[fact] = self._dimensions[other].cells[at]
        return situations.can_happen(found.group, chosen)

    def _answer(self, index: int) -> int:
        known = self._known[index]
        if known.table:
            cell = self.chosen[known.reads[0]]
            if cell is None:
                return known.ever
            if known.table[cell] != _OPEN:
                return known.table[cell]
        elif known.own is None:
            return self._answer_about_several(index, known)
        assert known.own is not None
        answer = self.chosen[known.own]
        return ANY if answer is None else _ANSWERS[answer]

    def _answer_about_several(self, index: int, known: _Known) -> int:
        at = [self.chosen[dimension] for dimension in known.reads]
        cells = tuple(cell for cell in at if cell is not None)
        if len(cells) < len(at):
            return ANY
        if cells not in known.found:
            named = {
                self._dimensions[dimension].fact or "": self._dimensions[dimension].cells[cell].values[0]
                for dimension, cell in zip(known.reads, cells, strict=True)
            }
            known.found[cells] = self.questions[index].answer(named)
        return known.found[cells]

    def value(self, tree: Tree) -> int:
        """The results a condition may still have. Read from left to right: what is not reached does not count."""
        if isinstance(tree, int):
            return self.answers[tree]
        operator, parts = tree
        if operator == "!":
            inner = self.value(parts[0])
            return (TRUE if inner & FALSE else 0) | (FALSE if inner & TRUE else 0) | (inner & FAILS)
        goes_on, stops = (TRUE, FALSE) if operator == "&&" else (FALSE, TRUE)
        result = 0
        for part in parts:
            found = self.value(part)
            result |= found & (stops | FAILS)
            if not found & goes_on:
                return result
        return result | goes_on

    def undecided(self, tree: Tree) -> int | None:
        """The dimension to choose next so that a condition gets a result; None when it has one."""
        if isinstance(tree, int):
            return self._dimension_of(tree) if self.answers[tree] not in _ANSWERS else None
        # Parts before the first open one are such that the condition goes on behind them.
        open_ = (part for part in tree[1] if self.value(part) not in _ANSWERS)
        return next((self.undecided(part) for part in open_), None)

    def _dimension_of(self, index: int) -> int | None:
        known = self._known[index]
        for dimension in known.reads:
            if self.chosen[dimension] is None:
                return dimension
        return known.own

    def cells_in(self, dimension: int) -> int:
        return len(self._dimensions[dimension].cells)

    def cells(self) -> dict[str, Cell]:
        """The cells chosen, by fact."""
        return {
            found.fact: found.cells[cell]
            for found, cell in zip(self._dimensions, self.chosen, strict=True)
            if found.fact is not None and cell is not None
        }

    def every_cell(self) -> dict[str, tuple[Cell, ...]]:
        """Every fact with all of its cells."""
        return {found.fact: found.cells for found in self._dimensions if found.fact is not None}

    def sides(self) -> dict[str, frozenset[int]]:
        """The numbers of the cells chosen, by fact."""
        return {
            found.fact: frozenset((cell,))
            for found, cell in zip(self._dimensions, self.chosen, strict=True)
            if found.fact is not None and cell is not None and len(found.cells) > 1
        }

    def supposed(self) -> tuple[Question, ...]:
        """Questions whose answer was chosen, not told by a value."""
        return tuple(
            self.questions[index]
            for index, known in enumerate(self._known)
            if known.own is not None and self.chosen[known.own] is not None
        )

    def doubtful(self) -> tuple[Question, ...]:
        """Questions that the cells chosen may hang on although no value was found for them."""
        without = {fact for fact, cell in self.cells().items() if not cell.values}
        return (*self.supposed(), *(asked for asked in self.free() if asked.reads & without))

    def free(self) -> tuple[Question, ...]:
        """Questions whose values cannot be gone through."""
        return tuple(self.questions[index] for index, known in enumerate(self._known) if known.own is not None)

    @property
    def size(self) -> int:
        """How many cells the grid has."""
        return math.prod(len(found.cells) for found in self._dimensions)

    def open_cells(self) -> int:
        """How many cells of facts lie in what is chosen so far."""
        pairs = zip(self._dimensions, self.chosen, strict=True)
        return math.prod(len(found.cells) for found, cell in pairs if found.fact is not None and cell is None)

    def candidates(self, most: int) -> Iterator[Facts]:
        """Whole facts from the chosen cells; where an answer was supposed, several values are tried for its facts."""
        cells = self.cells()
        open_ = {fact for asked in self.supposed() for fact in asked.reads if fact in self._of_fact}
        open_ |= {fact for fact, cell in cells.items() if not cell.values}
        tried: dict[str, Cell] = dict(cells)
        for fact in sorted(open_):
            if fact not in cells or not cells[fact].values:
                every = self._dimensions[self._of_fact[fact]].cells
                tried[fact] = Cell(values=tuple(value for one in every for value in one.values), label="")
        combinations = math.prod(len(tried[fact].values) for fact in open_)
        for turn in range(min(combinations, most)):
            facts = situations.whole_facts(self.tool, self.shape, tried, _Pick(open_, turn))
            if facts is not None:
                yield facts


class _Pick:
    """Counts through the combinations of the values of some facts; of all others it takes the first."""

    def __init__(self, open_: set[str], turn: int) -> None:
        self._open = open_
        self._rest = turn

    def __call__(self, fact: str, cell: Cell) -> Any:
        digit = 0
        if fact in self._open:
            self._rest, digit = divmod(self._rest, len(cell.values))
        return cell.values[digit]


def _asks_who_we_are(asked: Question) -> bool:
    """Whether two organizations may answer differently; what is no plain form may hold anything."""
    return asked.form is None or (isinstance(asked.form, Predicate) and asked.form.function in ("isOwn", "isPartner"))


def _union(table: Sequence[int]) -> int:
    result = 0
    for answer in table:
        result |= answer
    return result
