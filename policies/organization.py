"""The organization a bundle protects: its domains, networks, people and assets, and what counts as its own."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from functools import cached_property
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from core.ticket import Strict
from policies.document import nearest
from policies.sentences import faults

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})+")
_HOSTNAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _domain(value: str) -> str:
    if not _DOMAIN.fullmatch(value):
        raise ValueError(f"`{value}` is not a domain; write it in lower case and without a dot at the end")
    return value


def _cidr(value: str) -> str:
    try:
        ipaddress.ip_network(value)
    except ValueError as error:
        raise ValueError(f"`{value}` is not a network ({error}); write it like 10.0.0.0/8") from None
    return value


def _address(value: str) -> str:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        raise ValueError(f"`{value}` is not an IP address; write it like 10.20.14.31") from None
    return value


def _hostname(value: str) -> str:
    if not _HOSTNAME.fullmatch(value):
        raise ValueError(f"`{value}` is not a host name; use letters, digits, dots and hyphens")
    return value


Text = Annotated[str, Field(min_length=1, max_length=200)]
Domain = Annotated[str, AfterValidator(_domain)]
Cidr = Annotated[str, AfterValidator(_cidr)]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]


class Person(Strict):
    """Someone (or a service account) of the organization."""

    #: What the person signs in with.
    username: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\s\\@]+$")]
    #: Full name.
    name: Text
    #: Mailbox.
    email: str = ""
    #: What rules know as `identity.role`.
    role: str = ""
    #: What rules know as `identity.department`.
    department: str = ""
    #: A likely target of impersonation whose account takes more approvals.
    vip: bool = False
    #: Holds rights that could harm many systems.
    privileged: bool = False
    #: No person but a program signs in with it.
    service_account: bool = False
    #: Signs in with a second factor.
    mfa: bool = True
    #: Where the person usually signs in from.
    countries: list[Country] = Field(default_factory=list)


class Asset(Strict):
    """A host of the organization."""

    #: Name without domain.
    hostname: Annotated[str, AfterValidator(_hostname)]
    #: Address.
    ip: Annotated[str, AfterValidator(_address)]
    #: 0 is the most critical: payments, directory, core banking.
    tier: Annotated[int, Field(ge=0, le=4)]
    #: What it is.
    kind: Literal["workstation", "laptop", "server", "domain_controller", "build_server", "network", "mobile", "cloud"]
    #: Username of the person who answers for it.
    owner: str = ""
    #: Where it belongs: production, build, …
    environment: str = "production"


class Organization(Strict):
    """Everything in `organization.yaml`."""

    #: What the organization is called.
    name: Text
    #: Our domains; what lies in them is ours too.
    domains: Annotated[list[Domain], Field(min_length=1)]
    #: Our networks, such as 10.0.0.0/8.
    networks: list[Cidr] = Field(default_factory=list)
    #: People and service accounts.
    people: list[Person] = Field(default_factory=list)
    #: Hosts.
    assets: list[Asset] = Field(default_factory=list)
    #: Names whose imitation in a domain is a sign of an attack.
    brands: list[Text] = Field(default_factory=list)
    #: Servers whose Authentication-Results header can be believed.
    trusted_authserv_ids: list[Text] = Field(default_factory=list)
    #: Domains we do business with: never blocked, but not ours either.
    mail_partners: list[Domain] = Field(default_factory=list)

    @field_validator("people")
    @classmethod
    def _people_are_unique(cls, people: list[Person]) -> list[Person]:
        found = [
            *_twice("username", "username", [person.username for person in people]),
            *_twice("e-mail address", "email", [person.email for person in people]),
        ]
        if found:
            raise faults(found)
        return people

    @field_validator("assets")
    @classmethod
    def _assets_are_unique_and_owned(cls, assets: list[Asset], info: ValidationInfo) -> list[Asset]:
        found = [
            *_twice("host name", "hostname", [asset.hostname for asset in assets]),
            *_twice("host address", "ip", [asset.ip for asset in assets]),
        ]
        # Without people that are sound nobody can say who is among them.
        known = {person.username for person in info.data["people"]} if "people" in info.data else None
        for number, asset in enumerate(assets):
            if known is not None and asset.owner and asset.owner not in known:
                hint = nearest(asset.owner, known) or "add the person or leave `owner` out"
                message = f"{asset.hostname} belongs to `{asset.owner}`, who is not among the people; {hint}"
                found.append(((number, "owner"), message))
        if found:
            raise faults(found)
        return assets

    def find_person(self, text: str) -> Person | None:
        r"""The person behind a username, `DOMAIN\username`, e-mail address or full name, in any case."""
        key = _fold(text)
        return self._people.get(key) or self._people.get(key.rpartition("\\")[2])

    def find_asset(self, text: str) -> Asset | None:
        """The asset behind a host name, a name in one of our domains, or an address."""
        key = _fold(text).rstrip(".")
        return self._assets.get(key)

    def is_own_domain(self, domain: str) -> bool:
        return _inside(domain, self.domains)

    def is_partner_domain(self, domain: str) -> bool:
        return _inside(domain, self.mail_partners)

    def is_own_address(self, address: str) -> bool:
        """Whether an address lies in our networks; a network counts when it overlaps one of ours."""
        text = address.strip().strip("[]")
        # Most of what is asked about is a name, and an exception costs more than the rest of the question.
        if ":" not in text and not text[:1].isdigit():
            return False
        try:
            found = ipaddress.ip_network(text, strict=False)
        except ValueError:
            return False
        if isinstance(found, ipaddress.IPv6Network):
            mapped = found.network_address.ipv4_mapped
            if mapped is not None and found.prefixlen >= 96:
                found = ipaddress.ip_network(f"{mapped}/{found.prefixlen - 96}", strict=False)
        return any(found.version == own.version and found.overlaps(own) for own in self.parsed_networks)

    def is_own(self, indicator: str) -> bool:
        """Whether an indicator (domain, address, network, URL, e-mail address, host name) is ours."""
        host = host_of(indicator)
        return self.is_own_domain(host) or self.is_own_address(host) or self.find_asset(host) is not None

    def is_partner(self, indicator: str) -> bool:
        """Whether an indicator belongs to a domain we do business with."""
        return self.is_partner_domain(host_of(indicator))

    @cached_property
    def parsed_networks(self) -> tuple[Network, ...]:
        return tuple(ipaddress.ip_network(network) for network in self.networks)

    @cached_property
    def _people(self) -> dict[str, Person]:
        found: dict[str, Person] = {}
        # Names first: a username or an address that reads like another person's name wins over it.
        for person in self.people:
            found[_fold(person.name)] = person
            found[_fold(", ".join(reversed(person.name.rsplit(maxsplit=1))))] = person
        for person in self.people:
            if person.email:
                found[_fold(person.email)] = person
            found[_fold(person.username)] = person
        return found

    @cached_property
    def _assets(self) -> dict[str, Asset]:
        found: dict[str, Asset] = {}
        for asset in self.assets:
            found[_fold(asset.ip)] = asset
            for domain in self.domains:
                found[_fold(f"{asset.hostname}.{domain}")] = asset
            found[_fold(asset.hostname)] = asset
        return found


def host_of(indicator: str) -> str:
    """The host an indicator points at, in lower case and refanged; the indicator itself when it names no host."""
    text = unicodedata.normalize("NFKC", indicator).strip().strip("<>").lower()
    if "[" in text or "(" in text:
        text = re.sub(r"\[\.\]|\(\.\)|\[dot\]", ".", text).replace("[:]", ":").replace("[@]", "@")
    if text.startswith(("hxxp", "fxp")):
        text = re.sub(r"^(?:hxxp|fxp)", "http", text)
    if "://" in text:
        try:
            return (urlsplit(text).hostname or "").rstrip(".")
        except ValueError:
            return text
    if "@" in text:
        text = text.rpartition("@")[2]
    elif "/" in text and not re.fullmatch(r"[0-9a-f.:]+/\d+", text):
        text = text.partition("/")[0]
    if re.fullmatch(r"[^:]+:\d+", text):
        text = text.partition(":")[0]
    return text.strip("[]").rstrip(".")


def _fold(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _inside(domain: str, parents: list[str]) -> bool:
    name = domain.strip().rstrip(".").lower()
    return any(name.endswith(parent) and (name == parent or name.endswith("." + parent)) for parent in parents)


def _twice(what: str, key: str, values: list[str]) -> list[tuple[tuple[int, str], str]]:
    """Values that stand twice, each where it stands again; empty ones do not count."""
    seen: set[str] = set()
    found: list[tuple[tuple[int, str], str]] = []
    for number, value in enumerate(values):
        if value and value.casefold() in seen:
            found.append(((number, key), f"the {what} `{value}` appears twice; give it to one of them only"))
        seen.add(value.casefold())
    return found
