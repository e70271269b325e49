"""Points in time as logs, mails and people write them, read into aware datetimes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

MONTHS = {name: number for number, name in enumerate(
    ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1)}  # fmt: skip
#: Hours from UTC of zone names that mean one thing only (CST and IST do not).
ZONES = {"z": 0.0, "utc": 0.0, "gmt": 0.0, "wet": 0.0, "bst": 1.0, "cet": 1.0, "west": 1.0, "cest": 2.0, "eet": 2.0,
         "eest": 3.0, "msk": 3.0, "jst": 9.0, "aest": 10.0, "aedt": 11.0, "nzst": 12.0, "nzdt": 13.0, "est": -5.0,
         "edt": -4.0, "cdt": -5.0, "mst": -7.0, "mdt": -6.0, "pst": -8.0, "pdt": -7.0}  # fmt: skip
_CLOCK = r"(?P<h>\d{1,2}):(?P<min>\d{2})(?::(?P<s>\d{2})(?:[.,](?P<f>\d{1,9}))?)?(?:\s?(?P<ap>[AaPp])\.?[Mm]\.?)?"
_FRACTION = r"(?:[.,](?P<f>\d{1,9}))?"
_ZONE = (
    r"(?:\s?(?P<z>[+-]\d{2}:?\d{2}|[+-]\d{2}(?!\d)|Z\b|\(?(?:UTC|GMT)[+-]\d{1,2}(?::\d{2})?\)?"
    r"|\b(?i:utc|gmt|west|wet|bst|cest|cet|eest|eet|msk|jst|aest|aedt|nzst|nzdt|est|edt|cdt|mst|mdt|pst|pdt)\b))?"
)
_MONTH = r"(?P<mon>(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))[a-z]{0,6}\.?"
_DAY = r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6},?\s{1,2})?"
#: Each form, the surest first: a text is read by the first that fits where it stands.
FORMS = tuple(re.compile(form) for form in (
    rf"(?<!\d)(?P<y>\d{{4}})[-/.](?P<m>\d{{1,2}})[-/.](?P<d>\d{{1,2}})(?:[T\s_]{{1,2}}{_CLOCK}{_ZONE})?(?!\d)",
    rf"(?<!\d)(?P<y>\d{{4}})(?P<m>\d{{2}})(?P<d>\d{{2}})T(?P<h>\d{{2}})(?P<min>\d{{2}})(?P<s>\d{{2}}){_FRACTION}{_ZONE}(?!\d)",
    rf"{_DAY}(?<!\d)(?P<d>\d{{1,2}})[\s/-]{_MONTH},?[\s/:-](?P<y>\d{{4}})(?:(?::|,?\s{{1,2}}(?:at\s)?){_CLOCK}{_ZONE})?",
    rf"{_DAY}\b{_MONTH}\s{{1,2}}(?P<d>\d{{1,2}})(?:st|nd|rd|th)?,?\s(?P<y>\d{{4}}),?(?:\s(?:at\s)?{_CLOCK}{_ZONE})?",
    rf"{_DAY}\b{_MONTH}\s{{1,2}}(?P<d>\d{{1,2}})\s{_CLOCK}(?:{_ZONE}\s(?P<y>\d{{4}})\b)?",
    rf"(?<![\d.])(?P<d>\d{{1,2}})\.(?P<m>\d{{1,2}})\.(?P<y>\d{{4}})(?:,?\s{_CLOCK}{_ZONE})?(?![\d.])",
    rf"(?<![\d/])(?P<m>\d{{1,2}})/(?P<d>\d{{1,2}})/(?P<y>\d{{4}})(?:,?\s{_CLOCK}{_ZONE})?(?![\d/])",
))  # fmt: skip
EPOCH = re.compile(r"(?:/Date\()?(-?\d{9,19})(?:\.(\d{1,9}))?(?:[+-]\d{4})?(?:\)/)?")
#: A text longer than this is prose, in which a time is looked for but which is none.
MAX_TEXT = 64
#: Years in which logs are written; a number that gives another is no time.
FIRST, LAST = datetime(1995, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
FILETIME_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time as it was written."""

    at: datetime
    #: Its zone was written with it; otherwise it is taken as UTC.
    zoned: bool
    #: A time of day was written with it.
    clock: bool


def read_time(value: Any, *, year: int | None = None) -> datetime | None:
    """The time that a value is, or None when it is something else."""
    moment = read_moment(value, year=year)
    return moment.at if moment else None


def read_moment(value: Any, *, year: int | None = None) -> Moment | None:
    """As `read_time`. `year` is for forms that leave it out, such as syslog's."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return _number(value)
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        return None
    text = value.strip().strip("[]\"'")
    if epoch := EPOCH.fullmatch(text):
        return _number(int(epoch.group(1)), text=True)
    return next((m for start, end, m in find_moments(text, year=year) if start == 0 and end >= len(text) - 6), None)


def find_moments(text: str, *, year: int | None = None) -> Iterator[tuple[int, int, Moment]]:
    """Times inside a text, in order: where each begins and ends, and what it says."""
    taken = 0
    found = sorted(
        ((m.start(), rank, m) for rank, form in enumerate(FORMS) for m in form.finditer(text)), key=lambda f: f[:2]
    )
    for start, _, match in found:
        if start >= taken and (moment := _moment(match, year)):
            taken = match.end()
            yield start, match.end(), moment


def _moment(match: re.Match[str], year: int | None) -> Moment | None:
    part = {name: text or "" for name, text in match.groupdict().items()}
    written = part.get("y") or year
    if written is None:
        return None
    name = part.get("mon", "").lower()
    month = MONTHS[name] if name else int(part["m"])
    day, hour = int(part["d"]), int(part["h"] or 0)
    if month > 12 and match.re is FORMS[-1]:
        month, day = day, month  # 25/12/2026: only one of the two can be the month
    if part.get("ap"):
        hour = hour % 12 + (12 if part["ap"].lower() == "p" else 0)
    zone = _zone(part["z"])
    try:
        micro = int((part["f"] or "0").ljust(6, "0")[:6])
        at = datetime(int(written), month, day, hour, int(part["min"] or 0), int(part["s"] or 0), micro, zone or UTC)
    except (ValueError, OverflowError):
        return None
    return Moment(at, zone is not None, bool(part["h"])) if FIRST <= at < LAST else None


def _zone(text: str) -> timezone | None:
    if not text:
        return None
    word = text.strip("()").lower()
    if word in ZONES:
        return timezone(timedelta(hours=ZONES[word]))
    offset = re.fullmatch(r"(?:utc|gmt)?([+-])(\d{1,2}):?(\d{2})?", word)
    if offset is None or int(offset.group(2)) > 14:
        return None
    minutes = int(offset.group(2)) * 60 + int(offset.group(3) or 0)
    return timezone(timedelta(minutes=-minutes if offset.group(1) == "-" else minutes))


def _number(value: float, *, text: bool = False) -> Moment | None:
    """Seconds, milliseconds, microseconds or nanoseconds since 1970, or Windows' ticks since 1601, by size."""
    whole = abs(value)
    if text and whole < 1e9:
        return None
    try:
        for scale, lowest, highest in ((1, 8e8, 4.2e9), (1e3, 8e11, 4.2e12), (1e6, 8e14, 4.2e15), (1e9, 8e17, 4.2e18)):
            if lowest <= whole < highest:
                return _between(datetime.fromtimestamp(value / scale, UTC))
        if 1.2e17 <= whole < 1.7e17:
            return _between(FILETIME_EPOCH + timedelta(microseconds=value // 10))
    except (ValueError, OverflowError, OSError):
        return None
    return None


def _between(at: datetime) -> Moment | None:
    return Moment(at, zoned=True, clock=True) if FIRST <= at < LAST else None
