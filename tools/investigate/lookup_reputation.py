"""What outside vendors know of an indicator; asked by the network broker, which holds their keys."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any, TypedDict

from pydantic import Field

from tools.arguments import Name
from tools.investigate.answer import InputRefused, Object, answer, plural, present
from tools.investigate.domains import to_ascii
from tools.investigate.refang import refang
from tools.limits import Limits
from tools.outside import ask
from tools.tool import ToolArguments, ToolFacts, tool

_HASH = re.compile(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64}")
_DOMAIN = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)+")


class Arguments(ToolArguments):
    value: Annotated[Name, Field(description="An address, domain, URL or file hash, as the evidence has it.")]


class Facts(ToolFacts):
    type: str = Field(description="What was asked about: ip, domain, url or hash.")
    vendors: int = Field(description="Vendors that answered.")
    known: bool = Field(description="At least one of them knows it.")
    malicious: bool = Field(description="At least one of them calls it malicious, by the limits that policy sets.")
    malicious_vendors: int = Field(description="Vendors that call it malicious.")
    malicious_votes: int | None = Field(default=None, description="Most votes for malicious at one vendor.")
    score: float | None = Field(default=None, description="Highest score of one vendor, 0 to 100.")
    all_answered: bool = Field(description="Every vendor that was asked answered.")


class Detail(TypedDict, total=False):
    """What each said."""

    answers: list[dict[str, Any]]
    asked_at: str | None
    cached: bool


@tool(
    "Ask the outside vendors that policy names what they know of an address, domain, URL or file hash.",
    arguments=Arguments,
    facts=Facts,
    detail=Detail,
    asks=["vendor"],
    limits=Limits(seconds=60.0),
)
def run(arguments: Object, inputs: Object) -> Object:
    """One question to all of them."""
    del inputs
    kind, value = typed(arguments["value"])
    said = ask("vendor", type=kind, value=value)
    answers: list[Object] = said.get("answers", [])
    there = [each for each in answers if "trouble" not in each]
    known = [each for each in there if each.get("found")]
    votes = [each["malicious_votes"] for each in known if "malicious_votes" in each]
    scores = [float(each["score"]) for each in known if "score" in each]
    facts = {
        "type": kind,
        "vendors": len(there),
        "known": bool(known),
        "malicious": any(each.get("malicious") for each in known),
        "malicious_vendors": sum(bool(each.get("malicious")) for each in known),
        "malicious_votes": max(votes) if votes else None,
        "score": max(scores) if scores else None,
        "all_answered": len(there) == len(answers),
    }
    detail = {"answers": answers, "asked_at": said.get("at"), "cached": bool(said.get("cached"))}
    return answer(_sentence(facts, len(answers)), present(facts), detail)


def typed(value: str) -> tuple[str, str]:
    """The type of an indicator, and its usual spelling."""
    text = refang(value.strip().strip("<>\"'"))
    if _HASH.fullmatch(text):
        return "hash", text.lower()
    if "://" in text:
        return "url", text
    try:
        return "ip", str(ipaddress.ip_address(text.strip("[]")))
    except ValueError:
        pass
    name = to_ascii(text.rstrip(".").lower())
    if "@" in name or not _DOMAIN.fullmatch(name):
        raise InputRefused("This is no address, domain, URL or hash that a vendor could know.")
    return "domain", name


def _sentence(facts: Object, asked: int) -> str:
    if not facts["vendors"]:
        return f"None of {plural(asked, 'vendor')} answered; treat the indicator as unknown."
    if not facts["known"]:
        return f"None of {plural(facts['vendors'], 'vendor')} that answered knows the {facts['type']}."
    if facts["malicious"]:
        return (
            f"{facts['malicious_vendors']} of {plural(facts['vendors'], 'vendor')} call the {facts['type']} malicious."
        )
    return f"{plural(facts['vendors'], 'vendor')} answered, and none calls the {facts['type']} malicious."
