"""Who registered a domain or an address, when, and with whom; asked by the network broker, RDAP before WHOIS."""

from __future__ import annotations

import ipaddress
import json
from datetime import datetime
from typing import Annotated, Any, TypedDict

from pydantic import Field

from tools.arguments import Name
from tools.investigate.answer import InputRefused, Object, answer, clip, present
from tools.investigate.domains import registered
from tools.investigate.query_dns import subject
from tools.investigate.registration import Registration, from_rdap, from_whois
from tools.limits import Limits
from tools.outside import NotAnswered, ask
from tools.tool import ToolArguments, ToolFacts, tool

#: IANA's lists of RDAP servers (RFC 9224).
BOOTSTRAP = "https://data.iana.org/rdap/"
#: Days up to which a domain counts as new; most domains of an attack are younger than this.
YOUNG_DAYS = 30
#: Characters of each server's text that are shown.
MAX_SHOWN = 2_500


class Arguments(ToolArguments):
    value: Annotated[Name, Field(description="A domain, host name, URL or address, as the evidence has it.")]


class Facts(ToolFacts):
    found: bool = Field(description="It is registered; false as well where nobody said so.")
    asked: str = Field(description="The registered domain or the address that was asked about.")
    source: str = Field(description="rdap or whois.")
    registrar: str | None = Field(default=None, description="Registrar of the domain.")
    organization: str | None = Field(default=None, description="Organization it is registered to, if that is told.")
    country: str | None = Field(default=None, description="Country of the registration.")
    network: str | None = Field(default=None, description="Name of the network an address lies in.")
    created: str | None = Field(default=None, description="Day of the registration, such as 2024-05-01.")
    expires: str | None = Field(default=None, description="Day on which it ends.")
    age_days: int | None = Field(default=None, description="Days since the registration.")
    young: bool | None = Field(default=None, description="Registered in the last 30 days.")
    private: bool = Field(description="The registrant is hidden behind a privacy service.")
    name_servers: int = Field(description="Name servers that are registered for the domain.")


class Detail(TypedDict, total=False):
    """What the servers said."""

    updated: str | None
    range: str | None
    abuse: str | None
    status: list[str]
    name_servers: list[str]
    answers: list[dict[str, Any]]
    stopped: str | None
    asked_at: str | None


@tool(
    "Look up who registered a domain or holds an address, since when, with which registrar (RDAP, WHOIS).",
    arguments=Arguments,
    facts=Facts,
    detail=Detail,
    asks=["whois", "http_get"],
    limits=Limits(seconds=60.0),
)
def run(arguments: Object, inputs: Object) -> Object:
    """RDAP where policy lets it and a server answers, else WHOIS."""
    del inputs
    name, is_address = subject(arguments["value"])
    asked = name if is_address else registered(name)
    if "." not in asked and not is_address:
        raise InputRefused("This is no domain that anybody could have registered.")
    found = _rdap(asked, is_address=is_address)
    source = "rdap"
    if found is None:
        source, found = "whois", ask("whois", name=asked)
        said = from_whois(found.get("answers", []))
    else:
        said = from_rdap(found["text"]) or Registration()
    facts = _facts(said, asked, source, str(found.get("at", "")))
    return answer(_sentence(facts), present(facts), _detail(said, found))


def _rdap(asked: str, *, is_address: bool) -> Object | None:
    """The broker's answer with the RDAP object in `text`; None where WHOIS must do."""
    try:
        version = ipaddress.ip_address(asked).version if is_address else 0
        lists = ask("http_get", url=f"{BOOTSTRAP}{'dns' if not version else f'ipv{version}'}.json")
        if not _is_certain(lists):
            return None
        server = _server(json.loads(lists.get("text") or "null"), asked, is_address=is_address)
        if server is None:
            return None
        found = ask("http_get", url=f"{server.rstrip('/')}/{'ip' if is_address else 'domain'}/{asked}")
    except (NotAnswered, ValueError, RecursionError, LookupError, TypeError):
        return None  # no leave, no server, or a list that is none
    return found if _is_certain(found) and from_rdap(found.get("text") or "") is not None else None


def _is_certain(came: Object) -> bool:
    """Whether an answer came, from the server that it should come from."""
    return came.get("status") == 200 and bool((came.get("tls") or {}).get("valid"))


def _server(lists: Any, asked: str, *, is_address: bool) -> str | None:
    """The https server that IANA names for a domain or an address."""
    services = lists.get("services", []) if isinstance(lists, dict) else []
    for service in services:
        keys, urls = service[0], service[1]
        fits = _covers(keys, asked) if is_address else asked.rpartition(".")[2] in keys
        if fits:
            return next((str(url) for url in urls if str(url).startswith("https://")), None)
    return None


def _covers(networks: list[str], asked: str) -> bool:
    address = ipaddress.ip_address(asked)
    return any(address in ipaddress.ip_network(network) for network in networks)


def _facts(said: Registration, asked: str, source: str, at: str) -> Object:
    age = (datetime.fromisoformat(at) - said.created).days if said.created and at else None
    return {
        "found": said.found,
        "asked": asked,
        "source": source,
        "registrar": said.registrar,
        "organization": said.organization,
        "country": said.country,
        "network": said.network,
        "created": said.created.date().isoformat() if said.created else None,
        "expires": said.expires.date().isoformat() if said.expires else None,
        "age_days": age,
        "young": age <= YOUNG_DAYS if age is not None else None,
        "private": said.private,
        "name_servers": len(said.name_servers),
    }


def _detail(said: Registration, found: Object) -> Object:
    texts = found.get("answers", [])
    return {
        "updated": said.updated.date().isoformat() if said.updated else None,
        "range": said.range,
        "abuse": said.abuse,
        "status": said.status,
        "name_servers": said.name_servers,
        "answers": [
            {"server": item.get("server"), "text": clip(str(item.get("text", "")), MAX_SHOWN)} for item in texts
        ],
        "stopped": found.get("stopped"),
        "asked_at": found.get("at"),
    }


def _sentence(facts: Object) -> str:
    if not facts["found"]:
        return f"No registration of {facts['asked']} was found."
    if facts["network"] and not facts["registrar"]:
        whose = f" of {facts['organization']}" if facts["organization"] else ""
        return f"The address lies in the network {facts['network']}{whose}."
    since = f" on {facts['created']} ({facts['age_days']} days before)" if facts["created"] else ""
    with_whom = f" with {facts['registrar']}" if facts["registrar"] else ""
    return f"{facts['asked']} was registered{since}{with_whom}."
