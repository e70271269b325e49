"""CISA's tree, leaf by leaf where it matters, and how far CVSS answers its questions."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import pytest

from evals.ssvc import measure
from tests.unit.tools.outside import files
from tools.investigate import ssvc
from tools.investigate.ssvc import (
    DECISIONS,
    WEIGHT,
    automatable,
    decide,
    mission_well_being,
    read_vector,
    technical_impact,
)
from tools.registry import default_registry
from tools.runner import Runner
from tools.sandbox.sandbox import Sandbox

WORST = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
UNKNOWN = {
    "cve": "CVE-2024-0001", "exploitation": "unknown", "automatable": "unknown", "technical_impact": "unknown",
    "vector": "", "mission_prevalence": "unknown", "public_well_being": "unknown",
}  # fmt: skip


def run(kev: dict[str, Any] | None = None, **stated: str) -> dict[str, Any]:
    return ssvc.run({**UNKNOWN, **stated}, {"vulnerability": kev})


@pytest.mark.parametrize(
    ("leaf", "decision"),
    [
        ("none no total high", "Track*"), ("none yes partial high", "Attend"), ("none yes total medium", "Track"),
        ("poc no partial high", "Track*"), ("poc no total medium", "Track*"), ("poc no total high", "Attend"),
        ("poc yes partial medium", "Track"), ("poc yes total medium", "Track*"), ("poc yes total high", "Attend"),
        ("active no partial medium", "Track"), ("active no partial high", "Attend"), ("active no total low", "Track"),
        ("active no total medium", "Attend"), ("active no total high", "Act"), ("active yes partial low", "Attend"),
        ("active yes partial high", "Act"), ("active yes total low", "Attend"), ("active yes total medium", "Act"),
    ],
)  # fmt: skip
def test_leaf_is_as_cisa_published_it(leaf: str, decision: str) -> None:
    assert decide(*leaf.split()) == decision


def test_tree_is_whole_and_no_worse_point_gives_a_milder_decision() -> None:
    order = list(DECISIONS.values())
    ways = (("none", "poc", "active"), ("no", "yes"), ("partial", "total"), WEIGHT)
    for leaf in product(*ways):
        for place, values in enumerate(ways):
            for worse in values[values.index(leaf[place]) + 1 :]:
                other = (*leaf[:place], worse, *leaf[place + 1 :])
                assert order.index(decide(*other)) >= order.index(decide(*leaf)), (leaf, other)


def test_mission_and_well_being_are_as_bad_as_the_worse_of_them() -> None:
    assert mission_well_being("minimal", "minimal") == "low"
    assert mission_well_being("minimal", "material") == "medium"
    assert mission_well_being("essential", "minimal") == "high"
    assert mission_well_being("support", "irreversible") == "high"


@pytest.mark.parametrize(
    ("vector", "auto", "impact"),
    [
        (WORST, "yes", "total"),
        ("CVSS:3.0/AV:N/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", "no", "total"),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", "no", "partial"),
        ("AV:N/AC:L/Au:N/C:C/I:C/A:C", "yes", "total"),
        ("AV:L/AC:L/Au:N/C:P/I:P/A:P", "no", "partial"),
        ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", "yes", "total"),
        ("CVSS:4.0/AV:N/AC:L/AT:P/PR:N/UI:N/VC:H/VI:L/VA:H/SC:N/SI:N/SA:N", "no", "partial"),
        ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N/AU:N", "no", "total"),
        ("nonsense", None, None),
        ("", None, None),
    ],
)
def test_vector_answers_two_of_the_questions(vector: str, auto: str | None, impact: str | None) -> None:
    metrics = read_vector(vector)
    assert (automatable(metrics), technical_impact(metrics)) == (auto, impact)


def test_path_says_where_each_point_comes_from() -> None:
    found = run(vector=WORST, exploitation="poc", mission_prevalence="essential", public_well_being="minimal")
    assert found["facts"]["decision"] == "Attend"
    assert [(point["point"], point["value"], point["from"]) for point in found["detail"]["path"]] == [
        ("exploitation", "poc", "stated"), ("automatable", "yes", "CVSS vector"),
        ("technical_impact", "total", "CVSS vector"), ("mission_prevalence", "essential", "stated"),
        ("public_well_being", "minimal", "stated"),
    ]  # fmt: skip
    assert found["facts"]["assumed"] == 0


def test_known_exploited_vulnerability_is_active_whatever_is_stated() -> None:
    found = run({"cve": "CVE-2024-0001"}, vector=WORST, exploitation="none")
    assert (found["facts"]["exploitation"], found["facts"]["known_exploited"]) == ("active", True)
    assert found["facts"]["decision"] == "Act"


def test_what_nobody_stated_is_said_to_be_assumed() -> None:
    found = run()
    assert (found["facts"]["decision"], found["facts"]["assumed"]) == ("Track", 5)
    assert "5 of 5 points are assumed" in found["summary"]


async def test_tool_runs_in_the_sandbox(sandbox: Sandbox) -> None:
    tool = default_registry().get("ssvc")
    found = await Runner(sandbox=sandbox).run(tool, {**UNKNOWN, "vector": WORST}, {"vulnerability": None})
    assert found["facts"]["decision"] == "Track"


def test_points_agree_with_those_of_cisa_s_analysts() -> None:
    [path] = files("vulnrichment-ssvc", pattern="*.jsonl")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    agreement = measure(rows)["agreement"]
    assert agreement["automatable"] > 0.9
    assert agreement["technical_impact"] > 0.9
    assert agreement["decision"] > 0.93
