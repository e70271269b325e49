"""What in a ticket happened when: one entry for a log event, a mail, a hop of a mail, a dated line of text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tools.investigate import message
from tools.investigate.answer import Object
from tools.investigate.sigma.events import Event
from tools.investigate.ticket_text import Attached, attached, events
from tools.investigate.timestamps import Moment, find_moments, read_moment

#: Log events and lines of one text that are read.
MAX_EVENTS, MAX_LINES = 20_000, 5_000
#: Characters of a line that are kept, and of an entry's text that is searched.
MAX_LINE, MAX_TEXT = 300, 4_000
#: Keys whose value is when an event happened, the surest first. Compared without regard to case.
TIME_KEYS = (
    "eventTime", "@timestamp", "UtcTime", "TimeCreated", "createdDateTime", "activityDateTime", "published",
    "timestamp", "event_time", "eventTimestamp", "event.created", "event.start", "_time", "TimeGenerated",
    "CreationTime", "p_event_time", "time", "ts", "datetime", "date", "start_time", "startTime", "occurred_at",
    "created_at", "id.time", "ContextTimeStamp", "ProcessStartTime", "last_seen", "lastSeen", "when",
)  # fmt: skip
SPEAKS_OF_TIME = re.compile(r"time|date|created|seen|used|(?:_at|At|_on|On)$")
WHAT_KEYS = (
    "eventName", "eventType", "event_simpleName", "event_type", "activityDisplayName", "operationName", "Operation",
    "protoPayload.methodName", "event.action", "action", "name", "displayMessage", "verb", "CommandLine",
    "ScriptBlockText", "TargetObject", "TargetFilename", "QueryName", "message", "msg", "title", "type",
)  # fmt: skip
WHO_KEYS = (
    "userIdentity.userName", "userIdentity.arn", "userIdentity.principalId", "userIdentity.invokedBy",
    "userPrincipalName", "actor.alternateId", "actor.displayName", "actor.login", "actor",
    "initiatedBy.user.userPrincipalName",
    "protoPayload.authenticationInfo.principalEmail", "UserId", "User", "SubjectUserName", "TargetUserName",
    "user.name", "user.email", "user", "username", "account", "owner", "identity",
)  # fmt: skip
ORIGIN_KEYS = (
    "sourceIPAddress", "ipAddress", "client.ipAddress", "actor_ip", "ClientIP", "source.ip", "SourceIp", "IpAddress",
    "src_ip", "remote_ip", "source_ip", "ip", "protoPayload.requestMetadata.callerIp", "DestinationIp",
)  # fmt: skip
HOST_KEYS = ("Computer", "host.name", "hostname", "host", "deviceDetail.displayName", "WorkstationName")
RESULT_KEYS = (
    "errorCode", "outcome.result", "event.outcome", "status.failureReason", "status.errorCode", "result",
    "ResultStatus", "responseElements.ConsoleLogin", "outcome", "status",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One thing that happened."""

    at: datetime
    zoned: bool
    #: `event`, `mail`, `hop`, `text`.
    source: str
    #: Where it stands: `event 3`, `line 12 of auth.log`.
    place: str
    what: str
    who: str = ""
    origin: str = ""
    host: str = ""
    result: str = ""
    #: What it is searched by.
    text: str


def collect(inputs: Object) -> tuple[list[Entry], int]:
    """Every entry, not in order yet, and how many log events have no time that can be read."""
    ticket = inputs["ticket"]
    files = attached(inputs)
    rows = events(ticket["fields"])[:MAX_EVENTS]
    read = [_event(number, row) for number, row in enumerate(rows)]
    found = [entry for entry in read if entry is not None]
    # A form that leaves the year out means the year of what has one.
    year = found[-1].at.year if found else next(_years([ticket["title"], ticket["body"]]), None)
    for file in files:
        found += _mail(file) if file.is_mail else _lines(file, year)
    found += _text("the ticket", ticket["body"], year)
    # Fields that are a form, not an event, are no event without a time.
    a_form = rows == [ticket["fields"]]
    return found, 0 if a_form else sum(entry is None for entry in read)


def _years(texts: list[str]) -> Iterator[int]:
    for text in texts:
        yield from (moment.at.year for _, _, moment in find_moments(text[:20_000]))


def _event(number: int, row: Object) -> Entry | None:
    event = Event(row)
    moment = _when(event)
    if moment is None:
        return None
    what = event.first(*WHAT_KEYS)
    id_ = event.first("EventID")
    if id_.isdigit():
        what = f"{id_} {what}".strip()
    return Entry(
        at=moment.at,
        zoned=moment.zoned,
        source="event",
        place=f"event {number}",
        what=_line(what) or "event",
        who=_line(event.first(*WHO_KEYS)),
        origin=_line(event.first(*ORIGIN_KEYS)),
        host=_line(event.first(*HOST_KEYS)),
        result=_line(event.first(*RESULT_KEYS)),
        text=" ".join(str(value)[:MAX_LINE] for value in event.everything())[:MAX_TEXT],
    )


def _when(event: Event) -> Moment | None:
    """By the customary keys; else the earliest of the fields whose name speaks of time."""
    for key in TIME_KEYS:
        for value in event.get(key):
            if (moment := read_moment(value)) and moment.clock:
                # Sysmon's own clock is UTC, which it does not write.
                return Moment(moment.at, zoned=True, clock=True) if key == "UtcTime" else moment
    named = [value for name in event.names() if SPEAKS_OF_TIME.search(name) for value in event.get(name)]
    found = [moment for value in named if (moment := read_moment(value)) and moment.clock]
    return min(found, key=lambda moment: moment.at, default=None)


def _mail(file: Attached) -> Iterator[Entry]:
    parsed = message.parse(file.content)
    if parsed is None:
        return
    sender, subject = message.header(parsed, "from"), message.header(parsed, "subject")
    moment = _first(message.header(parsed, "date"))
    if moment is not None:
        yield Entry(
            at=moment.at, zoned=moment.zoned, source="mail", place=f"attachment {file.index}",
            what=_line(f"sent: {subject}"), who=_line(sender), text=f"{sender} {subject}",
        )  # fmt: skip
    for hop in message.headers(parsed, "received")[:30]:
        line = " ".join(str(hop).split())
        moment = _first(line.rpartition(";")[2])
        if moment is not None:
            yield Entry(
                at=moment.at, zoned=moment.zoned, source="hop", place=f"attachment {file.index}",
                what=_line("received " + line.rpartition(";")[0]), text=line[:MAX_TEXT],
            )  # fmt: skip


def _first(text: str) -> Moment | None:
    return next((moment for _, _, moment in find_moments(text[:200])), None)


def _lines(file: Attached, year: int | None) -> list[Entry]:
    if b"\0" in file.content[:4096]:
        return []
    return _text(file.name, file.content[:2_000_000].decode("utf-8", "replace"), year)


def _text(name: str, text: str, year: int | None) -> list[Entry]:
    """Lines that carry a time of day; a mere date in prose happens at no moment."""
    found = []
    for number, line in enumerate(text.splitlines()[:MAX_LINES], 1):
        moment = next((m for _, _, m in find_moments(line[:1_000], year=year) if m.clock), None)
        if moment is not None:
            place = f"line {number} of {name[:80]}"
            what = _line(line)
            found.append(
                Entry(at=moment.at, zoned=moment.zoned, source="text", place=place, what=what, text=line[:MAX_TEXT])
            )
    return found


def _line(value: Any) -> str:
    return " ".join(str(value).split())[:MAX_LINE]
