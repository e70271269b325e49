"""What the overview counts, the same on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from core.action import Approval, ProposalState
from core.assessment import Assessment, Severity, Verdict
from core.audit import AuditEvent
from core.clock import FixedClock
from core.decision import Decision, Outcome
from core.decision_log import DecisionEntry
from core.ids import new_id
from core.store.assessments import Run
from core.store.engine import Store
from core.store.figures import Worked
from core.ticket import TicketState
from core.vault import TokenEntry
from tests.samples import downgrade, keep, proposal, stored_ticket, walk

EVENT = AuditEvent(action="test", actor="test")


def assess(store: Store, ticket_id: str, **changes: float) -> str:
    run = Run(
        id=new_id("run"),
        ticket_id=ticket_id,
        framework="adk",
        team="phishing",
        model="m",
        bundle_hash="b",
        assessment=Assessment(verdict=Verdict.BENIGN, severity=Severity.LOW, confidence=0.9, summary="Fine."),
        note=None,
        model_requests=int(changes.get("requests", 4)),
        tokens_in=1000,
        tokens_out=100,
        seconds=changes.get("seconds", 8.0),
    )
    with store.begin() as tx:
        tx.assessments.add(run, [], EVENT)
    return run.id


def decide(store: Store, ticket_id: str, outcome: Outcome, door: str = "proposal") -> None:
    decision = Decision(outcome=outcome, rules=("r",), reason="Because.", bundle_hash="b")
    with store.begin() as tx:
        entry = DecisionEntry(
            id=new_id("dec"), ticket_id=ticket_id, proposal_id=None, door=door, tool="isolate_host",  # type: ignore[arg-type]
            facts={}, sealed=None, decision=decision, microseconds=5,
        )  # fmt: skip
        tx.decisions.add(entry)


def day(store: Store, days: int = 1) -> tuple[datetime, datetime]:
    until = store.clock.now() + timedelta(seconds=1)
    return until - timedelta(days=days), until


def test_nothing_is_counted_as_nothing(any_store: Store) -> None:
    since, until = day(any_store)
    with any_store.read() as tx:
        arrived, worked = tx.figures.arrived([since, until]), tx.figures.worked([since, until])
        waits = tx.figures.until_verdict(since, until)
        assert tx.figures.outcomes(since, until) == {}
        assert tx.figures.masked(since, until) == (0, {})
        assert tx.figures.feedback(since, until) == {"agreed": 0, "corrected": 0}
        assert tx.figures.waiting().oldest is None
    assert [(one.arrived, one.without) for one in arrived] == [(0, 0)]
    assert worked == [Worked(answers=0, seconds=0, requests=0, tokens_in=0, tokens_out=0)]
    assert worked[0].per_request is None
    assert (waits.count, waits.half, waits.most) == (0, None, None)


def test_tickets_fall_into_the_span_they_came_in(any_store: Store, clock: FixedClock) -> None:
    first = stored_ticket(any_store)
    edge = clock.now() + timedelta(hours=1)
    clock.advance(seconds=3600)
    second = stored_ticket(any_store, external_id="INC-2")
    walk(any_store, second.id, TicketState.ESCALATED)
    clock.advance(seconds=3 * 3600)
    edges = [edge - timedelta(hours=1), edge, edge + timedelta(hours=1), edge + timedelta(hours=2)]
    with any_store.read() as tx:
        spans = tx.figures.arrived(edges)
    assert [span.arrived for span in spans] == [1, 1, 0]
    assert [span.escalated for span in spans] == [0, 1, 0]
    assert spans[0].without == 1
    assert first.id != second.id


@pytest.mark.parametrize(
    ("waits", "half", "most"),
    [([5], 5, 5), (list(range(1, 21)), 10, 18), ([30, 7000, 400_000], 7000, 399_900), ([0, 0], 0, 0)],
)
def test_waits_are_told_by_their_middle_and_by_nine_of_ten(
    any_store: Store, clock: FixedClock, waits: list[int], half: float, most: float
) -> None:
    since = clock.now()
    tickets = [stored_ticket(any_store, external_id=f"INC-{number}").id for number in range(len(waits))]
    for ticket_id, seconds in zip(tickets, waits, strict=True):
        clock.advance(seconds=(since + timedelta(seconds=seconds) - clock.now()).total_seconds())
        assess(any_store, ticket_id)
    with any_store.read() as tx:
        found = tx.figures.until_verdict(since, clock.now() + timedelta(seconds=1))
        later = tx.figures.until_verdict(clock.now() + timedelta(seconds=1), clock.now() + timedelta(days=1))
    assert (found.count, found.half, found.most) == (len(waits), half, most)
    assert later.count == 0
    assert found.plus(found).count == 2 * found.count
    assert found.plus(found).half == half


def test_a_persons_answer_is_timed_from_the_question(any_store: Store, clock: FixedClock) -> None:
    ticket = stored_ticket(any_store)
    asked = keep(any_store, proposal(ticket.id, created_at=clock.now(), updated_at=clock.now()))
    clock.advance(seconds=90)
    with any_store.begin() as tx:
        tx.proposals.answer(
            Approval(
                id=new_id("apr"),
                proposal_id=asked.id,
                person="abe",
                roles=("approver",),
                approve=True,
                reason="",
                digest=asked.digest,
                created_at=clock.now(),
            ),
            EVENT,
        )
    with any_store.read() as tx:
        found = tx.figures.until_decision(*day(any_store))
        waiting = tx.figures.waiting()
    assert (found.count, found.half) == (1, 90)
    assert (waiting.count, waiting.oldest) == (1, asked.created_at)
    with any_store.begin() as tx:
        tx.proposals.move(asked, ProposalState.APPROVED, EVENT)
    with any_store.read() as tx:
        assert tx.figures.waiting().count == 0


def test_work_answers_and_words_are_counted(any_store: Store) -> None:
    ticket = stored_ticket(any_store)
    run = assess(any_store, ticket.id, requests=4, seconds=8.0)
    assess(any_store, ticket.id, requests=0, seconds=1.0)
    for outcome in (Outcome.ALLOW, Outcome.ALLOW, Outcome.DENY):
        decide(any_store, ticket.id, outcome)
    decide(any_store, ticket.id, Outcome.ALLOW, door="tool")
    for person, agrees in (("ana", True), ("ana", False), ("abe", True)):
        with any_store.begin() as tx:
            tx.feedback.add(
                ticket_id=ticket.id, assessment_id=run, person=person, verdict=Verdict.BENIGN, agrees=agrees,
                reason="", audit=EVENT,
            )  # fmt: skip
    with any_store.read() as tx:
        (worked,) = tx.figures.worked(day(any_store))
        outcomes, said = tx.figures.outcomes(*day(any_store)), tx.figures.feedback(*day(any_store))
    assert (worked.answers, worked.requests, worked.tokens_in, worked.tokens_out) == (2, 4, 2000, 200)
    assert worked.per_request == 9.0 / 4
    assert outcomes == {"allow": 2, "deny": 1}
    assert said == {"agreed": 1, "corrected": 1}


def test_hidden_values_are_counted_by_kind_and_never_read(any_store: Store) -> None:
    ticket = stored_ticket(any_store)
    entries = [
        TokenEntry(token=f"{kind}_K7Q2X{letter}", entity=kind, value=f"v{letter}", fingerprint=f"{kind}{letter}")
        for kind, letter in (("PERSON", "B"), ("PERSON", "C"), ("STAFF_ID", "D"))
    ]
    with any_store.begin() as tx:
        tx.vault.add(ticket.id, entries)
    with any_store.read() as tx:
        assert tx.figures.masked(*day(any_store)) == (1, {"PERSON": 2, "STAFF_ID": 1})


def test_an_upgrade_knows_what_answers_took_before_it(any_store: Store, clock: FixedClock) -> None:
    ticket = stored_ticket(any_store)
    clock.advance(seconds=42)
    assess(any_store, ticket.id)
    downgrade(any_store, "0007")
    any_store.migrate()
    with any_store.read() as tx:
        assert tx.figures.until_verdict(*day(any_store)).half == pytest.approx(42, abs=1)
