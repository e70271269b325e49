"""`network.yaml`: which tool may ask what of the outside, and of whom. What does not stand there is refused."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Literal, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, field_validator, model_validator

from core.canonical import digest
from core.secret_store import NAME, REFERENCE, names_in
from core.ticket import Strict
from policies.sentences import faults

#: What a tool may ask the network broker for.
Kind = Literal["http_get", "dns", "whois", "vendor"]
KINDS: tuple[Kind, ...] = get_args(Kind)
RecordType = Literal["A", "AAAA", "CAA", "CNAME", "MX", "NS", "PTR", "SOA", "TXT"]
#: What a vendor can be asked about.
IndicatorType = Literal["ip", "domain", "url", "hash"]

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"\.?{_LABEL}(?:\.{_LABEL})+")
_PATH = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
#: What stands for the indicator in a vendor's URL or body.
PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
PLACEHOLDERS = ("value", "base64url")
#: Addresses that no setting can open: this machine itself, and the metadata services of clouds.
_CLOSED = tuple(map(ipaddress.ip_network, ("127.0.0.0/8", "169.254.0.0/16", "0.0.0.0/8", "::/127", "fe80::/10")))


def _host(value: str) -> str:
    if not _HOST.fullmatch(value):
        raise ValueError(f"`{value}` is not a host; write example.org, or .example.org for all names below it as well")
    return value


def _path(value: str) -> str:
    if not _PATH.fullmatch(value):
        raise ValueError(f"`{value}` is not a path into an answer; write keys with dots between them: data.score")
    return value


def _https() -> list[Scheme]:
    return ["https"]


def _https_port() -> list[int]:
    return [443]


def _usual_types() -> list[RecordType]:
    return [kind for kind in get_args(RecordType) if kind != "PTR"]


Scheme = Literal["http", "https"]
Port = Annotated[int, Field(ge=1, le=65535)]
Host = Annotated[str, AfterValidator(_host)]
AnswerPath = Annotated[str, AfterValidator(_path)]
Text = Annotated[str, Field(min_length=1, max_length=500)]


class Quota(Strict):
    """How many questions may leave. What the cache answers does not count."""

    #: In an hour, for all tickets together.
    per_hour: Annotated[int, Field(ge=0, le=100_000)] = 120
    #: In an hour, for one ticket.
    per_ticket: Annotated[int, Field(ge=0, le=10_000)] = 20


class Reach(Strict):
    """Whom a question may go to, for how long, and how often."""

    #: Any host whose addresses are all public. Instead of `hosts`.
    any_public: bool = False
    #: Hosts by name; `.example.org` is that name and every name below it.
    hosts: list[Host] = Field(default_factory=list)
    #: Seconds that one question may take, redirects included.
    seconds: Annotated[float, Field(ge=1, le=30)] = 10.0
    quota: Quota = Field(default_factory=Quota)
    #: Seconds for which an answer is given again without asking.
    cache_seconds: Annotated[int, Field(ge=0, le=604_800)] = 3600

    @model_validator(mode="after")
    def _reaches_somebody(self) -> Reach:
        if self.any_public and self.hosts:
            raise ValueError("names hosts although any_public lets every host through; keep one of the two")
        if not self.any_public and not self.hosts:
            raise ValueError("reaches nobody; list hosts, or write any_public: true")
        return self

    def reaches(self, host: str) -> bool:
        """Whether a host (lower case, no dot at its end) is one of them; its addresses are another matter."""
        return self.any_public or any(
            host == name.removeprefix(".") or (name.startswith(".") and host.endswith(name)) for name in self.hosts
        )


class HttpGet(Reach):
    """Fetching a page: GET without cookies, without credentials, with no header of the tool's own."""

    schemes: Annotated[list[Scheme], Field(min_length=1)] = Field(default_factory=_https)
    ports: Annotated[list[Port], Field(min_length=1)] = Field(default_factory=_https_port)
    #: Redirects that are followed; each is checked like a question of its own.
    redirects: Annotated[int, Field(ge=0, le=5)] = 5
    #: Bytes of a body that are read, after decompression.
    max_bytes: Annotated[int, Field(ge=1024, le=4_194_304)] = 524_288
    #: What the broker calls itself. An honest name tells the other side who looks.
    user_agent: Annotated[str, Field(pattern=r"^[\x20-\x7e]{1,200}$")] = "Mozilla/5.0 (compatible)"


class Dns(Reach):
    """Asking the resolver of the broker's machine."""

    types: Annotated[list[RecordType], Field(min_length=1)] = Field(default_factory=_usual_types)


class Whois(Reach):
    """Registration data over WHOIS (RFC 3912, port 43). `hosts` are WHOIS servers, not the domains asked about."""

    #: Servers asked for one name: the root, the registry, the registrar.
    servers: Annotated[int, Field(ge=1, le=4)] = 3


class VendorUse(Strict):
    """Which vendors a tool may ask."""

    #: Names of vendors below; all of those that take the indicator are asked.
    names: Annotated[list[str], Field(min_length=1)]
    #: Counts questions of the tool; what a vendor itself allows stands with the vendor.
    quota: Quota = Field(default_factory=Quota)


class ToolNetwork(Strict):
    """What one tool may ask for; a kind that is left out is refused."""

    http_get: HttpGet | None = None
    dns: Dns | None = None
    whois: Whois | None = None
    vendor: VendorUse | None = None

    @model_validator(mode="after")
    def _permits_something(self) -> ToolNetwork:
        if not self.kinds:
            raise ValueError("permits nothing; write what the tool may ask for, or leave the tool out")
        return self

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What it may ask for."""
        return tuple(kind for kind in KINDS if getattr(self, kind) is not None)


class Meanings(Strict):
    """Where in a vendor's JSON answer the facts stand: keys with dots between them, numbers for places in lists."""

    #: Engines or reporters that call it malicious, suspicious, harmless.
    malicious: AnswerPath | None = None
    suspicious: AnswerPath | None = None
    harmless: AnswerPath | None = None
    #: A number from 0 (harmless) to 100.
    score: AnswerPath | None = None
    #: A word such as `malicious`.
    verdict: AnswerPath | None = None
    #: A list of words.
    tags: AnswerPath | None = None
    first_seen: AnswerPath | None = None
    last_seen: AnswerPath | None = None


class Malicious(Strict):
    """From when on what a vendor says counts as malicious; one of them is enough."""

    #: Votes in `malicious`.
    votes: Annotated[int, Field(ge=1)] | None = None
    score: Annotated[float, Field(gt=0, le=100)] | None = None
    #: Words of `verdict`.
    verdicts: list[Text] = Field(default_factory=list)


class Unknown(Strict):
    """How a vendor says that it knows nothing of an indicator."""

    status: list[Annotated[int, Field(ge=200, le=499)]] = Field(default_factory=lambda: [404])
    #: A value in the answer, and the words there that mean it.
    path: AnswerPath | None = None
    words: list[Text] = Field(default_factory=list)


class LookUp(Strict):
    """How a vendor is asked about one type of indicator."""

    #: https address. `{value}` is the indicator, percent-encoded; `{base64url}` the same as VirusTotal wants URLs.
    url: Text
    #: What a POST sends as form fields; without them it is a GET.
    form: dict[Text, Text] = Field(default_factory=dict)
    #: What a POST sends as JSON, one flat object.
    json_body: Annotated[dict[Text, str | int | bool], Field(alias="json")] = Field(default_factory=dict)
    #: Where the facts stand, if not where the vendor's `result` says.
    result: Meanings | None = None

    @field_validator("url")
    @classmethod
    def _is_fixed_host(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ValueError("is not a URL; write https://host/path/{value}") from None
        if parts.scheme != "https" or not _HOST.fullmatch(parts.hostname or "") or parts.username is not None:
            raise ValueError("should be https://host/…, the host by name and without a login")
        if PLACEHOLDER.search(parts.netloc) or port == 0 or parts.fragment:
            raise ValueError("may hold {value} in its path or query only")
        return url

    @model_validator(mode="after")
    def _asks_about_the_indicator(self) -> LookUp:
        texts = [self.url, *self.form.values(), *(v for v in self.json_body.values() if isinstance(v, str))]
        named = [name for text in texts for name in PLACEHOLDER.findall(text)]
        for name in named:
            if name not in PLACEHOLDERS:
                raise ValueError(f"has a placeholder {{{name}}}; known are {{value}} and {{base64url}}")
        if not named:
            raise ValueError("asks about nothing; put {value} where the indicator belongs")
        if self.form and self.json_body:
            raise ValueError("sends a form and JSON; keep one of the two")
        return self


class VendorQuota(Strict):
    """How often a vendor may be asked, whoever asks: what its contract says."""

    per_minute: Annotated[int, Field(ge=1, le=10_000)] = 4
    per_day: Annotated[int, Field(ge=1, le=1_000_000)] = 500


class Vendor(Strict):
    """Somebody who knows indicators. Its key is named here and stays in the broker."""

    #: Types of indicator it is asked about.
    takes: Annotated[dict[IndicatorType, LookUp], Field(min_length=1)]
    #: Sent with each question; keys as `${secret:name}`.
    headers: dict[Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,63}$")], Text] = Field(default_factory=dict)
    result: Meanings = Field(default_factory=Meanings)
    malicious_from: Malicious = Field(default_factory=Malicious)
    unknown: Unknown = Field(default_factory=Unknown)
    #: Networks its address may lie in although they are not public, for one inside our own network.
    networks: list[str] = Field(default_factory=list)
    seconds: Annotated[float, Field(ge=1, le=30)] = 10.0
    quota: VendorQuota = Field(default_factory=VendorQuota)
    cache_seconds: Annotated[int, Field(ge=0, le=604_800)] = 21_600

    @field_validator("headers")
    @classmethod
    def _names_secrets_rightly(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if name.lower() in {"host", "content-length", "transfer-encoding", "connection", "content-type"}:
                raise ValueError(f"sets {name}, which the broker sets itself; remove it")
            if not re.fullmatch(r"[\x20-\x7e]+", value):
                raise ValueError(f"{name} holds characters that no header can; use plain ASCII")
            for secret in names_in(value):
                if not NAME.fullmatch(secret):
                    raise ValueError(f"`{secret}` is not a secret's name; use lower case letters, digits and `_`")
            if "${" in REFERENCE.sub("", value):
                raise ValueError(f"{name} refers to something that is no secret; write ${{secret:name}}")
        return headers

    @field_validator("networks")
    @classmethod
    def _are_networks(cls, networks: list[str]) -> list[str]:
        for value in networks:
            try:
                network = ipaddress.ip_network(value)
            except ValueError as error:
                raise ValueError(f"`{value}` is not a network ({error}); write it like 10.20.0.0/16") from None
            if any(network.version == closed.version and network.overlaps(closed) for closed in _CLOSED):
                raise ValueError(f"`{value}` holds this machine itself or a metadata service, which no vendor may be")
        return networks

    @property
    def secrets(self) -> tuple[str, ...]:
        """Names of the secrets its headers refer to."""
        return tuple(dict.fromkeys(name for value in self.headers.values() for name in names_in(value)))


class Network(Strict):
    """Everything in `network.yaml`."""

    #: What each tool may ask for. A tool that does not stand here reaches nobody.
    tools: dict[str, ToolNetwork] = Field(default_factory=dict)
    #: Who can be asked about indicators, by the name that `tools` uses.
    vendors: dict[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$")], Vendor] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _names_vendors_that_are_there(self) -> Network:
        known = ", ".join(sorted(self.vendors)) or "none"
        missing = [
            (("tools", tool, "vendor", "names", place), f"no vendor is called `{name}`; known are {known}")
            for tool, permits in self.tools.items()
            for place, name in enumerate(permits.vendor.names if permits.vendor else ())
            if name not in self.vendors
        ]
        if missing:
            raise faults(missing)
        return self

    @cached_property
    def digest(self) -> str:
        """Names these rules: a worker and the broker must mean the same."""
        return digest(self.model_dump(mode="json", by_alias=True))

    def permits(self, tool: str) -> bool:
        """Whether a tool may ask anything at all."""
        return tool in self.tools

    def secrets(self) -> Iterator[str]:
        """Names of the secrets that vendors in use need."""
        used = {name for tool in self.tools.values() if tool.vendor for name in tool.vendor.names}
        for name in sorted(used):
            yield from self.vendors[name].secrets
