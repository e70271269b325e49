"""Which addresses the broker may connect to: public unicast, not ours, not this machine. Everything else is refused."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Forbidden(Exception):
    """An address, host or URL that the broker does not go to; the sentence names its kind and never the address."""


#: Networks that are no public unicast, most particular first: the first that holds an address says what it is.
#: IANA's special-purpose registries, and what clouds use without asking them.
SPECIAL_4 = (
    ("169.254.169.254/32", "a metadata service"),
    ("100.100.100.200/32", "a metadata service"),
    ("168.63.129.16/32", "a metadata service"),
    ("192.0.0.192/32", "a metadata service"),
    ("0.0.0.0/8", "this machine"),
    ("127.0.0.0/8", "this machine"),
    ("10.0.0.0/8", "a private network"),
    ("172.16.0.0/12", "a private network"),
    ("192.168.0.0/16", "a private network"),
    ("100.64.0.0/10", "a carrier's private network"),
    ("169.254.0.0/16", "a link-local address"),
    ("192.0.0.0/24", "a reserved address"),
    ("192.0.2.0/24", "a documentation address"),
    ("192.31.196.0/24", "a reserved address"),
    ("192.52.193.0/24", "a reserved address"),
    ("192.88.99.0/24", "a 6to4 relay"),
    ("192.175.48.0/24", "a reserved address"),
    ("198.18.0.0/15", "a test network"),
    ("198.51.100.0/24", "a documentation address"),
    ("203.0.113.0/24", "a documentation address"),
    ("224.0.0.0/4", "a multicast address"),
    ("240.0.0.0/4", "a reserved address"),
)
SPECIAL_6 = (
    ("fd00:ec2::254/128", "a metadata service"),
    ("::/128", "this machine"),
    ("::1/128", "this machine"),
    ("::ffff:0:0/96", "an IPv4 address in IPv6"),
    ("::ffff:0:0:0/96", "an IPv4 address in IPv6"),
    ("::/96", "an IPv4 address in IPv6"),
    ("64:ff9b::/96", "a NAT64 address"),
    ("64:ff9b:1::/48", "a NAT64 address"),
    ("100::/64", "a discarded address"),
    ("2001::/32", "a Teredo address"),
    ("2001::/23", "a reserved address"),
    ("2001:db8::/32", "a documentation address"),
    ("2002::/16", "a 6to4 address"),
    ("2620:4f:8000::/48", "a reserved address"),
    ("3ffe::/16", "a reserved address"),
    ("3fff::/20", "a documentation address"),
    ("5f00::/16", "a reserved address"),
    ("fc00::/7", "a private network"),
    ("fe80::/10", "a link-local address"),
    ("fec0::/10", "a private network"),
    ("ff00::/8", "a multicast address"),
)
#: All that IANA has given out for public unicast.
GLOBAL_6 = ipaddress.IPv6Network("2000::/3")
#: Upper half of an interface identifier that carries an IPv4 address (ISATAP, RFC 5214), or that may (RFC 6052).
ISATAP = (0x00005EFE, 0x02005EFE)
_TABLE = tuple(
    (ipaddress.ip_network(network), kind) for network, kind in (*SPECIAL_4, *SPECIAL_6)
)  # made once: every connection asks
#: Networks behind an IPv4 address that a translator may take out of the end of an IPv6 address.
_INNER = tuple(
    ipaddress.IPv4Network(network)
    for network in ("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16")
)


def special(address: Address) -> str | None:
    """What kind of address it is, when it is no public unicast; None for one that is."""
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
        return "an address with a zone"
    for network, kind in _TABLE:
        if network.version == address.version and address in network:
            return kind
    if isinstance(address, ipaddress.IPv6Address):
        if address not in GLOBAL_6:
            return "a reserved address"
        return _carried(address)
    # Newer registries know more than the table.
    return None if address.is_global else "a reserved address"


def _carried(address: ipaddress.IPv6Address) -> str | None:
    """The IPv4 address at the end of an IPv6 one, where a tunnel or a translator would go there."""
    low = int(address) & (2**64 - 1)
    upper, inner = low >> 32, ipaddress.IPv4Address(low & (2**32 - 1))
    if upper in ISATAP:
        return "an ISATAP address"
    if upper == 0 and any(inner in network for network in _INNER):
        return "an IPv4 address in IPv6"
    return None if address.is_global else "a reserved address"


@dataclass(frozen=True, kw_only=True, slots=True)
class AddressRules:
    """What may be connected to. No setting and no policy makes one: the broker and the tests do."""

    #: Our own networks: what lies there is not looked at from outside, whoever gave out the addresses.
    own: tuple[Network, ...] = ()
    #: Networks that count as public here. Tests name the loopback; a vendor inside our network names its own.
    also: tuple[Network, ...] = ()

    def check(self, address: Address) -> None:
        """Let a connection to an address pass.

        Raises:
            Forbidden: it is no public unicast address, it is ours, or it is this machine.
        """
        if _in(address, self.also):
            return
        kind = special(address)
        if kind is None and _in(address, self.own):
            kind = "one of our own networks"
        if kind is None and is_this_machine(address):
            kind = "this machine"
        if kind is not None:
            raise Forbidden(f"leads to {kind}")

    def check_all(self, addresses: Iterable[Address]) -> None:
        """The same for every address of a name: one that is not public makes the name a trap.

        Raises:
            Forbidden: as `check`.
        """
        for address in addresses:
            self.check(address)

    def with_networks(self, networks: Iterable[str]) -> AddressRules:
        """The same, and what lies in these networks is let through."""
        return AddressRules(own=self.own, also=(*self.also, *map(ipaddress.ip_network, networks)))


def is_this_machine(address: Address) -> bool:
    """Whether an address is one of this machine's own, public ones too: what listens there may trust its neighbours.

    A UDP socket that is connected sends nothing; the kernel only looks up which address it would send from.
    """
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((str(address), 9))
            return ipaddress.ip_address(probe.getsockname()[0]) == address
        except OSError:
            return False  # no way there, so connecting fails as well


def _in(address: Address, networks: Iterable[Network]) -> bool:
    return any(network.version == address.version and address in network for network in networks)
