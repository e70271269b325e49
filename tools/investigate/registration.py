"""Registration data as registries and registrars write it, brought to one form: WHOIS texts and RDAP objects."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tools.investigate.answer import Object, clip

#: The root knows top-level domains and networks; dates in its answers are theirs.
ROOT = "whois.iana.org"
MAX_WORD = 200
MAX_LISTED = 20

_KEYS: dict[str, str] = {
    "created": r"creation date|created on|created|registered on|registration time|registration date|"
    r"domain registration date|registered|domain name commencement date|regdate|activated",
    "expires": r"registry expiry date|registrar registration expiration date|expiry date|expiration date|expires on|"
    r"expires|paid-till|renewal date|expiration time|expire date|validity",
    "updated": r"updated date|last modified|last updated on|last updated|last-update|changed|modified|updated",
    "registrar": r"registrar|sponsoring registrar|registrar name|registrar organization",
    "country": r"registrant country|country|registrant country/economy",
    "organization": r"registrant organization|orgname|org-name|organisation|organization|owner|descr|registrant",
    "network": r"netname|network name",
    "range": r"netrange|inetnum|inet6num|cidr",
    "abuse": r"registrar abuse contact email|orgabuseemail|abuse-mailbox|abuse-c email",
}
#: Every repetition is bounded: the other side writes these texts.
_LINES = {
    name: re.compile(rf"^[ \t]{{0,20}}(?:{keys})[ \t.]{{0,60}}:([^\r\n]{{1,1000}})", re.IGNORECASE | re.MULTILINE)
    for name, keys in _KEYS.items()
}
_STATUS = re.compile(
    r"^[ \t]{0,20}(?:domain status|status|eppstatus)[ \t]{0,60}:[ \t]{0,60}([A-Za-z][A-Za-z -]{1,60})",
    re.IGNORECASE | re.MULTILINE,
)
_SERVERS = re.compile(
    r"^[ \t]{0,20}(?:name server|nserver|name servers|nameserver)[ \t]{0,60}:[ \t]{0,60}([A-Za-z0-9._-]{3,253})",
    re.IGNORECASE | re.MULTILINE,
)
_ABSENT = re.compile(
    r"no match(?:ing record)?\b|not found|no data found|no entries found|status:[ \t]{0,60}(?:free|available)|"
    r"is available for|not registered|domain you requested is not known|object does not exist|no such domain|"
    r"nothing found",
    re.IGNORECASE,
)
_PRIVATE = re.compile(r"privacy|redacted|whoisguard|proxy|withheld|not disclosed|data protected", re.IGNORECASE)
_DATES = (
    (re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})"), "ymd"),
    (re.compile(r"(\d{1,2})[-/. ]([A-Za-z]{3})[A-Za-z]*[-/. ](\d{4})"), "dMy"),
    (re.compile(r"(?:[A-Za-z]{3} )?([A-Za-z]{3}) +(\d{1,2}) .*?(\d{4})"), "Mdy"),
    (re.compile(r"(\d{1,2})[./-](\d{1,2})[./-](\d{4})"), "dmy"),
    (re.compile(r"\b(\d{4})(\d{2})(\d{2})\b"), "ymd"),
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


@dataclass(kw_only=True, slots=True)
class Registration:
    """What is registered; None and empty where nobody says."""

    found: bool = False
    created: datetime | None = None
    updated: datetime | None = None
    expires: datetime | None = None
    registrar: str | None = None
    organization: str | None = None
    country: str | None = None
    network: str | None = None
    range: str | None = None
    abuse: str | None = None
    private: bool = False
    status: list[str] = field(default_factory=list)
    name_servers: list[str] = field(default_factory=list)


def from_whois(answers: Iterable[Object]) -> Registration:
    """One registration of several servers' texts: what the registry says goes before what the registrar says."""
    said = Registration()
    texts = [str(item.get("text", "")) for item in answers if item.get("server") != ROOT]
    for text in texts:
        for name, pattern in _LINES.items():
            found = next((value for value in map(str.strip, pattern.findall(text)) if value), None)
            if found is not None and getattr(said, name) is None:
                dated = name in {"created", "updated", "expires"}
                setattr(said, name, date(found) if dated else clip(found, MAX_WORD))
        said.status += [word.strip() for word in _STATUS.findall(text)]
        said.name_servers += [server.lower().rstrip(".") for server in _SERVERS.findall(text)]
    return _settled(said, absent=any(_ABSENT.search(text[:3000]) for text in texts))


def from_rdap(text: str) -> Registration | None:
    """The registration in an RDAP object (RFC 9083); None when it is none."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict) or "objectClassName" not in data:
        return None
    said = Registration()
    for event in _objects(data.get("events")):
        when, what = date(str(event.get("eventDate", ""))), event.get("eventAction")
        name = {"registration": "created", "expiration": "expires", "last changed": "updated"}.get(str(what))
        if name and when:
            setattr(said, name, when)
    for entity in _objects(data.get("entities")):
        _entity(said, entity)
    said.status = [status for status in _listed(data.get("status")) if isinstance(status, str)]
    servers = [server.get("ldhName") for server in _objects(data.get("nameservers"))]
    said.name_servers = [str(server).lower().rstrip(".") for server in servers if server]
    said.network = _word(data.get("name")) if data["objectClassName"] == "ip network" else None
    if data.get("startAddress"):
        said.range = _word(f"{data['startAddress']} - {data.get('endAddress', '')}")
    said.country = _word(data.get("country")) or said.country
    return _settled(said, absent=False)


def date(text: str) -> datetime | None:
    """The day in a date of any usual form, at midnight UTC; day before month where only numbers stand."""
    for pattern, order in _DATES:
        found = pattern.search(text[:80])
        if found is None:
            continue
        try:
            parts = dict(zip(order, found.groups(), strict=True))
            month = _MONTHS.index(parts["M"][:3].lower()) + 1 if "M" in parts else int(parts["m"])
            return datetime(int(parts["y"]), month, int(parts["d"]), tzinfo=UTC)
        except ValueError:
            continue
    return None


def _settled(said: Registration, *, absent: bool) -> Registration:
    said.found = not absent and bool(said.created or said.registrar or said.name_servers or said.network or said.range)
    said.private = bool(_PRIVATE.search(f"{said.organization or ''} {said.registrar or ''}"))
    said.status = list(dict.fromkeys(said.status))[:MAX_LISTED]
    said.name_servers = list(dict.fromkeys(said.name_servers))[:MAX_LISTED]
    return said


def _entity(said: Registration, entity: Object) -> None:
    roles, card = _listed(entity.get("roles")), entity.get("vcardArray")
    lines = card[1] if isinstance(card, list) and len(card) == 2 and isinstance(card[1], list) else []
    values = {str(line[0]): line[3] for line in lines if isinstance(line, list) and len(line) >= 4}
    name = _word(values.get("org")) or _word(values.get("fn"))
    if "registrar" in roles:
        said.registrar = said.registrar or name
    if "registrant" in roles:
        said.organization = said.organization or name
    if "abuse" in roles:
        said.abuse = said.abuse or _word(values.get("email"))
    for inner in _objects(entity.get("entities")):
        if "abuse" in _listed(inner.get("roles")):
            _entity(said, {**inner, "entities": []})


def _objects(value: Any) -> list[Object]:
    return [item for item in _listed(value) if isinstance(item, dict)]


def _listed(value: Any) -> list[Any]:
    return value[:200] if isinstance(value, list) else []


def _word(value: Any) -> str | None:
    return clip(value, MAX_WORD) if isinstance(value, str) and value.strip() else None
