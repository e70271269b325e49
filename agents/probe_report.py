"""What a fitness test found out about one model endpoint: the outcome of each check, and which teams it is fit for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum

from agents.features import Features
from core.canonical import JsonObject


class Outcome(StrEnum):
    """What came of one check. The first two have the right form; whose fault it is differs."""

    GOOD = "good"  # it does this
    WRONG = "wrong"  # the form is right, what it says is not: the model's doing
    BROKEN = "broken"  # the form is wrong, so nothing can be done with the answer
    REFUSED = "refused"  # the endpoint does not take such a request
    SILENT = "silent"  # no whole answer in time
    SKIPPED = "skipped"  # not offered, so not tried

    @property
    def in_form(self) -> bool:
        """Whether something came back that a team can go on with."""
        return self in {Outcome.GOOD, Outcome.WRONG}


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """One check."""

    check: str
    outcome: Outcome
    #: One sentence.
    reason: str
    seconds: float
    #: What was measured.
    facts: Mapping[str, float]

    def as_json(self) -> JsonObject:
        return {
            "check": self.check,
            "outcome": self.outcome.value,
            "reason": self.reason,
            "seconds": self.seconds,
            "facts": dict(self.facts),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class TeamVerdict:
    """Whether an endpoint is fit for one team."""

    team: str
    #: Everything that the team needs and the endpoint does not give; empty when it is fit.
    why: tuple[str, ...]
    #: Whether what it lacks is form. Otherwise requests and answers are sound, and only what it says is not.
    by_form: bool

    @property
    def fit(self) -> bool:
        return not self.why

    def as_json(self) -> JsonObject:
        by = None if self.fit else "form" if self.by_form else "content"
        return {"team": self.team, "fit": self.fit, "by": by, "why": list(self.why)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """Everything that one fitness test found out."""

    #: Without a login.
    url: str
    model: str
    features: Features
    results: tuple[Result, ...]
    teams: tuple[TeamVerdict, ...]
    #: What must be known to read the rest rightly; empty mostly.
    note: str
    seconds: float

    @property
    def fit(self) -> bool:
        """Whether it is fit for every team."""
        return all(team.fit for team in self.teams)

    @property
    def summary(self) -> str:
        """How many checks came back in form, and how many of these were right; for how many teams it is fit."""
        tried = [result for result in self.results if result.outcome is not Outcome.SKIPPED]
        formed = [result for result in tried if result.outcome.in_form]
        good = sum(result.outcome is Outcome.GOOD for result in formed)
        fit = sum(team.fit for team in self.teams)
        return (
            f"{len(formed)} of {len(tried)} checks in form, {good} of these right; "
            f"fit for {fit} of {len(self.teams)} teams"
        )

    def as_json(self) -> JsonObject:
        return {
            "url": self.url,
            "model": self.model,
            "fit": self.fit,
            "summary": self.summary,
            "note": self.note,
            "features": asdict(self.features),
            "checks": [result.as_json() for result in self.results],
            "teams": [team.as_json() for team in self.teams],
            "seconds": self.seconds,
        }
