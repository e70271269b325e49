"""Tickets: what a sender may hand in, the states a ticket lives through, and the moves between them."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from core.canonical import JsonObject, canonical_bytes, digest
from core.errors import InvalidTicket

#: Characters in a title; longer ones are mail bodies in the wrong field.
MAX_TITLE = 500
#: Characters in a body (1 MiB of text).
MAX_BODY = 1_048_576
#: Bytes of canonical JSON in `fields`.
MAX_FIELDS = 1_048_576
#: Levels of nesting in `fields`; deeper JSON serves only to break parsers.
MAX_DEPTH = 32
#: Attachments on one ticket.
MAX_ATTACHMENTS = 20
#: Decoded bytes in one attachment (10 MiB).
MAX_ATTACHMENT = 10 * 1024 * 1024
#: Decoded bytes in all attachments of one ticket (25 MiB).
MAX_ATTACHMENTS_TOTAL = 25 * 1024 * 1024


#: A key or an index that a schema could have; a name, an address or a long number is none.
_IDENTIFIER = re.compile(r"[a-z][a-z_]{0,31}|[0-9]{1,4}")


class TicketState(StrEnum):
    """Where a ticket is on its journey. What people read is a separate matter (`workflows.words`)."""

    RECEIVED = "received"  # stored and sealed; nothing has looked at it
    MASKED = "masked"  # a masked copy exists; a team may see it
    INVESTIGATING = "investigating"  # a team is at work
    DECIDED = "decided"  # verdict and proposals are stored; policy has its say next
    AWAITING_APPROVAL = "awaiting_approval"  # at least one action waits for a person; holds no worker
    EXECUTING = "executing"  # permitted actions are being carried out
    REPORTED = "reported"  # the final report is in the outbox
    CLOSED = "closed"  # the final report has been delivered
    ESCALATED = "escalated"  # casemate could not finish; a person must take it
    FAILED = "failed"  # the ticket broke the worker three times: dead letter
    SUPERSEDED = "superseded"  # a newer version took its place


S = TicketState
#: Every permitted move. A state without moves is terminal.
TRANSITIONS: dict[TicketState, frozenset[TicketState]] = {
    S.RECEIVED: frozenset({S.MASKED, S.ESCALATED, S.FAILED, S.SUPERSEDED}),
    S.MASKED: frozenset({S.INVESTIGATING, S.ESCALATED, S.FAILED, S.SUPERSEDED}),
    S.INVESTIGATING: frozenset({S.DECIDED, S.ESCALATED, S.FAILED, S.SUPERSEDED}),
    S.DECIDED: frozenset({S.AWAITING_APPROVAL, S.EXECUTING, S.REPORTED, S.ESCALATED, S.FAILED, S.SUPERSEDED}),
    S.AWAITING_APPROVAL: frozenset({S.EXECUTING, S.REPORTED, S.ESCALATED, S.FAILED, S.SUPERSEDED}),
    S.EXECUTING: frozenset({S.AWAITING_APPROVAL, S.REPORTED, S.ESCALATED, S.FAILED, S.SUPERSEDED}),
    S.REPORTED: frozenset({S.CLOSED}),
    S.CLOSED: frozenset(),
    # A person may send these back to the start: `casemate ticket retry`.
    S.ESCALATED: frozenset({S.RECEIVED, S.SUPERSEDED}),
    S.FAILED: frozenset({S.RECEIVED, S.SUPERSEDED}),
    S.SUPERSEDED: frozenset(),
}

#: States in which no worker has anything left to do without a person or a newer version.
RESTING = frozenset({S.AWAITING_APPROVAL, S.CLOSED, S.ESCALATED, S.FAILED, S.SUPERSEDED})

#: States of a ticket that is over: nobody works on it again, in here or out there.
FINISHED = frozenset({S.CLOSED, S.SUPERSEDED})
del S


class Strict(BaseModel):
    """A model for input from outside: unknown keys are errors and nothing is coerced."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


Slug = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9_.-]*$")]


class AttachmentIn(Strict):
    """One file of a ticket, base64 (RFC 4648, padding required)."""

    name: Annotated[str, Field(min_length=1, max_length=255)]
    content_base64: str

    @field_validator("content_base64")
    @classmethod
    def _decodes(cls, value: str) -> str:
        if len(value) > MAX_ATTACHMENT * 4 // 3 + 4:
            raise ValueError(f"is larger than {MAX_ATTACHMENT} bytes; send a link or a smaller file")
        try:
            base64.b64decode(value, validate=True)
        except binascii.Error:
            raise ValueError("is not base64; encode the file's bytes with the standard alphabet and padding") from None
        return value

    @property
    def content(self) -> bytes:
        return base64.b64decode(self.content_base64, validate=True)


class TicketIn(Strict):
    """A ticket as a sender hands it in: the same schema for Celery, HTTP and the command line."""

    source: Slug
    external_id: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[\x21-\x7e][\x20-\x7e]*$")]
    version: Annotated[int, Field(ge=1, le=2**31 - 1)] = 1
    kind: Slug | None = None
    title: Annotated[str, Field(min_length=1, max_length=MAX_TITLE)]
    body: Annotated[str, Field(max_length=MAX_BODY)]
    fields: dict[str, Any] = Field(default_factory=dict)
    attachments: Annotated[list[AttachmentIn], Field(max_length=MAX_ATTACHMENTS)] = Field(default_factory=list)
    occurred_at: Annotated[AwareDatetime | None, Field(strict=False)] = None
    reporter: Annotated[str, Field(min_length=1, max_length=320)] | None = None

    @field_validator("fields")
    @classmethod
    def _fields_are_plain_json(cls, value: dict[str, Any]) -> dict[str, Any]:
        if _depth(value) > MAX_DEPTH:
            raise ValueError(f"is nested deeper than {MAX_DEPTH} levels; flatten it")
        try:
            size = len(canonical_bytes(value))
        except (ValueError, RecursionError):
            raise ValueError(
                "holds a value that JSON cannot carry exactly (NaN, infinity, an integer of 2^53 or more, half a "
                "surrogate pair); send it as a string"
            ) from None
        if size > MAX_FIELDS:
            raise ValueError(f"is {size} bytes of JSON, more than {MAX_FIELDS}; send it as an attachment")
        return value

    @field_validator("title", "body", "reporter")
    @classmethod
    def _text_is_unicode(cls, value: str | None) -> str | None:
        if value is not None and any("\ud800" <= c <= "\udfff" or c == "\x00" for c in value):
            raise ValueError("holds a NUL or half a surrogate pair; send well-formed Unicode text")
        return value

    @model_validator(mode="after")
    def _attachments_fit(self) -> TicketIn:
        total = sum(len(a.content_base64) for a in self.attachments) * 3 // 4
        if total > MAX_ATTACHMENTS_TOTAL:
            raise ValueError(f"attachments add up to more than {MAX_ATTACHMENTS_TOTAL} bytes; send fewer")
        names = [a.name for a in self.attachments]
        if len(set(names)) != len(names):
            raise ValueError("attachments share a name; give each its own")
        return self

    @property
    def content_digest(self) -> str:
        """Digest of everything the sender said: equal digests mean the same ticket was sent again."""
        return digest(self.model_dump(mode="json"))


def parse_ticket(value: object) -> TicketIn:
    """Check a decoded JSON value against the ticket schema.

    Raises:
        InvalidTicket: names the first field at fault and what to send instead.
    """
    if not isinstance(value, dict):
        raise InvalidTicket("ticket", f"must be a JSON object, not {type(value).__name__}")
    try:
        return TicketIn.model_validate(value)
    except RecursionError:
        raise InvalidTicket("fields", f"is nested deeper than {MAX_DEPTH} levels; flatten it") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        *above, last = first["loc"] or ("ticket",)
        own = named(str(last)) if first["type"] == "extra_forbidden" else last
        raise InvalidTicket(_path((*above, own)), _sentence(first["type"], first["msg"])) from None


def named(key: str) -> str:
    """A key that a sender made up, as answers and logs may name it: an identifier, not whatever else stands there."""
    return key if _IDENTIFIER.fullmatch(key) else "…"


def _path(loc: tuple[int | str, ...]) -> str:
    path = ""
    for part in loc:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path or "ticket"


def _sentence(kind: str, message: str) -> str:
    if kind == "missing":
        return "is required"
    if kind == "extra_forbidden":
        return "is not part of the ticket schema; remove it or put it into `fields`"
    return message.removeprefix("Value error, ")


def _depth(value: Any) -> int:
    deepest = 0
    stack = [(value, 1)]
    while stack:
        item, level = stack.pop()
        deepest = max(deepest, level)
        if deepest > MAX_DEPTH:
            break
        if isinstance(item, dict):
            stack.extend((child, level + 1) for child in item.values())
        elif isinstance(item, list):
            stack.extend((child, level + 1) for child in item)
    return deepest


@dataclass(frozen=True, kw_only=True, slots=True)
class Attachment:
    """A file of a ticket, unsealed, inside the trusted zone."""

    name: str
    content: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Original:
    """A ticket as it came, unsealed. Lives in the trusted zone only and is never logged."""

    source: str
    external_id: str
    version: int
    kind: str | None
    title: str
    body: str
    fields: JsonObject
    reporter: str | None
    occurred_at: datetime | None
    attachments: tuple[Attachment, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class MaskedTicket:
    """What a team sees of a ticket: every string has passed the first door."""

    title: str
    body: str
    fields: JsonObject
    reporter: str | None
    occurred_at: str | None
    #: Masked file name and size in bytes, in the ticket's order; tools name a file by its index.
    attachments: tuple[JsonObject, ...]

    def as_json(self) -> JsonObject:
        return {
            "title": self.title,
            "body": self.body,
            "fields": self.fields,
            "reporter": self.reporter,
            "occurred_at": self.occurred_at,
            "attachments": list(self.attachments),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Ticket:
    """A ticket as the store knows it; holds nothing unmasked."""

    id: str
    #: Counts tickets in order of arrival, from 1.
    sequence: int
    source: str
    external_id: str
    version: int
    kind: str
    state: TicketState
    framework: str
    team: str
    #: Grows with every lease; a worker with an older fence may not write.
    fence: int
    #: Leases taken since the state last moved; too many mean the ticket breaks its worker.
    deliveries: int
    #: Consecutive temporary failures in this state.
    retries: int
    #: Why it stands still, in one sentence for a person.
    trouble: str | None
    trouble_since: datetime | None
    not_before: datetime | None
    superseded_by: str | None
    verdict: str | None
    severity: str | None
    confidence: float | None
    created_at: datetime
    updated_at: datetime
    #: When its originals were destroyed; what is masked stays.
    shredded_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Lease:
    """A worker's hold on a ticket; every write of the step carries its fence."""

    ticket_id: str
    owner: str
    fence: int
    state: TicketState
    until: datetime
