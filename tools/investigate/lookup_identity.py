"""What our directory says about a person or account."""

from __future__ import annotations

from typing import Annotated, TypedDict

from pydantic import Field

from tools.arguments import Name
from tools.investigate.answer import Object, answer
from tools.tool import ToolArguments, ToolFacts, tool


class Arguments(ToolArguments):
    user: Annotated[Name, Field(description="User name, e-mail address or full name of one of our people.")]


class Facts(ToolFacts):
    known: bool = Field(description="The directory has this person or account.")
    role: str = Field(description="Job or purpose; empty when not known.")
    department: str = Field(description="Department; empty when not known.")
    vip: bool = Field(description="Marked as a person whom attackers would single out.")
    privileged: bool = Field(description="May administer systems or data of others.")
    service_account: bool = Field(description="An account that no person signs in with.")
    mfa: bool = Field(description="Signs in with a second factor.")
    countries: str = Field(description="Countries the person usually works from: two-letter codes joined by commas.")


class Detail(TypedDict, total=False):
    """The record; empty for somebody who is not known."""

    username: str
    name: str
    email: str
    role: str
    department: str
    vip: bool
    privileged: bool
    service_account: bool
    mfa: bool
    countries: list[str]


@tool(
    "Look a person or account up in our directory: role, privileges, usual countries.",
    arguments=Arguments,
    facts=Facts,
    detail=Detail,
    needs=["identity"],
    trust="internal",
)
def run(arguments: Object, inputs: Object) -> Object:
    """The record, or that there is none."""
    del arguments  # what was asked for is not repeated: this evidence counts as internal
    person = inputs["identity"]
    if person is None:
        facts = {"known": False, "role": "", "department": "", "vip": False, "privileged": False,
                 "service_account": False, "mfa": False, "countries": ""}  # fmt: skip
        return answer("Nobody of ours goes by this name or address.", facts, {})
    flags = ("vip", "privileged", "service_account", "mfa")
    facts = {
        "known": True,
        "role": person["role"],
        "department": person["department"],
        **{flag: bool(person[flag]) for flag in flags},
        "countries": ",".join(person["countries"]),
    }
    notable = [flag.replace("_", " ") for flag in flags[:3] if facts[flag]]
    if not facts["mfa"] and not facts["service_account"]:
        notable.append("without a second factor")
    summary = f"{person['role'] or 'Account'} in {person['department'] or 'no department'}"
    return answer(f"{summary}{': ' + ', '.join(notable) if notable else ''}.", facts, dict(person))
