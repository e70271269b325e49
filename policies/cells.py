"""The finite cells of one fact: inside a cell no question that is asked about the fact changes its answer.

Where the answers cannot be told from finitely many values, a cell without any value is added, in which every such
question may have any answer.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from policies.atoms import Comparison, Form, Membership, Truth
from policies.forms import kind_of
from policies.questions import Question, signature
from policies.vocabulary import CLOSED_SETS

#: Facts of few values, beside those that are true or false or one of `CLOSED_SETS`.
RANGES: Mapping[str, range] = {"asset.tier": range(5), "time.hour": range(24), "time.weekday": range(7)}
#: The smallest and the largest value of the other numbers; what is not listed counts something, from 0 upwards.
BOUNDS: Mapping[str, tuple[float, float | None]] = {"verdict.confidence": (0.0, 1.0)}

#: How the cell of all texts that nothing names begins.
_OTHER = "other than "


@dataclass(frozen=True, kw_only=True, eq=False)
class Cell:
    """Values of one fact that no question tells apart."""

    #: Some of its values, the first of which stands for all; none when no value is known to lie in it.
    values: tuple[Any, ...]
    #: What comes after the fact's name: `= "malicious"`, `≥ 2`, `in [0.8, 0.9)`.
    label: str
    #: Bounds of a number, both included unless `above` and `below` say otherwise; `high` None has no end.
    low: float = 0
    high: float | None = None
    above: bool = False
    below: bool = False


def finite_values(fact: str) -> tuple[Any, ...] | None:
    """Every value of a fact that has few; None when it has many."""
    if fact in CLOSED_SETS:
        return tuple(str(word) for word in CLOSED_SETS[fact])
    if fact in RANGES:
        return tuple(RANGES[fact])
    return (False, True) if kind_of(fact) == "bool" else None


def is_text(fact: str) -> bool:
    """Whether a fact holds text, or anything at all: cells come from examples, not from an order."""
    return kind_of(fact) in ("string", "any", None) and fact not in CLOSED_SETS


def cells_of(
    fact: str, questions: Sequence[Question], *, apart: Iterable[Any] = (), examples: Sequence[Any] = ()
) -> tuple[Cell, ...]:
    """The cells of a fact under questions that read it.

    Values in `apart` share a cell with no other value; `examples` are tried where no order tells the cells.
    """
    single = [asked for asked in questions if asked.reads == {fact}]
    kept = set(apart)
    values = finite_values(fact)
    if values is not None:
        if any(len(asked.reads) > 1 for asked in questions):
            kept |= set(values)
        return _of_few(fact, values, single, kept)
    if is_text(fact):
        return _of_text(fact, single, list(kept), examples)
    return _of_number(fact, single)


def _of_few(fact: str, values: Sequence[Any], single: Sequence[Question], apart: set[Any]) -> tuple[Cell, ...]:
    groups: dict[tuple[Any, ...], list[Any]] = {}
    for value in values:
        mark = (signature(fact, value, single), value if value in apart else None, isinstance(value, bool) and value)
        groups.setdefault(mark, []).append(value)
    numbers = fact in RANGES
    return tuple(
        Cell(values=tuple(group), label=_few(group, values), low=min(group), high=max(group))
        if numbers
        else Cell(values=tuple(group), label=_few(group, values))
        for group in groups.values()
    )


def _few(group: Sequence[Any], every: Sequence[Any]) -> str:
    if isinstance(group[0], bool):
        return f"= {str(group[0]).lower()}"
    words = [show(value) for value in group]
    if len(group) == 1:
        return f"= {words[0]}"
    if isinstance(group[0], int) and list(group) == list(range(group[0], group[-1] + 1)):
        if group[-1] == every[-1]:
            return f"≥ {group[0]}"
        return f"≤ {group[-1]}" if group[0] == every[0] else f"in {group[0]}..{group[-1]}"
    return f"in {', '.join(words)}"


@dataclass(frozen=True, slots=True)
class _Piece:
    """Part of a line of numbers: its bounds, and whether each is outside of it."""

    low: float
    high: float | None
    above: bool = False
    below: bool = False

    def joined(self, following: _Piece) -> _Piece:
        return _Piece(self.low, following.high, self.above, following.below)


def _of_number(fact: str, single: Sequence[Question]) -> tuple[Cell, ...]:
    low, high = BOUNDS.get(fact, (0, None))
    whole = kind_of(fact) == "int"
    cuts = sorted({cut for asked in single for cut in _numbers_in(asked.form)})
    cuts = [cut for cut in cuts if cut >= low and (high is None or cut <= high)]
    pieces = list(_whole_pieces(cuts, int(low)) if whole else _broken_pieces(cuts, low, high))
    merged = [pieces[0]]
    for piece in pieces[1:]:
        before = signature(fact, _samples(merged[-1], whole)[0], single)
        if before == signature(fact, _samples(piece, whole)[0], single):
            merged[-1] = merged[-1].joined(piece)
        else:
            merged.append(piece)
    return tuple(
        Cell(
            values=_samples(piece, whole),
            label=_bounds(piece, low, high),
            low=piece.low,
            high=piece.high,
            above=piece.above,
            below=piece.below,
        )
        for piece in merged
    )


def label_of(fact: str, some: Sequence[Cell], every: Sequence[Cell]) -> str:
    """Several cells of one fact as people read them: neighbours become one."""
    values = finite_values(fact)
    if values is not None:
        inside = {value for cell in some for value in cell.values}
        return _few([value for value in values if value in inside], values)
    if is_text(fact):
        return _some_texts(some, every)
    low, high = BOUNDS.get(fact, (0, None))
    pieces: list[_Piece] = []
    before = None
    for cell in every:
        piece = _Piece(cell.low, cell.high, cell.above, cell.below)
        if cell in some:
            pieces = [*pieces[:-1], pieces[-1].joined(piece)] if before in some else [*pieces, piece]
        before = cell
    return " or ".join(_bounds(piece, low, high) for piece in pieces)


def _numbers_in(form: Form | None) -> Iterator[int | float]:
    match form:
        case Comparison(literal=literal):
            literals: tuple[Any, ...] = (literal,)
        case Membership(values=values):
            literals = values
        case _:
            return
    for literal in literals:
        if isinstance(literal, int | float) and not isinstance(literal, bool):
            yield literal


def _whole_pieces(cuts: Sequence[float], low: int) -> Iterator[_Piece]:
    start = low
    for cut in (int(cut) for cut in cuts):
        if start < cut:
            yield _Piece(start, cut - 1)
        yield _Piece(cut, cut)
        start = cut + 1
    yield _Piece(start, None)


def _broken_pieces(cuts: Sequence[float], low: float, high: float | None) -> Iterator[_Piece]:
    start, above = low, False
    for cut in cuts:
        if start < cut:
            yield _Piece(start, cut, above, below=True)
        yield _Piece(cut, cut)
        start, above = cut, True
    if high is None or start < high or not above:
        yield _Piece(start, high, above)


def _samples(piece: _Piece, whole: bool) -> tuple[Any, ...]:
    if whole:
        last = int(piece.low) + 8 if piece.high is None else int(piece.high)
        return tuple(dict.fromkeys([*range(int(piece.low), min(last, int(piece.low) + 8) + 1), last]))
    high = piece.low + 1 if piece.high is None else piece.high
    middle = next((m for m in (round((piece.low + high) / 2, d) for d in range(1, 12)) if piece.low < m < high), None)
    inner = (piece.low + high) / 2 if middle is None else middle
    ends = [*([] if piece.above else [piece.low]), inner, *([] if piece.below else [high])]
    return tuple(dict.fromkeys(ends))


def _bounds(piece: _Piece, low: float, high: float | None) -> str:
    if piece.low == piece.high:
        return f"= {show(piece.low)}"
    if piece.low == low and not piece.above:
        return "any" if piece.high == high and not piece.below else f"{'<' if piece.below else '≤'} {show(piece.high)}"
    if piece.high == high:
        return f"{'>' if piece.above else '≥'} {show(piece.low)}"
    if isinstance(piece.low, int):
        return f"in {piece.low}..{piece.high}"
    left, right = "(" if piece.above else "[", ")" if piece.below else "]"
    return f"in {left}{show(piece.low)}, {show(piece.high)}{right}"


def _of_text(fact: str, single: Sequence[Question], apart: list[Any], examples: Sequence[Any]) -> tuple[Cell, ...]:
    # To Python 1 equals true; to a condition it does not.
    told_apart = {(type(literal), literal): literal for asked in single for literal in _literals_in(asked.form)}
    literals = list(told_apart.values())
    words = [literal for literal in literals if isinstance(literal, str)]
    order = _line(literals)
    truth = [False, True] if any(isinstance(asked.form, Truth) for asked in single) else []
    truth += [literal for literal in literals if isinstance(literal, bool) and literal not in truth]
    exact = all(_is_exact(asked) for asked in single)
    tried = [] if exact else [example for example in examples if example not in (*apart, *words)]
    other = "other" if "other" not in words else "other-" + "-".join(sorted(map(str, words)))
    groups: dict[tuple[Any, ...], list[Any]] = {}
    for kind, value in itertools.chain(
        (("=", value) for value in (*apart, *words)),
        (("number", value) for value in (*order, *truth)),
        (("~", value) for value in (*tried, *([] if kind_of(fact) is None else [other]))),
    ):
        alone = value if isinstance(value, str) and value in apart else None
        mark = (kind, signature(fact, value, single), alone)
        found = groups.setdefault(mark, [])
        if not any(value is known or (type(value) is type(known) and value == known) for known in found):
            found.append(value)
    named = [*apart, *words]
    cells = [Cell(values=tuple(group), label=_words(kind, group, named, exact)) for (kind, *_), group in groups.items()]
    return tuple(cells) if exact else (*cells, Cell(values=(), label="something else"))


def _some_texts(some: Sequence[Cell], every: Sequence[Cell]) -> str:
    others = [cell for cell in every if cell.label.startswith(_OTHER)]
    if others and others[0] in some and all(cell.values for cell in every):
        without = [value for cell in every if cell not in some for value in cell.values]
        return f"{_OTHER}{', '.join(show(value) for value in without)}"
    return " or ".join(cell.label for cell in some)


def _literals_in(form: Form | None) -> Iterator[Any]:
    match form:
        case Comparison(literal=literal):
            yield literal
        case Membership(values=values):
            yield from values


def _is_exact(asked: Question) -> bool:
    """Whether the literals of a question cut all values into cells: equality does, and the order of numbers."""
    match asked.form:
        case Comparison(operator=operator, literal=literal):
            return operator in ("==", "!=") or not isinstance(literal, str)
        case Membership() | Truth():
            return True
        case _:
            return False


def _line(literals: Sequence[Any]) -> list[Any]:
    """Numbers before, on, between and after the numbers that are named."""
    cuts = sorted({n for n in literals if isinstance(n, int | float) and not isinstance(n, bool)})
    if not cuts:
        return []
    between = [(low + high) / 2 for low, high in itertools.pairwise(cuts)]
    return sorted([cuts[0] - 1, *cuts, *between, cuts[-1] + 1])


def _words(kind: str, group: Sequence[Any], named: Sequence[Any], exact: bool) -> str:
    shown = ", ".join(show(value) for value in group[:6]) + (", …" if len(group) > 6 else "")
    if kind == "~" and exact:
        return f"{_OTHER}{', '.join(show(value) for value in named)}" if named else "any"
    if kind == "~":
        return f"such as {show(group[0])}"
    return f"= {shown}" if len(group) == 1 else f"in {shown}"


def show(value: Any) -> str:
    """A value as conditions write it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    return str(list(value)) if isinstance(value, tuple) else str(value)
