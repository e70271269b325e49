"""Indicators in running text, refanged: URLs, domains, addresses, hashes, e-mail addresses, CVE ids.

Patterns are linear; what looks like a domain and is a file name, a version or a method call is left out.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

from tools.investigate.domains import known_suffix
from tools.investigate.refang import refang

#: Characters of one text searched.
MAX_TEXT = 2_000_000
URL = re.compile(r"(?<![A-Za-z0-9])(?:https?|ftps?)://(?:[^\s/?#<>\"'`{}|\\^\[\]]{1,260}|\[[0-9a-fA-F:.]+\][^\s/?#<>\"']{0,6})(?:[/?#][^\s<>\"'`{}|\\^]{0,2000})?", re.IGNORECASE)  # fmt: skip  # noqa: E501
EMAIL = re.compile(r"(?<![\w.+-])([A-Za-z0-9_][\w.+=%-]{0,63})@((?:[\w-]{1,63}\.){1,8}[A-Za-z][\w-]{1,24})(?![\w-])")
DOMAIN = re.compile(
    r"(?<![\w@./\\=$%-])((?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}(?:xn--[a-z0-9-]{2,59}|[^\W\d_]{2,24}))(?![\w(@-]|\.\w)"
)
IPV4 = re.compile(r"(?<![\w.-])(\d{1,3}(?:\.\d{1,3}){3})(?![\w-]|\.\d)")
IPV6 = re.compile(r"(?<![\w:.])((?:[0-9a-fA-F]{0,4}:){2,7}(?:[0-9a-fA-F]{1,4}|\d{1,3}(?:\.\d{1,3}){3})?)(?![\w:])")
HASH = re.compile(r"(?<![0-9A-Za-z])([0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64}|[0-9a-fA-F]{128})(?![0-9A-Za-z])")
CVE = re.compile(r"\bCVE[-\u2010-\u2015_ ](\d{4})[-\u2010-\u2015_ ](\d{4,7})\b", re.IGNORECASE)
#: A number with three dots after one of these words, or after a program's name, is a version.
VERSION = re.compile(r"(?:\bv|\bver|version|release|build|firmware|driver|v\.)[\s:=.]{0,3}$|[A-Za-z]/$", re.IGNORECASE)
#: Last labels that are both a suffix and a customary file extension or code: a domain only when the text says so.
FILE_LIKE = frozenset(
    {"py", "md", "sh", "pl", "rs", "cc", "ps", "so", "zip", "mov", "app", "java", "js", "ts", "cs", "cpp", "php", "asp"}
    | {
        "aspx",
        "jsp",
        "html",
        "htm",
        "exe",
        "dll",
        "bat",
        "cmd",
        "vbs",
        "doc",
        "docx",
        "pdf",
        "txt",
        "log",
        "sys",
        "bin",
    }
    | {"dat", "ini", "conf", "yml", "yaml", "json", "xml", "csv", "lnk", "jar", "msi", "tmp", "iso", "img", "ps1", "db"}
    | {"name", "id", "in", "is", "it", "to", "do", "no", "us", "me", "am", "at", "be", "so", "as", "my", "net", "data"}
)
#: Of those, the ones that are common country or generic suffixes: kept when the name has the shape of a site.
REAL = frozenset({"in", "is", "it", "to", "no", "us", "me", "at", "be", "id", "net", "cc", "am", "my", "app"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Indicators:
    """What was found, each once, in order of appearance."""

    urls: list[str]
    domains: list[str]
    ips: list[str]
    hashes: list[str]
    emails: list[str]
    cves: list[str]


def find(text: str) -> Indicators:
    """All indicators of a text."""
    plain = refang(text[:MAX_TEXT])
    found_urls = _urls(plain)
    rest = URL.sub(" ", plain)
    emails = [f"{m.group(1)}@{m.group(2)}".lower() for m in EMAIL.finditer(rest) if known_suffix(m.group(2))]
    hosts = [host for host in map(_host, found_urls) if host]
    ips = [ip for m in IPV4.finditer(rest) if (ip := _ipv4(m, rest))]
    ips += [ip for m in IPV6.finditer(rest) if (ip := _ipv6(m.group(1)))]
    ips += [host for host in hosts if _is_ip(host)]
    domains = [m.group(1).lower() for m in DOMAIN.finditer(EMAIL.sub(" ", rest)) if _is_domain(m.group(1), text)]
    domains += [host for host in hosts if not _is_ip(host) and "." in host]
    domains += [email.rpartition("@")[2] for email in emails]
    return Indicators(
        urls=found_urls,
        domains=_once(domains),
        ips=_once(ips),
        hashes=_once(
            m.group(1).lower() for m in HASH.finditer(rest + " " + " ".join(found_urls)) if _is_hash(m.group(1))
        ),
        emails=_once(emails),
        cves=_once(f"CVE-{m.group(1)}-{m.group(2)}" for m in CVE.finditer(plain)),
    )


def urls(text: str) -> list[str]:
    """Only the URLs of a text."""
    return _urls(refang(text[:MAX_TEXT]))


def _urls(plain: str) -> list[str]:
    return _once(_trimmed(m.group(0)) for m in URL.finditer(plain))


def _trimmed(url: str) -> str:
    """Without the punctuation of the sentence around it; a closing bracket stays when it was opened inside."""
    while url and (
        url[-1] in ".,;:!?*'\"" or (url[-1] in ")]" and url.count(url[-1]) > url.count("(["[")]".index(url[-1])]))
    ):
        url = url[:-1]
    return url


def _host(url: str) -> str:
    authority = re.split(r"[/?#]", url.split("://", 1)[1], maxsplit=1)[0].rpartition("@")[2].lower()
    if authority.startswith("["):
        return authority[1:].partition("]")[0]
    return authority.partition(":")[0].rstrip(".")


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _ipv4(match: re.Match[str], text: str) -> str | None:
    if VERSION.search(text[max(0, match.start() - 16) : match.start()]):
        return None
    try:
        return str(ipaddress.IPv4Address(match.group(1)))
    except ValueError:
        return None


def _ipv6(text: str) -> str | None:
    # Times (12:30:45) and C++ names (std::string) share the shape.
    if len(text) < 6 or text.count(":") < 3 or not re.search(r"\d", text):
        return None
    try:
        return str(ipaddress.IPv6Address(text))
    except ValueError:
        return None


def _is_domain(name: str, original: str) -> bool:
    last = name.rsplit(".", 1)[-1].lower()
    if not known_suffix(name) or len(name) > 253:
        return False
    if re.search(r"[a-z][A-Z]", name.rsplit(".", 1)[0]) and f"[.]{last}" not in original.lower():
        return False  # System.Net.WebClient, ticket.someField
    if last not in FILE_LIKE:
        return True
    defanged = name.lower() not in original.lower()
    return defanged or (last in REAL and len(name.split(".")[-2]) > 3 and name.islower() and "_" not in name)


def _is_hash(text: str) -> bool:
    return len(set(text.lower())) > 4 and not text.isdigit()


def _once(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))
