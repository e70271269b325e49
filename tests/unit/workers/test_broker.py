"""The embedded broker keeps what a dead worker held, and hands each message to one consumer."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from kombu import Connection

from workers import broker


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    address = f"sqla+sqlite:///{tmp_path / 'broker.db'}"
    broker.install(address)
    yield address
    for engine, _ in broker.Channel._engines.values():
        engine.dispose()
    broker.Channel._engines.clear()


def fetch(connection: Connection) -> Any:
    queue = connection.SimpleQueue("casemate.intake", serializer="json")
    return queue.get(block=False)


def rows(url: str) -> list[tuple[int]]:
    with sqlite3.connect(url.removeprefix("sqla+sqlite:///")) as database:
        return database.execute("SELECT visible FROM kombu_message").fetchall()


def age(url: str, *, seconds: int) -> None:
    """Make what is hidden look hidden for longer."""
    with sqlite3.connect(url.removeprefix("sqla+sqlite:///")) as database:
        database.execute(
            "UPDATE kombu_message SET timestamp = datetime(timestamp, ?) WHERE visible = 0", (f"-{seconds} seconds",)
        )


def put(url: str, body: object) -> None:
    with Connection(url) as connection:
        queue = connection.SimpleQueue("casemate.intake", serializer="json")
        queue.put(body)
        queue.close()


def test_an_acknowledged_message_is_gone_and_leaves_no_row(url: str) -> None:
    put(url, {"n": 1})
    with Connection(url) as connection:
        message = fetch(connection)
        assert message.payload == {"n": 1}
        assert rows(url) == [(0,)]
        message.ack()
    assert rows(url) == []


def test_a_message_that_a_killed_process_held_comes_back(url: str) -> None:
    put(url, {"n": 1})
    script = f"""
import os, signal
from kombu import Connection
from workers import broker
broker.install({url!r})
connection = Connection({url!r})
assert connection.SimpleQueue("casemate.intake").get(block=False).payload == {{"n": 1}}
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9
    with Connection(url) as connection, pytest.raises(Empty):
        fetch(connection)
    age(url, seconds=broker.VISIBILITY_SECONDS + 1)
    with Connection(url) as connection:
        assert fetch(connection).payload == {"n": 1}


def test_a_rejected_message_is_there_again_at_once(url: str) -> None:
    put(url, {"n": 1})
    with Connection(url) as connection:
        fetch(connection).requeue()
        again = fetch(connection)
        assert again.payload == {"n": 1}
        again.reject()
    assert rows(url) == []


def test_many_consumers_never_get_the_same_message(url: str) -> None:
    for number in range(30):
        put(url, {"n": number})
    got: list[int] = []

    def consume() -> None:
        with Connection(url) as connection:
            while True:
                try:
                    message = fetch(connection)
                except Empty:
                    return
                got.append(message.payload["n"])
                message.ack()

    threads = [threading.Thread(target=consume) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == list(range(30))


def test_a_plain_kombu_sender_needs_nothing_of_ours(url: str) -> None:
    script = f"""
from celery import Celery
app = Celery(broker={url!r})
app.send_task("casemate.submit_ticket", kwargs={{"ticket": {{"title": "t"}}}}, queue="casemate.intake")
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=True)
    with Connection(url) as connection:
        message = fetch(connection)
        assert message.headers["task"] == "casemate.submit_ticket"
        assert message.payload[1] == {"ticket": {"title": "t"}}
        message.ack()


def test_what_was_acknowledged_is_gone_from_the_files_too(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "RESTORE_EVERY_SECONDS", 0)
    words = "Wilhelmina Quarterstaff "  # 24 letters: the same base64 again and again, as kombu writes bodies
    put(url, {"ticket": words * 2000})
    folder = Path(url.removeprefix("sqla+sqlite:///")).parent

    def stays() -> bool:
        return any(b64encode(words.encode()) in path.read_bytes() for path in folder.glob("broker.db*"))

    with Connection(url) as connection:
        message = fetch(connection)
        # Kombu keeps one engine a URL for as long as the process lives; other tests leave theirs.
        engine, _ = broker.Channel._engines[connection.hostname]
        with engine.connect() as database:
            assert database.exec_driver_sql("PRAGMA secure_delete").scalar() == 1
        assert stays()
        message.ack()
        with pytest.raises(Empty):
            fetch(connection)
        assert not stays()
