"""Reading the sandbox's answer as what it is: bytes from a process that parsed hostile input."""

from __future__ import annotations

import json
import re
from typing import NoReturn

from core.canonical import Json, JsonObject
from core.errors import ToolRefused

#: Levels of nesting in an answer; tools use five.
MAX_DEPTH = 40
#: Digits in a number; more of them are an attack on the parser.
MAX_DIGITS = 40
#: What neither canonical JSON nor PostgreSQL can hold; it becomes the replacement character.
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def parse(raw: bytes) -> JsonObject:
    """The answer's one JSON object.

    Raises:
        ToolRefused: not UTF-8, not one JSON object, a key twice, NaN or infinity, nested too deep, an integer
            that JSON cannot carry exactly.
    """
    try:
        value = _clean(
            json.loads(
                raw.decode("utf-8"),
                object_pairs_hook=_no_duplicates,
                parse_constant=_refuse,
                parse_int=_integer,
                parse_float=_number,
            )
        )
    except (ValueError, RecursionError):
        raise ToolRefused("The tool's answer was not well-formed; treat its result as unknown.") from None
    if not isinstance(value, dict):
        raise ToolRefused("The tool's answer was not an object; treat its result as unknown.")
    return value


def _clean(value: Json, depth: int = 0) -> Json:
    if depth > MAX_DEPTH:
        raise ValueError("nested too deep")
    if isinstance(value, str):
        return UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_clean(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {UNSTORABLE.sub("\ufffd", key): _clean(item, depth + 1) for key, item in value.items()}
    return value


def _no_duplicates(pairs: list[tuple[str, Json]]) -> JsonObject:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key appears twice")
    return value


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS or abs(int(digits)) >= 2**53:
        raise ValueError("integer too large")
    return int(digits)


def _number(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise ValueError("number too large")
    return value
