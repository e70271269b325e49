"""Numbers of JSON within bounds, as nodes: decimal digits, no exponents, no minus zero, no idle zeros at the end."""

from __future__ import annotations

import math
from decimal import Decimal

from core.canonical import Json, JsonObject
from serving.grammar.nodes import EMPTY, Node, Text, alt, chars, maybe, repeat, seq
from serving.grammar.refusal import impossible, refused

#: Digits after the point. With `WIDEST` a number has 15 digits at most, which a double keeps apart from its neighbours.
DECIMALS = 6
#: Numbers stay within this unless the schema's own bounds lie beyond; integers within 10^15, which a double holds.
WIDEST, WIDEST_INTEGER = 10**9, 10**15
#: Beyond this a bound is not a number that anybody meant.
FARTHEST = 10**18

DIGIT = chars([(0x30, 0x39)])


def integer(schema: JsonObject, place: str) -> Node:
    """An integer as `schema` wants it.

    Raises:
        ShapeRefused: no integer lies between the bounds, or `multipleOf` is not 1.
    """
    if schema.get("multipleOf", 1) != 1:
        raise refused(place, "multipleOf", "only 1 can, for integers; give bounds or an enum.")
    low, high = _bounds(schema, place, 1)
    return _integers(*_clamped(low, high, WIDEST_INTEGER), place=place)


def number(schema: JsonObject, place: str) -> Node:
    """A number as `schema` wants it, with at most `DECIMALS` digits after the point.

    Raises:
        ShapeRefused: no such number lies between the bounds, or there is a `multipleOf`.
    """
    if "multipleOf" in schema:
        raise refused(place, "multipleOf", "numbers with a fraction are not counted; give bounds or an enum.")
    scale = 10**DECIMALS
    low, high = _bounds(schema, place, scale)
    if (low is not None and low > WIDEST * scale) or (high is not None and high < -WIDEST * scale):
        low, high = (None if low is None else -(-low // scale)), (None if high is None else high // scale)
        return _integers(*_clamped(low, high, WIDEST_INTEGER), place=place)
    first = -WIDEST * scale if low is None else max(low, -WIDEST * scale)
    last = WIDEST * scale if high is None else min(high, WIDEST * scale)
    if first > last:
        raise impossible(place, "maximum", f"no number with {DECIMALS} decimals lies between the bounds.")
    found = [] if last < 0 else [_decimals(max(first, 0), last)]
    if first < 0:
        found.append(seq(Text("-"), _decimals(max(1, -last), -first)))
    return alt(*found)


def _bounds(schema: JsonObject, place: str, scale: int) -> tuple[int | None, int | None]:
    """The lowest and the highest multiple of 1/scale that is allowed, times `scale`."""
    lows, highs = [], []
    for keyword, value in schema.items():
        if keyword in ("minimum", "exclusiveMinimum"):
            exact = _decimal(value, keyword, place) * scale
            lows.append(math.floor(exact) + 1 if keyword != "minimum" else math.ceil(exact))
        elif keyword in ("maximum", "exclusiveMaximum"):
            exact = _decimal(value, keyword, place) * scale
            highs.append(math.ceil(exact) - 1 if keyword != "maximum" else math.floor(exact))
    return max(lows, default=None), min(highs, default=None)


def _decimal(value: Json, keyword: str, place: str) -> Decimal:
    if isinstance(value, float) and not math.isfinite(value):
        raise refused(place, keyword, "it is not a finite number.")
    if abs(value) > FARTHEST:
        raise refused(place, keyword, f"it is beyond {FARTHEST:.0e}.")
    return Decimal(repr(value))


def _clamped(low: int | None, high: int | None, widest: int) -> tuple[int, int]:
    """Both ends; an open end goes as far as `widest`, or twice as far as the other end if that lies beyond."""
    first = low if low is not None else min(-widest, -widest if high is None else high - widest)
    last = high if high is not None else max(widest, widest if low is None else low + widest)
    return first, last


def _integers(low: int, high: int, *, place: str) -> Node:
    if low > high:
        raise impossible(place, "maximum", "no number lies between the bounds.")
    found = [] if high < 0 else [_positives(max(low, 0), high)]
    if low < 0:
        found.append(seq(Text("-"), _positives(max(1, -high), -low)))
    return alt(*found)


def _positives(low: int, high: int) -> Node:
    """Integers from `low`, at least 0, to `high`, without leading zeros."""
    found: list[Node] = []
    whole: list[int] = []
    for length in range(len(str(low)), len(str(high)) + 1):
        least, most = 10 ** (length - 1), 10**length - 1
        if low <= least and most <= high:
            whole.append(length)
        else:
            found.append(_between(str(max(low, least if length > 1 else 0)), str(min(high, most))))
    if whole:
        found.append(seq(_digits(1, 9), repeat(DIGIT, whole[0] - 1, whole[-1] - 1)))
        found += [Text("0")] if low == 0 else []
    return alt(*found)


def _between(low: str, high: str) -> Node:
    """Digits from `low` to `high`, which are as long as each other."""
    rest = len(low) - 1
    if low[0] == high[0]:
        return Text(low) if low == high else seq(Text(low[0]), _between(low[1:], high[1:]))
    first, last, found = int(low[0]), int(high[0]), []
    if low[1:].strip("0"):
        found.append(seq(Text(low[0]), _between(low[1:], "9" * rest)))
        first += 1
    if high[1:].strip("9"):
        found.append(seq(Text(high[0]), _between("0" * rest, high[1:])))
        last -= 1
    if first <= last:
        found.append(seq(_digits(first, last), repeat(DIGIT, rest, rest)))
    return alt(*found)


def _decimals(low: int, high: int) -> Node:
    """Numbers from `low` to `high`, both at least 0 and in units of the last decimal."""
    scale = 10**DECIMALS
    (first, after), (last, before) = divmod(low, scale), divmod(high, scale)
    if first == last:
        return seq(Text(str(first)), _fraction(after, before))
    found = [seq(Text(str(last)), _fraction(0, before))]
    if after:
        found.append(seq(Text(str(first)), _fraction(after, scale - 1)))
        first += 1
    if first < last:
        found.append(seq(_positives(first, last - 1), _fraction(0, scale - 1)))
    return alt(*found)


def _fraction(low: int, high: int) -> Node:
    """The point and what follows it, or nothing where the number may be whole."""
    if high == 0:
        return maybe(Text(".0"))
    digits = _tail(f"{low:0{DECIMALS}}", f"{high:0{DECIMALS}}", may_end=False)
    whole: list[Node] = [EMPTY, Text(".0")] if low == 0 else []
    return alt(*whole, *([] if digits is None else [seq(Text("."), digits)]))


def _tail(low: str, high: str, *, may_end: bool) -> Node | None:
    """Decimals that, filled with zeros, lie between; the last one written is no zero. None if there are none."""
    found: list[Node] = [EMPTY] if may_end and not low.strip("0") else []
    rest = len(low) - 1
    if rest < 0:
        return found[0] if found else None
    if not low.strip("0") and not high.strip("9"):
        return alt(*found, seq(repeat(DIGIT, 0, rest), _digits(1, 9)))
    ends = {int(low[0]): (low[1:], "9" * rest), int(high[0]): ("0" * rest, high[1:])}
    if low[0] == high[0]:
        ends = {int(low[0]): (low[1:], high[1:])}
    for digit, (after, before) in ends.items():
        tail = _tail(after, before, may_end=digit > 0)
        if tail is not None:
            found.append(seq(Text(str(digit)), tail))
    if int(low[0]) + 1 < int(high[0]):
        found.append(seq(_digits(int(low[0]) + 1, int(high[0]) - 1), _any_tail(rest)))
    return alt(*found) if found else None


def _any_tail(most: int) -> Node:
    if most == 0:
        return EMPTY
    return maybe(seq(repeat(DIGIT, 0, most - 1), _digits(1, 9)))


def _digits(first: int, last: int) -> Node:
    return Text(str(first)) if first == last else chars([(0x30 + first, 0x30 + last)])
