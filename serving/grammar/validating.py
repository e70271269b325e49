"""Values held against their schema by jsonschema, with patterns read by our own reader and a bound on the work.

jsonschema hands patterns to an engine that may backtrack for ever, and tries branches within branches.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import lru_cache
from threading import local
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable

from core.canonical import Json, JsonObject
from serving.grammar.following import END, Follower
from serving.grammar.nodes import Grammar
from serving.grammar.patterns import parsed
from serving.grammar.plan import Plan
from serving.grammar.refusal import ShapeRefused

#: Keywords looked at for one value, and bytes times ways for one pattern: some tenths of a second.
MAX_LOOKS, MAX_STEPS = 100_000, 200_000
#: Ways to read a text by a pattern.
_WAYS = 20_000

_META = Draft202012Validator(Draft202012Validator.META_SCHEMA)
_work = local()


class TooMuchWork(Exception):
    """The schema branches so much that a value cannot be held against it in bounded time."""


def validator_of(schema: Json) -> Validator:
    """Holds values against `schema`.

    Raises:
        ShapeRefused: it is no JSON Schema.
    """
    _check(json.dumps(schema))
    # A registry of its own: without one, a reference to elsewhere would be fetched.
    found: Validator = _BOUNDED(schema, registry=Registry())
    return found


@lru_cache(maxsize=2048)
def _check(text: str) -> None:
    """Tools come again in other company, and this takes milliseconds."""
    # Without formats: patterns are for our own reader to judge.
    error = next(_META.iter_errors(json.loads(text)), None)
    if error is not None:
        place = "/".join(str(part) for part in error.absolute_path)
        raise ShapeRefused(f"What is at /{place} is no JSON Schema (see its keyword `{error.validator}`).")


def fits(validator: Validator, value: Json) -> bool:
    """Whether a value is valid.

    Raises:
        TooMuchWork: that cannot be found out in bounded time.
    """
    return problem(validator, value) is None


def problem(validator: Validator, value: Json) -> str | None:
    """Which keyword a value breaks and where; nothing of the value itself.

    Raises:
        TooMuchWork: that cannot be found out in bounded time.
    """
    _work.left = MAX_LOOKS
    try:
        error = next(validator.iter_errors(value), None)
    except Unresolvable as missing:
        raise ShapeRefused("A reference of the schema leads to nothing.") from missing
    except RecursionError as deep:
        raise TooMuchWork from deep
    if error is None:
        return None
    return f"breaks `{error.validator}` of /" + "/".join(str(part) for part in list(error.absolute_schema_path)[:-1])


def matches(pattern: str, text: str) -> bool:
    """Whether `pattern` is found in `text`.

    Raises:
        PatternRefused: it is broken or not regular.
        TooMuchWork: that cannot be found out in bounded time.
    """
    follower = Follower(_plan(pattern), ways=_WAYS)
    work = 0
    for byte in text.encode(errors="surrogatepass"):
        follower.feed(bytes([byte]))
        work += len(follower.ways)
        if not follower.ways or work > MAX_STEPS:
            break
    if work > MAX_STEPS or follower.crowded:
        raise TooMuchWork
    return END in follower.ways


@lru_cache(maxsize=256)
def _plan(pattern: str) -> Plan:
    return Plan(Grammar(parsed(pattern)), lambda text: (1,) * len(text) + (0,))


def _counted(keyword: Callable[..., Any]) -> Callable[..., Any]:
    def check(*arguments: Any) -> Iterator[ValidationError]:
        _work.left -= 1
        if _work.left < 0:
            raise TooMuchWork
        return iter(keyword(*arguments) or ())

    return check


def _pattern(_: Validator, pattern: str, instance: Json, __: JsonObject) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not matches(pattern, instance):
        yield ValidationError("does not match")


def _pattern_properties(
    validator: Any, patterns: JsonObject, instance: Json, _: JsonObject
) -> Iterator[ValidationError]:
    if isinstance(instance, dict):
        for pattern, schema in patterns.items():
            for name, value in instance.items():
                if matches(pattern, name):
                    yield from validator.descend(value, schema, path=name, schema_path=pattern)


def _additional(validator: Any, extra: Json, instance: Json, schema: JsonObject) -> Iterator[ValidationError]:
    if isinstance(instance, dict):
        patterns = schema.get("patternProperties", ())
        for name, value in instance.items():
            if name not in schema.get("properties", ()) and not any(matches(pattern, name) for pattern in patterns):
                yield from validator.descend(value, extra, path=name)


_KEYWORDS = {
    **Draft202012Validator.VALIDATORS,
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional,
}
_BOUNDED: Any = extend(  # type: ignore[no-untyped-call]  # its stub has no types
    Draft202012Validator, {name: _counted(keyword) for name, keyword in _KEYWORDS.items()}
)
