"""An assessment: the strict answer every team gives, whichever framework it runs on."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

#: Characters of one claim, of the summary, and of one thing that could not be found out.
MAX_CLAIM = 1000
MAX_SUMMARY = 2000
MAX_UNKNOWN = 500

#: Who gave the confidence of an assessment: the `model`, which wrote it, or the `probability` of the verdict among all
#: verdicts, as the model server reads it from the model.
ConfidenceBy = Literal["model", "probability"]


class Verdict(StrEnum):
    """What the ticket turned out to be."""

    MALICIOUS = "malicious"  # an attack, on the evidence cited
    SUSPICIOUS = "suspicious"  # signs of one, not proof
    BENIGN = "benign"  # explained by ordinary work, on the evidence cited
    NEEDS_INFORMATION = "needs_information"  # the evidence does not decide it


class Severity(StrEnum):
    """How bad it is if the verdict holds, mildest first."""

    INFORMATIONAL = "informational"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class _Answer(BaseModel):
    # Not strict: JSON carries enums and whole floats as strings and integers.
    model_config = ConfigDict(extra="forbid", frozen=True)


class Finding(_Answer):
    """One claim and the evidence it stands on."""

    claim: Annotated[str, Field(min_length=1, max_length=MAX_CLAIM)]
    #: Evidence ids of this ticket (`E1`); a claim without one is dropped.
    evidence: Annotated[list[Annotated[str, Field(pattern=r"^E[1-9][0-9]{0,3}$")]], Field(max_length=20)]


class Assessment(_Answer):
    """A team's answer. Models return exactly this as JSON."""

    verdict: Verdict
    severity: Severity
    #: 0 to 1, how sure the team is of the verdict.
    confidence: Annotated[float, Field(ge=0, le=1)]
    #: ATT&CK technique ids such as `T1566.002`.
    techniques: Annotated[list[Annotated[str, Field(pattern=r"^T[0-9]{4}(\.[0-9]{3})?$")]], Field(max_length=20)] = (
        Field(default_factory=list)
    )
    summary: Annotated[str, Field(min_length=1, max_length=MAX_SUMMARY)]
    findings: Annotated[list[Finding], Field(max_length=40)] = Field(default_factory=list)
    #: What the team could not find out.
    unknowns: Annotated[list[Annotated[str, Field(max_length=MAX_UNKNOWN)]], Field(max_length=20)] = Field(
        default_factory=list
    )


def undecided(summary: str) -> Assessment:
    """The assessment of a team that gave no usable answer."""
    return Assessment(
        verdict=Verdict.NEEDS_INFORMATION,
        severity=Severity.MEDIUM,
        confidence=0.0,
        summary=summary,
        unknowns=[summary[:MAX_UNKNOWN]],
    )
