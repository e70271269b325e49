"""`guardrails.yaml` is refused with a sentence where it makes no sense."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import BundleInvalid
from policies.bundle import load_bundle
from policies.guardrails.rules import Checks


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("checks:\n  schema: repair", "2:11: `checks.schema` cannot be repair: an answer that fits no schema"),
        ("checks:\n  length: drop", "2:11: `checks.length` cannot be drop: what is long is not wrong for that"),
        ("checks:\n  consistency: drop", "write repair or needs_information"),
        ("checks:\n  links: remove", "2:10: `checks.links` should be 'drop', 'repair' or 'needs_information'"),
        ("checks:\n  links: off", "2:10: `checks.links` should be 'drop', 'repair' or 'needs_information'"),
        ("checks:\n  link: drop", "2:3: unknown key `link`; did you mean `links`?"),
        ("assessment:\n  max_claim: 5", "2:14: `assessment.max_claim`"),
        ("assessment:\n  verdicts_need_findings: [needs_information]", "`assessment.verdicts_need_findings[0]`"),
        ("consistency:\n  bening: {}", "2:3: unknown key `bening`; did you mean `benign`?"),
        ("consistency:\n  benign: {severity: {at_most: mild}}", "`consistency.benign.severity.at_most` should be"),
        (
            "consistency:\n  benign: {severity: {at_least: high, at_most: low}}",
            "`consistency.benign.severity` is empty: high is worse than low; swap them",
        ),
        (
            "consistency:\n  benign: {confidence: {at_least: 0.9, at_most: 0.1}}",
            "`consistency.benign.confidence` is empty: 0.9 is more than 0.1; swap them",
        ),
        ("consistency:\n  benign: {confidence: {at_least: 7}}", "`consistency.benign.confidence.at_least`"),
        (
            "require_citations: true",
            "1:1: unknown key `require_citations`; known keys are checks, assessment, consistency",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_place(folder: Path, file: str, told: str) -> None:
    (folder / "guardrails.yaml").write_text(f"{file}\n")
    with pytest.raises(BundleInvalid) as invalid:
        load_bundle(folder)
    assert f"guardrails.yaml:{told}" in str(invalid.value) or told in str(invalid.value)
    assert str(invalid.value).count("guardrails.yaml:") == 1


def test_an_empty_section_is_the_shipped_one(folder: Path) -> None:
    shipped = load_bundle(folder).guardrails
    (folder / "guardrails.yaml").write_text("checks: {}\n")
    assert load_bundle(folder).guardrails == shipped


@pytest.mark.parametrize("check", ["originals", "instructions", "links", "citations"])
@pytest.mark.parametrize("action", ["drop", "repair", "needs_information"])
def test_every_action_makes_sense_for_what_has_parts(check: str, action: str) -> None:
    assert Checks.model_validate({check: action}).action(check) == action  # type: ignore[arg-type]  # one of its names


def test_the_schema_check_is_called_schema_in_the_file() -> None:
    assert Checks.model_validate({"schema": "needs_information"}).action("schema") == "needs_information"
