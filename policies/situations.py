"""Which values of facts can happen together, and whole facts from a few of them.

What holds here is what `tools.facts` makes: an unknown host has the strictest values and nothing else, a count of a
part is never above the count of the whole, the working day follows from hour and weekday.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from core.decision import ArgumentFacts, EmptyFacts, Facts
from policies.cells import Cell
from policies.vocabulary import FIELDS, ToolShape, strictest

#: Hours of the working day, UTC, Monday to Friday; the same as in `tools.facts`.
WORKING_HOURS = range(7, 18)
WORKING_DAYS = range(5)

#: Facts of a host or person that is not known, by fact.
UNKNOWN: Mapping[str, Any] = {
    f"{group}.{name}": value for group, fields in asdict(EmptyFacts()).items() for name, value in fields.items()
}
#: A count never exceeds the counts it is a part of.
AT_MOST: tuple[tuple[str, str], ...] = (
    ("history.target_last_hour", "history.last_hour"),
    ("history.source_last_hour", "history.last_hour"),
    ("history.target_last_hour", "history.target_last_day"),
    ("history.source_last_hour", "history.source_last_day"),
    ("history.last_hour", "history.last_day"),
    ("history.target_last_day", "history.last_day"),
    ("history.source_last_day", "history.last_day"),
    ("evidence.internal", "evidence.count"),
    ("evidence.untrusted", "evidence.count"),
)
COUNTS = frozenset(fact for pair in AT_MOST for fact in pair)
#: Facts that only mean something together, by the part of their name that says so.
_TOGETHER = ("asset", "identity", "time", "history", "evidence")

#: Chooses one of the values of a fact's cell.
Pick = Callable[[str, Cell], Any]


def group_of(fact: str) -> str:
    """Facts of different groups never exclude each other."""
    parts = fact.split(".")
    if parts[0] == "args":
        return ".".join(parts[:2])
    return parts[0] if parts[0] in _TOGETHER else fact


def fixed(fact: str, shape: ToolShape) -> bool:
    """Whether a tool that aims at no host or person leaves this fact at its unknown value."""
    group = fact.partition(".")[0]
    return group in ("asset", "identity") and group not in shape.target


def companions(fact: str) -> tuple[str, ...]:
    """Facts that must be known to tell whether a value of this one can happen."""
    group = group_of(fact)
    return (f"{group}.known",) if group in ("asset", "identity") else ()


def apart(fact: str) -> tuple[Any, ...]:
    """Values that this module tells from all others."""
    return ("",) if UNKNOWN.get(fact) == "" else ()


def can_happen(group: str, cells: Mapping[str, Cell]) -> bool:
    """Whether cells of facts of one group have values that happen together."""
    if group in ("asset", "identity"):
        return any(_fits_known(group, cells, known=known) for known in (True, False))
    if group == "time":
        return _fits_time(cells)
    if group in ("history", "evidence"):
        return _least({fact: cell for fact, cell in cells.items() if fact in COUNTS}, _unmanipulated(cells)) is not None
    # What is trusted was found somewhere.
    trusted, sources = cells.get(f"{group}.trusted"), cells.get(f"{group}.sources")
    return trusted is None or sources is None or trusted.values != (True,) or sources.values != ([],)


def _fits_known(group: str, cells: Mapping[str, Cell], *, known: bool) -> bool:
    given = cells.get(f"{group}.known")
    if given is not None and known not in given.values:
        return False
    if known:
        kind = cells.get("asset.kind")
        return group != "asset" or kind is None or kind.values != ("",)
    others = (fact for fact in cells if fact != f"{group}.known")
    return all(UNKNOWN[fact] in cells[fact].values for fact in others)


def _fits_time(cells: Mapping[str, Cell]) -> bool:
    hours = cells["time.hour"].values if "time.hour" in cells else range(24)
    days = cells["time.weekday"].values if "time.weekday" in cells else range(7)
    open_ = {day in WORKING_DAYS and hour in WORKING_HOURS for day in days for hour in hours}
    given = cells.get("time.business_hours")
    return given is None or given.values[0] in open_


def _unmanipulated(cells: Mapping[str, Cell]) -> bool:
    """A ticket is known to hold no manipulation only when it was read, which is evidence."""
    manipulation = cells.get("evidence.manipulation")
    return manipulation is not None and manipulation.values == (False,)


def _least(cells: Mapping[str, Cell], read: bool) -> dict[str, int] | None:
    """The smallest counts that happen together; None when none do."""
    counts = {fact: int(cell.low) for fact, cell in cells.items()}
    if read:
        counts["evidence.count"] = max(counts.get("evidence.count", 0), 1)
    for _ in range(3):
        for part, whole in AT_MOST:
            if part in counts:
                counts[whole] = max(counts.get(whole, 0), counts[part])
    parts = counts.get("evidence.internal", 0) + counts.get("evidence.untrusted", 0)
    if parts:
        counts["evidence.count"] = max(counts.get("evidence.count", 0), parts)
    ends = ((counts[fact], cell.high) for fact, cell in cells.items())
    return counts if all(high is None or count <= high for count, high in ends) else None


def whole_facts(tool: str, shape: ToolShape, cells: Mapping[str, Cell], pick: Pick) -> Facts | None:
    """Facts whose values lie in the given cells; what is not given takes a value that can happen beside them.

    None when the values picked do not happen together.
    """
    picked = {fact: pick(fact, cell) for fact, cell in cells.items()}
    counts = {
        # The value that stands for a cell may grow inside of it, so that the whole is as large as its parts.
        fact: Cell(values=(value,), label="", low=value, high=cells[fact].high if value == cells[fact].low else value)
        for fact, value in picked.items()
        if fact in COUNTS
    }
    least = _least(counts, picked.get("evidence.manipulation") is False)
    if least is None:
        return None
    picked |= least
    _complete_target("asset", shape, cells, picked)
    _complete_target("identity", shape, cells, picked)
    _complete_time(cells, picked)
    args = _arguments(shape, picked)
    if any(argument.trusted and not argument.sources for argument in args.values()):
        return None
    groups = strictest()
    groups["team"]["framework"] = "autogen"
    for group, fields in FIELDS.items():
        groups[group].update({name: picked[f"{group}.{name}"] for name in fields if f"{group}.{name}" in picked})
    return Facts(tool=tool, args=args, **groups)


def _complete_target(group: str, shape: ToolShape, cells: Mapping[str, Cell], picked: dict[str, Any]) -> None:
    facts = [fact for fact in UNKNOWN if fact.startswith(f"{group}.")]
    inside = {fact: cell for fact, cell in cells.items() if fact in facts}
    if group not in shape.target or not _fits_known(group, inside, known=True):
        picked |= {fact: UNKNOWN[fact] for fact in facts}
        return
    usual = {"asset.kind": "server", "asset.tier": 2, "identity.vip": False, "identity.privileged": False}
    picked |= {fact: usual.get(fact, UNKNOWN[fact]) for fact in facts if fact not in picked}
    picked[f"{group}.known"] = True


def _complete_time(cells: Mapping[str, Cell], picked: dict[str, Any]) -> None:
    days = _of_cell(cells, picked, "time.weekday", (2, 6))
    hours = _of_cell(cells, picked, "time.hour", (10, 3))
    for day, hour in itertools.product(days, hours):
        open_ = day in WORKING_DAYS and hour in WORKING_HOURS
        if picked.get("time.business_hours", open_) is open_:
            picked |= {"time.hour": hour, "time.weekday": day, "time.business_hours": open_}
            return


def _of_cell(
    cells: Mapping[str, Cell], picked: Mapping[str, Any], fact: str, usual: tuple[int, ...]
) -> tuple[Any, ...]:
    return (picked[fact], *cells[fact].values) if fact in cells else usual


def _arguments(shape: ToolShape, picked: Mapping[str, Any]) -> dict[str, ArgumentFacts]:
    found: dict[str, ArgumentFacts] = {}
    for name in shape.arguments:
        sources = tuple(picked.get(f"args.{name}.sources", ()))
        trusted = bool(picked.get(f"args.{name}.trusted", False))
        if trusted and f"args.{name}.sources" not in picked:
            sources = ("E1",)
        value = picked.get(f"args.{name}.value", f"{name}-1")
        found[name] = ArgumentFacts(value=value, trusted=trusted, sources=sources)
    return found
