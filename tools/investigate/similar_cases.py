"""Earlier tickets that share indicators with this one, and how they ended."""

from __future__ import annotations

from typing import TypedDict

from pydantic import Field

from tools.arguments import NoArguments
from tools.investigate.answer import Object, answer, clip_list, plural
from tools.tool import ToolFacts, tool

#: Cases listed.
MAX_LISTED = 20


class Facts(ToolFacts):
    cases: int = Field(description="Earlier tickets that share at least one indicator.")
    malicious: int = Field(description="Those of them that ended as malicious.")
    benign: int = Field(description="Those of them that ended as benign.")
    suspicious: int = Field(description="Those of them that ended as suspicious.")
    shared_max: int = Field(description="Indicators shared with the closest of them.")


class Earlier(TypedDict):
    """One earlier ticket and the number of indicators it shares."""

    ticket_id: str
    kind: str
    verdict: str
    severity: str
    shared: int
    age_days: int


class Detail(TypedDict):
    """Earlier tickets, most shared first."""

    cases: list[Earlier | str]


@tool(
    "Earlier tickets that share indicators with this one, and how they ended.",
    arguments=NoArguments,
    facts=Facts,
    detail=Detail,
    needs=["history"],
    trust="internal",
)
def run(arguments: Object, inputs: Object) -> Object:
    """Counts them by how they ended."""
    del arguments
    cases = inputs["history"]
    verdicts = {name: sum(case["verdict"] == name for case in cases) for name in ("malicious", "benign", "suspicious")}
    facts = {"cases": len(cases), **verdicts, "shared_max": max((int(case["shared"]) for case in cases), default=0)}
    if not cases:
        return answer("No earlier ticket shares an indicator with this one.", facts, {"cases": []})
    ended = ", ".join(f"{number} {name}" for name, number in verdicts.items() if number) or "none with a verdict"
    summary = f"{plural(len(cases), 'earlier ticket')} with shared indicators: {ended}."
    return answer(summary, facts, {"cases": clip_list(list(cases), MAX_LISTED)})
