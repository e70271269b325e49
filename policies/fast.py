"""Conditions as plain Python closures, with the meaning CEL gives them: about two hundred times as quick.

A test takes the facts by name and gives true or false; any exception means that the condition is undecided. A fact that
is missing or of the wrong type is not among the names, so that naming it is a `KeyError` and costs nothing otherwise.
No text of a policy is ever executed: a closure holds the literals that CEL read.
"""

from __future__ import annotations

import ipaddress
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from policies.atoms import Comparison, Constant, Form, Join, Membership, Node, Not, Predicate, Scalar, Truth, Undecided
from policies.forms import kind_of
from policies.functions import searcher
from policies.organization import Organization

#: May write to the names what it found out, under a key that is no fact.
Test = Callable[[dict[str, Any]], bool]

_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class Quick:
    """Makes tests for one organization, whose own and partner names the functions know."""

    organization: Organization

    def test(self, node: Node) -> Test:
        """The test of a condition or of a part of it."""
        if isinstance(node, Not):
            return _not(self.test(node.part))
        if isinstance(node, Join):
            tests = tuple(self.test(part) for part in node.parts)
            return _or(tests) if node.stops_at else _and(tests)
        return self._of_form(node.form) if node.form is not None else node.holds

    def _of_form(self, form: Form) -> Test:
        match form:
            case Constant(value):
                return lambda named: value
            case Truth(fact):
                return _truth(fact)
            case Comparison(fact, ("==" | "!=") as sign, literal):
                return _equality(fact, literal) if sign == "==" else _not(_equality(fact, literal))
            case Comparison(fact, sign, literal):
                return _order(fact, sign, literal) if kind_of(fact) != "any" else _order_of_any(fact, sign, literal)
            case Membership(fact, values):
                return _membership(fact, values)
        return self._predicate(form)

    def _predicate(self, form: Predicate) -> Test:
        fact, word = form.fact, form.arguments[0] if form.arguments else ""
        match form.function:
            case "isOwn":
                return _once(form, self.organization.is_own)
            case "isPartner":
                return _once(form, self.organization.is_partner)
            case "inCidr":
                network = ipaddress.ip_network(word)
                return _once(form, lambda value: ipaddress.ip_address(value) in network)
            case "matches":
                return _once(form, searcher(word))
            case "contains":
                return lambda named: word in _text(named[fact])
            case "startsWith":
                return lambda named: _text(named[fact]).startswith(word)
        return lambda named: _text(named[fact]).endswith(word)


def _and(tests: tuple[Test, ...]) -> Test:
    match tests:
        case (a, b):
            return lambda named: a(named) and b(named)
        case (a, b, c):
            return lambda named: a(named) and b(named) and c(named)
        case (a, b, c, d):
            return lambda named: a(named) and b(named) and c(named) and d(named)
        case _:
            return lambda named: all(test(named) for test in tests)


def _or(tests: tuple[Test, ...]) -> Test:
    match tests:
        case (a, b):
            return lambda named: a(named) or b(named)
        case (a, b, c):
            return lambda named: a(named) or b(named) or c(named)
        case _:
            return lambda named: any(test(named) for test in tests)


def _not(test: Test) -> Test:
    return lambda named: not test(named)


def _truth(fact: str) -> Test:
    if kind_of(fact) == "bool":
        return operator.itemgetter(fact)

    def test(named: dict[str, Any]) -> bool:
        value = named[fact]
        if type(value) is not bool:
            raise Undecided("NOT_BOOL")
        return value

    return test


def _equality(fact: str, literal: Scalar) -> Test:
    if isinstance(literal, bool):
        return lambda named: named[fact] is literal
    if isinstance(literal, str) or kind_of(fact) != "any":
        return lambda named: bool(named[fact] == literal)

    def test(named: dict[str, Any]) -> bool:
        value = named[fact]
        # To Python, and not to CEL, true is 1.
        return value == literal and type(value) is not bool

    return test


def _order(fact: str, sign: str, literal: Scalar) -> Test:
    """The fact and the literal are of one type: CEL checked that."""
    match sign:
        case "<":
            return lambda named: named[fact] < literal
        case "<=":
            return lambda named: named[fact] <= literal
        case ">":
            return lambda named: named[fact] > literal
        case _:
            return lambda named: named[fact] >= literal


def _order_of_any(fact: str, sign: str, literal: Scalar) -> Test:
    order = _ORDERS[sign]
    kinds = (type(literal),) if isinstance(literal, bool | str) else (int, float)

    def test(named: dict[str, Any]) -> bool:
        value = named[fact]
        if type(value) in kinds:
            return order(value, literal)
        raise Undecided("NO_ORDER")

    return test


def _membership(fact: str, values: tuple[Scalar, ...]) -> Test:
    words = frozenset(value for value in values if isinstance(value, str))
    truths = frozenset(value for value in values if isinstance(value, bool))
    numbers = frozenset(value for value in values if isinstance(value, int | float) and not isinstance(value, bool))
    by_type: dict[type, frozenset[Any]] = {str: words, bool: truths, int: numbers, float: numbers}
    match kind_of(fact):
        case "string":
            return lambda named: named[fact] in words
        case "int" | "double":
            return lambda named: named[fact] in numbers
        case _:

            def test(named: dict[str, Any]) -> bool:
                value = named[fact]
                among = by_type.get(type(value))
                return among is not None and value in among

            return test


def _once(form: Predicate, ask: Callable[[str], bool]) -> Test:
    """Asks once a decision, however many rules ask the same."""
    fact, key = form.fact, repr(form)

    def test(named: dict[str, Any]) -> bool:
        known: bool | None = named.get(key)
        if known is None:
            known = named[key] = ask(_text(named[fact]))
        return known

    return test


def _text(value: Any) -> str:
    if type(value) is not str:
        raise Undecided("NO_TEXT")
    return value
