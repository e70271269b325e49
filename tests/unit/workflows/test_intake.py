"""Intake: once, whole, and the newest version only."""

from __future__ import annotations

import threading

import pytest

from core.action import ProposalState
from core.errors import InvalidTicket, TicketConflict
from core.settings import FrameworkChoice
from core.store.engine import Store
from core.ticket import TicketState
from tests.samples import keep, proposal, ticket_json
from workflows import intake


def submit(store: Store, rung: list[str], **changes: object) -> intake.Receipt:
    return intake.submit(store, ticket_json(**changes), actor="test", ring=rung.append)


def test_the_same_ticket_gives_the_same_answer_and_rings_once(any_store: Store) -> None:
    rung: list[str] = []
    first = submit(any_store, rung)
    again = submit(any_store, rung)
    assert first.as_json() == again.as_json()
    assert (first.replayed, again.replayed) == (False, True)
    assert rung == [first.ticket_id]


def test_twenty_deliveries_at_once_store_one_ticket(any_store: Store) -> None:
    rung: list[str] = []
    answers: list[str] = []
    barrier = threading.Barrier(20)

    def deliver() -> None:
        barrier.wait()
        answers.append(submit(any_store, rung).ticket_id)

    threads = [threading.Thread(target=deliver) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 20
    assert len(set(answers)) == 1
    with any_store.read() as tx:
        assert tx.tickets.counts() == {"received": 1}


def test_the_same_version_with_other_content_is_refused_and_says_to_raise_the_version(store: Store) -> None:
    rung: list[str] = []
    submit(store, rung)
    with pytest.raises(TicketConflict, match="higher version"):
        submit(store, rung, body="Something else.")
    with store.read() as tx:
        assert tx.tickets.counts() == {"received": 1}


def test_a_malformed_ticket_stores_nothing_and_rings_for_nobody(store: Store) -> None:
    rung: list[str] = []
    with pytest.raises(InvalidTicket):
        submit(store, rung, title="")
    with store.read() as tx:
        assert tx.tickets.counts() == {}
        assert tx.audit.verify() == 0
    assert rung == []


def test_a_newer_version_supersedes_the_running_one_and_voids_its_approvals(any_store: Store) -> None:
    rung: list[str] = []
    old = submit(any_store, rung)
    waiting = keep(any_store, proposal(old.ticket_id))
    with any_store.begin() as tx:
        tx.outbox.add(ticket_id=old.ticket_id, kind="report.interim", destination="file", payload={})
    new = submit(any_store, rung, version=2, body="Now with more detail.")
    with any_store.read() as tx:
        gone = tx.tickets.get(old.ticket_id)
        assert (gone.state, gone.superseded_by) == (TicketState.SUPERSEDED, new.ticket_id)
        assert tx.proposals.get(waiting.id).state is ProposalState.SUPERSEDED
        assert tx.outbox.pending(old.ticket_id) == 0
        assert tx.tickets.get(new.ticket_id).state is TicketState.RECEIVED


def test_a_version_that_arrives_late_is_kept_but_never_worked_on(any_store: Store) -> None:
    rung: list[str] = []
    new = submit(any_store, rung, version=3)
    late = submit(any_store, rung, version=2, body="Older text.")
    with any_store.read() as tx:
        stored = tx.tickets.get(late.ticket_id)
        assert (stored.state, stored.superseded_by) == (TicketState.SUPERSEDED, new.ticket_id)
        assert tx.tickets.get(new.ticket_id).state is TicketState.RECEIVED


def test_versions_that_arrive_at_once_leave_exactly_the_newest(any_store: Store) -> None:
    barrier = threading.Barrier(6)

    def deliver(version: int) -> None:
        barrier.wait()
        submit(any_store, [], version=version, body=f"v{version}")

    threads = [threading.Thread(target=deliver, args=(version,)) for version in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with any_store.read() as tx:
        versions = tx.tickets.versions("desk", "INC-1")
    assert [v.version for v in versions if v.state is TicketState.RECEIVED] == [6]
    assert [v.version for v in versions if v.state is TicketState.SUPERSEDED] == [1, 2, 3, 4, 5]


def test_alternating_gives_each_framework_every_other_ticket(store: Store) -> None:
    frameworks = []
    for number in range(6):
        receipt = intake.submit(
            store,
            ticket_json(external_id=f"INC-{number}"),
            actor="test",
            ring=lambda _: None,
            framework=FrameworkChoice.ALTERNATE,
        )
        with store.read() as tx:
            frameworks.append(tx.tickets.get(receipt.ticket_id).framework)
    assert frameworks.count("autogen") == frameworks.count("adk") == 3
    assert frameworks[0] != frameworks[1]
