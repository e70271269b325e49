"""Logs are events with fields, one JSON object a line. Ticket text never goes in; ids, states and rule names do.

Two kinds of lines pass through here: our own, whose fields are listed in `core.log_filter`, and those of libraries,
of which only the constant words are kept. An exception shows its type and its place, never its text or its locals.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import warnings
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

import structlog

from core.log_filter import make_record, only_listed, place

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

#: Frameworks log prompts and payloads as warnings and errors too, so even those may not pass.
SILENT = (
    "autogen_core",
    "autogen_core.events",
    "autogen_core.trace",
    "autogen_agentchat",
    "autogen_agentchat.events",
    "google_adk",
    "google.adk",
    "google_genai",
)


def configure(level: str = "info", *, stream: TextIO | None = None) -> None:
    """Set up logging for this process. `level` is for our own lines; of libraries only warnings pass."""
    number = getattr(logging, level.upper())
    output = stream or sys.stderr
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            only_listed,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=output),
        cache_logger_on_first_use=False,
    )
    logging.setLogRecordFactory(make_record)
    # A handler that fails would print the record's arguments.
    logging.raiseExceptions = False
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, Lines)]:
        root.removeHandler(handler)
    root.addHandler(Lines(output))
    root.setLevel(logging.WARNING)
    for name in SILENT:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger whose first argument is the event's name: `log.info("moved", ticket_id=…, state=…)`."""
    bound: structlog.stdlib.BoundLogger = structlog.get_logger(module=name)
    return bound


class Lines(logging.StreamHandler[TextIO]):
    """What libraries say, as JSON lines like ours."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self.setLevel(logging.WARNING)

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "event": "library",
            "logger": record.name,
            "level": record.levelname.lower(),
            "message": record.msg,
            "error": getattr(record, "casemate_error", None),
            "at": getattr(record, "casemate_at", None),
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(),
        }
        return json.dumps({key: value for key, value in line.items() if value})

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 — logging's name
        """A line that cannot be written is lost; the default would print what it holds."""


def hook_last_words() -> None:
    """For processes that stay: what Python prints by itself about an exception names its type and place only."""
    log = logger(__name__)

    def died(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            return
        log.error("process_died", error=kind.__name__, at=place(error.with_traceback(trace)))

    def thread_died(args: threading.ExceptHookArgs) -> None:
        if args.exc_type is not SystemExit and args.exc_value is not None:
            log.error("thread_died", error=args.exc_type.__name__, at=place(args.exc_value))

    def unraisable(args: UnraisableHookArgs) -> None:
        if args.exc_value is not None:
            log.error("unraisable", error=args.exc_type.__name__, at=place(args.exc_value))

    def warned(  # noqa: PLR0917 — Python calls it so
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        del message, file, line
        log.warning("python_warning", error=category.__name__, at=f"{'/'.join(filename.rsplit('/', 2)[-2:])}:{lineno}")

    sys.excepthook = died
    threading.excepthook = thread_died
    sys.unraisablehook = unraisable
    warnings.showwarning = warned
