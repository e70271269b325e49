"""What every team is, whichever framework it runs on: a brief goes in, a toolbox is used, an assessment comes out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

from core.assessment import Assessment, ConfidenceBy
from core.canonical import JsonObject

#: The frameworks a team can run on; `scripted` is for tests.
Framework = Literal["autogen", "adk", "scripted"]

TurnRole = Literal["assistant", "tool_call", "tool_result", "system"]


class ToolDescription(Protocol):
    """What a model is told about one tool; `tools.registry.ToolSpec` is one."""

    @property
    def name(self) -> str: ...

    @property
    def description(self) -> str: ...

    @property
    def parameters(self) -> JsonObject: ...


class Toolbox(Protocol):
    """A team's only door to the world. `tools.gate.Gate` is the real one."""

    def specs(self, names: Iterable[str]) -> Iterable[ToolDescription]:
        """The named tools as models see them."""
        ...

    async def call(self, name: str, arguments: JsonObject, *, agent: str) -> JsonObject:
        """Run a tool or record a proposal; refusals come back as `{"error": …}`, never as exceptions."""
        ...

    def note_assessment(self, draft: Assessment, *, agent: str) -> None:
        """Keep a valid draft, so that the next role finds it in the case file."""
        ...

    def evidence_ids(self) -> frozenset[str]:
        """Ids that a finding may cite."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Brief:
    """What a team starts from; every string is masked."""

    ticket_id: str
    kind: str
    ticket: JsonObject
    #: E1: what the tool `read_ticket` found.
    first_evidence: JsonObject


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """One entry of the transcript; masked."""

    agent: str
    role: TurnRole
    content: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TeamResult:
    """What a run leaves behind. Proposals are with the toolbox."""

    assessment: Assessment
    transcript: tuple[Turn, ...]
    model_requests: int
    tokens_in: int
    tokens_out: int
    framework: str
    #: Why the run is less than it should be (budget spent, answers unusable, results shortened); None when all went
    #: well.
    note: str | None
    #: Whose number the assessment's confidence is.
    confidence_by: ConfidenceBy = "model"
    #: Answers in a row that fitted no schema when the run ended; none of them is the assessment.
    unusable: int = 0


class Team(Protocol):
    """A team that is ready to take tickets, many at a time."""

    @property
    def name(self) -> str: ...

    @property
    def framework(self) -> str: ...

    @property
    def static_texts(self) -> tuple[str, ...]:
        """Every text of ours that goes to a model verbatim, for the egress guard."""
        ...

    async def run(self, brief: Brief, toolbox: Toolbox) -> TeamResult:
        """Investigate one ticket.

        Raises:
            ModelUnavailable: the model endpoint is down or silent; run the step again later.
            EgressBlocked: a request would have carried an original value.
            Halted: the kill switch is on.
        """
        ...
