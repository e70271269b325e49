"""`dns`: records of a name, through the resolver that this machine uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.canonical import JsonObject
from policies.network import Dns, RecordType
from tools.broker.addresses import AddressRules, Forbidden, special
from tools.broker.questions import DnsQuestion, Refused
from tools.broker.targets import host_of

if TYPE_CHECKING:
    import dns.asyncresolver
    import dns.message
    import dns.rdata

#: Records that are handed on.
MAX_RECORDS = 60
#: Characters of one record.
MAX_RECORD = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolver:
    """The resolvers of this machine (`/etc/resolv.conf`), or others. A resolver is ours, so it may be private."""

    #: Addresses; none means those of this machine.
    servers: tuple[str, ...] = ()
    port: int = 53

    def open(self, seconds: float) -> dns.asyncresolver.Resolver:
        """A resolver that gives up after so many seconds and searches in no domain of ours.

        Raises:
            Refused: this machine names no resolver.
        """
        import dns.asyncresolver
        import dns.exception

        try:
            resolver = dns.asyncresolver.Resolver(configure=not self.servers)
        except (dns.exception.DNSException, OSError):
            raise Refused("The broker's machine has no resolver; see /etc/resolv.conf there.") from None
        if self.servers:
            resolver.nameservers = list(self.servers)
            resolver.port = self.port
        resolver.lifetime = seconds
        resolver.search = []
        resolver.use_search_by_default = False
        return resolver


async def look_up(resolver: Resolver, permit: Dns, kind: RecordType, *, host: str, name: str) -> JsonObject:
    """The records of one type; `host` and `name` as `asked_name` gives them."""
    import dns.exception
    import dns.name
    import dns.resolver

    opened = resolver.open(permit.seconds)
    said: JsonObject = {"type": kind, "status": "NOERROR", "records": [], "name": host}
    try:
        found = await opened.resolve(name, kind, raise_on_no_answer=False, search=False)
    except dns.resolver.NXDOMAIN:
        return {**said, "status": "NXDOMAIN"}
    except dns.resolver.NoNameservers:
        return {**said, "status": "SERVFAIL"}
    except dns.resolver.YXDOMAIN:
        return {**said, "status": "YXDOMAIN"}
    except dns.exception.Timeout:
        return {**said, "status": "TIMEOUT"}
    except (dns.exception.DNSException, OSError, EOFError):
        return {**said, "status": "ERROR"}
    # Servers shuffle; the same records must make the same evidence.
    records = sorted((_record(record) for record in found.rrset or ()), key=_order)
    canonical = str(found.canonical_name).rstrip(".").lower()
    return {
        **said,
        "records": records[:MAX_RECORDS],
        "left_out": max(0, len(records) - MAX_RECORDS),
        "ttl": found.rrset.ttl if found.rrset else None,
        "canonical": canonical if canonical != host else None,
    }


def asked_name(rules: AddressRules, permit: Dns, question: DnsQuestion) -> tuple[str, str]:
    """What the question is about, and the name whose records are asked for: of an address its reverse name.

    Raises:
        Refused: type or name may not be asked for, it is no name of the internet, or an address that is not public.
    """
    import dns.reversename

    if question.type not in permit.types:
        known = ", ".join(permit.types)
        raise Refused(f"Policy does not let this tool ask for {question.type}; it may ask for {known}.")
    try:
        host, address = host_of(question.name if ":" not in question.name else f"[{question.name}]")
        if address is not None:
            rules.check(address)
    except Forbidden as forbidden:
        raise Refused(f"The name {forbidden}.") from None
    if (address is None) == (question.type == "PTR"):
        raise Refused("PTR asks about an address, every other type about a name.")
    if not permit.reaches(host):
        raise Refused("Policy does not let this tool ask for that name; an admin would add it to network.yaml.")
    return host, f"{host}." if address is None else str(dns.reversename.from_address(str(address)))


def _order(record: JsonObject) -> tuple[int, str]:
    return int(record.get("preference", 0)), str(record["value"])


def _record(record: dns.rdata.Rdata) -> JsonObject:
    from dns.rdtypes.ANY.MX import MX
    from dns.rdtypes.ANY.TXT import TXT
    from dns.rdtypes.IN.A import A
    from dns.rdtypes.IN.AAAA import AAAA

    match record:
        case A() | AAAA():
            import ipaddress

            kind = special(ipaddress.ip_address(record.address))
            return {"value": record.address, "public": kind is None, "kind": kind}
        case TXT():
            return {"value": b"".join(record.strings).decode("utf-8", "replace")[:MAX_RECORD]}
        case MX():
            return {"value": str(record.exchange).rstrip(".").lower(), "preference": record.preference}
    return {"value": record.to_text()[:MAX_RECORD].rstrip(".").lower()}
