"""Numbers stay within their bounds, to the last digit."""

from __future__ import annotations

import json
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from serving.grammar.following import END, Follower
from serving.grammar.nodes import Grammar, Node
from serving.grammar.numbers import integer, number
from serving.grammar.plan import Plan
from serving.grammar.refusal import ShapeRefused
from tests.unit.serving.batch import shape_of, texts


class Written:
    """Whether a text is one of a node's."""

    def __init__(self, node: Node) -> None:
        self._plan = Plan(Grammar(node), lambda text: (*range(len(text), -1, -1),))

    def __contains__(self, text: str) -> bool:
        follower = Follower(self._plan)
        follower.feed(text.encode())
        return END in follower.ways


@pytest.mark.parametrize(
    ("bounds", "low", "high"),
    [
        ({"minimum": -12, "maximum": 345}, -12, 345),
        ({"minimum": 0, "maximum": 9}, 0, 9),
        ({"minimum": 17, "maximum": 17}, 17, 17),
        ({"exclusiveMinimum": -100, "exclusiveMaximum": -9}, -99, -10),
        ({"minimum": 101, "exclusiveMaximum": 2050.5}, 101, 2050),
        ({"minimum": 1.2, "maximum": 1999, "exclusiveMinimum": 3}, 4, 1999),
        ({"multipleOf": 1, "minimum": -1, "maximum": 0}, -1, 0),
    ],
)
def test_integers_are_exact(bounds: dict[str, Any], low: int, high: int) -> None:
    written = Written(integer(bounds, ""))
    assert [n for n in range(-2500, 2500) if str(n) in written] == list(range(low, high + 1))
    assert all(text not in written for text in ("-0", "01", "1.0", "1e0", "", "-", "+1"))


@pytest.mark.parametrize(
    ("bounds", "low", "high"),
    [
        ({"minimum": 0, "maximum": 1}, "0", "1"),
        ({"minimum": -1.25, "maximum": 3.1}, "-1.25", "3.1"),
        ({"exclusiveMinimum": 0, "exclusiveMaximum": 1}, "0.000001", "0.999999"),
        ({"minimum": 0.25, "maximum": 0.313}, "0.25", "0.313"),
        ({"minimum": -0.5, "exclusiveMaximum": 0}, "-0.5", "-0.000001"),
        ({"minimum": 99.99, "maximum": 100.01}, "99.99", "100.01"),
    ],
)
def test_numbers_are_exact(bounds: dict[str, Any], low: str, high: str) -> None:
    written, random = Written(number(bounds, "")), Random(1)
    edges = [Decimal(edge) + Decimal(step).scaleb(-6) for edge in (low, high) for step in range(-30, 31)]
    somewhere = [Decimal(random.randint(-1100, 1100)).scaleb(-random.randint(0, 4)) for _ in range(2000)]
    for value in [*edges, *somewhere]:
        text = f"{value.normalize():f}"
        inside = Decimal(low) <= value <= Decimal(high)
        assert (text in written) == (inside and text != "-0"), text
    assert all(text not in written for text in ("-0", "-0.0", "00", "0.", ".5", "0.10", "1e-1"))


def test_no_number_between_the_bounds_is_refused() -> None:
    for bounds in ({"minimum": 1, "maximum": 0}, {"exclusiveMinimum": 0, "exclusiveMaximum": 1}):
        with pytest.raises(ShapeRefused, match="no number lies between"):
            integer(bounds, "")
    with pytest.raises(ShapeRefused, match="no number with 6 decimals"):
        number({"exclusiveMinimum": 0, "maximum": 1e-9}, "")


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "number", "minimum": 2e12},
        {"type": "number", "maximum": -3e17},
        {"type": "integer", "minimum": 10**17},
        {"type": "integer", "maximum": -(10**16)},
        {"type": "number"},
        {"type": "integer"},
        {"type": ["integer", "number"], "minimum": 0.5, "maximum": 1.5},
    ],
)
def test_numbers_far_out_and_without_bounds_are_read_back_as_they_were_written(schema: dict[str, Any]) -> None:
    for text in texts(shape_of(schema), 12):
        value = json.loads(text)
        assert isinstance(value, int) or abs(value) <= 10**9
