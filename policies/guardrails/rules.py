"""`guardrails.yaml`: what a team's answer must be, and what is done where it is not."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import ConfigDict, Field, ValidationInfo, field_validator, model_validator

from core.assessment import Severity
from core.ticket import Strict

#: What is done where a check finds something. None of them loosens anything:
#: `drop` leaves the part out, `repair` puts it right, `needs_information` does that and takes the verdict back.
Action = Literal["drop", "repair", "needs_information"]
#: The checks, in the order in which they are made.
CheckName = Literal["schema", "originals", "instructions", "links", "length", "citations", "consistency"]
DecidedVerdict = Literal["malicious", "suspicious", "benign"]
SeverityName = Literal["informational", "low", "medium", "high", "critical"]

#: Severities, mildest first.
SEVERITIES: tuple[Severity, ...] = tuple(Severity)

#: Checks for which not every action makes sense: those that do, and why not the others.
_LIMITED: dict[str, tuple[frozenset[Action], str]] = {
    "schema": (
        frozenset({"needs_information"}),
        "an answer that fits no schema holds nothing that could be kept or put right",
    ),
    "length": (
        frozenset({"repair", "needs_information"}),
        "what is long is not wrong for that, and the summary cannot be left out",
    ),
    "consistency": (
        frozenset({"repair", "needs_information"}),
        "an answer has one verdict and one severity, and neither can be left out",
    ),
}


class Checks(Strict):
    """What each check does where it finds something."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=True)

    #: The answer is an assessment. Teams are told what is wrong and may try again before this counts.
    schema_: Annotated[Literal["needs_information"], Field(alias="schema")] = "needs_information"
    #: No original of the ticket and no secret is in any text.
    originals: Action = "repair"
    #: No text tells its reader to approve, trust, run, click, call or reveal something, or speaks to a machine.
    instructions: Action = "repair"
    #: Nothing that a program which shows the text would follow, fetch or obey.
    links: Action = "repair"
    #: No text is longer than `assessment` says.
    length: Literal["repair", "needs_information"] = "repair"
    #: Every finding names evidence of this ticket.
    citations: Action = "repair"
    #: Verdict, severity and confidence fit one another, as `consistency` says.
    consistency: Literal["repair", "needs_information"] = "repair"

    @field_validator("schema_", "length", "consistency", mode="before")
    @classmethod
    def _makes_sense(cls, action: object, info: ValidationInfo) -> object:
        sensible, why = _LIMITED[str(info.field_name).rstrip("_")]
        if action in get_args(Action) and action not in sensible:
            raise ValueError(f"cannot be {action}: {why}; write {' or '.join(sorted(sensible, reverse=True))}")
        return action

    def action(self, check: CheckName) -> Action:
        """What is done where a check finds something."""
        chosen: Action = self.schema_ if check == "schema" else getattr(self, check)
        return chosen


class AssessmentRules(Strict):
    """How long an assessment may be, and what it must rest on."""

    #: Verdicts that become needs_information when no cited finding is left.
    verdicts_need_findings: list[DecidedVerdict] = Field(default_factory=lambda: list(get_args(DecidedVerdict)))
    max_findings: Annotated[int, Field(ge=1, le=40)] = 20
    #: Characters of the summary, of one claim, of one unknown, and of the reason of one action.
    max_summary: Annotated[int, Field(ge=100, le=2000)] = 1500
    max_claim: Annotated[int, Field(ge=50, le=1000)] = 600
    max_unknown: Annotated[int, Field(ge=50, le=500)] = 500
    max_reason: Annotated[int, Field(ge=50, le=1000)] = 600


class SeverityRange(Strict):
    """The severities that fit a verdict."""

    at_least: SeverityName = "informational"
    at_most: SeverityName = "critical"

    @model_validator(mode="after")
    def _is_a_range(self) -> SeverityRange:
        if SEVERITIES.index(Severity(self.at_least)) > SEVERITIES.index(Severity(self.at_most)):
            raise ValueError(f"is empty: {self.at_least} is worse than {self.at_most}; swap them")
        return self


class ConfidenceRange(Strict):
    """The confidences that fit a verdict."""

    at_least: Annotated[float, Field(ge=0, le=1)] = 0.0
    at_most: Annotated[float, Field(ge=0, le=1)] = 1.0

    @model_validator(mode="after")
    def _is_a_range(self) -> ConfidenceRange:
        if self.at_least > self.at_most:
            raise ValueError(f"is empty: {self.at_least} is more than {self.at_most}; swap them")
        return self


class Fitting(Strict):
    """What fits one verdict."""

    severity: SeverityRange = Field(default_factory=SeverityRange)
    confidence: ConfidenceRange = Field(default_factory=ConfidenceRange)


def _shipped() -> dict[DecidedVerdict, Fitting]:
    even = ConfidenceRange(at_least=0.5)
    return {
        "malicious": Fitting(severity=SeverityRange(at_least="medium"), confidence=even),
        "suspicious": Fitting(severity=SeverityRange(at_least="low")),
        "benign": Fitting(severity=SeverityRange(at_most="low"), confidence=even),
    }


class Guardrails(Strict):
    """Everything in `guardrails.yaml`."""

    checks: Checks = Field(default_factory=Checks)
    assessment: AssessmentRules = Field(default_factory=AssessmentRules)
    #: What fits each verdict; a verdict that is not named fits with everything.
    consistency: dict[DecidedVerdict, Fitting] = Field(default_factory=_shipped)
