"""The tree of a condition: `&&`, `||` and `!` over atoms, each with the facts it reads and the form it has.

CEL lets `a || error` be true. Here the tree is walked from left to right, and every part that is reached must give true
or false; anything else is `Undecided`, which the engine turns into a denial.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

#: A value written in a condition.
Scalar = bool | int | float | str
Operator = Literal["==", "!=", "<", "<=", ">", ">="]
Function = Literal["isOwn", "isPartner", "inCidr", "contains", "startsWith", "endsWith", "matches"]

#: Characters of an atom that a sentence about it repeats.
_SHORT = 80


class Undecided(Exception):
    """Part of a condition gave neither true nor false; `code` says why in a few words, without any value."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


@dataclass(frozen=True, slots=True)
class Truth:
    """A fact that is itself true or false: `asset.known`."""

    fact: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """A fact beside a literal: `asset.tier >= 2`. What was written the other way round is turned."""

    fact: str
    operator: Operator
    literal: Scalar


@dataclass(frozen=True, slots=True)
class Membership:
    """A fact that is one of some literals: `verdict.label in ["malicious", "suspicious"]`."""

    fact: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Predicate:
    """A question about a fact: `isOwn(args.host.value)`, `args.url.value.startsWith("https://")`."""

    function: Function
    fact: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Constant:
    """`true` or `false`."""

    value: bool


Form = Truth | Comparison | Membership | Predicate | Constant


@dataclass(frozen=True, kw_only=True, slots=True)
class Atom:
    """A part of a condition without `&&`, `||` or `!` around it."""

    source: str
    #: Where it starts in the condition, in characters.
    offset: int
    #: The facts it names: `asset.tier`, `args.host.value`, `tool`.
    reads: frozenset[str]
    #: What it is, when it is one of the plain forms; None: only CEL can evaluate it.
    form: Form | None
    _expression: Any = field(repr=False, compare=False)

    def holds(self, named: Mapping[str, Any]) -> bool:
        """What CEL says of it.

        Raises:
            Undecided: neither true nor false.
        """
        result = self._expression.eval(data={name: named[name] for name in self.reads if name in named})
        value = result.value()
        if result.type().name() == "BOOL" and isinstance(value, bool):
            return value
        # What CEL says of an error may quote a value, so it is not repeated.
        missing = sorted(name for name in self.reads if name not in named)
        raise Undecided(f"{' and '.join(missing)} has no value" if missing else f"{self._short} is an error")

    @property
    def _short(self) -> str:
        words = " ".join(self.source.split())
        return f"`{words}`" if len(words) <= _SHORT else f"`{words[:_SHORT]}…`"


@dataclass(frozen=True, slots=True)
class Not:
    """True when its part is false."""

    part: Node

    def holds(self, named: Mapping[str, Any]) -> bool:
        return not self.part.holds(named)


@dataclass(frozen=True, slots=True)
class Join:
    """`&&` stops at the first false part, `||` at the first true one."""

    stops_at: bool
    parts: tuple[Node, ...]

    def holds(self, named: Mapping[str, Any]) -> bool:
        return self.stops_at if any(part.holds(named) is self.stops_at for part in self.parts) else not self.stops_at


Node = Atom | Not | Join


def atoms(node: Node) -> tuple[Atom, ...]:
    """The atoms of a tree, from left to right."""
    if isinstance(node, Atom):
        return (node,)
    if isinstance(node, Not):
        return atoms(node.part)
    return tuple(atom for part in node.parts for atom in atoms(part))
