"""The page about guardrails shows what happens: its examples are run, its files load, its errors are the real ones."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest
from ruamel.yaml import YAML

from core.assessment import Assessment
from core.errors import BundleInvalid
from policies.bundle import load_bundle
from policies.guardrails.answer import check_assessment
from policies.guardrails.rules import CheckName, Guardrails
from policies.masking.session import MaskSession
from tools.steering import steers

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "guardrails.md").read_text(encoding="utf-8")
#: Tokens are made anew for each ticket; the page shows one for all.
TOKEN = re.compile(r"\b(HOST|SECRET)_[A-Z2-9]{6}\b")
SAID = {
    "verdict": "suspicious",
    "severity": "medium",
    "confidence": 0.8,
    "summary": "Odd.",
    "findings": [{"claim": "The sender imitates our name.", "evidence": ["E1"]}],
}


def blocks(kind: str) -> list[Any]:
    """The fenced blocks of a kind."""
    found = re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return [YAML(typ="safe").load(text) if kind.startswith("yaml") else text for text in found]


EXAMPLES = blocks("yaml example")


@pytest.mark.parametrize("example", EXAMPLES, ids=[", ".join(example["triggered"]) for example in EXAMPLES])
def test_an_example_shows_what_happens(example: dict[str, Any], session: MaskSession) -> None:
    session.mask_text("Host WS-TRE-014 beacons.")
    checked = check_assessment(
        Assessment.model_validate({**SAID, **example["said"]}),
        evidence_ids={"E1"},
        rules=Guardrails.model_validate(example.get("rules", {})),
        session=session,
        steers=steers,
    )
    shown = checked.assessment.model_dump(mode="json")
    assert {key: plain(shown[key]) for key in example["shown"]} == example["shown"]
    assert [f"{one.check} in {one.where}" for one in checked.triggered] == example["triggered"]


def plain(value: Any) -> Any:
    return TOKEN.sub(r"\1_K7Q2XB", value) if isinstance(value, str) else value


def test_the_files_on_the_page_are_the_shipped_ones() -> None:
    parts = blocks("yaml guardrails")
    assert len(parts) == 2
    assert Guardrails.model_validate(parts[0] | parts[1]) == Guardrails()


def test_the_error_on_the_page_is_the_real_one(folder: Path) -> None:
    file = folder / "guardrails.yaml"
    file.write_text("checks:\n  schema: drop\n")
    with pytest.raises(BundleInvalid) as invalid:
        load_bundle(folder)
    [said] = blocks("text error")
    assert said.strip() in str(invalid.value)


def test_every_check_has_a_section_and_an_example() -> None:
    sections = re.findall(r"^## (\w+)$", PAGE, re.MULTILINE)
    assert sections == list(get_args(CheckName))
    tried = {said.split(" in ")[0] for example in EXAMPLES for said in example["triggered"]}
    assert tried == set(get_args(CheckName)) - {"schema"}, "no assessment fits no schema: teams are tried for that one"
