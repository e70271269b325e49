"""Sigma rules over the log events of a ticket. The rules are read outside; here they are only evaluated."""

from __future__ import annotations

import time
from typing import Annotated, Any, TypedDict

from pydantic import Field

from tools.investigate.answer import InputRefused, Object, answer, clip, clip_list, plural
from tools.investigate.sigma.evaluate import Check, check, grounds
from tools.investigate.sigma.events import Event
from tools.investigate.sigma.sources import Source, source
from tools.investigate.ticket_text import events
from tools.limits import Limits
from tools.tool import ToolArguments, ToolFacts, tool

#: Events that rules are evaluated for.
MAX_EVENTS = 5_000
#: Seconds after which no further event is begun; the sandbox would end the call some time later, without a result.
PATIENCE = 12.0
#: Rules listed, events named for one rule, fields shown for one rule, and characters of one of their values.
MAX_RULES, MAX_NAMED, MAX_GROUNDS, MAX_VALUE = 30, 20, 8, 200
LEVELS = ("informational", "low", "medium", "high", "critical")


class Arguments(ToolArguments):
    level: Annotated[
        str,
        Field(
            pattern="^(informational|low|medium|high|critical)$",
            description="The lowest level of rules to run: informational, low, medium, high or critical.",
        ),
    ]


class Facts(ToolFacts):
    matched: bool = Field(description="At least one rule matches at least one event.")
    matches: int = Field(description="Rules that match.")
    events_matched: int = Field(description="Events that a rule matches.")
    rule: str = Field(description="Title of the worst rule that matches; empty when none does.")
    level: str = Field(description="Its level: informational, low, medium, high or critical; empty when none matches.")
    technique: str = Field(description="Its first ATT&CK technique; empty when it names none.")
    events: int = Field(description="Events that the rules were evaluated for.")
    rules: int = Field(description="Rules of at least the level that was asked for.")
    applicable: int = Field(description="Those of them that are about such logs; without any, nothing was said.")
    truncated: bool = Field(description="There are more events than the rules were evaluated for.")
    skipped: int = Field(description="Rules that could not be evaluated, because they are broken or not supported.")


class Matched(TypedDict):
    """One rule that matches: who wrote it, what it means, and which events made it match by which fields."""

    title: str
    id: str
    level: str
    status: str
    author: str
    description: str
    techniques: list[str]
    tags: list[str]
    false_positives: list[str]
    file: str
    count: int
    events: list[int]
    fields: dict[str, str]


class Detail(TypedDict):
    """Rules that match, the worst first; what logs the events were taken for; rules that could not be run."""

    matches: list[Matched]
    sources: list[dict[str, Any]]
    skipped: list[dict[str, Any]]


@tool(
    "Run the Sigma rules of this house over the ticket's log events, and say which match.",
    arguments=Arguments,
    facts=Facts,
    detail=Detail,
    needs=["ticket", "sigma_rules"],
    limits=Limits(seconds=30.0, cpu_seconds=25),
    imports=["re2"],
)
def run(arguments: Object, inputs: Object) -> Object:
    """Every rule of the level or a higher one that holds for an event."""
    rows = events(inputs["ticket"]["fields"])
    if not rows:
        raise InputRefused("The ticket carries no log events, so there is nothing to match.")
    given = inputs["sigma_rules"]
    rules = [rule for rule in given["rules"] if _rank(rule) >= LEVELS.index(arguments["level"])]
    over = _Round(rules)
    over.all(rows)
    found = sorted(over.found.values(), key=lambda match: (_rank(match), match["count"]), reverse=True)
    worst = found[0] if found else None
    facts: Object = {
        "matched": bool(found),
        "matches": len(found),
        "events_matched": len(over.hit),
        "rule": worst["title"] if worst else "",
        "level": worst["level"] if worst else "",
        "technique": next(iter(worst["techniques"]), "") if worst else "",
        "events": over.evaluated,
        "rules": len(rules),
        "applicable": len(over.applicable),
        "truncated": over.evaluated < len(rows),
        "skipped": len(given["problems"]),
    }
    detail = {
        "matches": clip_list(found, MAX_RULES),
        "sources": [_source(kind, count) for kind, count in over.kinds.items()][:20],
        "skipped": clip_list(given["problems"], 10),
    }
    return answer(_summary(facts, found), facts, detail)


class _Round:
    """The rules over one ticket's events, with what is the same for all events of a log worked out once."""

    def __init__(self, rules: list[Object]) -> None:
        self._rules = rules
        self._fitting: dict[Source, list[tuple[Object, Check]]] = {}
        self._checks: dict[int, Check] = {}
        #: Matches by the place of their rule.
        self.found: dict[int, Matched] = {}
        self.hit: set[int] = set()
        self.kinds: dict[Source, int] = {}
        self.evaluated = 0

    @property
    def applicable(self) -> set[int]:
        """Rules for logs that events are known to come from."""
        return {id(rule) for kind, fitting in self._fitting.items() if kind.known for rule, _ in fitting}

    def all(self, rows: list[Object]) -> None:
        until = time.monotonic() + PATIENCE
        for number, row in enumerate(rows[:MAX_EVENTS]):
            if time.monotonic() > until:
                return
            self._one(number, row)
            self.evaluated += 1

    def _one(self, number: int, row: Object) -> None:
        event = Event(row)
        kind = source(event)
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        if kind not in self._fitting:
            fitting = [rule for rule in self._rules if kind.fits(rule["logsource"])]
            self._fitting[kind] = [(rule, self._check(rule)) for rule in fitting]
        for rule, check_ in self._fitting[kind]:
            if check_(event):
                self._note(rule, number, event, known=kind.known)

    def _check(self, rule: Object) -> Check:
        return self._checks.setdefault(id(rule), check(rule["when"]))

    def _note(self, rule: Object, number: int, event: Event, *, known: bool) -> None:
        match = self.found.get(id(rule))
        if match is None or not known:
            why = list(grounds(rule["when"], event))
            # A rule that only says what must be missing says nothing about an event of an unknown kind.
            if not why and not known:
                return
            match = self.found.setdefault(id(rule), _matched(rule, why))
        self.hit.add(number)
        match["count"] += 1
        if len(match["events"]) < MAX_NAMED:
            match["events"].append(number)


def _matched(rule: Object, why: list[tuple[str, str]]) -> Matched:
    tags = [str(tag) for tag in rule["tags"]]
    techniques = [
        tag.removeprefix("attack.").upper() for tag in tags if tag.startswith("attack.t") and tag[8:9].isdigit()
    ]
    return {
        "title": rule["title"],
        "id": rule["id"],
        "level": rule["level"],
        "status": rule["status"],
        "author": rule["author"],
        "description": rule["description"],
        "techniques": techniques,
        "tags": tags[:20],
        "false_positives": rule["false_positives"],
        "file": rule["file"],
        "count": 0,
        "events": [],
        "fields": {name or "anywhere": clip(value, MAX_VALUE) for name, value in why[:MAX_GROUNDS]},
    }


def _rank(rule: Any) -> int:
    return LEVELS.index(rule["level"]) if rule["level"] in LEVELS else 0


def _source(kind: Source, count: int) -> Object:
    categories = None if kind.categories is None else sorted(kind.categories)
    return {"product": kind.product, "service": kind.service, "categories": categories, "events": count}


def _summary(facts: Object, found: list[Matched]) -> str:
    over = plural(facts["events"], "event")
    if not facts["applicable"]:
        return f"No rule is about such logs, which says nothing ({over})."
    if not found:
        return f"None of {plural(facts['applicable'], 'applicable rule')} matches ({over})."
    named = "; ".join(f"{m['title']} ({m['level']}, by {m['author'] or 'unknown'})" for m in found[:3])
    return f"{len(found)} of {plural(facts['applicable'], 'applicable rule')} matched ({over}): {named}."
