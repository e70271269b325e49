"""The output guardrail: what a team's answer must be before anybody sees it."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Annotated, Literal, get_args

from pydantic import Field

from core.assessment import Assessment, Finding, Verdict
from core.ticket import Strict

#: Schemes that a reader's program would follow; `hxxp` is already harmless.
_LINK = re.compile(
    r"\b(https?|ftps?|wss?|file|data|javascript|mailto|tel|smb|ldaps?)(:)(//)?([^\s<>\"'`)\]]*)", re.IGNORECASE
)
_BARE_HOST = re.compile(r"\bwww\.[a-z0-9-]+(?:\.[a-z0-9-]+)+", re.IGNORECASE)
#: Characters that make text read differently from what it is: bidirectional controls, zero width, terminal control.
_DECEPTIVE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\x00-\x08\x0b-\x1f\x7f-\x9f]")

DecidedVerdict = Literal["malicious", "suspicious", "benign"]


class AssessmentRules(Strict):
    """What an assessment must be."""

    #: Drop findings that cite no evidence of this ticket.
    require_citations: bool = True
    #: Verdicts that become needs_information when no cited finding is left.
    verdicts_need_findings: list[DecidedVerdict] = Field(default_factory=lambda: list(get_args(DecidedVerdict)))
    max_findings: Annotated[int, Field(ge=1, le=40)] = 20
    max_summary: Annotated[int, Field(ge=100, le=2000)] = 1500
    max_claim: Annotated[int, Field(ge=50, le=1000)] = 600
    #: Make links in summary and claims unclickable.
    defang_links: bool = True


class Guardrails(Strict):
    """Everything in `guardrails.yaml`."""

    assessment: AssessmentRules = Field(default_factory=AssessmentRules)


def check_assessment(assessment: Assessment, evidence_ids: Collection[str], rules: Guardrails) -> Assessment:
    """The assessment as it may be shown: cited, short, harmless to render. Never a stronger verdict than it had."""
    limits = rules.assessment
    findings = _cited(assessment.findings, frozenset(evidence_ids), limits)
    checked = assessment.model_copy(
        update={
            "summary": _harmless(assessment.summary, limits.max_summary, limits),
            "findings": findings,
            "unknowns": [_harmless(text, 500, limits) for text in assessment.unknowns],
        }
    )
    if findings or checked.verdict.value not in limits.verdicts_need_findings:
        return checked
    unknown = f"The team said {checked.verdict.value} but cited no evidence for it."
    return checked.model_copy(
        update={
            "verdict": Verdict.NEEDS_INFORMATION,
            "confidence": 0.0,
            "unknowns": [unknown, *checked.unknowns][:20],
        }
    )


def defang(text: str) -> str:
    """The text with every link made unclickable: `hxxps://evil[.]example`."""
    return _BARE_HOST.sub(lambda match: match.group().replace(".", "[.]"), _LINK.sub(_defanged, text))


def _cited(findings: list[Finding], known: frozenset[str], limits: AssessmentRules) -> list[Finding]:
    kept: list[Finding] = []
    for finding in findings:
        # Ids the ticket does not have are dropped; the order stays and repeats go.
        evidence = [id_ for id_ in dict.fromkeys(finding.evidence) if id_ in known]
        if evidence or not limits.require_citations:
            claim = _harmless(finding.claim, limits.max_claim, limits)
            kept.append(Finding(claim=claim, evidence=evidence))
    return kept[: limits.max_findings]


def _harmless(text: str, longest: int, limits: AssessmentRules) -> str:
    plain = _DECEPTIVE.sub("", text)
    if limits.defang_links:
        plain = defang(plain)
    if len(plain) > longest:
        plain = plain[: longest - 1].rstrip() + "…"
    return plain.strip() or "(nothing readable)"


def _defanged(match: re.Match[str]) -> str:
    scheme, colon, slashes, rest = match.groups()
    if slashes is None and scheme.lower() in (
        "data",
        "file",
        "javascript",
        "mailto",
        "tel",
        "http",
        "https",
        "ftp",
        "ws",
    ):
        # `data:` in a sentence is a word; only what is glued to something is a link.
        return f"{scheme}[:]{rest}" if rest else match.group()
    if slashes is None:
        return match.group()
    safe = {"http": "hxxp", "https": "hxxps"}.get(scheme.lower(), f"{scheme}[:]").removesuffix("[:]")
    host, slash, path = rest.partition("/")
    joined = f"{host.replace('.', '[.]')}{slash}{path}"
    return f"{safe}{colon}{slashes}{joined}" if safe.startswith("hxxp") else f"{safe}[:]{slashes}{joined}"
