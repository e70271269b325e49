"""Reads a host or a URL as strictly as can be: one spelling, one meaning, or it is refused before anything is asked."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import quote, urljoin, urlsplit

import idna

from tools.broker.addresses import Address, Forbidden

#: Characters of a URL; more than browsers take.
MAX_URL = 4096
PORTS = {"http": 80, "https": 443}

_URL = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<rest>[/?#].*)?", re.DOTALL)
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_IPV4 = re.compile(r"(?:0|[1-9][0-9]{0,2})(?:\.(?:0|[1-9][0-9]{0,2})){3}")
#: What a URL parser takes for an IPv4 address in one of its old forms when it stands last (WHATWG, "ends in a number").
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")
#: What may stand in a path or a query as it is.
_PLAIN = "/?%:@!$&'()*+,;=-._~[]"
#: Names that never lead to a host on the internet (RFC 2606, 6761, 6762, 7686, 8375, 9476), and usual inner ones.
INNER_NAMES = frozenset(
    {"alt", "arpa", "cluster", "corp", "home", "internal", "intranet", "invalid", "lan", "local", "localdomain"}
    | {"localhost", "onion", "private", "svc", "test", "workgroup"}
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """Where a request goes."""

    scheme: str
    #: In lower case; a name in ASCII, or an address as it is usually written.
    host: str
    #: The address, when the host is one.
    address: Address | None
    port: int
    #: Path and query, percent-encoded.
    path: str

    @property
    def url(self) -> str:
        port = "" if self.port == PORTS.get(self.scheme) else f":{self.port}"
        return f"{self.scheme}://{self._bracketed}{port}{self.path}"

    @property
    def host_header(self) -> str:
        return self._bracketed if self.port == PORTS.get(self.scheme) else f"{self._bracketed}:{self.port}"

    @property
    def _bracketed(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host


def target_of(url: str) -> Target:
    """The target of a URL.

    Raises:
        Forbidden: it has more than one reading, carries a login, or names something that is no host outside.
    """
    if len(url) > MAX_URL:
        raise Forbidden(f"is longer than {MAX_URL} characters")
    if re.search(r"[\x00-\x20\x7f\\]", url) or any(not c.isprintable() for c in url):
        raise Forbidden("holds blanks, backslashes or invisible characters")
    match = _URL.fullmatch(url[: url.find(":")].lower() + url[url.find(":") :])
    if match is None or match["scheme"] not in PORTS:
        raise Forbidden("is no http or https URL with a host")
    authority = match["authority"]
    if "@" in authority:
        raise Forbidden("carries a login before its host")
    if "%" in authority:
        raise Forbidden("has an escape or a zone in its host")
    host, port = _split_port(authority, match["scheme"])
    name, address = host_of(host)
    rest = (match["rest"] or "/").partition("#")[0]
    path = quote(rest if rest.startswith("/") else f"/{rest}", safe=_PLAIN)
    return Target(scheme=match["scheme"], host=name, address=address, port=port, path=path)


def redirected(target: Target, location: str) -> Target:
    """Where a redirect leads.

    Raises:
        Forbidden: as `target_of`.
    """
    if re.search(r"[\x00-\x20\x7f\\]", location.strip()):
        raise Forbidden("holds blanks, backslashes or invisible characters")
    try:
        return target_of(urljoin(target.url, location.strip()))
    except ValueError:
        raise Forbidden("is no URL") from None


def host_of(text: str) -> tuple[str, Address | None]:
    """A host in its one spelling, and its address when it is one.

    Raises:
        Forbidden: it is no host name of the internet and no address in its usual form.
    """
    if text.startswith("["):
        return _bracketed(text)
    if ":" in text:
        raise Forbidden("has more than one port")
    if text.endswith("."):
        raise Forbidden("ends with a dot")
    name = _ascii(text)
    last = name.rpartition(".")[2]
    if _NUMBER.fullmatch(last):
        return _ipv4(name)
    return _name(name), None


def name_of(text: str) -> str:
    """A domain name in its one spelling, for a question about it.

    Raises:
        Forbidden: it is no name of the internet.
    """
    name, address = host_of(text)
    if address is not None:
        raise Forbidden("is an address and not a name")
    return name


def host_in(url: str) -> str:
    """The host of a URL that was checked before."""
    return urlsplit(url).hostname or ""


def _split_port(authority: str, scheme: str) -> tuple[str, int]:
    host, colon, port = authority.rpartition(":")
    if not colon or authority.endswith("]"):
        return authority, PORTS[scheme]
    if not _PORT.fullmatch(port) or int(port) > 65535:
        raise Forbidden("has a port that is none")
    return host, int(port)


def _bracketed(text: str) -> tuple[str, Address]:
    inner = text[1:-1]
    if not text.endswith("]") or not re.fullmatch(r"[0-9a-fA-F:.]+", inner):
        raise Forbidden("is no IPv6 address")
    try:
        address = ipaddress.IPv6Address(inner)
    except ValueError:
        raise Forbidden("is no IPv6 address") from None
    return str(address), address


def _ipv4(name: str) -> tuple[str, Address]:
    """Four plain decimal numbers; octal, hexadecimal, short and long forms are how filters are fooled."""
    if not _IPV4.fullmatch(name):
        raise Forbidden("is an address in an unusual form")
    try:
        address = ipaddress.IPv4Address(name)
    except ValueError:
        raise Forbidden("is no IPv4 address") from None
    return str(address), address


def _ascii(text: str) -> str:
    """The name as it is asked for; what only looks like ASCII does not become ASCII on the way."""
    if text.isascii():
        return text.lower()
    if any(dot in text for dot in "\u3002\uff0e\uff61"):
        raise Forbidden("has a host with dots of another script")
    try:
        return idna.encode(text.lower(), uts46=False).decode("ascii")
    except (idna.IDNAError, UnicodeError, ValueError):
        raise Forbidden("has a host that is no valid international name") from None


def _name(name: str) -> str:
    labels = name.split(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise Forbidden("has a host that is no name")
    if len(labels) < 2:
        raise Forbidden("has a host without a domain, which only our own network knows")
    if labels[-1] in INNER_NAMES:
        raise Forbidden(f"ends in .{labels[-1]}, which is not on the internet")
    if "metadata" in labels and labels[-1] == "goog":
        raise Forbidden("is a metadata service")
    return name
