"""What a role says becomes an assessment, or a sentence that tells it what to mend."""

from __future__ import annotations

import json

import pytest

from agents.parsing import cited, parse_assessment
from core.assessment import Verdict
from core.errors import ToolRefused

KNOWN = frozenset({"E1", "E2"})
GOOD = {
    "verdict": "benign",
    "severity": "informational",
    "confidence": 0.9,
    "summary": "Ordinary work.",
    "findings": [{"claim": "The owner is known.", "evidence": ["E2"]}],
}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(GOOD),
        f"Sure!\n```json\n{json.dumps(GOOD, indent=2)}\n```\nAnything else?",
        f"I first thought {{odd}} and {json.dumps({'note': 1})} but: {json.dumps(GOOD)}",
        json.dumps({**GOOD, "verdict": "malicious"}) + "\nOn reflection:\n" + json.dumps(GOOD),
    ],
    ids=["bare", "fenced", "after-thoughts", "last-counts"],
)
def test_the_answer_is_found_wherever_a_model_puts_it(text: str) -> None:
    assert parse_assessment(text, KNOWN).verdict is Verdict.BENIGN


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"verdict": "harmless"}, "`verdict`"),
        ({"confidence": 7}, "`confidence`"),
        ({"techniques": ["phishing"]}, "`techniques.0`"),
        ({"findings": [{"claim": "x", "evidence": ["the mail"]}]}, "`findings.0.evidence.0`"),
        ({"mood": "good"}, "`mood`"),
        ({"summary": ""}, "`summary`"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, object], told: str) -> None:
    with pytest.raises(ToolRefused, match="does not fit the schema") as refusal:
        parse_assessment(json.dumps({**GOOD, **change}), KNOWN)
    assert told in str(refusal.value)


@pytest.mark.parametrize("text", ["", "It is fine.", "{", "[1, 2]", "{" * 5000, '{"a":' * 5000])
def test_an_answer_without_an_object_is_refused(text: str) -> None:
    with pytest.raises(ToolRefused):
        parse_assessment(text, KNOWN)


def test_a_draft_for_others_keeps_only_evidence_that_exists() -> None:
    findings = [
        {"claim": "a", "evidence": ["E2", "E9", "E2", "E1"]},
        {"claim": "b", "evidence": ["E9"]},
        {"claim": "c", "evidence": []},
    ]
    said = parse_assessment(json.dumps({**GOOD, "findings": findings}), KNOWN)
    assert len(said.findings) == len(findings), "the guardrails see what was said"
    kept = cited(said, KNOWN).findings
    assert [(f.claim, f.evidence) for f in kept] == [("a", ["E2", "E1"])]


def test_a_verdict_without_evidence_is_refused_but_not_knowing_is_allowed() -> None:
    bare = {**GOOD, "findings": [{"claim": "Trust me.", "evidence": ["E7"]}]}
    with pytest.raises(ToolRefused, match="rests on no finding"):
        parse_assessment(json.dumps(bare), KNOWN)
    open_end = parse_assessment(json.dumps({**bare, "verdict": "needs_information"}), KNOWN)
    assert open_end.verdict is Verdict.NEEDS_INFORMATION
    assert cited(open_end, KNOWN).findings == []
