"""The address of a model endpoint, read as it is connected to: whose machine it is, and what lies below it."""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

#: What a URL may be made of: nothing that two programs read differently.
_URL = re.compile(r"[!-~]+")
_NAME = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")
_PATH = re.compile(r"(?:/[A-Za-z0-9_~!$&'()*+,;=:@.-]*)*")
_DEFAULT_PORTS = {"http": 80, "https": 443}
#: Ends of names that only an inner network gives out: RFC 6762, ICANN's private-use domain, Kubernetes.
_INNER_NAMES = (".internal", ".local", ".svc")
#: Addresses of this machine and of networks that are not routed outside.
_INNER = tuple(
    map(
        ipaddress.ip_network,
        (
            "127.0.0.0/8",
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "169.254.0.0/16",
            "::1/128",
            "fc00::/7",
            "fe80::/10",
        ),
    )
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelAddress:
    """Where requests to an endpoint go. A login and a query in the URL are no part of it."""

    scheme: str
    #: In lower case and without a dot at its end; addresses in one spelling.
    host: str
    port: int
    #: Without a slash at its end.
    path: str
    #: Whether the host is a name or an address that only our own network has.
    inner: bool

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"

    def holds(self, other: ModelAddress) -> bool:
        """Whether another address is this one, or lies below its path."""
        if (self.scheme, self.host, self.port) != (other.scheme, other.host, other.port):
            return False
        return other.path == self.path or other.path.startswith(f"{self.path}/")


def read_address(url: str) -> ModelAddress:
    """The address in a URL.

    Raises:
        ValueError: programs may read it differently, or it is none; the sentence says what to write.
    """
    try:
        parts = urlsplit(url) if _URL.fullmatch(url) and "\\" not in url else None
        port = parts.port if parts is not None else None
    except ValueError:
        parts = None
    if parts is None or parts.scheme not in _DEFAULT_PORTS or parts.netloc.count("@") > 1 or port == 0:
        raise ValueError("is not a URL that can be read in one way only; write https://host/v1 or http://host:port/v1")
    segments = parts.path.split("/")
    if not _PATH.fullmatch(parts.path) or "." in segments or ".." in segments:
        raise ValueError("has a path with `..` or percent signs; write it plainly, such as /v1")
    host, inner = _read_host(parts.hostname or "")
    return ModelAddress(
        scheme=parts.scheme,
        host=host,
        port=port or _DEFAULT_PORTS[parts.scheme],
        path=parts.path.rstrip("/"),
        inner=inner,
    )


def _read_host(host: str) -> tuple[str, bool]:
    name = host.removesuffix(".")
    address = _address(name)
    if address is not None:
        return str(address), any(address in network for network in _INNER if network.version == address.version)
    if not _NAME.fullmatch(name):
        raise ValueError("has a host that is none; write its name in ASCII (xn--… for other letters) or its address")
    if "." not in name:
        # With a dot at its end it is a top-level domain, and not a name of our own network.
        return name, name in (host, "localhost")
    return name, name.endswith(_INNER_NAMES)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that a resolver makes of a host, also of 0x7f.1 and 2130706433; None for a name."""
    try:
        found = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        try:
            return ipaddress.IPv4Address(socket.inet_aton(host)) if host.isascii() else None
        except OSError:
            return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found
