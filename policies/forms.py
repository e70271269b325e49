"""Recognises the plain forms of an atom from its tokens. What is not recognised for certain is left to CEL alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, cast

from policies.atoms import Comparison, Constant, Form, Function, Membership, Operator, Predicate, Scalar, Truth
from policies.tokens import Token, depths
from policies.vocabulary import FIELDS, FactType

#: Gives the value of a literal as CEL reads it; None when it is no plain scalar.
ReadLiteral = Callable[[Sequence[Token]], Scalar | None]

FactKind = FactType | Literal["any"]

_TURNED: dict[str, Operator] = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_METHODS = ("contains", "startsWith", "endsWith", "matches")
#: Functions that take a fact first → how many literals follow.
_FUNCTIONS = {"isOwn": 0, "isPartner": 0, "inCidr": 1}
#: CEL compares a whole number with a broken one after making it broken, which is exact only below this.
_EXACT = 2**53


def kind_of(fact: str) -> FactKind | None:
    """The type of a fact that holds one value, by its name; None when it is no such fact."""
    group, _, name = fact.partition(".")
    if fact == "tool":
        return "string"
    if group != "args":
        return FIELDS.get(group, {}).get(name)
    argument, _, part = name.partition(".")
    kinds: dict[str, FactKind] = {"value": "any", "trusted": "bool"}
    return kinds.get(part) if argument else None


def recognise(tokens: Sequence[Token], read: ReadLiteral) -> Form | None:
    """The form of an atom that compiles, or None."""
    if len(tokens) == 1 and tokens[0].text in ("true", "false"):
        return Constant(tokens[0].text == "true")
    fact = _fact(tokens)
    if fact is not None:
        return Truth(fact)
    around = depths(tokens)
    between = [i for i, token in enumerate(tokens) if around[i] == 0 and (token.text in _TURNED or _is_in(token))]
    if len(between) == 1:
        left, operator, right = tokens[: between[0]], tokens[between[0]], tokens[between[0] + 1 :]
        return _membership(left, right, read) if _is_in(operator) else _comparison(left, operator.text, right, read)
    return _predicate(tokens, read) if not between else None


def _is_in(token: Token) -> bool:
    return token.kind == "name" and token.text == "in"


def _fact(tokens: Sequence[Token]) -> str | None:
    if not tokens or tokens[0].kind != "name":
        return None
    name = "".join(token.text for token in tokens)
    return name if kind_of(name) is not None else None


def _comparison(left: Sequence[Token], operator: str, right: Sequence[Token], read: ReadLiteral) -> Form | None:
    fact, literal = _fact(left), right
    if fact is None:
        fact, literal, operator = _fact(right), left, _TURNED[operator]
    if fact is None:
        return None
    value = read(literal)
    if value is None or not _exact(fact, value):
        return None
    return Comparison(fact, cast(Operator, operator), value)


def _membership(left: Sequence[Token], right: Sequence[Token], read: ReadLiteral) -> Form | None:
    fact = _fact(left)
    if fact is None or len(right) < 2 or right[0].text != "[" or right[-1].text != "]":
        return None
    values = [read(item) for item in _split(right[1:-1])]
    known = [value for value in values if value is not None and _exact(fact, value)]
    return Membership(fact, tuple(known)) if len(known) == len(values) else None


def _exact(fact: str, literal: Scalar) -> bool:
    """Whether any value of the fact beside this literal means the same in Python as in CEL."""
    if isinstance(literal, bool | str):
        return True
    same = {"int": int, "double": float}.get(str(kind_of(fact)))
    return type(literal) is same or abs(literal) < _EXACT


def _predicate(tokens: Sequence[Token], read: ReadLiteral) -> Form | None:
    if len(tokens) < 4 or tokens[-1].text != ")":
        return None
    opening = next((i for i, token in enumerate(tokens) if token.text == "("), 0)
    name, inside = tokens[opening - 1], _split(tokens[opening + 1 : -1])
    if opening == 1 and name.text in _FUNCTIONS and len(inside) == 1 + _FUNCTIONS[name.text]:
        fact, literals = _fact(inside[0]), inside[1:]
    elif opening >= 3 and name.text in _METHODS and tokens[opening - 2].text == "." and len(inside) == 1:
        fact, literals = _fact(tokens[: opening - 2]), inside
    else:
        return None
    values = [read(literal) for literal in literals]
    words = tuple(value for value in values if isinstance(value, str))
    if fact is None or len(words) != len(values):
        return None
    return Predicate(cast(Function, name.text), fact, words)


def _split(tokens: Sequence[Token]) -> list[Sequence[Token]]:
    """What stands between the commas of a list; nothing for an empty list."""
    around = depths(tokens)
    cuts = [i for i, token in enumerate(tokens) if token.text == "," and around[i] == 0]
    bounds = zip([-1, *cuts], [*cuts, len(tokens)], strict=True)
    return [tokens[a + 1 : b] for a, b in bounds] if tokens else []
