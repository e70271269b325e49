"""After real processes have worked a ticket full of personal data, none of it stands in any file they wrote."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.leaks import originals
from core.store.engine import Store
from tests.demo_cases import named
from tests.integration.fleet import Fleet, fleet
from tests.servers import until
from workflows import intake

pytestmark = pytest.mark.integration

#: What may hold originals: reports for their permitted reader, and the estate that actions change.
MAY_HOLD = {"reports", "lab.db"}


@pytest.fixture
def embedded(tmp_path: Path, model: tuple[str, Path]) -> Iterator[tuple[Fleet, Store]]:
    """An embedded fleet: SQLite for everything, logs at their most talkative."""
    home = tmp_path / "home"
    with fleet(
        home,
        database_url=f"sqlite:///{home / 'casemate.db'}",
        broker_url=f"sqla+sqlite:///{home / 'broker.db'}",
        model_url=model[0],
        sweep_seconds="1",
        log_level="debug",
    ) as started:
        store = started.store()
        yield started, store
        store.close()


def test_no_log_no_queue_and_no_table_holds_an_original(embedded: tuple[Fleet, Store]) -> None:
    started, store = embedded
    started.start("worker", "worker")
    started.start("beat", "beat")
    started.wait_until_ready(store)
    ids = [
        intake.submit(store, named(name), actor="test", ring=lambda _: None).ticket_id
        for name in ("customer-data", "endpoint-implant", "phishing-lure", "secret-live")
    ]
    for ticket_id in ids:
        assert started.rested(store, ticket_id).verdict is not None
    until(lambda: len(list((started.home / "reports").rglob("*.json"))) >= len(ids), seconds=60, what="the reports")
    hidden = {value for value in originals(store) if len(value) >= 6}
    assert len(hidden) > 20
    files = [
        path
        for path in started.home.rglob("*")
        if path.is_file() and not MAY_HOLD & {part.split("-")[0] for part in path.relative_to(started.home).parts}
    ]
    assert {"worker.log", "casemate.db", "broker.db"} <= {path.name for path in files}
    found = {
        (path.name, value)
        for path in files
        for text in [path.read_bytes().decode("utf-8", "replace").casefold()]
        for value in hidden
        if value.casefold() in text
    }
    assert found == set()
    reports = "".join(path.read_text() for path in (started.home / "reports").rglob("*.json"))
    assert any(value in reports for value in hidden), "the search finds originals where they may stand"
