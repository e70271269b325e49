"""Indicators of the ticket or of a text, ours set apart from foreign ones."""

from __future__ import annotations

import ipaddress
from typing import Annotated, TypedDict

from pydantic import Field

from tools.arguments import MAX_TEXT
from tools.investigate import indicators
from tools.investigate.answer import Object, answer, plural
from tools.investigate.domains import under
from tools.investigate.ticket_text import attached, pieces
from tools.tool import ToolArguments, ToolFacts, tool

#: Indicators of one kind listed.
MAX_LISTED = 100
KINDS = ("urls", "domains", "ips", "hashes", "emails", "cves")


class Arguments(ToolArguments):
    text: Annotated[
        str, Field(max_length=MAX_TEXT, description="Text to search; an empty string means the whole ticket.")
    ]


class Facts(ToolFacts):
    """Numbers of foreign indicators; our own do not count."""

    urls: int = Field(description="Foreign URLs.")
    domains: int = Field(description="Foreign domains.")
    ips: int = Field(description="Foreign addresses.")
    hashes: int = Field(description="File hashes.")
    emails: int = Field(description="Foreign e-mail addresses.")
    cves: int = Field(description="CVE ids.")


class Detail(TypedDict):
    """The indicators; `own` are ours, `cut` says how many of a kind are not listed."""

    urls: list[str]
    domains: list[str]
    ips: list[str]
    hashes: list[str]
    emails: list[str]
    cves: list[str]
    own: list[str]
    cut: dict[str, int]


@tool(
    "Find URLs, domains, addresses, hashes, e-mail addresses and CVE ids, defanged ones too.",
    arguments=Arguments,
    facts=Facts,
    detail=Detail,
    needs=["ticket", "attachments", "organization"],
)
def run(arguments: Object, inputs: Object) -> Object:
    """Those of the ticket with everything attached, or those of a text."""
    text = arguments["text"]
    if not text:
        text = "\n".join(piece.text for piece in pieces(inputs["ticket"], attached(inputs)))
    found = indicators.find(text)
    organization = inputs["organization"]
    foreign: dict[str, list[str]] = {}
    own: list[str] = []
    for kind in KINDS:
        values: list[str] = getattr(found, kind)
        ours = [value for value in values if _is_own(kind, value, organization)]
        foreign[kind] = [value for value in values if value not in set(ours)]
        own += [value for value in ours if value not in own]
    facts = {kind: len(values) for kind, values in foreign.items()}
    listed = {**foreign, "own": own}
    detail: Object = {kind: values[:MAX_LISTED] for kind, values in listed.items()}
    # Apart from the lists, because other code takes those for indicators.
    detail["cut"] = {kind: len(values) - MAX_LISTED for kind, values in listed.items() if len(values) > MAX_LISTED}
    nouns = {
        "urls": "URL",
        "domains": "domain",
        "ips": "address",
        "hashes": "hash",
        "emails": "e-mail address",
        "cves": "CVE",
    }
    counted = ", ".join(_count(facts[kind], nouns[kind]) for kind in KINDS if facts[kind])
    return answer(f"Foreign indicators: {counted}." if counted else "No foreign indicators.", facts, detail)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}es" if noun.endswith(("ss", "sh")) and number != 1 else plural(number, noun)


def _is_own(kind: str, value: str, organization: Object) -> bool:
    domains: list[str] = organization["domains"]
    if kind == "ips":
        return _in_networks(value, organization["networks"])
    if kind == "urls":
        host = indicators.find(value)
        return any(under(d, domains) for d in host.domains[:1]) or any(
            _is_own("ips", ip, organization) for ip in host.ips
        )
    if kind == "emails":
        return under(value.rpartition("@")[2], domains)
    return kind == "domains" and under(value, domains)


def _in_networks(value: str, networks: list[str]) -> bool:
    address = ipaddress.ip_address(value)
    if address.is_loopback or address.is_unspecified or address.is_link_local or address.is_multicast:
        return True
    return any(
        address in ipaddress.ip_network(n, strict=False)
        for n in networks
        if ipaddress.ip_network(n, strict=False).version == address.version
    )
