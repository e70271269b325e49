"""Logs are events with fields, one JSON object a line. Ticket text never goes in; ids, states and rule names do."""

from __future__ import annotations

import logging
import sys
from typing import TextIO

import structlog


def configure(level: str = "info", *, stream: TextIO | None = None) -> None:
    """Set up logging for this process. Exceptions are logged by type only: their text may quote a ticket."""
    number = getattr(logging, level.upper())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=stream or sys.stderr),
        cache_logger_on_first_use=False,
    )
    # Frameworks log prompts and payloads; only their warnings may pass.
    logging.basicConfig(level=logging.WARNING, stream=stream or sys.stderr, format="%(levelname)s %(name)s %(message)s")
    for name in ("autogen_core", "autogen_core.events", "autogen_core.trace", "autogen_agentchat", "google_adk"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger whose first argument is the event's name: `log.info("moved", ticket_id=…, state=…)`."""
    bound: structlog.stdlib.BoundLogger = structlog.get_logger(module=name)
    return bound
