"""Where a request comes from: the address that a connection has, or the one that a proxy of ours says it had."""

from __future__ import annotations

from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from fastapi import Request

from core.log import logger
from core.settings import Settings

log = logger(__name__)

#: Bits of an IPv6 address that are one household's or one machine's: it has all addresses under them.
IPV6_PREFIX = 64

Address = IPv4Address | IPv6Address


def place_of(request: Request, settings: Settings) -> str:
    """The network place that sent this: an IPv4 address, or the first half of an IPv6 one.

    `X-Forwarded-For` is believed as far as our proxies wrote it: from its end, each entry says whom a trusted one
    spoke to. Whatever stands before is the sender's own claim.
    """
    peer = request.client.host if request.client is not None else ""
    address = _parsed(peer)
    if address is None:
        return peer or "unknown"
    proxies = _networks(settings.trusted_proxies)
    if not proxies and "x-forwarded-for" in request.headers:
        _say_once()
    said = [entry for line in request.headers.getlist("x-forwarded-for") for entry in line.split(",")]
    while said and _is_trusted(address, proxies):
        before = _parsed(said.pop())
        if before is None:
            break
        address = before
    if isinstance(address, IPv6Address):
        return str(ip_network((address, IPV6_PREFIX), strict=False))
    return str(address)


@cache
def _say_once() -> None:
    log.warning("forwarded_by_nobody_known", consequence="all people behind a proxy count as one until it is named")


def _is_trusted(address: Address, proxies: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    return any(address in network for network in proxies)


def _parsed(text: str) -> Address | None:
    """An address, with or without a port; None for anything else."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


@cache
def _networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(entry.strip(), strict=False) for entry in text.split(",") if entry.strip())
