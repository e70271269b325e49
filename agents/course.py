"""The course of one run, common to both frameworks: who speaks next, what they are told, and what is kept."""

from __future__ import annotations

import json
from collections.abc import Mapping

from agents.parsing import cited, parse_assessment
from agents.prompting import opening_message
from agents.spec import RoleSpec, TeamSpec
from agents.team import Brief, TeamResult, Toolbox, ToolDescription, Turn, TurnRole
from core.assessment import Assessment, ConfidenceBy, Verdict, undecided
from core.canonical import JsonObject
from core.errors import ToolRefused

#: Characters of one transcript entry; the evidence itself is kept whole elsewhere.
MAX_TURN = 8_000


class Course:
    """State of one run. Not shared between runs, and driven from one loop."""

    def __init__(self, spec: TeamSpec, brief: Brief, toolbox: Toolbox) -> None:
        self.spec = spec
        self.opening = opening_message(brief)
        self.note: str | None = None
        self.transcript: list[Turn] = [Turn(agent="casemate", role="system", content=self.opening[:MAX_TURN])]
        self._toolbox = toolbox
        self._turn = 0
        self._tries = 0
        self._calls = 0
        #: Answers in a row that were no assessment.
        self._unusable = 0
        self._assessment: Assessment | None = None
        self._reviewed = False
        self._confidence_by: ConfidenceBy = "model"
        self._remarks: list[str] = []

    @property
    def turn(self) -> RoleSpec | None:
        """Whose turn it is; None when the run is over."""
        return self.spec.roles[self._turn] if self._turn < len(self.spec.roles) else None

    def tools(self, role: RoleSpec) -> list[ToolDescription]:
        return list(self._toolbox.specs(role.tools))

    async def call(self, role: RoleSpec, name: str, arguments: object) -> JsonObject:
        """One tool call of a role, within its rights and the budget; never raises but for cancellation."""
        self._calls += 1
        if name not in role.tools:
            result: JsonObject = {"error": f"`{name}` is not a tool of the {role.name}; use {', '.join(role.tools)}."}
        elif not isinstance(arguments, dict):
            result = {"error": f"The arguments of `{name}` are not a JSON object; send an object."}
        elif self._calls > self.spec.budget.tool_calls:
            result = {"error": f"The budget of {self.spec.budget.tool_calls} tool calls is spent; answer now."}
        else:
            self._say(role.name, "tool_call", {"tool": name, "arguments": arguments})
            result = await self._toolbox.call(name, arguments, agent=role.name)
        self._say(role.name, "tool_result", result)
        return result

    def heard(self, role: RoleSpec, text: str) -> str | None:
        """Judge what a role said. Returns what is said next, to the same role or the next one; None ends the run."""
        self.transcript.append(Turn(agent=role.name, role="assistant", content=text[:MAX_TURN]))
        if role.answers == "assessment":
            try:
                draft = parse_assessment(text, self._toolbox.evidence_ids())
            except ToolRefused as refusal:
                self._unusable += 1
                return self._again(role, str(refusal))
            shown = cited(draft, self._toolbox.evidence_ids())
            self._toolbox.note_assessment(shown, agent=role.name)
            self._unusable = 0
            self._assessment = draft
            self._reviewed = not any(r.answers == "assessment" for r in self.spec.roles[self._turn + 1 :])
        elif not text.strip():
            return self._again(role, "You said nothing; answer with one line of plain text.")
        return self._next()

    def stop(self, note: str) -> None:
        """End the run early; `note` says why, without a word of the ticket."""
        self.note = self.note or note
        self._turn = len(self.spec.roles)

    @property
    def is_assessed(self) -> bool:
        """Whether there is an assessment that was reviewed."""
        return self._assessment is not None and self._reviewed

    def weigh(self, probabilities: Mapping[Verdict, float]) -> None:
        """Take the probability of the verdict that was given for its confidence. The verdict stays what it is."""
        assert self._assessment is not None
        self._say("casemate", "system", {"probabilities": {v.value: round(p, 4) for v, p in probabilities.items()}})
        confidence = round(probabilities[self._assessment.verdict], 4)
        self._assessment = self._assessment.model_copy(update={"confidence": confidence})
        self._confidence_by = "probability"

    def remark(self, sentence: str) -> None:
        """Something about the run that a reader of its answer should know."""
        self._remarks.append(sentence)

    def result(self, *, framework: str, requests: int, tokens_in: int, tokens_out: int) -> TeamResult:
        return TeamResult(
            assessment=self._final(),
            transcript=tuple(self.transcript),
            model_requests=requests,
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            framework=framework,
            note=" ".join([*([self.note] if self.note else []), *self._remarks]) or None,
            confidence_by=self._confidence_by,
            unusable=self._unusable,
        )

    def _final(self) -> Assessment:
        """The reviewed assessment. An unreviewed draft keeps its findings but not its verdict."""
        if self._assessment is not None and self.is_assessed:
            return self._assessment
        empty = undecided(self.note or "The team gave no usable answer; a person must look at this ticket.")
        if self._assessment is None:
            return empty
        kept = {"findings": self._assessment.findings, "techniques": self._assessment.techniques}
        return empty.model_copy(update=kept)

    def _again(self, role: RoleSpec, refusal: str) -> str | None:
        self._tries += 1
        if self._tries <= self.spec.retries:
            return self._tell(role, refusal)
        if role.answers == "actions":
            self.note = self.note or f"The {role.name} gave no usable answer in {self._tries} tries."
            return self._next()
        self.stop(f"The {role.name} gave no usable answer in {self._tries} tries; a person must look at this ticket.")
        return None

    def _next(self) -> str | None:
        self._turn += 1
        self._tries = 0
        role = self.turn
        return None if role is None else self._tell(role, f"It is the {role.name}'s turn. Call `case_file` first.")

    def _tell(self, role: RoleSpec, text: str) -> str:
        self.transcript.append(Turn(agent="casemate", role="system", content=f"to {role.name}: {text}"))
        return text

    def _say(self, agent: str, role: TurnRole, value: JsonObject) -> None:
        content = json.dumps(value, ensure_ascii=False, separators=(",", ":"))[:MAX_TURN]
        self.transcript.append(Turn(agent=agent, role=role, content=content))
