"""The output guardrail: what a team's answer must be before anybody sees it.

It only ever makes an answer weaker or plainer: no verdict gets stronger, no severity milder, nothing is closed by it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from core.assessment import Assessment, Finding, Severity, Verdict
from policies.guardrails.instructions import Steers
from policies.guardrails.rules import SEVERITIES, CheckName, Guardrails
from policies.guardrails.texts import Masks, TextChecks
from policies.guardrails.triggered import Triggered

#: Things that could not be found out, at most.
MAX_UNKNOWNS = 20

#: Why a verdict was taken back, after "The team said malicious, but".
_WHY: dict[CheckName, str] = {
    "schema": "gave no answer that fits the schema",
    "originals": "wrote an original or a secret out",
    "instructions": "told the reader what to do",
    "links": "wrote a link or markup that works",
    "length": "wrote more than the limit",
    "citations": "named evidence that this ticket does not have",
    "consistency": "its severity or confidence does not fit that verdict",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """An assessment as it may be shown, and what was done to it."""

    assessment: Assessment
    triggered: tuple[Triggered, ...]


def check_assessment(
    said: Assessment,
    *,
    evidence_ids: Collection[str],
    rules: Guardrails,
    session: Masks,
    steers: Steers,
    earlier: Sequence[Triggered] = (),
) -> Checked:
    """The assessment as it may be shown. `earlier` is what was found before: in reasons, or in answers of no schema."""
    limits = rules.assessment
    texts = TextChecks(rules=rules, session=session, steers=steers)
    summary = texts.one(said.summary, where="summary", longest=limits.max_summary)
    claims = texts.all_of([f.claim for f in said.findings], where="findings", longest=limits.max_claim)
    unknowns = texts.all_of(said.unknowns, where="unknowns", longest=limits.max_unknown)
    left = [
        Finding(claim=claim, evidence=finding.evidence)
        for claim, finding in zip(claims, said.findings, strict=True)
        if claim is not None
    ]
    findings = _cited(left, frozenset(evidence_ids), texts)
    texts.note("length", where="findings", count=max(0, len(findings) - limits.max_findings))
    plain = said.model_copy(
        update={
            "summary": summary,
            "findings": findings[: limits.max_findings],
            "unknowns": [text for text in unknowns if text is not None],
        }
    )
    found = [*earlier, *texts.triggered]
    for why in (one for one in found if one.action == "needs_information"):
        plain = _taken_back(plain, _WHY[why.check])
    fitting = _consistent(_grounded(plain, rules, found), said.verdict, rules, found)
    return Checked(assessment=fitting, triggered=tuple(found))


def check_reason(
    said: str, *, tool: str, rules: Guardrails, session: Masks, steers: Steers
) -> tuple[str, tuple[Triggered, ...]]:
    """The reason of a proposed action as it may be shown, and what was done to it."""
    texts = TextChecks(rules=rules, session=session, steers=steers)
    shown = texts.one(said, where=f"reason of {tool}", longest=rules.assessment.max_reason)
    return shown, tuple(texts.triggered)


def _cited(findings: list[Finding], known: frozenset[str], texts: TextChecks) -> list[Finding]:
    """Findings with evidence of this ticket; the order stays and repeats go."""
    kept: list[Finding] = []
    wrong = 0
    drop = texts.rules.checks.citations == "drop"
    for finding in findings:
        evidence = [id_ for id_ in dict.fromkeys(finding.evidence) if id_ in known]
        sound = bool(evidence) and known.issuperset(finding.evidence)
        wrong += not sound
        if sound or (evidence and not drop):
            kept.append(finding.model_copy(update={"evidence": evidence}))
    texts.note("citations", where="findings", count=wrong)
    return kept


def _grounded(answer: Assessment, rules: Guardrails, found: list[Triggered]) -> Assessment:
    """A verdict that stands on no finding is taken back."""
    if answer.findings or answer.verdict.value not in rules.assessment.verdicts_need_findings:
        return answer
    found.append(Triggered(check="citations", action="needs_information", where="verdict", count=1))
    return _taken_back(answer, "cited no evidence for it")


def _consistent(answer: Assessment, said: Verdict, rules: Guardrails, found: list[Triggered]) -> Assessment:
    """Verdict, severity and confidence fit one another: the severity is raised, or the verdict is taken back.

    The severity is raised to what was said also when the verdict was taken back meanwhile.
    """
    fitting = next((fits for verdict, fits in rules.consistency.items() if verdict == said.value), None)
    if fitting is None:
        return answer
    action = rules.checks.consistency
    place = SEVERITIES.index(answer.severity)
    too_mild = place < SEVERITIES.index(Severity(fitting.severity.at_least))
    too_bad = place > SEVERITIES.index(Severity(fitting.severity.at_most))
    unsure = not fitting.confidence.at_least <= answer.confidence <= fitting.confidence.at_most
    if too_mild:
        answer = answer.model_copy(update={"severity": Severity(fitting.severity.at_least)})
        found.append(Triggered(check="consistency", action=action, where="severity", count=1))
    if answer.verdict is said and (too_bad or unsure or (too_mild and action == "needs_information")):
        answer = _taken_back(answer, _WHY["consistency"])
        found.append(Triggered(check="consistency", action=action, where="verdict", count=1))
    return answer


def _taken_back(answer: Assessment, why: str) -> Assessment:
    """The same answer without its verdict. Its severity and its findings stay."""
    if answer.verdict is Verdict.NEEDS_INFORMATION:
        return answer
    unknown = f"The team said {answer.verdict.value}, but {why}."
    return answer.model_copy(
        update={
            "verdict": Verdict.NEEDS_INFORMATION,
            "confidence": 0.0,
            "unknowns": [unknown, *answer.unknowns][:MAX_UNKNOWNS],
        }
    )
