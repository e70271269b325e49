"""What a log may say: ids, states, numbers and words of our own. Whatever else comes along is named by its type only.

Ticket text reaches logs by accident: in the text of an exception, in an argument of a library's message, in a field
that somebody added in a hurry. So nothing is searched for; what is not on a list is left out.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from types import FrameType, TracebackType
from typing import Any

#: Characters of the longest sentence that is logged.
MAX_SENTENCE = 300
#: Integers from here on may be numbers of somebody: a card, a telephone, an account.
MAX_NUMBER = 10_000_000

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,79}")
_PATH = re.compile(r"[a-z_]{1,40}(?:\[\d{1,4}\])?(?:\.[a-z_0-9]{1,40}(?:\[\d{1,4}\])?){0,3}")
_ID = re.compile(r"[a-z]{3}_[0-9a-z]{26}")
_OWNER = re.compile(r"[A-Za-z0-9._-]{1,255}:\d{1,10}")
_PLACE = re.compile(r"[A-Za-z0-9_./<> -]{1,120}:\d{1,7}")
_HASH = re.compile(r"[0-9a-f]{64}")
_NUMBER = re.compile(r"-?\d{1,7}(?:\.\d+)?(?:e-?\d{1,3})?|True|False|None")
_SENTENCE = re.compile(r".+", re.DOTALL)

#: Every field that a log line of ours may carry, and what its value looks like.
FIELDS: dict[str, re.Pattern[str]] = {
    "event": _NAME,
    "module": _NAME,
    "error": _NAME,
    "at": _PLACE,
    "ticket_id": _ID,
    "owner": _OWNER,
    "tool": _NAME,
    "state": _NAME,
    "before": _NAME,
    "after": _NAME,
    "part": _NAME,
    "door": _NAME,
    "chore": _NAME,
    "probe": _NAME,
    "bundle": _HASH,
    "setting": _NAME,
    "field": _PATH,
    "seconds": _NUMBER,
    "attempt": _NUMBER,
    "delivery": _NUMBER,
    "concurrency": _NUMBER,
    "given_up": _NUMBER,
    # Sentences of our own errors; none quotes a ticket, and known forms are taken out all the same.
    "trouble": _SENTENCE,
    "consequence": _SENTENCE,
}

#: Values of known forms, for sentences. Addresses in a URL are ours: they come from the settings.
_FORMS = re.compile(
    r"(?P<login>(?<=://)[^\s/@]{1,200}@)"
    r"|[^\s@<>\"'()]{1,64}@[A-Za-z0-9.-]{1,253}"
    r"|(?<!://)(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])"
    r"|(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}"
    r"|\+?\d(?:[ ()./-]{0,2}\d){6,}"
    r"|\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{2,4}){3,8}\b"
    r"|(?<![/\w])(?=[A-Za-z0-9+_-]*\d)(?=[A-Za-z0-9+_-]*[A-Za-z])[A-Za-z0-9+_-]{20,}={0,2}"
)


def scrub(text: str) -> str:
    """A sentence on one line, without values of known forms (mail addresses, long numbers, keys), and not too long."""

    def hide(match: re.Match[str]) -> str:
        if match.group("login"):
            return ""
        return match.group() if _ID.fullmatch(match.group()) else "<hidden>"

    return _FORMS.sub(hide, " ".join(text[: 4 * MAX_SENTENCE].split()))[:MAX_SENTENCE]


def place(error: BaseException) -> str:
    """File and line of the innermost frame: enough to find a bug, and no ticket text."""
    return _place_of(error.__traceback__)


def only_listed(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The last structlog processor but time and JSON: fields that are not listed show their type alone."""
    error = _error_of(event.pop("exc_info", None))
    event.pop("stack_info", None)
    if error is not None:
        event.setdefault("error", error)
        event.setdefault("at", place(error))
    return {key if _NAME.fullmatch(key) else "unnamed": _shown(key, value) for key, value in event.items()}


def _shown(key: str, value: object) -> object:
    form = FIELDS.get(key)
    if isinstance(value, BaseException):
        return type(value).__name__
    if form is None or not isinstance(value, str | int | float | None):
        return f"<{type(value).__name__}>"
    if not form.fullmatch(str(value)):
        return f"<{type(value).__name__}>"
    return scrub(value) if form is _SENTENCE and isinstance(value, str) else value


def make_record(*args: Any, **kwargs: Any) -> logging.LogRecord:
    """A record of the standard library's logging, emptied of all that a library put into it.

    Made here and not in a formatter, so that it holds for every handler, also one that a library adds by itself.
    """
    record = logging.LogRecord(*args, **kwargs)
    error = _error_of(record.exc_info)
    record.msg = _message(record)
    record.args = ()
    record.exc_info = record.exc_text = record.stack_info = None
    record.casemate_error = type(error).__name__ if error is not None else None
    record.casemate_at = place(error) if error is not None else _spot(record.pathname, record.lineno)
    return record


def _message(record: logging.LogRecord) -> str:
    """The library's own words, where they are a constant of its code, with numbers and types filled in."""
    if not isinstance(record.msg, str):
        return f"<{type(record.msg).__name__}>"
    template = record.msg
    if not _is_constant(template, record):
        return ""
    given = record.args
    try:
        if isinstance(given, dict):
            return scrub(template % {key: _argument(value) for key, value in given.items()})
        return scrub(template % tuple(map(_argument, given))) if given else scrub(template)
    except (TypeError, ValueError, KeyError):
        return scrub(template)


def _argument(value: object) -> object:
    if value is None or isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < MAX_NUMBER):
        return value
    return f"<{type(value).__name__}>"


def _is_constant(text: str, record: logging.LogRecord) -> bool:
    """Whether a text stands in the code that logs it; one that was put together there may hold anything."""
    frame: FrameType | None = sys._getframe()  # noqa: SLF001 — the only way to the caller's code
    while frame is not None:
        if frame.f_code.co_filename == record.pathname and frame.f_code.co_name == record.funcName:
            return text in frame.f_code.co_consts or any(v is text for v in list(frame.f_globals.values()))
        frame = frame.f_back
    return False


def _error_of(exc_info: object) -> BaseException | None:
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        return exc_info[1] if len(exc_info) == 3 else None
    return sys.exc_info()[1] if exc_info else None


def _place_of(trace: TracebackType | None) -> str:
    spot = "nowhere:0"
    while trace is not None:
        spot = _spot(trace.tb_frame.f_code.co_filename, trace.tb_lineno)
        trace = trace.tb_next
    return spot


def _spot(path: str, line: int) -> str:
    return f"{'/'.join(path.rsplit('/', 2)[-2:])}:{line}"
