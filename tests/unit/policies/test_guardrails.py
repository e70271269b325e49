from __future__ import annotations

from typing import Any

import pytest

from core.assessment import Assessment, Verdict
from policies.bundle import Bundle
from policies.guardrails import Guardrails, check_assessment, defang


def assessment(**changes: Any) -> Assessment:
    base = {
        "verdict": "malicious",
        "severity": "high",
        "confidence": 0.9,
        "summary": "An attack.",
        "findings": [{"claim": "The link leads to a look-alike.", "evidence": ["E1", "E9", "E1"]}],
    }
    return Assessment.model_validate({**base, **changes})


def test_a_sound_assessment_stays_as_it_is_but_for_unknown_evidence(bundle: Bundle) -> None:
    checked = check_assessment(assessment(), {"E1", "E2"}, bundle.guardrails)
    assert checked.verdict is Verdict.MALICIOUS
    assert [finding.evidence for finding in checked.findings] == [["E1"]]


@pytest.mark.parametrize("verdict", ["malicious", "suspicious", "benign"])
def test_a_verdict_without_a_cited_finding_needs_information(bundle: Bundle, verdict: str) -> None:
    uncited = [{"claim": "Trust me.", "evidence": []}, {"claim": "Made up.", "evidence": ["E77"]}]
    checked = check_assessment(assessment(verdict=verdict, findings=uncited), {"E1"}, bundle.guardrails)
    assert checked.verdict is Verdict.NEEDS_INFORMATION
    assert checked.confidence == 0.0
    assert checked.findings == []
    assert verdict in checked.unknowns[0]


def test_an_undecided_answer_needs_no_findings(bundle: Bundle) -> None:
    answer = assessment(verdict="needs_information", findings=[], confidence=0.2)
    assert check_assessment(answer, set(), bundle.guardrails).confidence == 0.2


@pytest.mark.parametrize(
    ("text", "harmless"),
    [
        ("see https://evil.example/a.b?c", "see hxxps://evil[.]example/a.b?c"),
        ("HTTP://EVIL.EXAMPLE", "hxxp://EVIL[.]EXAMPLE"),
        ("ftp://evil.example/x", "ftp[:]//evil[.]example/x"),
        ("javascript:alert(1)", "javascript[:]alert(1)"),
        ("www.evil.example", "www[.]evil[.]example"),
        ("data: three rows", "data: three rows"),
        ("hxxp://evil[.]example and 198.51.100.7", "hxxp://evil[.]example and 198.51.100.7"),
    ],
)
def test_links_cannot_be_clicked(text: str, harmless: str) -> None:
    assert defang(text) == harmless
    assert defang(harmless) == harmless


def test_text_that_reads_differently_from_what_it_is_is_made_plain(bundle: Bundle) -> None:
    tricky = "safe\u202eexe.\u200b\x1b[31m"
    checked = check_assessment(assessment(summary=tricky, unknowns=["\u200b"]), {"E1"}, bundle.guardrails)
    assert checked.summary == "safeexe.[31m"
    assert checked.unknowns == ["(nothing readable)"]


def test_long_answers_are_cut() -> None:
    rules = Guardrails.model_validate({"assessment": {"max_summary": 100, "max_claim": 50, "max_findings": 1}})
    finding = {"claim": "c" * 900, "evidence": ["E1"]}
    checked = check_assessment(assessment(summary="s" * 2000, findings=[finding, finding]), {"E1"}, rules)
    assert len(checked.summary) == 100
    assert [len(finding.claim) for finding in checked.findings] == [50]


def test_rules_can_be_relaxed() -> None:
    relaxed = {"require_citations": False, "verdicts_need_findings": [], "defang_links": False}
    rules = Guardrails.model_validate({"assessment": relaxed})
    answer = assessment(summary="http://x.example", findings=[{"claim": "Trust me.", "evidence": []}])
    assert check_assessment(answer, set(), rules) == answer
