"""How much waits in the broker, as operators are told it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from kombu import Connection

from core.errors import Temporary
from core.settings import Settings
from tests.servers import free_port
from workers import broker, depth
from workers.app import SUBMIT, make_app


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    yield Settings(home=tmp_path)
    for engine, _ in broker.Channel._engines.values():
        engine.dispose()
    broker.Channel._engines.clear()


def test_what_no_worker_has_taken_is_counted_by_queue(settings: Settings) -> None:
    assert depth.look(settings) == depth.Depth(transport="sql", waiting={"intake": 0, "work": 0})
    app = make_app(settings)
    for number in range(3):
        app.send_task(SUBMIT, kwargs={"ticket": {"title": str(number)}})
    app.close()
    assert depth.look(settings).waiting == {"intake": 3, "work": 0}
    with Connection(settings.bell_url) as connection:
        message = connection.SimpleQueue("casemate.intake").get(block=False)
        assert depth.look(settings).waiting == {"intake": 2, "work": 0}
        message.ack()
    assert depth.look(settings).waiting == {"intake": 2, "work": 0}


def test_redis_says_the_same(settings: Settings, redis: str) -> None:
    shared = settings.model_copy(update={"broker_url": redis})
    assert depth.look(shared).waiting == {"intake": 0, "work": 0}
    app = make_app(shared)
    app.send_task(SUBMIT, kwargs={"ticket": {"title": "t"}})
    assert depth.look(shared).waiting == {"intake": 1, "work": 0}
    app.control.purge()
    app.close()


def test_a_broker_that_is_down_is_said_so_and_looked_for_again_a_little_later(settings: Settings) -> None:
    away = settings.model_copy(update={"broker_url": f"redis://127.0.0.1:{free_port()}/0"})
    with pytest.raises(Temporary, match="The broker does not answer"):
        depth.look(away)
    now = 0.0
    depths = depth.Depths(away, ticks=lambda: now)
    first = depths()
    assert first.trouble.startswith("The broker does not answer")
    assert depths() is first
    now = depth.FRESH_SECONDS
    assert depths() is not first
