"""What an indicator in a feed must look like, and how it is written in our table."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from core.errors import CasemateError
from core.intel import IndicatorType
from tools.investigate.refang import refang


class IntelInvalid(CasemateError):
    """A threat-intelligence file that was not taken, and the place that must be mended first."""


HASH = re.compile(r"[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{56}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128}")
DOMAIN = re.compile(r"(?=.{1,253}$)(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W_](?:[\w-]{0,61}[^\W_])?")
EMAIL = re.compile(r"[^\s@<>]{1,64}@[^\s@<>]{3,253}")
#: Other people's words for our types.
ALIASES: dict[str, IndicatorType] = {
    "ip": "ip", "ipv4": "ip", "ipv6": "ip", "ip-address": "ip", "ipv4-addr": "ip", "ipv6-addr": "ip", "ip-src": "ip",
    "ip-dst": "ip", "address": "ip", "domain": "domain", "hostname": "domain", "host": "domain", "fqdn": "domain",
    "domain-name": "domain", "url": "url", "uri": "url", "link": "url", "hash": "hash", "md5": "hash", "sha1": "hash",
    "sha256": "hash", "sha512": "hash", "sha-1": "hash", "sha-256": "hash", "sha-512": "hash", "file": "hash",
    "email": "email", "email-addr": "email", "email-src": "email", "email-dst": "email", "e-mail": "email",
    "sender": "email",
}  # fmt: skip


def text_of(content: bytes) -> str:
    """The text of a file.

    Raises:
        IntelInvalid: it is not UTF-8; names the line.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise IntelInvalid(f"line {line}: the file is not UTF-8; save it as UTF-8.") from None


def clean(value: str, kind: str = "") -> tuple[str, IndicatorType]:
    """The value as our table holds it (refanged, lower case) and its type, guessed when the feed does not say.

    Raises:
        ValueError: says what is wrong, for a message that names the place.
    """
    text = refang(value.strip().strip("\"'<>")).strip()
    if not text:
        raise ValueError("the value is empty")
    if kind and kind.strip().lower() not in ALIASES:
        raise ValueError(f"the type {kind.strip()[:40]!r} is not known; use ip, domain, url, hash or email")
    wanted = ALIASES[kind.strip().lower()] if kind else guess(text)
    return _as(wanted, text), wanted


def guess(text: str) -> IndicatorType:
    """The type a value has by its shape."""
    lower = text.lower()
    if "://" in lower:
        return "url"
    if HASH.fullmatch(lower):
        return "hash"
    if EMAIL.fullmatch(lower):
        return "email"
    try:
        ipaddress.ip_address(lower)
    except ValueError:
        return "url" if "/" in lower else "domain"
    return "ip"


def _as(kind: IndicatorType, text: str) -> str:
    match kind:
        case "ip":
            try:
                return str(ipaddress.ip_address(text))
            except ValueError:
                raise ValueError("the value is not an IP address") from None
        case "domain":
            name = text.rstrip(".").lower()
            if not DOMAIN.fullmatch(name):
                raise ValueError("the value is not a domain name")
            return name
        case "hash":
            if not HASH.fullmatch(text.lower()):
                raise ValueError("the value is not an MD5, SHA-1 or SHA-2 hash in hexadecimal")
            return text.lower()
        case "email":
            if not EMAIL.fullmatch(text):
                raise ValueError("the value is not an e-mail address")
            return text.lower()
        case "url":
            return _url(text)


def _url(text: str) -> str:
    if "://" in text:
        text = text.replace(" ", "%20")  # as a browser sends it; feeds quote paths as they were seen
    try:
        host = urlsplit(text if "://" in text else f"http://{text}").hostname
    except ValueError:
        host = None
    if not host or re.search(r"\s", text):
        raise ValueError("the value is not a URL")
    return text if "://" in text else f"http://{text}"
