"""The embedded broker: kombu's SQLAlchemy transport, made at-least-once.

Clients hand tickets in as they are, so what is acknowledged is overwritten in the file, not only forgotten.

Kombu's own hides a message the moment it is fetched and never shows it again, so a killed worker loses what it
held. Here a message stays in the table until it is acknowledged, and one that nobody acknowledged in time is
shown again. Senders need no special client: the tables and the URL (`sqla+sqlite://`) are kombu's.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import TRANSPORT_ALIASES
from kombu.transport import sqlalchemy as kombu_sqlalchemy

from core.errors import Temporary

#: Seconds after which an unacknowledged message is shown again. Handing in a ticket takes milliseconds.
VISIBILITY_SECONDS = 60
#: Seconds between two looks of a worker at its queues.
POLL_SECONDS = 0.1
#: Seconds between two looks for abandoned messages.
RESTORE_EVERY_SECONDS = 5


class Overwriting(sqlite3.Connection):
    """A connection under which a deleted row leaves nothing in the file."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.execute("PRAGMA secure_delete=ON")


class Channel(kombu_sqlalchemy.Channel):  # type: ignore[misc]  # kombu is untyped
    """Fetch by hiding, delete on acknowledgement, show again what was abandoned."""

    def __init__(self, connection: Any, **kwargs: Any) -> None:
        super().__init__(connection, **kwargs)
        self._rows: dict[str, int] = {}
        self._next_restore = 0.0
        self._deleted = False
        self._guard = threading.Lock()

    def _get(self, queue: str) -> dict[str, Any]:
        self._restore_abandoned()
        obj = self._get_or_create(queue)
        self.session.commit()
        with self._own_session() as session:
            row = self._hide_next(session, obj.id)
        if row is None:
            raise Empty
        row_id, payload = row
        message: dict[str, Any] = json.loads(payload)
        with self._guard:
            self._rows[message["properties"]["delivery_tag"]] = row_id
        return message

    def _hide_next(self, session: Any, queue_id: int) -> tuple[int, str] | None:
        """Claim the oldest visible message by conditional update, so that two workers never hold the same."""
        table = self.message_cls
        while True:
            found = (
                session.query(table.id, table.payload)
                .filter(table.queue_id == queue_id, table.visible.is_(True))
                .order_by(table.id)
                .first()
            )
            if found is None:
                return None
            claimed = (
                session.query(table)
                .filter(table.id == found.id, table.visible.is_(True))
                .update({"visible": False, "sent_at": datetime.now()}, synchronize_session=False)  # noqa: DTZ005 — kombu's column is naive local time
            )
            session.commit()
            if claimed:
                return found.id, found.payload

    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:
        super().basic_ack(delivery_tag, multiple)
        with self._guard:
            row_id = self._rows.pop(delivery_tag, None)
        if row_id is not None:
            with self._own_session() as session:
                session.query(self.message_cls).filter(self.message_cls.id == row_id).delete()
                session.commit()
            self._deleted = True

    def basic_reject(self, delivery_tag: str, requeue: bool = False) -> None:
        with self._guard:
            row_id = self._rows.pop(delivery_tag, None)
        self.qos.ack(delivery_tag)
        if row_id is None:
            return
        with self._own_session() as session:
            rows = session.query(self.message_cls).filter(self.message_cls.id == row_id)
            if requeue:
                rows.update({"visible": True}, synchronize_session=False)
            else:
                rows.delete()
            session.commit()

    def _size(self, queue: str) -> int:
        """Messages that wait to be fetched."""
        waiting = self._query_all(queue).filter(self.message_cls.visible.is_(True)).count()
        self.session.rollback()  # a reader of its own time would hold the log back
        return int(waiting)

    def close(self) -> None:
        super().close()
        if self._session is not None:
            self._session.close()

    def _restore(self, message: Any) -> None:
        self.basic_reject(message.delivery_tag, requeue=True)

    def _restore_abandoned(self) -> None:
        if time.monotonic() < self._next_restore:
            return
        self._next_restore = time.monotonic() + RESTORE_EVERY_SECONDS
        before = datetime.now() - timedelta(seconds=VISIBILITY_SECONDS)  # noqa: DTZ005 — as above
        with self._guard:
            held = list(self._rows.values())
        self._forget_deleted()
        with self._own_session() as session:
            abandoned = session.query(self.message_cls).filter(
                self.message_cls.visible.is_(False),
                self.message_cls.sent_at < before,
                self.message_cls.id.not_in(held),
            )
            if abandoned.count():
                abandoned.update({"visible": True}, synchronize_session=False)
            session.commit()

    def _forget_deleted(self) -> None:
        """Empty the write-ahead log, which still holds what was acknowledged; if it is in use, at the next look."""
        if not self._deleted:
            return
        self._deleted = False
        self.session.rollback()  # a reader of its own time would hold the log back
        engine, _ = self._open()
        with engine.connect() as connection:
            busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar()
        if busy:
            self._deleted = True

    def _engine_from_config(self) -> Any:
        client = self.connection.client
        arguments = {**client.transport_options.get("connect_args", {}), "factory": Overwriting}
        client.transport_options = {**client.transport_options, "connect_args": arguments}
        return super()._engine_from_config()

    def _own_session(self) -> Any:
        """A session of its own: acknowledgements come from other threads than the consumer's."""
        _, make_session = self._open()
        return make_session()


class Transport(kombu_sqlalchemy.Transport):  # type: ignore[misc]  # kombu is untyped
    """Kombu's transport with the channel above."""

    Channel = Channel
    # Kombu would hand a `polling_interval` of the transport options on to SQLAlchemy, which refuses it.
    polling_interval = POLL_SECONDS


def install(url: str) -> None:
    """Use the transport above for `sqla+…` URLs in this process, and prepare the SQLite file behind `url`.

    Raises:
        Temporary: the file cannot be opened for writing.
    """
    for alias in ("sqla", "sqlalchemy"):
        TRANSPORT_ALIASES[alias] = "workers.broker:Transport"
    path = Path(url.removeprefix("sqla+sqlite:///"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with closing(sqlite3.connect(path, timeout=30)) as connection:
            # Kept in the file: readers and writers stop blocking each other.
            connection.execute("PRAGMA journal_mode=WAL")
    except (OSError, sqlite3.OperationalError):
        raise Temporary(f"The broker file {path} cannot be opened: check that you may write there.") from None
