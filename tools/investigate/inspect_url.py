"""A URL examined by its letters alone: nothing is resolved, nothing is fetched."""

from __future__ import annotations

import re
from typing import Annotated, TypedDict
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import Field

from tools.arguments import MAX_URL
from tools.investigate import lookalike
from tools.investigate.answer import Object, answer, clip, clip_list
from tools.investigate.domains import address, is_address, registered, to_ascii, to_unicode, under
from tools.investigate.refang import refang
from tools.tool import ToolArguments, ToolFacts, tool

SHORTENERS = frozenset(
    [
        "bit.ly",
        "tinyurl.com",
        "t.co",
        "goo.gl",
        "ow.ly",
        "is.gd",
        "buff.ly",
        "rebrand.ly",
        "cutt.ly",
        "shorturl.at",
        "rb.gy",
        "t.ly",
        "tiny.cc",
        "bl.ink",
        "s.id",
        "lnkd.in",
        "qrco.de",
        "urlz.fr",
        "v.gd",
        "soo.gd",
        "clck.ru",
        "shorte.st",
        "adf.ly",
        "trib.al",
        "dlvr.it",
        "snip.ly",
        "tr.im",
        "u.to",
        "x.co",
        "bit.do",
        "mcaf.ee",
        "short.io",
        "did.li",
        "surl.li",
        "n9.cl",
        "l.ead.me",
        "linktr.ee",
        "kutt.it",
        "1url.com",
        "hyperurl.co",
        "aka.ms",
        "fb.me",
        "youtu.be",
    ]
)
CREDENTIAL = re.compile(
    r"log-?in|log-?on|sign-?in|signon|\bsso\b|verify|verification|account|password|passwd|credential|webmail|owa\b|"
    r"auth\b|secure|unlock|suspend|confirm|validat|2fa|\bmfa\b|\botp\b|wallet|banking|reset|update-?(?:info|billing)",
    re.IGNORECASE,
)
#: Facts that count as bad signs on a foreign host.
SIGNS = (
    "lookalike",
    "brand_in_host",
    "punycode",
    "mixed_script",
    "ip_host",
    "userinfo",
    "shortener",
    "credential_path",
    "nonstandard_port",
)
DEFAULT_PORTS = {"http": 80, "https": 443, "ftp": 21}
#: Labels in front of the registered name that are more than ordinary use needs.
MANY_SUBDOMAINS = 4


class Arguments(ToolArguments):
    url: Annotated[str, Field(min_length=1, max_length=MAX_URL, description="The URL as found; defanged is fine.")]


class Facts(ToolFacts):
    parsed: bool = Field(description="It is a URL with a host.")
    domain: str = Field(description="The host, in ASCII; an address in its usual form.")
    registered_domain: str = Field(description="The part of the host that somebody registered.")
    own: bool = Field(description="The host is one of ours.")
    partner: bool = Field(description="The host belongs to a partner we exchange mail with.")
    ip_host: bool = Field(description="The host is an address, also in decimal, hex or octal disguise.")
    punycode: bool = Field(description="The host has letters outside ASCII.")
    mixed_script: bool = Field(description="A label of the host mixes alphabets.")
    lookalike: bool = Field(description="The host is made to look like one of our domains or brands.")
    lookalike_of: str = Field(description="What it looks like; empty when nothing.")
    brand_in_host: bool = Field(description="The host carries one of our brands although it is not ours.")
    userinfo: bool = Field(description="Something stands before an @ in front of the host.")
    shortener: bool = Field(description="The host shortens links, so where it leads is not to be seen.")
    credential_path: bool = Field(description="Host, path or query speak of signing in, accounts or passwords.")
    nonstandard_port: bool = Field(description="It names a port other than the one of its scheme.")
    subdomains: int = Field(description="Labels in front of the registered domain.")
    suspicious: int = Field(description="Number of bad signs; a partner's sign-in page is none.")


class Detail(TypedDict, total=False):
    """Only `url` for what is no URL with a host."""

    url: str
    host: str
    unicode: str
    scheme: str
    port: int | None
    path: str
    address: str | None
    redirects_to: list[str]
    signs: list[str]


@tool(
    "Examine a URL without visiting it: look-alike of our domains, punycode, disguises, login pages.",
    arguments=Arguments,
    facts=Facts,
    detail=Detail,
    needs=["organization"],
)
def run(arguments: Object, inputs: Object) -> Object:
    """Nothing is resolved and nothing is fetched."""
    return inspect(arguments["url"], inputs["organization"])


def inspect(url: str, organization: Object) -> Object:
    """All facts about one URL; hosts without a scheme are taken as http."""
    text = refang(url.strip().strip("<>\"'")).replace("\\", "/")
    if "://" not in text:
        text = f"http://{text.removeprefix('//')}"
    try:
        parts = urlsplit(text)
        host = (parts.hostname or "").rstrip(".").lower()
        port = parts.port
    except ValueError:
        host, port = "", None
    if not host or len(host) > 253 or re.search(r"[\s<>\"{}|^`]", host):
        return answer("This is not a URL with a host.", _facts_of_nothing(), {"url": clip(url, 500)})
    ip = address(host)
    facts = _facts(host, ip, organization)
    path = unquote(parts.path + "?" + parts.query)
    facts["userinfo"] = "@" in parts.netloc
    facts["credential_path"] = bool(CREDENTIAL.search(path) or (not facts["own"] and CREDENTIAL.search(host)))
    facts["nonstandard_port"] = port is not None and port != DEFAULT_PORTS.get(parts.scheme.lower())
    facts["suspicious"] = _signs(facts)
    signs = [name for name in SIGNS if facts[name]]
    detail = {"url": clip(text, 1000), "host": host, "unicode": to_unicode(host), "scheme": parts.scheme, "port": port,
              "path": clip(unquote(parts.path), 500), "address": ip, "redirects_to": _targets(parts.query),
              "signs": signs}  # fmt: skip
    return answer(_sentence(facts, signs), facts, detail)


def _facts(host: str, ip: str | None, organization: Object) -> Object:
    own_domains: list[str] = organization["domains"]
    own = under(host, own_domains)
    like = lookalike.compare("" if ip else host, own_domains, organization["brands"])
    labels = to_ascii(host).split(".")
    return {
        "parsed": True,
        "domain": ip or to_ascii(host),
        "registered_domain": ip or registered(to_ascii(host)),
        "own": own,
        "partner": under(host, organization["mail_partners"]),
        "ip_host": is_address(host),
        "punycode": any(label.startswith("xn--") for label in labels),
        "mixed_script": lookalike.mixed_script(host),
        "lookalike": bool(like.of),
        "lookalike_of": like.of,
        "brand_in_host": like.brand_in_host,
        "shortener": registered(host) in SHORTENERS or host in SHORTENERS,
        "subdomains": 0 if ip else max(0, len(labels) - len(registered(host).split("."))),
    }


def _facts_of_nothing() -> Object:
    return {
        "parsed": False,
        "domain": "",
        "registered_domain": "",
        "lookalike_of": "",
        "subdomains": 0,
        "suspicious": 0,
        **dict.fromkeys(("own", "partner", *SIGNS), False),
    }


def _signs(facts: Object) -> int:
    """How many bad signs; a password page is one only on a host that is neither ours nor a partner's."""
    if facts["own"]:
        return int(facts["userinfo"])
    foreign = not facts["partner"]
    signs = sum(bool(facts[name]) for name in SIGNS if name != "credential_path" or foreign)
    return signs + int(facts["subdomains"] >= MANY_SUBDOMAINS)


def _targets(query: str) -> list[str]:
    """URLs carried as parameters: where an open redirect would lead."""
    try:
        values = [value for _, value in parse_qsl(query, max_num_fields=100)]
    except ValueError:
        return []
    return clip_list([clip(v, 300) for v in values if re.match(r"(?:https?:)?//[^/\s]+\.", v, re.IGNORECASE)], 10)


def _sentence(facts: Object, signs: list[str]) -> str:
    if facts["own"]:
        return "The host is one of our own."
    named = ", ".join(sign.replace("_", " ") for sign in signs)
    whose = "a partner's host" if facts["partner"] else f"the foreign host {facts['registered_domain']}"
    like = f", made to look like {facts['lookalike_of']}" if facts["lookalike"] else ""
    return f"{whose[0].upper()}{whose[1:]}{like}" + (
        f"; signs: {named}." if named else "; no bad sign in the URL itself."
    )
