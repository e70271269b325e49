"""The journey on a real Redis and a real PostgreSQL, with workers as real processes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import update

from core.action import EffectState
from core.store.engine import Store
from core.store.schema import TicketRow
from core.store.tickets import RING_AGAIN_SECONDS
from core.ticket import TicketState
from serving.playbook import create_app
from tests.demo_cases import demo_ticket
from tests.integration.fleet import Fleet, fleet
from tests.servers import http_server, until

pytestmark = pytest.mark.integration

FINISHED = {TicketState.CLOSED, TicketState.AWAITING_APPROVAL}


class Gatekeeper:
    """An ASGI door that holds every model request until it is opened, and counts them."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._opened = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.waiting = 0

    def open(self) -> None:
        """Let everything through from now on."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._opened.set)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope.get("path", "").endswith("/chat/completions"):
            self._loop = asyncio.get_running_loop()
            self.waiting += 1
            await self._opened.wait()
        await self._app(scope, receive, send)


@pytest.fixture
def production(tmp_path: Path, redis: str, postgres_url: str, model: tuple[str, Path]) -> Iterator[tuple[Fleet, Store]]:
    """Settings of a production fleet: two settings away from the embedded one."""
    with fleet(
        tmp_path / "home",
        database_url=postgres_url,
        broker_url=redis,
        model_url=model[0],
        lease_seconds="3",
        sweep_seconds="1",
    ) as started:
        store = started.store()
        yield started, store
        store.close()


def submit(started: Fleet, ticket: dict[str, Any]) -> Any:
    """Hand a ticket in as a foreign Celery client does, and wait for the receipt."""
    with started.client() as client:
        sent = client.send_task("casemate.submit_ticket", kwargs={"ticket": ticket}, queue="casemate.intake")
        return sent.get(timeout=60)


def test_a_ticket_sent_by_a_foreign_celery_client_is_triaged_and_reported(
    production: tuple[Fleet, Store],
) -> None:
    started, store = production
    started.start("worker", "worker")
    started.start("beat", "beat")
    started.wait_until_ready(store)
    receipt = submit(started, demo_ticket("phishing", "malicious"))
    done = started.rested(store, receipt["ticket_id"])
    assert done.state in FINISHED
    assert done.verdict == "malicious"
    until(lambda: bool(list((started.home / "reports").rglob("*.json"))), seconds=30, what="the report")
    with store.read() as tx:
        effects = tx.effects.of(done.id)
        assert effects
        assert {effect.state for effect in effects} <= {EffectState.CONFIRMED}
        assert tx.audit.verify() > 0


def test_a_malformed_ticket_is_answered_with_the_field_and_stores_nothing(production: tuple[Fleet, Store]) -> None:
    started, store = production
    started.start("worker", "worker")
    started.wait_until_ready(store)
    answer = submit(started, {"source": "desk", "external_id": "X-1", "body": "no title"})
    assert answer["error"]["field"] == "title"
    with store.read() as tx:
        assert tx.tickets.counts() == {}


def test_twenty_deliveries_of_one_message_are_executed_once(production: tuple[Fleet, Store]) -> None:
    started, store = production
    started.start("worker1", "worker")
    started.start("worker2", "worker")
    started.start("beat", "beat")
    ticket = demo_ticket("identity", "malicious")
    with started.client() as client:
        sent = [
            client.send_task("casemate.submit_ticket", kwargs={"ticket": ticket}, queue="casemate.intake")
            for _ in range(20)
        ]
        receipts = [one.get(timeout=120) for one in sent]
    assert len({receipt["ticket_id"] for receipt in receipts}) == 1
    done = started.rested(store, receipts[0]["ticket_id"])
    assert done.state in FINISHED
    with store.read() as tx:
        moves = [
            e["data"]["to"] for e in tx.audit.of(done.id) if e["action"].startswith("ticket.") and "to" in e["data"]
        ]
        kept = [e for e in tx.audit.of(done.id) if e["action"] == "assessment.kept"]
        keys = [effect.idempotency_key for effect in tx.effects.of(done.id)]
    assert moves.count("investigating") == 1
    assert len(kept) == 1
    assert len(set(keys)) == len(keys)


def test_a_worker_killed_in_mid_ticket_does_not_keep_it_from_finishing(
    tmp_path: Path, redis: str, postgres_url: str
) -> None:
    door = Gatekeeper(create_app())
    with (
        http_server(door) as address,
        fleet(
            tmp_path / "home",
            database_url=postgres_url,
            broker_url=redis,
            model_url=f"{address}/v1",
            lease_seconds="2",
            sweep_seconds="1",
        ) as started,
    ):
        store = started.store()
        started.start("worker1", "worker")
        started.start("beat", "beat")
        started.wait_until_ready(store)
        receipt = submit(started, demo_ticket("endpoint", "malicious"))
        until(lambda: door.waiting > 0, seconds=60, what="the first model request")
        with store.read() as tx:
            assert tx.tickets.get(receipt["ticket_id"]).state is TicketState.INVESTIGATING
        started.kill("worker1")
        door.open()
        started.start("worker2", "worker")
        done = started.rested(store, receipt["ticket_id"])
        assert done.state in FINISHED
        assert done.verdict == "malicious"
        with store.read() as tx:
            calls = [(e.tool, str(e.arguments)) for e in tx.evidence.of(done.id)]
            assert len(set(calls)) == len(calls), "evidence of the killed run is used again, not gathered twice"
            assert tx.audit.verify() > 0
        store.close()


def let_a_ring_be_long_ago(store: Store) -> None:
    """What a minute of waiting comes to: the sweep rings again only for what it rang for that long ago."""
    long_ago = store.clock.now() - timedelta(seconds=RING_AGAIN_SECONDS)
    with store._engine.begin() as connection:
        connection.execute(update(TicketRow).where(TicketRow.rung_at.is_not(None)).values(rung_at=long_ago))


def counts(store: Store) -> int:
    with store.read() as tx:
        return sum(tx.tickets.counts().values())


def test_a_flushed_broker_loses_no_ticket(tmp_path: Path, redis: str, postgres_url: str) -> None:
    door = Gatekeeper(create_app())
    with (
        http_server(door) as address,
        fleet(
            tmp_path / "home",
            database_url=postgres_url,
            broker_url=redis,
            model_url=f"{address}/v1",
            concurrency="2",
            sweep_seconds="1",
        ) as started,
    ):
        store = started.store()
        started.start("intake", "worker", "--only", "intake")
        started.start("worker", "worker", "--only", "work")
        started.start("beat", "beat")
        started.wait_until_ready(store)
        ticket = demo_ticket("identity", "benign")
        with started.client() as client:
            for number in range(6):
                client.send_task(
                    "casemate.submit_ticket",
                    kwargs={"ticket": {**ticket, "external_id": f"F-{number}"}},
                    queue="casemate.intake",
                )
        until(lambda: counts(store) == 6, seconds=60, what="the intake of six tickets")
        until(lambda: door.waiting >= 2, seconds=60, what="two tickets at the model")
        with Redis.from_url(redis) as client:
            client.flushall()
        let_a_ring_be_long_ago(store)
        door.open()
        with store.read() as tx:
            tickets = tx.tickets.recent()
        for kept in tickets:
            assert started.rested(store, kept.id, seconds=180).state in FINISHED
        store.close()
