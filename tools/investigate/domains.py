"""Host names: what is registered, what is a suffix, what is an address. Offline.

Reads the public suffix list that tldextract ships instead of importing tldextract, which costs 150 ms a call.
"""

from __future__ import annotations

import importlib.util
import ipaddress
from functools import cache
from pathlib import Path

#: Suffixes that are not on the public list and still are names: reserved ones (RFC 2606, 6761, 7686) and internal ones.
RESERVED = frozenset({"example", "test", "invalid", "localhost", "local", "internal", "onion", "lan", "corp", "home"})


@cache
def _rules() -> frozenset[str]:
    spec = importlib.util.find_spec("tldextract")
    assert spec is not None
    assert spec.origin is not None
    lines = (Path(spec.origin).parent / ".tld_set_snapshot").read_text(encoding="utf-8").splitlines()
    end = next((i for i, line in enumerate(lines) if "===END ICANN DOMAINS===" in line), len(lines))
    return frozenset(line.strip() for line in lines[:end] if line.strip() and not line.startswith("//"))


def warm() -> None:
    """Read the list now; the sandbox does so once, before any call."""
    _rules()


def suffix(host: str) -> str:
    """The public suffix of a host (`co.uk`); the last label where the list knows none."""
    labels = host.lower().rstrip(".").split(".")
    rules = _rules()
    for start in range(len(labels)):
        candidate = ".".join(labels[start:])
        parent = ".".join(labels[start + 1 :])
        if f"!{candidate}" in rules:
            return parent
        if candidate in rules or (parent and f"*.{parent}" in rules):
            return candidate
    return labels[-1]


def known_suffix(host: str) -> bool:
    """Does the host end in a suffix that exists?"""
    last = host.lower().rstrip(".").rsplit(".", 1)[-1]
    return last in RESERVED or last in _rules() or to_unicode(last) in _rules()


def registered(host: str) -> str:
    """The name somebody registered: one label more than the suffix. An address stays as it is."""
    host = host.lower().rstrip(".")
    if is_address(host):
        return host
    end = suffix(host)
    if host == end or not host.endswith(f".{end}"):
        return host
    return f"{host[: -len(end) - 1].rsplit('.', 1)[-1]}.{end}"


def name_of(host: str) -> str:
    """The registered label without its suffix: `harbourbank` of `www.harbourbank.example`."""
    return registered(host).split(".", 1)[0]


def under(host: str, domains: list[str]) -> bool:
    """Is the host one of these domains or below one?"""
    host = host.lower().rstrip(".")
    return any(host == d.lower() or host.endswith(f".{d.lower()}") for d in domains)


def is_address(host: str) -> bool:
    """Is it an IP address, in the usual notations or the disguised ones browsers take (decimal, hex, octal)?"""
    return address(host) is not None


def address(host: str) -> str | None:
    """The IP address a browser would go to, or None."""
    host = host.strip("[]")
    try:
        return str(ipaddress.ip_address(host.split("%", 1)[0]))
    except ValueError:
        pass
    parts = host.lower().split(".")
    if not 1 <= len(parts) <= 4 or not all(parts):
        return None
    try:
        numbers = [
            int(p, 16) if p.startswith("0x") else int(p, 8) if len(p) > 1 and p[0] == "0" else int(p) for p in parts
        ]
    except ValueError:
        return None
    if not all(p.isascii() for p in parts) or len(host) > 60:
        return None
    *front, last = numbers
    value = last
    for position, number in enumerate(front):
        if not 0 <= number <= 255:
            return None
        value += number << (8 * (3 - position))
    if not 0 <= last < 256 ** (5 - len(parts)) or value >= 2**32:
        return None
    return str(ipaddress.IPv4Address(value))


def to_unicode(host: str) -> str:
    """Punycode labels decoded; a label that does not decode stays as it is."""
    labels = []
    for label in host.split("."):
        try:
            labels.append(label[4:].encode("ascii").decode("punycode") if label.lower().startswith("xn--") else label)
        except (UnicodeError, ValueError):
            labels.append(label)
    return ".".join(labels)


def to_ascii(host: str) -> str:
    """Labels outside ASCII in punycode, for comparing with lists."""
    labels = []
    for label in host.split("."):
        try:
            labels.append(label if label.isascii() else "xn--" + label.lower().encode("punycode").decode())
        except UnicodeError:
            labels.append(label)
    return ".".join(labels)
