"""What our inventory says about a host."""

from __future__ import annotations

from typing import Annotated, TypedDict

from pydantic import Field

from tools.arguments import Name
from tools.investigate.answer import Object, answer
from tools.tool import ToolArguments, ToolFacts, tool


class Arguments(ToolArguments):
    host: Annotated[Name, Field(description="Host name or address of one of our machines.")]


class Facts(ToolFacts):
    known: bool = Field(description="The inventory has this host.")
    tier: int = Field(description="Criticality, 0 is most critical; 0 as well for a host that is not known.")
    kind: str = Field(description="What it is, such as laptop, server or network; empty when not known.")
    environment: str = Field(description="Where it stands, such as production; empty when not known.")
    has_owner: bool = Field(description="The record names an owner.")


class Detail(TypedDict, total=False):
    """The record; empty for a host that is not known."""

    hostname: str
    ip: str
    tier: int
    kind: str
    owner: str
    environment: str


@tool(
    "Look a host up in our asset inventory: criticality tier (0 is most critical), kind, owner.",
    arguments=Arguments,
    facts=Facts,
    detail=Detail,
    needs=["asset"],
    trust="internal",
)
def run(arguments: Object, inputs: Object) -> Object:
    """The record, or that there is none."""
    del arguments  # what was asked for is not repeated: this evidence counts as internal
    asset = inputs["asset"]
    if asset is None:
        facts = {"known": False, "tier": 0, "kind": "", "environment": "", "has_owner": False}
        return answer("No host of ours has this name or address; treat it as critical until known.", facts, {})
    facts = {
        "known": True,
        "tier": asset["tier"],
        "kind": asset["kind"],
        "environment": asset["environment"],
        "has_owner": bool(asset["owner"]),
    }
    return answer(f"A {asset['kind']} of tier {asset['tier']} in {asset['environment']}.", facts, dict(asset))
