"""A connector as its YAML writes it: strict models, one a section. docs/connectors.md shows each key."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import re2
from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from core.canonical import Json
from core.ticket import Strict
from policies.sentences import faults
from tools.connectors import template
from tools.connectors.indicators import Kind

#: Names of connectors that are not files.
RESERVED = frozenset({"lab", "mcp"})

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$", max_length=40)]
Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
SecretName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


def _a_pointer(text: str) -> str:
    if text and not text.startswith("/"):
        raise ValueError("is a JSON pointer, which begins with `/`, such as /value/0/id")
    return text


def _a_span(text: str) -> str:
    template.seconds(text)
    return text


def _a_template(value: Any) -> Any:
    """Every placeholder in it is one."""
    list(template.places(value))
    return value


def _a_path(text: str) -> str:
    """A path on the connector's own host, whatever is filled in."""
    parts = template.parse(text)
    if text and not text.startswith("/"):
        raise ValueError("begins with `/`: the host is that of `base_url`, and no argument may change it")
    if any(isinstance(part, str) and set(part) & set("?#\\ \t") for part in parts):
        raise ValueError("is a path alone; put what stands behind `?` under `query`")
    if ".." in text.split("/") or "//" in text:
        raise ValueError("holds an empty segment or `..`; write the path out")
    return text


def _an_address(text: str) -> str:
    """https, or http to this machine; a host that is a name, and nothing that hides another one."""
    try:
        url = urlsplit(text)
        host, port = url.hostname or "", url.port
    except ValueError:
        raise ValueError("is no URL; write https://HOST") from None
    if "${" in text:
        raise ValueError("takes no argument: where a request goes is fixed; use `${value.NAME}` for what an admin sets")
    if not re2.fullmatch(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|::1", host) or url.username or url.password or url.query:
        raise ValueError("is no plain address; write https://HOST and perhaps a path, without user, `?` or `#`")
    if url.scheme != "https" and not (url.scheme == "http" and host in ("127.0.0.1", "localhost", "::1")):
        raise ValueError("is not https; only an address of this very machine may be http")
    if port == 0:
        raise ValueError("has port 0; write the port that the target listens on")
    return text.rstrip("/")


Pointer = Annotated[str, AfterValidator(_a_pointer)]
Span = Annotated[str, AfterValidator(_a_span)]
Template = Annotated[str, AfterValidator(_a_template)]
JsonTemplate = Annotated[Any, AfterValidator(_a_template)]
PathTemplate = Annotated[str, Field(max_length=1000), AfterValidator(_a_path)]
Address = Annotated[str, Field(max_length=500), AfterValidator(_an_address)]
Status = Annotated[int, Field(ge=100, le=599)]
Scalar = bool | int | float | str


class Condition(Strict):
    """One thing an answer must show: where to look, and exactly one of the tests."""

    #: JSON pointer into the answer.
    at: Pointer
    #: This very value; a text may hold placeholders.
    equals: JsonTemplate | None = None
    #: This text, whatever its case.
    same_text: Template | None = None
    #: This host name: whatever its case, and its first label where only that is given.
    same_host: Template | None = None
    #: One of these.
    one_of: list[Scalar] | None = None
    #: Whether there is a value at all.
    exists: bool | None = None
    #: Whether the list, object or text is empty (nothing there is empty too).
    empty: bool | None = None
    #: A time (RFC 3339) no longer ago than this.
    recent: Span | None = None
    #: The list has an element for which all of these hold.
    has: list[Condition] | None = None
    #: The list has none of that kind.
    lacks: list[Condition] | None = None
    #: The list has elements, and for each of them all of these hold.
    every: list[Condition] | None = None

    @model_validator(mode="after")
    def _one_test(self) -> Condition:
        tests = [name for name in type(self).model_fields if name != "at" and getattr(self, name) is not None]
        if len(tests) != 1:
            known = ", ".join(name for name in type(self).model_fields if name != "at")
            raise faults([((), f"a condition has `at` and exactly one of {known}")])
        return self


class Check(Strict):
    """An answer with one of these statuses, for which every condition holds."""

    status: list[Status] = Field(default_factory=list)
    where: list[Condition] = Field(default_factory=list)

    @model_validator(mode="after")
    def _says_something(self) -> Check:
        if not self.status and not self.where:
            raise faults([((), "a check without `status` and `where` holds for everything; write one")])
        return self


class Request(Strict):
    """One request. The body is `body` (JSON) or `form`, or none."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    url: PathTemplate
    query: dict[str, Template] = Field(default_factory=dict)
    headers: dict[str, Template] = Field(default_factory=dict)
    #: A JSON template: a string that is one placeholder takes the value's own type.
    body: JsonTemplate | None = None
    form: dict[str, Template] | None = None

    @model_validator(mode="after")
    def _one_body(self) -> Request:
        if self.body is not None and self.form is not None:
            raise faults([((), "a request has `body` or `form`; keep one of them")])
        if self.method == "GET" and (self.body is not None or self.form is not None):
            raise faults([((), "a GET has no body; use `query`")])
        return self

    @field_validator("headers")
    @classmethod
    def _headers(cls, headers: dict[str, str]) -> dict[str, str]:
        return checked_headers(headers)


def checked_headers(headers: dict[str, str]) -> dict[str, str]:
    """Headers that are ours to set; a value may hold secrets and the action's key, and nothing a stranger wrote."""
    found = []
    for name, text in headers.items():
        if not re2.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,60}", name):
            found.append(((name,), f"`{name}` is no name of a header"))
        elif name.lower() in ("host", "content-length", "transfer-encoding", "connection", "accept-encoding"):
            found.append(((name,), f"`{name}` is set by the connection itself; remove it"))
        elif any(not place.name.startswith("secret:") and place.name != "key" for place in template.places(text)):
            found.append(((name,), "a header takes `${secret:NAME}` and `${key}` only; put arguments into the body"))
        elif not text.isascii() or not text.isprintable():
            found.append(((name,), "a header is printable ASCII"))
    if found:
        raise faults(found)
    return headers


class Find(Request):
    """A look-up before the request that acts, such as a host's name to the target's id of it."""

    status: list[Status] = Field(default_factory=lambda: [200])
    #: Where the answer holds the list to choose from; without it the answer itself is chosen.
    among: Pointer | None = None
    #: What the chosen element must show.
    where: list[Condition] = Field(default_factory=list)
    #: What is taken of it: a pointer, or several under names.
    value: Pointer | dict[str, Pointer] = ""
    #: Take all elements as a list. Else there must be exactly one.
    all: bool = False


class Send(Request):
    """The request that acts."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    #: When it was accepted; without it any 2xx.
    success: Check = Check(status=[200, 201, 202, 204])
    #: Parts of the answer to keep in the ledger, such as the id of the job it started.
    keep: dict[Key, Pointer] = Field(default_factory=dict)


class Look(Request):
    """The probe: an independent look at whether the wanted state is there. Any `yes` or `no` that holds decides."""

    find: dict[Key, Find] = Field(default_factory=dict)
    yes: Annotated[list[Check], Field(min_length=1)]
    no: list[Check] = Field(default_factory=list)


class Undo(Send):
    """How it is taken back."""

    find: dict[Key, Find] = Field(default_factory=dict)


class IndicatorTypes(Strict):
    """Which argument is an indicator, and what the target calls the types that it can take."""

    argument: Key
    types: Annotated[dict[Kind, str], Field(min_length=1)]


class Carried(Strict):
    """How one acting tool is carried out."""

    #: The same request again is harmless: the target honours the key, or the state is set and not added to.
    repeatable: bool = False
    #: Regular expressions that arguments must match whole, else nothing is sent.
    expects: dict[Key, str] = Field(default_factory=dict)
    indicator: IndicatorTypes | None = None
    find: dict[Key, Find] = Field(default_factory=dict)
    send: Send
    probe: Look | None = None
    #: Instead of a probe: why the target cannot be looked at.
    blind: str | None = None
    undo: Undo | None = None

    @field_validator("expects")
    @classmethod
    def _patterns(cls, expects: dict[str, str]) -> dict[str, str]:
        for name, pattern in expects.items():
            try:
                re2.compile(pattern)
            except re2.error:
                raise faults([((name,), "is no regular expression (RE2)")]) from None
        return expects

    @model_validator(mode="after")
    def _can_be_seen(self) -> Carried:
        if (self.probe is None) == (self.blind is None):
            said = "has a `probe`, or says in `blind` why the target cannot be looked at; write one of them"
            raise faults([((), said)])
        return self


class Bearer(Strict):
    """A token that does not change."""

    token: SecretName


class Basic(Strict):
    """User and password."""

    user: str
    password: SecretName


class OAuth2(Strict):
    """Client credentials (RFC 6749, 4.4); the token is kept until shortly before it ends."""

    token_url: Address
    client_id: SecretName
    client_secret: SecretName
    scope: str = ""
    #: Where client and secret stand: in the form, or in an Authorization header.
    style: Literal["form", "basic"] = "form"


class ServiceAccount(Strict):
    """A signed assertion (RFC 7523), with the key file that Google gives for a service account."""

    token_url: Address
    #: The whole JSON key file.
    key: SecretName
    scope: str
    #: The person it acts for, by domain-wide delegation.
    subject: str = ""


class Aws(Strict):
    """Signature Version 4."""

    access_key: SecretName
    secret_key: SecretName
    session_token: SecretName | None = None
    region: str
    service: str


class Webhook(Strict):
    """Standard Webhooks: `webhook-id`, `webhook-timestamp`, `webhook-signature`; the id is the action's key."""

    #: `whsec_` and base64.
    secret: SecretName


class Hmac(Strict):
    """A signature over time and body: HEADER = PREFIX + hex(HMAC(secret, "TIME." + body))."""

    secret: SecretName
    header: str
    prefix: str = ""
    timestamp_header: str
    algorithm: Literal["sha256", "sha512"] = "sha256"


class Auth(Strict):
    """Who we are to the target: exactly one of these."""

    bearer: Bearer | None = None
    basic: Basic | None = None
    oauth2: OAuth2 | None = None
    service_account: ServiceAccount | None = None
    aws: Aws | None = None
    webhook: Webhook | None = None
    hmac: Hmac | None = None

    @model_validator(mode="after")
    def _one(self) -> Auth:
        if len(self.model_fields_set) != 1:
            raise faults([((), f"has exactly one of {', '.join(type(self).model_fields)}")])
        return self


class Limits(Strict):
    """What one request may take. None of it is part of what people approve."""

    #: Requests a minute, of one process.
    per_minute: Annotated[int, Field(ge=1, le=100_000)] = 60
    #: Seconds to connect.
    connect_seconds: Annotated[float, Field(gt=0, le=60)] = 5.0
    #: Seconds to answer, in all.
    answer_seconds: Annotated[float, Field(gt=0, le=300)] = 20.0
    #: Bytes of one answer.
    answer_bytes: Annotated[int, Field(ge=1, le=16 * 1024 * 1024)] = 1024 * 1024


class Value(Strict):
    """Something an admin sets in routes.yaml; without a default it must be set before a tool is routed here."""

    description: str
    default: str | None = None


class ConnectorFile(Strict):
    """One connector."""

    name: Name
    description: str
    #: What it needs at the target: permissions, scopes, licences.
    needs: str = ""
    base_url: Address
    values: dict[Key, Value] = Field(default_factory=dict)
    auth: Auth | None = None
    #: Sent with every request.
    headers: dict[str, Template] = Field(default_factory=dict)
    #: What its answers are written in.
    answers: Literal["json", "xml"] = "json"
    limits: Limits = Limits()
    #: Acting tools by name.
    tools: Annotated[dict[Key, Carried], Field(min_length=1)]

    @field_validator("name")
    @classmethod
    def _free(cls, name: str, info: ValidationInfo) -> str:
        del info
        if name in RESERVED:
            raise ValueError(f"{name} is taken; choose another name")
        return name

    @field_validator("headers")
    @classmethod
    def _headers(cls, headers: dict[str, str]) -> dict[str, str]:
        return checked_headers(headers)


class Setup(Strict):
    """What an admin sets of one connector."""

    values: dict[Key, str] = Field(default_factory=dict)
    #: Certificates to check the target with, PEM. Default: those of certifi.
    ca_file: str | None = None


class Routes(Strict):
    """`routes.yaml`: which connector carries out which tool, and what those connectors need to know."""

    routes: dict[Key, Name] = Field(default_factory=dict)
    connectors: dict[Name, Setup] = Field(default_factory=dict)


def as_json(model: Strict) -> Json:
    """A section as plain values, for digests."""
    return model.model_dump(mode="json", exclude_none=True)
