"""CISA's decision tree for vulnerabilities (SSVC 2, coordinator): Track, Track*, Attend or Act, and why."""

from __future__ import annotations

import re
from typing import Annotated, Literal, TypedDict

from pydantic import Field

from tools.investigate.answer import Object, answer
from tools.tool import ToolArguments, ToolFacts, tool

Exploitation = Literal["none", "poc", "active"]
#: The published table: exploitation, automatable, technical impact; then the decision for low, medium and high
#: mission and well-being. T is Track, S is Track*, A is Attend, C is Act.
TABLE = {
    ("none", "no", "partial"): "TTT",
    ("none", "no", "total"): "TTS",
    ("none", "yes", "partial"): "TTA",
    ("none", "yes", "total"): "TTA",
    ("poc", "no", "partial"): "TTS",
    ("poc", "no", "total"): "TSA",
    ("poc", "yes", "partial"): "TTA",
    ("poc", "yes", "total"): "TSA",
    ("active", "no", "partial"): "TTA",
    ("active", "no", "total"): "TAC",
    ("active", "yes", "partial"): "AAC",
    ("active", "yes", "total"): "ACC",
}
DECISIONS = {"T": "Track", "S": "Track*", "A": "Attend", "C": "Act"}
MEANINGS = {
    "Track": "nothing needs to be done beyond the usual updates",
    "Track*": "watch it closely; mend it with the usual updates",
    "Attend": "supervisors look at it; mend it sooner than the usual updates",
    "Act": "leaders are told; mend it as soon as possible",
}
#: Mission prevalence and public well-being impact, taken together.
WEIGHT = ("low", "medium", "high")
PREVALENCE = {"minimal": 0, "support": 1, "essential": 2}
WELL_BEING = {"minimal": 0, "material": 1, "irreversible": 2}
#: What stands for a point that nobody stated and nothing tells: the middle of what it may be.
ASSUMED = {"mission_prevalence": "support", "public_well_being": "material", "automatable": "no",
           "technical_impact": "partial", "exploitation": "none"}  # fmt: skip
METRIC = re.compile(r"([A-Za-z]{1,3}):([A-Za-z]{1,3})")


class Arguments(ToolArguments):
    cve: Annotated[str, Field(pattern=r"^[Cc][Vv][Ee]-[0-9]{4}-[0-9]{4,7}$", description="A CVE id.")]
    exploitation: Annotated[
        Literal["unknown", "none", "poc", "active"],
        Field(
            description="`poc`: a public exploit exists; `active`: it is used. A known exploited CVE counts as active."
        ),
    ]
    automatable: Annotated[
        Literal["unknown", "no", "yes"],
        Field(description="Whether an attacker can do all steps without a person; `unknown`: read off the vector."),
    ]
    technical_impact: Annotated[
        Literal["unknown", "partial", "total"],
        Field(description="`total`: the attacker gets full control of it; `unknown`: read off the vector."),
    ]
    vector: Annotated[
        str, Field(max_length=300, description="CVSS 2, 3 or 4 vector of the CVE; an empty string when not known.")
    ]
    mission_prevalence: Annotated[
        Literal["unknown", "minimal", "support", "essential"],
        Field(description="How much of what this organization is for rests on it."),
    ]
    public_well_being: Annotated[
        Literal["unknown", "minimal", "material", "irreversible"],
        Field(description="Harm to people's health, safety or livelihood if it is exploited."),
    ]


class Facts(ToolFacts):
    decision: str = Field(description="Track, Track*, Attend or Act.")
    exploitation: str = Field(description="none, poc or active.")
    automatable: bool = Field(description="All steps of an attack can be automated.")
    technical_impact: str = Field(description="partial or total.")
    mission_well_being: str = Field(description="low, medium or high.")
    known_exploited: bool = Field(description="The catalogue of known exploited vulnerabilities has it.")
    assumed: int = Field(description="Points that nobody stated and nothing told, taken at a middle value.")


class Detail(TypedDict):
    """Each point of the tree in order, with its value and where the value comes from."""

    path: list[dict[str, str]]
    meaning: str
    vector: str


@tool(
    "Decide by CISA's SSVC tree how urgent a vulnerability is: Track, Track*, Attend or Act.",
    arguments=Arguments,
    facts=Facts,
    detail=Detail,
    needs=["vulnerability"],
)
def run(arguments: Object, inputs: Object) -> Object:
    """The decision, and the path to it."""
    metrics = read_vector(arguments["vector"])
    told = {"automatable": automatable(metrics), "technical_impact": technical_impact(metrics)}
    path = [
        _exploitation(arguments["exploitation"], known=inputs["vulnerability"] is not None),
        *(_point(name, arguments[name], told[name]) for name in ("automatable", "technical_impact")),
        *(_point(name, arguments[name], None) for name in ("mission_prevalence", "public_well_being")),
    ]
    value = {point["point"]: point["value"] for point in path}
    weight = mission_well_being(value["mission_prevalence"], value["public_well_being"])
    decision = decide(value["exploitation"], value["automatable"], value["technical_impact"], weight)
    facts = {
        "decision": decision,
        "exploitation": value["exploitation"],
        "automatable": value["automatable"] == "yes",
        "technical_impact": value["technical_impact"],
        "mission_well_being": weight,
        "known_exploited": inputs["vulnerability"] is not None,
        "assumed": sum(point["from"] == "assumed" for point in path),
    }
    steps = f"exploitation {value['exploitation']}, automatable {value['automatable']}, "
    steps += f"technical impact {value['technical_impact']}, mission and well-being {weight}"
    summary = f"{decision}: {MEANINGS[decision]} ({steps})."
    if facts["assumed"]:
        summary += f" {facts['assumed']} of 5 points are assumed; state them to be sure."
    return answer(
        summary, facts, {"path": path, "meaning": MEANINGS[decision], "vector": str(arguments["vector"])[:300]}
    )


def decide(exploitation: str, automatable: str, impact: str, weight: str) -> str:
    """The leaf of the tree."""
    return DECISIONS[TABLE[exploitation, automatable, impact][WEIGHT.index(weight)]]


def mission_well_being(prevalence: str, well_being: str) -> str:
    """High when either is at its worst, low when both are minimal."""
    return WEIGHT[max(PREVALENCE[prevalence], WELL_BEING[well_being])]


def read_vector(vector: str) -> dict[str, str]:
    """The metrics of a CVSS vector, its version under `CVSS`; empty for a text that is none."""
    found = {name.upper(): value.upper() for name, value in METRIC.findall(vector)}
    version = re.match(r"\s*CVSS:([34])", vector, re.IGNORECASE)
    return {**found, "CVSS": version.group(1) if version else "2"} if "AV" in found else {}


def automatable(metrics: dict[str, str]) -> str | None:
    """As the guide reads CVSS: over the network, without a right, without a person, without luck."""
    if not metrics:
        return None
    if stated := metrics.get("AU") if metrics["CVSS"] == "4" else None:  # CVSS 4 has the very question
        return {"Y": "yes", "N": "no"}.get(stated)
    easy = metrics["AV"] == "N" and metrics.get("AC") == "L"
    free = metrics.get("PR", metrics.get("AU")) == "N" and metrics.get("UI", "N") == "N"
    return "yes" if easy and free and metrics.get("AT", "N") == "N" else "no"


def technical_impact(metrics: dict[str, str]) -> str | None:
    """Total where confidentiality and integrity are both lost whole: who reads and writes everything controls it."""
    if not metrics:
        return None
    names = ("VC", "VI") if metrics["CVSS"] == "4" else ("C", "I")
    whole = "C" if metrics["CVSS"] == "2" else "H"
    return "total" if all(metrics.get(name) == whole for name in names) else "partial"


def _exploitation(stated: str, *, known: bool) -> dict[str, str]:
    if known and stated != "active":
        return {"point": "exploitation", "value": "active", "from": "catalogue of known exploited vulnerabilities"}
    return _point("exploitation", stated, None)


def _point(name: str, stated: str, told: str | None) -> dict[str, str]:
    if stated != "unknown":
        return {"point": name, "value": stated, "from": "stated"}
    if told is not None:
        return {"point": name, "value": told, "from": "CVSS vector"}
    return {"point": name, "value": ASSUMED[name], "from": "assumed"}
