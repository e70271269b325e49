"""What may be said over the broker's socket: one JSON object a line, of these shapes and no others."""

from __future__ import annotations

import json
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from core.canonical import JsonObject
from policies.network import IndicatorType, RecordType

#: Bytes of a question with all that goes with it.
MAX_QUESTION = 16 * 1024
#: Bytes of an answer.
MAX_ANSWER = 4 * 1024 * 1024


class Refused(Exception):
    """A question that does not leave; the sentence is for the model and quotes nothing of the question."""


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class HttpGetQuestion(_Shape):
    """Fetch a page."""

    kind: Literal["http_get"]
    url: Annotated[str, Field(min_length=1, max_length=4096)]


class DnsQuestion(_Shape):
    """Records of a name; of an address the names it has (PTR)."""

    kind: Literal["dns"]
    name: Annotated[str, Field(min_length=1, max_length=253)]
    type: RecordType


class WhoisQuestion(_Shape):
    """Registration of a domain or an address."""

    kind: Literal["whois"]
    name: Annotated[str, Field(min_length=1, max_length=253)]


class VendorQuestion(_Shape):
    """What vendors know of an indicator."""

    kind: Literal["vendor"]
    type: IndicatorType
    value: Annotated[str, Field(min_length=1, max_length=4096)]


Question = Annotated[HttpGetQuestion | DnsQuestion | WhoisQuestion | VendorQuestion, Field(discriminator="kind")]
_QUESTION: TypeAdapter[HttpGetQuestion | DnsQuestion | WhoisQuestion | VendorQuestion] = TypeAdapter(Question)


class Errand(_Shape):
    """A question, who puts it, for which ticket, and by which rules it was let through before."""

    tool: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,79}$")]
    #: Whose quota it counts against; None outside of a ticket. The worker is believed in this.
    ticket: Annotated[str, Field(pattern=r"^tkt_[0-9a-z]{1,26}$")] | None
    #: Digest of the network rules that the worker goes by.
    network: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    question: Question


class StatusQuestion(_Shape):
    """What the broker says of itself."""

    status: Literal[True]


def question_of(asked: JsonObject) -> HttpGetQuestion | DnsQuestion | WhoisQuestion | VendorQuestion:
    """A tool's question.

    Raises:
        Refused: it is none.
    """
    try:
        return _QUESTION.validate_python(asked)
    except ValidationError as error:
        places = sorted({".".join(str(part) for part in fault["loc"])[:60] for fault in error.errors()[:4]})
        raise Refused(f"The question has the wrong shape at {', '.join(places) or 'its top'}.") from None


def read_line(line: bytes) -> Errand | StatusQuestion:
    """What stands on a line of the socket.

    Raises:
        Refused: it is no question.
    """
    try:
        data = json.loads(line.decode("utf-8"))
        if isinstance(data, dict) and "status" in data:
            return StatusQuestion.model_validate(data)
        return Errand.model_validate(data)
    except (ValueError, RecursionError):  # ValidationError is one
        raise Refused("The question has the wrong shape.") from None


def line_of(value: JsonObject) -> bytes:
    """One line of the socket."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "replace") + b"\n"
