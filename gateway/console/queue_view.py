"""What a visitor has asked the queue for, as the address of the page says it."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query

from core.assessment import Severity, Verdict
from core.store.worklist import NONE
from core.worklist import Filters, Group

#: What tabs call the groups.
GROUP_WORDS: dict[Group, str] = {
    Group.WAITING: "Waiting for approval",
    Group.WORKING: "Working",
    Group.PERSON: "Needs a person",
    Group.FINISHED: "Finished",
}
#: What filters offer.
VERDICTS = (*(verdict.value for verdict in Verdict), NONE)
SEVERITIES = tuple(severity.value for severity in reversed(Severity))

Short = Annotated[str, Query(max_length=64)]


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """Filters of the queue; an unknown value of a closed set filters nothing."""

    state: str = ""
    verdict: str = ""
    severity: str = ""
    source: str = ""
    kind: str = ""
    team: str = ""
    #: `1`: only what the visitor has claimed.
    mine: str = ""
    #: `1`: only questions that the visitor may answer.
    answer: str = ""
    #: A moment, as `2026-01-05T09:00Z`: only what came in from then on.
    since: str = ""
    #: Likewise: only what came in before it.
    until: str = ""
    q: str = ""

    @property
    def query(self) -> str:
        """The query string, always the same for the same filters."""
        return urlencode([(name, value) for name, value in self.said().items() if value])

    @property
    def path(self) -> str:
        """Where this view is."""
        return f"/queue?{self.query}" if self.query else "/queue"

    def rows(self, before: str | None) -> str:
        """Where an open page asks for the rows of this view as they are now."""
        return f"/queue?{self.query}{f'&before={before}' if before else ''}"

    def said(self) -> dict[str, str]:
        """Every filter by its name in the address."""
        return {name: getattr(self, name) for name in NAMES}

    def but(self, **changes: str) -> View:
        """The same with other filters."""
        return replace(self, **changes)

    @property
    def chips(self) -> list[tuple[str, str, str]]:
        """(what, value, where it is gone) of each filter that has no tab of its own."""
        named = {name: value for name, value in self.said().items() if value and name not in {"state", "q"}}
        words = {"mine": ("", "claimed by me"), "answer": ("", "I can answer")}
        for name in ("since", "until"):
            if (moment := moment_of(getattr(self, name))) is not None:
                words[name] = (name, f"{moment:%Y-%m-%d %H:%M} UTC")
        return [
            (*words.get(name, (name, value.replace("_", " "))), self.but(**{name: ""}).path)
            for name, value in named.items()
        ]

    def filters(self, person: str) -> Filters:
        """What the store is asked for."""
        return Filters(
            group=Group(self.state) if self.state else None,
            verdict=self.verdict,
            severity=self.severity,
            source=self.source,
            kind=self.kind,
            team=self.team,
            claimed_by=person if self.mine else "",
            since=moment_of(self.since),
            until=moment_of(self.until),
            search=self.q,
        )


#: Every filter, as the address names it.
NAMES = tuple(field.name for field in fields(View))


def moment_of(said: str) -> datetime | None:
    """The moment that a filter names; None where it names none."""
    try:
        moment = datetime.fromisoformat(said)
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def said_of(moment: datetime) -> str:
    """The same as a filter says it, to the minute."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%MZ}"


def view(
    *,
    state: Short = "",
    verdict: Short = "",
    severity: Short = "",
    source: Short = "",
    kind: Short = "",
    team: Short = "",
    mine: Short = "",
    answer: Short = "",
    since: Short = "",
    until: Short = "",
    q: Annotated[str, Query(max_length=200)] = "",
) -> View:
    """The view that an address asks for."""
    return View(
        state=state if state in {group.value for group in Group} else "",
        verdict=verdict if verdict in VERDICTS else "",
        severity=severity if severity in SEVERITIES else "",
        source=source,
        kind=kind,
        team=team,
        mine="1" if mine else "",
        answer="1" if answer else "",
        since=since if moment_of(since) else "",
        until=until if moment_of(until) else "",
        q=" ".join(q.split()),
    )
