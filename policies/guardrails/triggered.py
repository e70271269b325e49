"""What a check found and what was done about it: kept with the run, so that an analyst sees what was altered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from core.canonical import JsonObject
from policies.guardrails.rules import Action, CheckName


@dataclass(frozen=True, kw_only=True, slots=True)
class Triggered:
    """One check that found something in one place."""

    check: CheckName
    action: Action
    #: `summary`, `findings`, `unknowns`, `verdict`, `severity`, `answer`, or `reason of ` and a tool.
    where: str
    #: Parts of that place that were altered.
    count: int

    def as_json(self) -> JsonObject:
        return {"check": self.check, "action": self.action, "where": self.where, "count": self.count}


def in_words(triggered: Iterable[JsonObject]) -> str:
    """What was altered, in one line for people: `links in findings (repair, 2)`."""
    return ", ".join(f"{one['check']} in {one['where']} ({one['action']}, {one['count']})" for one in triggered)
