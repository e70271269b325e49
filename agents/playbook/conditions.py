"""Evaluates conditions over a casebook. A sign of attack needs one witness; an explanation must hold for every one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import re2

from agents.playbook.casebook import TOKEN, Casebook, Item
from agents.playbook.echo import echo
from agents.playbook.schema import Test
from core.canonical import Json

#: Characters of a value a pattern is tried on.
MAX_MATCHED = 20_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """Whether a condition holds, and the evidence that made it so."""

    holds: bool
    witnesses: tuple[Item, ...] = ()


def holds(test: Test | None, casebook: Casebook, *, item: Json = None, every: bool = False) -> Outcome:
    """Evaluate `test`; with `every` set, a comparison must hold for all values of its fact, not just one.

    `not` turns the quantifier round, so that more values can never make an explanation easier
    or a sign of attack harder.
    """
    if test is None:
        return Outcome(holds=True)
    if test.all is not None:
        outcomes = [holds(child, casebook, item=item, every=every) for child in test.all]
        return _joined(outcomes, all(o.holds for o in outcomes))
    if test.any is not None:
        outcomes = [holds(child, casebook, item=item, every=every) for child in test.any]
        return _joined([o for o in outcomes if o.holds], any(o.holds for o in outcomes))
    if test.negated is not None:
        inner = holds(test.negated, casebook, item=item, every=not every)
        return Outcome(holds=not inner.holds, witnesses=_seen(test.negated, casebook, item))
    return _comparison(test, casebook, item, every)


def _comparison(test: Test, casebook: Casebook, item: Json, every: bool) -> Outcome:
    path = test.fact or f"ticket.{test.field}"
    values = casebook.values(path, item)
    if test.exists is not None:
        return Outcome(holds=bool(values) is test.exists, witnesses=tuple(i for _, i in values if i))
    compare = _comparer(test, casebook, item)
    hits = [(value, witness) for value, witness in values if compare(value)]
    good = bool(hits) and (not every or len(hits) == len(values))
    return Outcome(holds=good, witnesses=tuple(w for _, w in hits if w is not None))


def _comparer(test: Test, casebook: Casebook, item: Json) -> Callable[[Json], bool]:
    if test.is_ is not None:
        wanted = casebook.fill(test.is_, item) if isinstance(test.is_, str) else test.is_
        return lambda value: _same(value, wanted)
    if test.in_ is not None:
        options = test.in_
        return lambda value: any(_same(value, option) for option in options)
    if test.gte is not None:
        low = test.gte
        return lambda value: _number(value) and value >= low
    if test.lte is not None:
        high = test.lte
        return lambda value: _number(value) and value <= high
    if test.contains is not None:
        part = casebook.fill(test.contains, item)
        return lambda value: _contains(value, part)
    if test.within is not None:
        allowed = _parts(casebook.fill(test.within, item))
        return lambda value: bool(_parts(value)) and _parts(value) <= allowed
    if test.matches is not None:
        pattern = re2.compile(test.matches)
        return lambda value: isinstance(value, str) and pattern.search(value[:MAX_MATCHED]) is not None
    if test.echoes is not None:
        share, title = test.echoes, str(casebook.ticket.get("title") or "")
        return lambda value: isinstance(value, str) and echo(title, value) >= share
    return lambda value: (isinstance(value, str) and TOKEN.fullmatch(value) is not None) is test.own


def _same(value: Json, wanted: Json) -> bool:
    if isinstance(value, str) and isinstance(wanted, str):
        return value.casefold() == wanted.casefold()
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    return wanted is not None and bool(value == wanted)


def _contains(value: Json, part: Json) -> bool:
    if part is None or part == "":
        return False
    if isinstance(value, list):
        return any(_same(element, part) for element in value)
    return isinstance(value, str) and str(part).casefold() in value.casefold()


def _parts(value: Json) -> set[str]:
    return {part.strip().casefold() for part in str(value or "").split(",") if part.strip()}


def _number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _joined(outcomes: list[Outcome], holds_: bool) -> Outcome:
    return Outcome(holds=holds_, witnesses=tuple(w for outcome in outcomes for w in outcome.witnesses))


def _seen(test: Test, casebook: Casebook, item: Json) -> tuple[Item, ...]:
    """What a negated condition looked at: the evidence for an absence."""
    return tuple(w for path in sorted(test.facts()) for _, w in casebook.values(path, item) if w is not None)
