"""A bundle goes live in processes that run already: worker and gateway on a real Redis and a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.action import ProposalState
from core.bundle_change import BundleChange
from core.clock import SystemClock
from core.store.engine import Store
from core.ticket import TicketState
from tests.bundles import live_of, loaded, put_live, replace_in, source, write_bundle
from tests.demo_cases import demo_ticket
from tests.integration.fleet import Fleet, fleet
from tests.integration.test_production import submit
from tests.servers import free_port, until
from tools.registry import default_registry
from workflows import activation

pytestmark = pytest.mark.integration

#: Seconds that an activation may take to reach every process.
PROMISED = 5.0
KINDS = {"worker", "gateway"}


@pytest.fixture
def running(tmp_path: Path, redis: str, postgres_url: str, model: tuple[str, Path]) -> Iterator[tuple[Fleet, Store]]:
    """A worker, a gateway and beat under the shipped bundle."""
    with fleet(
        tmp_path / "home",
        database_url=postgres_url,
        broker_url=redis,
        model_url=model[0],
        sweep_seconds="1",
        http_port=str(free_port()),
    ) as started:
        store = started.store()
        for name in ("worker", "gateway", "beat"):
            started.start(name, name)
        started.wait_until_ready(store)
        until(lambda: in_use(store) == dict.fromkeys(KINDS, loaded().hash), seconds=60, what="the first bundle")
        yield started, store
        store.close()


def processes(store: Store) -> list[dict[str, Any]]:
    with store.read() as tx:
        return tx.operations.alive(since=SystemClock().now() - timedelta(seconds=20))


def in_use(store: Store) -> dict[str, Any]:
    """The bundle of each kind of process."""
    return {process["kind"]: process["data"].get("bundle") for process in processes(store)}


def propose(store: Store, folder: Path) -> BundleChange:
    live = live_of(store, folder.parent).look()
    return activation.propose(
        store, default_registry(), live, source(folder), author="user:alice", reason="A drill.", origin="cli"
    )


def bound_to(store: Store, ticket_id: str) -> set[str]:
    """The bundles that a ticket's open questions are bound to."""
    with store.read() as tx:
        return {p.binding.bundle_hash for p in tx.proposals.of(ticket_id) if p.state is ProposalState.PENDING}


def await_everywhere(store: Store, hash_: str) -> None:
    """Wait, no longer than is promised, until every process uses a bundle."""
    until(lambda: in_use(store) == dict.fromkeys(KINDS, hash_), seconds=PROMISED, what="the new bundle everywhere")


def test_every_process_has_an_activated_bundle_and_a_rollback_within_five_seconds(
    running: tuple[Fleet, Store], tmp_path: Path
) -> None:
    started, store = running
    asked = started.rested(store, submit(started, demo_ticket("leaked_credential", "malicious"))["ticket_id"])
    assert asked.state is TicketState.AWAITING_APPROVAL
    change = propose(store, write_bundle(tmp_path / "next", "next"))
    for person in ("bob", "carol"):
        activation.answer(store, change.id, person=person, roles=["admin"], approve=True, reason="")
    await_everywhere(store, change.bundle_hash)
    until(lambda: bound_to(store, asked.id) == {change.bundle_hash}, seconds=30, what="deciding anew what waits")
    receipt = submit(started, demo_ticket("endpoint", "malicious"))
    done = started.rested(store, receipt["ticket_id"])
    assert done.state is TicketState.CLOSED
    with store.read() as tx:
        run = tx.assessments.latest(done.id)
    assert run is not None
    assert run.bundle_hash == change.bundle_hash
    activation.rollback(store, default_registry(), person="ada", roles=["admin"], reason="Enough.")
    await_everywhere(store, change.base_hash)


def test_processes_keep_the_last_good_bundle_say_so_and_go_on_working(
    running: tuple[Fleet, Store], tmp_path: Path
) -> None:
    started, store = running
    good = loaded().hash
    broken = replace_in(write_bundle(tmp_path / "broken"), "actions.yaml", "[isolate_host]", "[isolate_planet]")
    put_live(store, broken, hash_="e" * 64)

    def all_in_trouble() -> bool:
        told = [process["data"].get("policy", []) for process in processes(store)]
        return len(told) == len(KINDS) and all("isolate_planet" in str(sentences) for sentences in told)

    until(all_in_trouble, seconds=2 * PROMISED, what="the trouble of every process")
    assert in_use(store) == dict.fromkeys(KINDS, good)
    receipt = submit(started, demo_ticket("endpoint", "malicious"))
    assert started.rested(store, receipt["ticket_id"]).state is TicketState.CLOSED
    mended = put_live(store, write_bundle(tmp_path / "mended", "mended"))
    await_everywhere(store, mended.bundle_hash)
    with store.read() as tx:
        assert tx.audit.verify() > 0
