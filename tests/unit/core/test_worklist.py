"""Lists of cases and questions: the same on both databases, and no query of theirs reads every ticket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, text

from core.clock import FixedClock
from core.store import worklist
from core.store.engine import Store
from core.ticket import MaskedTicket, TicketState
from core.worklist import GROUPS, MAX_HEADLINE, Cases, Filters, Group, headline
from tests.samples import held, keep, proposal, stored_ticket, walk
from workflows import claims


def masked(title: str) -> MaskedTicket:
    return MaskedTicket(title=title, body="", fields={}, reporter=None, occurred_at=None, attachments=())


def case(
    store: Store,
    number: int,
    *states: TicketState,
    title: str = "Odd sign-in",
    source: str = "desk",
    kind: str = "identity",
    verdict: str | None = None,
    severity: str = "low",
) -> str:
    """A case that has gone through `states`; gives its id."""
    ticket = stored_ticket(store, external_id=f"INC-{number}", source=source)
    with store.begin() as tx:
        lease = held(store, ticket.id, tx=tx)
        tx.tickets.keep_masked(lease, masked(title), kind=kind, team=kind, framework="autogen")
        if verdict:
            tx.tickets.keep_verdict(lease, verdict=verdict, severity=severity, confidence=0.9)
        tx.tickets.release(lease)
    walk(store, ticket.id, *states)
    return ticket.id


def find(store: Store, before: int | None = None, limit: int = 50, **filters: Any) -> Cases:
    with store.read() as tx:
        return tx.worklist.cases(Filters(**filters), before=before, limit=limit)


def ids(cases: Cases) -> list[str]:
    return [line.ticket_id for line in cases.lines]


@contextmanager
def statements(store: Store) -> Iterator[list[tuple[str, Any]]]:
    """Every statement with its parameters."""
    said: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        said.append((statement, parameters))

    event.listen(store._engine, "before_cursor_execute", note)
    yield said
    event.remove(store._engine, "before_cursor_execute", note)


def test_every_state_belongs_to_one_group() -> None:
    grouped = [state for states in GROUPS.values() for state in states]
    assert sorted(grouped) == sorted(TicketState)


def test_pages_show_every_case_once_newest_first(any_store: Store) -> None:
    made = [case(any_store, number) for number in range(7)]
    seen, before = [], None
    for _ in range(4):
        page = find(any_store, before=before, limit=2)
        seen += ids(page)
        before = page.older
    assert seen == made[::-1]
    assert before is None


def test_filters_narrow_alone_and_together(any_store: Store) -> None:
    bad = case(any_store, 1, TicketState.MASKED, verdict="malicious", severity="high", kind="phishing")
    mild = case(any_store, 2, TicketState.MASKED, verdict="benign", source="siem")
    new = case(any_store, 3, source="siem")
    lost = case(any_store, 4, TicketState.ESCALATED, verdict="malicious", severity="low")
    assert ids(find(any_store, verdict="malicious")) == [lost, bad]
    assert ids(find(any_store, verdict="none")) == [new]
    assert ids(find(any_store, severity="high")) == [bad]
    assert ids(find(any_store, source="siem")) == [new, mild]
    assert ids(find(any_store, kind="phishing")) == ids(find(any_store, team="phishing")) == [bad]
    assert ids(find(any_store, group=Group.PERSON)) == [lost]
    assert ids(find(any_store, group=Group.WORKING)) == [new, mild, bad]
    assert ids(find(any_store, group=Group.WORKING, verdict="malicious")) == [bad]
    assert ids(find(any_store, group=Group.WORKING, verdict="malicious", source="siem")) == []


def test_what_came_in_earlier_is_left_out_of_every_kind_of_list(any_store: Store, clock: FixedClock) -> None:
    earlier = [case(any_store, number, title="Old news", source="siem") for number in range(3)]
    clock.advance(seconds=3600)
    since = clock.now()
    assert find(any_store, since=since) == Cases(lines=(), older=None)
    later = [case(any_store, number, title="Old news", source="siem") for number in range(3, 6)]
    kinds: list[dict[str, Any]] = [
        {},
        {"source": "siem"},
        {"search": "old"},
        {"group": Group.WORKING, "kind": "identity"},
    ]
    for filters in kinds:
        assert ids(find(any_store, since=since, **filters)) == later[::-1]
        assert ids(find(any_store, **filters)) == [*later[::-1], *earlier[::-1]]
    first = find(any_store, since=since, limit=2)
    rest = find(any_store, since=since, before=first.older, limit=2)
    assert ids(first) + ids(rest) == later[::-1]
    assert rest.older is None


def test_a_search_finds_ids_sources_and_words(any_store: Store) -> None:
    first = case(any_store, 17, title="Invoice from PERSON_K7Q2XB, 100% urgent")
    other = case(any_store, 18, title="Beacon on a server", source="edr")
    long = case(any_store, 170, title="Invoice again")
    assert ids(find(any_store, search=first)) == [first]
    assert ids(find(any_store, search="inc-17")) == [long, first]
    assert ids(find(any_store, search="EDR")) == [other]
    assert ids(find(any_store, search="invoice")) == [long, first]
    assert ids(find(any_store, search="URGENT person_k7q2xb")) == [first]
    assert ids(find(any_store, search="100%")) == [first]
    assert ids(find(any_store, search="invo_ce")) == []
    assert ids(find(any_store, search="invoice", source="edr")) == []
    assert ids(find(any_store, search="inc-17", verdict="malicious")) == []
    assert ids(find(any_store, search="tkt_nope")) == []


def test_claims_of_a_person_are_found_until_they_run_out(any_store: Store, clock: FixedClock) -> None:
    one, two = case(any_store, 1, title="Invoice"), case(any_store, 2)
    claims.claim(any_store, one, "ana")
    claims.claim(any_store, two, "abe")
    assert ids(find(any_store, claimed_by="ana")) == [one]
    assert ids(find(any_store, claimed_by="ana", search="invoice")) == [one]
    assert ids(find(any_store, claimed_by="ana", search="inc-2")) == []
    clock.advance(seconds=claims.LASTS.total_seconds())
    assert ids(find(any_store, claimed_by="ana")) == []


def test_looking_stops_at_its_bound_and_goes_on_from_there(any_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worklist, "LOOKED_AT", 3)
    monkeypatch.setattr(worklist, "TITLES_SEARCHED", 3)
    wanted = case(any_store, 0, verdict="malicious", source="siem", title="Needle")
    for number in range(1, 9):
        case(
            any_store, number, verdict="malicious" if number % 2 else "benign", source="desk" if number % 2 else "siem"
        )
    narrowed: tuple[dict[str, Any], ...] = ({"verdict": "malicious", "source": "siem"}, {"search": "needle"})
    for filters in narrowed:
        page = find(any_store, **filters)
        assert (page.lines, page.stopped) == ((), True)
        found = []
        while page.older is not None:
            page = find(any_store, before=page.older, **filters)
            found += ids(page)
        assert found == [wanted]


def test_the_rarest_filter_leads_so_that_nothing_is_missed(any_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worklist, "LOOKED_AT", 3)
    rare = case(any_store, 0, verdict="malicious", source="edr", title="Needle")
    for number in range(1, 9):
        case(any_store, number, verdict="malicious")
    page = find(any_store, verdict="malicious", source="edr")
    assert (ids(page), page.stopped) == ([rare], False)
    assert ids(find(any_store, verdict="malicious", source="edr", search="needle")) == [rare]


def test_groups_are_counted_as_far_as_it_matters(any_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        case(any_store, number)
    case(any_store, 4, TicketState.FAILED)
    with any_store.read() as tx:
        assert tx.worklist.counts() == {Group.WAITING: 0, Group.WORKING: 4, Group.PERSON: 1, Group.FINISHED: 0}
    monkeypatch.setattr(worklist, "MOST_COUNTED", 2)
    monkeypatch.setattr(worklist, "_COUNTS", worklist._counting())
    with any_store.read() as tx:
        assert tx.worklist.counts()[Group.WORKING] == 3


def test_filters_offer_what_there_is(any_store: Store) -> None:
    with any_store.read() as tx:
        assert tx.worklist.choices().sources == ()
        assert tx.worklist.any() is False
    case(any_store, 1, source="siem", kind="phishing")
    case(any_store, 2, source="desk", kind="identity")
    stored_ticket(any_store, external_id="INC-3")
    with any_store.read() as tx:
        found = tx.worklist.choices()
        assert tx.worklist.any() is True
    assert (found.sources, found.kinds, found.teams) == (
        ("desk", "siem"),
        ("identity", "phishing"),
        ("identity", "phishing"),
    )


def test_a_title_is_there_once_masked_and_gone_when_the_ticket_starts_over(any_store: Store) -> None:
    ticket = stored_ticket(any_store)
    assert find(any_store).lines[0].title == ""
    with any_store.begin() as tx:
        lease = held(any_store, ticket.id, tx=tx)
        tx.tickets.keep_masked(lease, masked("One\n title"), kind="k", team="t", framework="adk")
        tx.tickets.keep_masked(lease, masked("Another  title"), kind="k", team="t", framework="adk")
    assert find(any_store).lines[0].title == "Another title"
    with any_store.begin() as tx:
        tx.tickets.forget_run(ticket.id)
    assert find(any_store).lines[0].title == ""


def test_a_long_title_is_cut_between_words() -> None:
    cut = headline("word " * 80)
    assert len(cut) <= MAX_HEADLINE
    assert cut.endswith("word…")
    assert len(headline("x" * 500)) == MAX_HEADLINE


def test_questions_come_soonest_to_lapse_first_and_only_of_cases_that_pass(any_store: Store, clock: FixedClock) -> None:
    now = clock.now()
    bad, mild = case(any_store, 1, verdict="malicious"), case(any_store, 2, verdict="benign")
    late = proposal(bad, expires_at=now + timedelta(hours=2))
    soon = proposal(mild, expires_at=now + timedelta(hours=1))
    never = proposal(bad, expires_at=None)
    for one in (late, soon, never):
        keep(any_store, one)
    with any_store.read() as tx:
        listed = tx.worklist.waiting(Filters(), limit=10)
        assert [one.proposal_id for one in listed] == [soon.id, late.id, never.id]
        assert (listed[0].digest, listed[0].decision) == (soon.digest, soon.decision)
        assert [one.proposal_id for one in tx.worklist.waiting(Filters(), limit=2)] == [soon.id, late.id]
        assert [one.proposal_id for one in tx.worklist.waiting(Filters(verdict="malicious"), limit=10)] == [
            late.id,
            never.id,
        ]
        assert {one.proposal_id for one in tx.worklist.questions([late.id, "prp_nope"])} == {late.id}


EVERY = Filters(group=Group.FINISHED, verdict="benign", severity="low", source="desk", kind="identity", team="identity")
SHAPES = {
    "all": Filters(),
    **{f"group {group}": Filters(group=group) for group in Group},
    "verdict": Filters(verdict="benign"),
    "no verdict": Filters(verdict="none"),
    "severity": Filters(severity="low"),
    "source": Filters(source="desk"),
    "kind": Filters(kind="identity"),
    "team": Filters(team="identity"),
    "everything": EVERY,
    "words": Filters(search="beacon server"),
    "words and everything": replace(EVERY, search="beacon"),
    "id": Filters(search="tkt_01"),
    "external id": Filters(search="INC-1"),
    "mine": Filters(claimed_by="ana"),
    "mine and everything": replace(EVERY, claimed_by="ana"),
}


@pytest.mark.parametrize("filters", SHAPES.values(), ids=SHAPES)
def test_no_list_reads_every_ticket(store: Store, filters: Filters, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worklist, "LOOKED_AT", 1)  # so that words go through titles whatever the filters
    for number in range(3):
        claims.claim(store, case(store, number, TicketState.ESCALATED, verdict="benign"), "ana")
    with statements(store) as said, store.read() as tx:
        tx.worklist.cases(filters)
        tx.worklist.cases(filters, before=3)
        tx.worklist.counts()
        tx.worklist.choices()
        tx.worklist.waiting(filters, limit=10)
    plans = []
    with store._engine.connect() as connection:
        for statement, parameters in said:
            if statement.startswith(("SELECT", "WITH")):
                plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
                plans += [str(row[-1]) for row in plan]
    assert len(said) < 30
    assert [step for step in plans if step.startswith("SCAN") and ("tickets" in step or "headlines" in step)] == []
    assert any("tickets" in step for step in plans)


def test_a_prefix_is_answered_from_its_index_on_postgresql(any_store: Store) -> None:
    if any_store._engine.dialect.name != "postgresql":
        pytest.skip("SQLite's plan is looked at above")
    with any_store._engine.connect() as connection:
        connection.execute(text("SET enable_seqscan = off"))
        plan = connection.execute(text("EXPLAIN SELECT sequence FROM tickets WHERE external_id LIKE 'INC-1%'"))
        assert any("ix_tickets_external" in row[0] for row in plan)
