"""What pySigma understood of a condition, as plain data; `sigma_book` says in which form."""

from __future__ import annotations

from typing import Any

from core.canonical import Json

#: Characters that mean something to RE2.
_SPECIAL = frozenset("\\.+*?()[]{}|^$")
_COMPARE = {"LT": "<", "LTE": "<=", "GT": ">", "GTE": ">=", "NEQ": "!="}


class NotSupported(ValueError):
    """A rule that asks for what only the tool of its author can do."""


def tree(item: Any) -> Json:
    """The node of a parsed condition.

    Raises:
        NotSupported: it cannot be evaluated here; says why.
    """
    from sigma.conditions import (
        ConditionAND,
        ConditionFieldEqualsValueExpression,
        ConditionNOT,
        ConditionOR,
        ConditionValueExpression,
    )

    match item:
        case ConditionAND() | ConditionOR():
            word = "and" if isinstance(item, ConditionAND) else "or"
            return [word, [tree(argument) for argument in item.args]]
        case ConditionNOT():
            return ["not", tree(item.args[0])]
        case ConditionFieldEqualsValueExpression():
            return _leaf(["field", item.field], item.value)
        case ConditionValueExpression():
            return _leaf(["any"], item.value)
        case _:
            raise NotSupported("its condition is empty")


def _leaf(head: list[Json], value: Any) -> Json:
    from sigma.types import SigmaExpansion

    if isinstance(value, SigmaExpansion):
        return ["or", [_leaf(head, part) for part in value.values]]
    return [*head, _test(value, anywhere=head == ["any"])]


def _test(value: Any, *, anywhere: bool) -> list[Json]:
    from sigma import types

    match value:
        case types.SigmaString():
            return _text(value, anywhere=anywhere)
        case types.SigmaRegularExpression():
            return ["regex", _regex(value)]
        case types.SigmaTimestampPart():
            return ["part", value.timestamp_part.name.lower(), value.number]
        case types.SigmaNumber():
            return ["number", value.number]
        case types.SigmaBool():
            return ["bool", value.boolean]
        case types.SigmaNull():
            return ["null"]
        case types.SigmaExists():
            return ["exists", value.exists]
        case types.SigmaCIDRExpression():
            return ["network", value.cidr]
        case types.SigmaCompareExpression():
            return ["compare", _COMPARE[value.op.name], value.number.number]
        case types.SigmaFieldReference():
            return ["same", value.field, value.starts_with, value.ends_with]
        case _:
            raise NotSupported(f"it uses a value of the kind {type(value).__name__}, which is not known here")


def _text(value: Any, *, anywhere: bool) -> list[Json]:
    """A value with wildcards at its ends only is compared as text, which is faster; any other becomes a pattern."""
    from sigma.types import Placeholder, SigmaCasedString, SpecialChars

    parts = list(value.s)
    if any(isinstance(part, Placeholder) for part in parts):
        raise NotSupported("it needs a list of values (`expand`), which is not configured here")
    cased = isinstance(value, SigmaCasedString)
    if anywhere:
        parts = [SpecialChars.WILDCARD_MULTI, *parts, SpecialChars.WILDCARD_MULTI]
    many = SpecialChars.WILDCARD_MULTI
    while parts[:2] == [many, many]:
        parts = parts[1:]
    while parts[-2:] == [many, many]:
        parts = parts[:-1]
    front, back = parts[:1] == [many], len(parts) > 1 and parts[-1] == many
    inner = parts[front : len(parts) - back]
    if all(isinstance(part, str) for part in inner):
        text = "".join(map(str, inner))
        word = {(False, False): "is", (True, False): "ends", (False, True): "starts", (True, True): "contains"}
        return [word[front, back] + ("=" if cased else ""), text if cased else text.lower()]
    pattern = "".join(_piece(part) for part in parts)
    return ["regex", f"(?s{'' if cased else 'i'})\\A{pattern}\\z"]


def _piece(part: Any) -> str:
    from sigma.types import SpecialChars

    if isinstance(part, str):
        return "".join(f"\\{letter}" if letter in _SPECIAL else letter for letter in part)
    return ".*" if part == SpecialChars.WILDCARD_MULTI else "."


def _regex(value: Any) -> str:
    if value.contains_placeholder():
        raise NotSupported("it needs a list of values (`expand`), which is not configured here")
    flags = "".join(sorted(value.sigma_to_re_flag[flag] for flag in value.flags))
    return (f"(?{flags})" if flags else "") + str(value.regexp)
