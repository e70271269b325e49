"""What the tasks answer and log when a hand-in is wrong, or when casemate itself is."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery

from core.clock import SystemClock
from core.settings import Settings
from core.store.engine import Store
from workers.app import SUBMIT
from workers.tasks import IntakeBroke, register
from workers.wiring import open_services
from workflows.services import Services

CANARY = "Wilhelmina Quarterstaff"


@pytest.fixture
def services(store: Store, tmp_path: Path) -> Iterator[Services]:
    made = open_services(Settings(home=tmp_path / "home"), ring=lambda _ticket_id: None, store=store)
    yield made
    made.close()


def submit(services: Services, **kwargs: Any) -> Any:
    """The answer a client gets, without a broker in between."""
    app = Celery("test", set_as_current=False)
    app.conf.task_always_eager = True
    app.conf.task_store_eager_result = True
    app.conf.result_backend = "cache+memory://"
    register(app, services)
    return app.tasks[SUBMIT].apply(kwargs=kwargs)


@pytest.mark.parametrize("kwargs", [{CANARY: 1}, {"ticket": {CANARY: 1}}, {"ticket": CANARY}, {"ticket": [CANARY]}])
def test_a_refusal_does_not_repeat_what_was_sent(services: Services, kwargs: dict[str, Any]) -> None:
    answer = submit(services, **kwargs).get()
    assert set(answer["error"]) == {"field", "reason", "detail"}
    assert CANARY not in str(answer)


def test_a_bug_names_its_type_and_nothing_of_the_ticket(services: Services) -> None:
    class Odd(Store):
        def read(self) -> Any:
            name = CANARY
            raise KeyError(f"no row for {name}")

    broken = dataclasses.replace(
        services,
        store=Odd(services.store._engine, clock=SystemClock(), keyring=services.store.keyring),
    )
    answer = submit(broken, ticket={"source": "s", "external_id": "1", "title": CANARY, "body": CANARY})
    assert isinstance(answer.result, IntakeBroke)
    assert str(answer.result) == "KeyError"
    assert "Quarterstaff" not in str(answer.traceback)
