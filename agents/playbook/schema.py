"""What a playbook file may say. Strict: a misspelt key or a sign that could excuse an attack stops the load."""

from __future__ import annotations

from typing import Annotated, Any

import re2
from pydantic import Field, field_validator, model_validator

from agents.playbook.document import Document
from core.assessment import Severity, Verdict

Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
#: `step.fact`, `step.detail.path`, `step.arguments.name`, or `item.path` inside an `each`.
FactPath = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*(\.[A-Za-z0-9_-]+)+$", max_length=200)]
#: A path into the masked ticket: `title`, `fields.host.name`.
TicketPath = Annotated[str, Field(pattern=r"^[a-z_]+(\.[A-Za-z0-9_@-]+)*$", max_length=200)]
Scalar = bool | int | float | str

#: Tools an explanation may rest on: stores of our own, asked about a name from structured fields. (Intelligence is left
#: out: that an indicator is unknown, or that a harmless one was added, explains nothing.)
TRUSTED_TOOLS = frozenset({"lookup_asset", "lookup_identity", "lookup_vulnerability"})
#: … or header authentication, when our own mail server wrote it.
AUTHENTICATING_TOOL = "read_email"
AUTHENTICATED_FACT = "auth_trusted"
#: Tools whose lists anybody can lengthen by writing text; what they name cannot be the basis of an explanation.
FREE_TEXT_TOOLS = frozenset({"read_ticket", "extract_indicators", "decode_script"})


class Test(Document):
    """A condition: one comparison of one fact or ticket field, or a combination of conditions."""

    __test__ = False  # not a pytest class

    all: Annotated[list[Test], Field(min_length=1)] | None = None
    any: Annotated[list[Test], Field(min_length=1)] | None = None
    negated: Test | None = Field(default=None, alias="not")
    fact: FactPath | None = None
    field: TicketPath | None = None
    is_: Scalar | None = Field(default=None, alias="is")
    in_: Annotated[list[Scalar], Field(min_length=1)] | None = Field(default=None, alias="in")
    gte: int | float | None = None
    lte: int | float | None = None
    contains: str | None = None
    #: Every part of the value (split at commas) is a part of this template's value.
    within: str | None = None
    matches: str | None = None
    exists: bool | None = None
    #: At least this share of what the ticket's title says is said by the value too.
    echoes: Annotated[float, Field(gt=0, le=1, strict=False)] | None = None
    #: True when the value is a masked token: one of our own people, hosts or networks.
    own: bool | None = None

    @field_validator("matches")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                re2.compile(value)
            except re2.error:
                raise ValueError("is not an RE2 pattern; RE2 has no look-around and no back-references") from None
        return value

    @model_validator(mode="after")
    def _one_thing(self) -> Test:
        subjects = [n for n in ("all", "any", "negated", "fact", "field") if getattr(self, n) is not None]
        if len(subjects) != 1:
            raise ValueError("needs exactly one of `fact`, `field`, `all`, `any`, `not`")
        operators = self.operators
        if subjects[0] in {"fact", "field"} and len(operators) != 1:
            raise ValueError(
                "needs exactly one of `is`, `in`, `gte`, `lte`, `contains`, `within`, `matches`, `exists`, `echoes`, "
                "`own`"
            )
        if subjects[0] not in {"fact", "field"} and operators:
            raise ValueError(f"`{subjects[0]}` takes conditions, not `{operators[0].rstrip('_')}`")
        return self

    @property
    def operators(self) -> list[str]:
        names = ("is_", "in_", "gte", "lte", "contains", "within", "matches", "exists", "echoes", "own")
        return [name for name in names if getattr(self, name) is not None]

    @property
    def children(self) -> list[Test]:
        return [*(self.all or []), *(self.any or []), *([self.negated] if self.negated else [])]

    def facts(self) -> set[str]:
        """Every fact path the condition looks at."""
        found = {self.fact} if self.fact else set()
        return found.union(*(child.facts() for child in self.children))


class Look(Document):
    """One step of an investigation: a tool and where its arguments come from."""

    tool: Slug
    #: What facts of this step are called; the tool's name unless the tool is used twice.
    step: Slug | None = None
    why: Annotated[str, Field(min_length=1, max_length=300)]
    arguments: dict[str, Any] = Field(default_factory=dict)
    #: A file of `queries/`, without `.sql`; becomes the argument `sql`.
    query: Slug | None = None
    #: A list to go through; `{item}` is the element.
    each: Annotated[str, Field(pattern=r"^[a-z][A-Za-z0-9_.]*$")] | None = None
    only: Test | None = None
    limit: Annotated[int, Field(ge=1, le=30)] = 8
    when: Test | None = None

    @property
    def name(self) -> str:
        return self.step or self.tool


class Sign(Document):
    """What one observation weighs: positive points speak for an attack, negative ones explain it."""

    when: Test
    points: Annotated[float, Field(ge=-10, le=10, strict=False)]
    says: Annotated[str, Field(min_length=1, max_length=500)]
    technique: Annotated[str, Field(pattern=r"^T[0-9]{4}(\.[0-9]{3})?$")] | None = None
    #: Proof by itself: whatever else is found, the verdict is malicious.
    decisive: bool = False

    @property
    def explains(self) -> bool:
        return self.points < 0

    @model_validator(mode="after")
    def _sane(self) -> Sign:
        if self.points == 0:
            raise ValueError("points: 0 weighs nothing; remove the sign or give it weight")
        if self.explains and self.decisive:
            raise ValueError("decisive: an explanation cannot be decisive; only an attack can be proved by one sign")
        return self


class Thresholds(Document):
    """Log-odds from which a verdict holds."""

    malicious: Annotated[float, Field(strict=False)] = 3.0
    suspicious: Annotated[float, Field(strict=False)] = 0.5
    benign: Annotated[float, Field(strict=False)] = -1.5

    @model_validator(mode="after")
    def _ordered(self) -> Thresholds:
        if not self.benign < self.suspicious < self.malicious:
            raise ValueError("must rise from `benign` over `suspicious` to `malicious`")
        return self


class Raise(Document):
    """A reason for a higher severity."""

    when: Test
    to: Annotated[Severity, Field(strict=False)]


class SeverityScale(Document):
    """Severity of a malicious verdict; a suspicious one is one step lower."""

    start: Annotated[Severity, Field(strict=False)] = Severity.HIGH
    raise_: list[Raise] = Field(default_factory=list, alias="raise")


class Refutation(Document):
    """What the reviewer looks at and weighs beyond the investigator."""

    look: list[Look] = Field(default_factory=list)
    weigh: list[Sign] = Field(default_factory=list)


class Response(Document):
    """One action to propose."""

    verdicts: Annotated[list[Annotated[Verdict, Field(strict=False)]], Field(min_length=1)]
    when: Test | None = None
    tool: Slug
    arguments: dict[str, Any]
    each: Annotated[str, Field(pattern=r"^[a-z][A-Za-z0-9_.]*$")] | None = None
    only: Test | None = None
    limit: Annotated[int, Field(ge=1, le=10)] = 3
    reason: Annotated[str, Field(min_length=1, max_length=500)]
    #: Steps whose evidence the proposal cites.
    rests_on: Annotated[list[Slug], Field(min_length=1)]


class Playbook(Document):
    """How one kind of ticket is investigated, weighed, refuted and answered."""

    playbook: Slug
    summary: Annotated[str, Field(min_length=1, max_length=300)]
    #: Log-odds of an attack before anything is known.
    base: Annotated[float, Field(ge=-6, le=3, strict=False)]
    #: Points for instructions to the agents inside the ticket; such a ticket is never benign.
    manipulation: Annotated[float, Field(gt=0, le=10, strict=False)] = 2.0
    thresholds: Thresholds = Field(default_factory=Thresholds)
    severity: SeverityScale = Field(default_factory=SeverityScale)
    #: Without this the ticket cannot be called benign: too little was seen.
    requires: Test | None = None
    look: list[Look]
    weigh: Annotated[list[Sign], Field(min_length=1)]
    refute: Refutation = Field(default_factory=Refutation)
    respond: list[Response] = Field(default_factory=list)

    @property
    def steps(self) -> list[Look]:
        return [*self.look, *self.refute.look]
