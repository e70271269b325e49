"""What the DNS says of a name: addresses, mail, name servers, policies; asked by the network broker."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, TypedDict

from pydantic import Field

from tools.arguments import Name
from tools.investigate.answer import InputRefused, Object, answer, clip, plural, present
from tools.investigate.domains import to_ascii
from tools.investigate.refang import refang
from tools.investigate.web_page import host
from tools.limits import Limits
from tools.outside import NotAnswered, ask
from tools.tool import ToolArguments, ToolFacts, tool

#: Types that are asked for a name, in this order.
TYPES = ("A", "AAAA", "MX", "NS", "TXT", "CNAME")
#: TXT records that say something of mail or ownership.
SPF = re.compile(r"v=spf1\b", re.IGNORECASE)
DMARC = re.compile(r"v=dmarc1\b.*?\bp\s*=\s*(none|quarantine|reject)", re.IGNORECASE)


class Arguments(ToolArguments):
    value: Annotated[Name, Field(description="A domain, host name, URL or address, as the evidence has it.")]


class Facts(ToolFacts):
    exists: bool = Field(description="The name is there; for an address, it has a name.")
    answered: bool = Field(description="At least one question was answered.")
    addresses: int = Field(description="Addresses of the name, both kinds.")
    inner_addresses: int = Field(description="Of these, addresses that are not public.")
    mail_servers: int = Field(description="Mail servers; 0 also when the name says that it takes no mail.")
    name_servers: int = Field(description="Name servers.")
    alias: bool = Field(description="The name stands for another one.")
    spf: bool = Field(description="A TXT record says who may send mail for it.")
    dmarc: str | None = Field(default=None, description="Policy of _dmarc: none, quarantine or reject.")
    lowest_ttl: int | None = Field(default=None, description="Seconds that the shortest-lived answer counts.")


class Detail(TypedDict, total=False):
    """The records."""

    name: str
    records: dict[str, list[str]]
    not_answered: dict[str, str]
    canonical: str | None
    asked_at: str | None


@tool(
    "Ask the DNS about a name (addresses, mail servers, name servers, SPF, DMARC) or about an address (its name).",
    arguments=Arguments,
    facts=Facts,
    detail=Detail,
    asks=["dns"],
    limits=Limits(seconds=60.0),
)
def run(arguments: Object, inputs: Object) -> Object:
    """All records at once."""
    del inputs
    name, is_address = subject(arguments["value"])
    answers: dict[str, Object] = {}
    silent: dict[str, str] = {}
    for kind, asked in (
        [("PTR", name)] if is_address else [*((kind, name) for kind in TYPES), ("DMARC", f"_dmarc.{name}")]
    ):
        try:
            answers[kind] = ask("dns", name=asked, type="TXT" if kind == "DMARC" else kind)
        except NotAnswered as refused:
            silent[kind] = str(refused)
        if answers.get(kind, {}).get("status") == "NXDOMAIN" and kind == TYPES[0]:
            break  # the other types are not there either
    if not answers:
        raise NotAnswered(next(iter(silent.values())))
    facts = _facts(answers, is_address=is_address)
    records = {kind: [_shown(record) for record in said.get("records", [])] for kind, said in answers.items()}
    return answer(
        _sentence(facts, is_address=is_address),
        present(facts),
        {
            "name": name,
            "records": {kind: found for kind, found in records.items() if found},
            "not_answered": {**silent, **_failures(answers)},
            "canonical": next((said["canonical"] for said in answers.values() if said.get("canonical")), None),
            "asked_at": next(iter(answers.values())).get("at"),
        },
    )


def subject(value: str) -> tuple[str, bool]:
    """The name or address that is meant, and whether it is an address."""
    text = refang(value.strip().strip("<>\"'")).rstrip(".")
    if "://" in text:
        text = host(text)
    elif "@" in text:
        text = text.rpartition("@")[2]
    text = to_ascii(text.partition("/")[0].lower())
    try:
        return str(ipaddress.ip_address(text.strip("[]"))), True
    except ValueError:
        pass
    if not text or len(text) > 240 or re.search(r"[^a-z0-9._-]", text):
        raise InputRefused("This is neither a name nor an address.")
    return text, False


def _facts(answers: dict[str, Object], *, is_address: bool) -> Object:
    def records(kind: str) -> list[Object]:
        return list(answers.get(kind, {}).get("records", []))

    addresses = [*records("A"), *records("AAAA")]
    texts = [str(record.get("value", "")) for record in records("TXT")]
    policies = [found[1].lower() for record in records("DMARC") if (found := DMARC.match(str(record.get("value", ""))))]
    lives = [said["ttl"] for said in answers.values() if isinstance(said.get("ttl"), int)]
    # A name of which only its parts exist answers NOERROR with nothing.
    there = any(said.get("status") == "NOERROR" for kind, said in answers.items() if kind != "DMARC")
    return {
        "exists": bool(records("PTR")) if is_address else there,
        "answered": any(said.get("status") in {"NOERROR", "NXDOMAIN"} for said in answers.values()),
        "addresses": len(addresses),
        "inner_addresses": sum(record.get("public") is False for record in addresses),
        "mail_servers": sum(bool(record.get("value")) and record.get("value") != "." for record in records("MX")),
        "name_servers": len(records("NS")),
        "alias": bool(records("CNAME")) or any(said.get("canonical") for said in answers.values()),
        "spf": any(SPF.match(text) for text in texts),
        "dmarc": policies[0] if policies else None,
        "lowest_ttl": min(lives) if lives else None,
    }


def _shown(record: Object) -> str:
    before = f"{record['preference']} " if "preference" in record else ""
    after = f" ({record['kind']})" if record.get("kind") else ""
    return clip(f"{before}{record.get('value', '')}{after}", 500)


def _failures(answers: dict[str, Object]) -> dict[str, str]:
    return {kind: said["status"] for kind, said in answers.items() if said.get("status") not in {"NOERROR", "NXDOMAIN"}}


def _sentence(facts: Object, *, is_address: bool) -> str:
    if not facts["answered"]:
        return "The DNS did not answer; treat the name as unknown."
    if is_address:
        return "The address has a name." if facts["exists"] else "The address has no name."
    if not facts["exists"]:
        return "There is no such name."
    inner = f", {facts['inner_addresses']} of them not public" if facts["inner_addresses"] else ""
    mail = plural(facts["mail_servers"], "mail server") if facts["mail_servers"] else "no mail server"
    policy = facts["dmarc"] or "none set"
    return f"The name has {plural(facts['addresses'], 'address record')}{inner} and {mail}; DMARC: {policy}."
