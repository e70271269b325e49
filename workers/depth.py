"""How much waits in the broker: what `casemate doctor` and the console's health page say of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from core.errors import Temporary
from core.settings import Settings

#: Seconds that the broker gets to answer.
ANSWER_SECONDS = 5.0
#: Seconds that it gets where a page waits for it.
PAGE_SECONDS = 1.5
#: Seconds for which an answer is good enough for a page, also that there was none.
FRESH_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Depth:
    """What the broker said; `trouble` in one sentence where it said nothing."""

    transport: str
    #: `intake` and `work` → messages that no worker has taken.
    waiting: Mapping[str, int]
    trouble: str = ""


def look(settings: Settings, *, seconds: float = ANSWER_SECONDS) -> Depth:
    """Ask the broker now.

    Raises:
        Temporary: it does not answer within about `seconds`.
    """
    from kombu.exceptions import OperationalError

    from workers.app import QUEUES, make_app  # Celery takes a while to import

    app = make_app(settings)
    options: dict[str, Any] = {} if settings.embedded_broker else {
        "socket_timeout": seconds, "socket_connect_timeout": seconds
    }  # fmt: skip
    connection = app.connection_for_read(
        connect_timeout=seconds, transport_options={**app.conf.broker_transport_options, **options}
    )
    try:
        with connection:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=seconds)
            channel = connection.default_channel
            waiting = {
                name: channel.queue_declare(queue=queue, durable=True, auto_delete=False).message_count
                for name, queue in QUEUES.items()
            }
            return Depth(transport=connection.transport.driver_type, waiting=waiting)
    except (OSError, OperationalError, *connection.connection_errors, *connection.channel_errors) as error:
        raise Temporary(f"The broker does not answer ({type(error).__name__}).") from None


class Depths:
    """Callable: what waits in the broker, asked at most every `FRESH_SECONDS` however many pages are open."""

    def __init__(self, settings: Settings, *, ticks: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._ticks = ticks
        self._asking = threading.Lock()
        self._kept: tuple[float, Depth] | None = None

    def __call__(self) -> Depth:
        kept = self._kept
        if kept is not None and self._ticks() - kept[0] < FRESH_SECONDS:
            return kept[1]
        with self._asking:
            if self._kept is not None and self._kept is not kept:  # another page has asked meanwhile
                return self._kept[1]
            found = self._ask()
            self._kept = self._ticks(), found
            return found

    def _ask(self) -> Depth:
        try:
            return look(self._settings, seconds=PAGE_SECONDS)
        except Temporary as error:
            return Depth(transport="", waiting={}, trouble=str(error))
