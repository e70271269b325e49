"""The store, the same on SQLite and PostgreSQL: leases, fences, the audit chain, the ledger, the outbox."""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from core.action import EffectState, ProposalState
from core.audit import AuditEvent
from core.clock import FixedClock
from core.errors import AuditBroken, Duplicate, Halted, LeaseLost, NotFound, Temporary, TriageError, VaultError
from core.intel import IntelRow
from core.store.engine import Store
from core.store.outbox import FIRST_RETRY, MAX_ATTEMPTS
from core.store.ticket_vault import TicketVault
from core.ticket import MaskedTicket, TicketState, parse_ticket
from core.vault import Keyring, TokenEntry
from tests.samples import effect, held, keep, proposal, stored_ticket, ticket_json

EVENT = AuditEvent(action="test", actor="test")


def test_a_ticket_is_stored_sealed_and_comes_back_whole(any_store: Store) -> None:
    ticket = stored_ticket(any_store, fields={"deep": [1, {"x": "ü"}]})
    with any_store.read() as tx:
        original = tx.tickets.original(ticket.id)
        assert original.fields == {"deep": [1, {"x": "ü"}]}
        assert tx.tickets.masked(ticket.id) is None


def test_no_column_of_the_database_holds_the_ticket_in_the_clear(tmp_path: Path, store: Store) -> None:
    stored_ticket(store, title="Very secret title", body="Very secret body", reporter="secret@bank.example")
    store.close()
    raw = b"".join(path.read_bytes() for path in tmp_path.glob("casemate.db*"))
    assert b"ery secret" not in raw
    assert b"secret@bank" not in raw


def test_only_one_worker_gets_the_lease(any_store: Store) -> None:
    ticket = stored_ticket(any_store)
    got = []
    barrier = threading.Barrier(8)

    def grab(name: str) -> None:
        barrier.wait()
        with any_store.begin() as tx:
            got.append(tx.tickets.lease(ticket.id, owner=name, seconds=30))

    threads = [threading.Thread(target=grab, args=(f"w{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(lease is not None for lease in got) == 1


def test_a_lease_that_ran_out_is_taken_over_and_the_old_worker_may_not_write(
    any_store: Store, clock: FixedClock
) -> None:
    ticket = stored_ticket(any_store)
    old = held(any_store, ticket.id, owner="old")
    clock.advance(seconds=31)
    new = held(any_store, ticket.id, owner="new")
    assert new.fence > old.fence
    with pytest.raises(LeaseLost), any_store.begin() as tx:
        tx.tickets.move(old, TicketState.MASKED, audit=EVENT)
    with any_store.begin() as tx:
        assert tx.tickets.renew(old, seconds=30) is False
        assert tx.tickets.renew(new, seconds=30) is True


def test_a_renewed_lease_outlives_its_first_end(any_store: Store, clock: FixedClock) -> None:
    ticket = stored_ticket(any_store)
    lease = held(any_store, ticket.id)
    clock.advance(seconds=20)
    with any_store.begin() as tx:
        tx.tickets.renew(lease, seconds=30)
    clock.advance(seconds=20)
    with any_store.read() as tx:
        assert tx.tickets.due() == []


def test_a_released_ticket_waits_until_its_time(any_store: Store, clock: FixedClock) -> None:
    ticket = stored_ticket(any_store)
    lease = held(any_store, ticket.id)
    from datetime import timedelta

    with any_store.begin() as tx:
        tx.tickets.release(lease, not_before=clock.now() + timedelta(seconds=10), trouble="The model is down.")
    with any_store.begin() as tx:
        assert tx.tickets.lease(ticket.id, owner="w", seconds=30) is None
        assert tx.tickets.get(ticket.id).trouble == "The model is down."
        assert tx.tickets.get(ticket.id).deliveries == 0
    clock.advance(seconds=11)
    with any_store.read() as tx:
        assert tx.tickets.due() == [ticket.id]


def test_a_sweep_does_not_ring_again_for_a_ticket_whose_bell_is_still_on_its_way(
    any_store: Store, clock: FixedClock
) -> None:
    ticket = stored_ticket(any_store)
    with any_store.begin() as tx:
        assert tx.tickets.ring_for() == [ticket.id]
        assert tx.tickets.ring_for() == []
    clock.advance(seconds=61)
    lease = held(any_store, ticket.id)
    with any_store.begin() as tx:
        assert tx.tickets.ring_for() == []
        tx.tickets.stumble(lease, not_before=clock.now())
    with any_store.begin() as tx:
        assert tx.tickets.ring_for() == [ticket.id]


def test_a_move_the_table_does_not_permit_is_refused(any_store: Store) -> None:
    ticket = stored_ticket(any_store)
    lease = held(any_store, ticket.id)
    with pytest.raises(TriageError, match="cannot go from received to closed"), any_store.begin() as tx:
        tx.tickets.move(lease, TicketState.CLOSED, audit=EVENT)


def test_the_same_identity_is_stored_once_even_when_it_arrives_at_the_same_moment(any_store: Store) -> None:
    outcomes: list[str] = []
    barrier = threading.Barrier(6)

    def hand_in() -> None:
        barrier.wait()
        try:
            stored_ticket(any_store)
            outcomes.append("stored")
        except Duplicate:
            outcomes.append("duplicate")

    threads = [threading.Thread(target=hand_in) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["duplicate"] * 5 + ["stored"]


def test_the_audit_chain_holds_under_concurrent_writers(any_store: Store) -> None:
    def write(number: int) -> None:
        for turn in range(5):
            with any_store.begin() as tx:
                tx.audit.take(AuditEvent(action="test.write", actor=f"w{number}", data={"turn": turn}))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with any_store.read() as tx:
        assert tx.audit.verify() == 20


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE audit_events SET actor = 'mallory' WHERE sequence = 2",
        "UPDATE audit_events SET data = '{\"turn\": 9}' WHERE sequence = 2",
        "DELETE FROM audit_events WHERE sequence = 2",
        "UPDATE audit_events SET at = '2020-01-01T00:00:00+00:00' WHERE sequence = 3",
    ],
)
def test_a_changed_or_missing_audit_event_is_found(tmp_path: Path, store: Store, tampering: str) -> None:
    for turn in range(4):
        with store.begin() as tx:
            tx.audit.take(AuditEvent(action="test.write", actor="alice", data={"turn": turn}))
    engine = create_engine(f"sqlite:///{tmp_path / 'casemate.db'}")
    with engine.begin() as connection:
        connection.execute(text(tampering))
    engine.dispose()
    with pytest.raises(AuditBroken), store.read() as tx:
        tx.audit.verify()


def test_the_chain_verifies_whatever_characters_an_event_carries(any_store: Store) -> None:
    with any_store.begin() as tx:
        tx.audit.take(AuditEvent(action="test", actor="test", data={"x\x00": ["\ud800", 1.5, None, True, "ü"]}))
    with any_store.read() as tx:
        assert tx.audit.verify() == 1


def test_a_write_whose_transaction_fails_leaves_neither_row_nor_event(any_store: Store) -> None:
    with pytest.raises(RuntimeError), any_store.begin() as tx:  # noqa: PT012 — the transaction is what is tested
        tx.tickets.add(parse_ticket(ticket_json()), kind="", framework="", audit=EVENT)
        raise RuntimeError
    with any_store.read() as tx:
        assert tx.tickets.counts() == {}
        assert tx.audit.verify() == 0


def test_an_event_that_cannot_be_written_undoes_its_write(any_store: Store) -> None:
    bad = AuditEvent(action="test", actor="test", data={"x": float("nan")})
    with pytest.raises(AuditBroken), any_store.begin() as tx:
        tx.tickets.add(parse_ticket(ticket_json()), kind="", framework="", audit=bad)
    with any_store.read() as tx:
        assert tx.tickets.counts() == {}


def test_tokens_are_kept_sealed_and_shredding_the_key_loses_them(any_store: Store) -> None:
    ticket = stored_ticket(any_store)
    entry = TokenEntry(token="PERSON_K7Q2XB", entity="PERSON", value="Anna Lindqvist", fingerprint="f")
    TicketVault(any_store, ticket.id).add([entry])
    TicketVault(any_store, ticket.id).add([entry])
    assert TicketVault(any_store, ticket.id).entries() == [entry]
    with any_store.begin() as tx:
        tx.vault.shred(ticket.id, EVENT)
    with pytest.raises(VaultError, match="shredded"):
        TicketVault(any_store, ticket.id)
    with pytest.raises(VaultError, match="shredded"), any_store.read() as tx:
        tx.tickets.original(ticket.id)


def test_another_master_key_opens_nothing(tmp_path: Path, store: Store, clock: FixedClock) -> None:
    ticket = stored_ticket(store)
    other = Keyring.from_file(tmp_path / "other.key", create=True)
    stranger = Store.open(f"sqlite:///{tmp_path / 'casemate.db'}", clock=clock, keyring=other)
    with pytest.raises(VaultError, match="not in the keyring"), stranger.read() as tx:
        tx.tickets.original(ticket.id)
    stranger.close()


def test_a_proposal_moves_once_however_many_try(any_store: Store) -> None:
    waiting = keep(any_store, proposal(stored_ticket(any_store).id))
    with any_store.begin() as tx:
        assert tx.proposals.move(waiting, ProposalState.DENIED, EVENT) is True
        assert tx.proposals.move(waiting, ProposalState.APPROVED, EVENT) is False
    with any_store.read() as tx:
        assert tx.proposals.get(waiting.id).state is ProposalState.DENIED


def test_a_proposal_has_at_most_one_effect(any_store: Store) -> None:
    spent = keep(any_store, proposal(stored_ticket(any_store).id))
    with any_store.begin() as tx:
        tx.effects.plan(effect(spent), EVENT)
    with pytest.raises(Duplicate), any_store.begin() as tx:
        tx.effects.plan(effect(spent, idempotency_key="another"), EVENT)


def test_an_effect_is_never_confirmed_before_it_was_dispatched(any_store: Store) -> None:
    spent = keep(any_store, proposal(stored_ticket(any_store).id))
    planned = effect(spent)
    with any_store.begin() as tx:
        tx.effects.plan(planned, EVENT)
    with pytest.raises(TriageError), any_store.begin() as tx:
        tx.effects.move(planned, EffectState.CONFIRMED, outcome={}, audit=EVENT)
    with any_store.begin() as tx:
        assert tx.effects.move(planned, EffectState.DISPATCHED, outcome={}, audit=EVENT)
        assert not tx.effects.move(planned, EffectState.DISPATCHED, outcome={}, audit=EVENT)
        dispatched = dataclasses.replace(planned, state=EffectState.DISPATCHED)
        assert tx.effects.move(dispatched, EffectState.CONFIRMED, outcome={"probe": "yes"}, audit=EVENT)
    with any_store.read() as tx:
        assert tx.effects.of(spent.ticket_id)[0].attempts == 1


def test_a_message_is_claimed_by_one_and_comes_back_with_growing_waits(any_store: Store, clock: FixedClock) -> None:
    ticket = stored_ticket(any_store)
    with any_store.begin() as tx:
        tx.outbox.add(ticket_id=ticket.id, kind="report.final", destination="file", payload={})
    for attempt in range(1, 4):
        with any_store.begin() as tx:
            [message] = tx.outbox.claim(seconds=30)
            assert tx.outbox.claim(seconds=30) == []
        with any_store.begin() as tx:
            assert tx.outbox.failed(message, error="no answer", audit=EVENT) is False
        assert message.attempts == attempt
        clock.advance(seconds=FIRST_RETRY * 2 ** (attempt - 1) - 1)
        with any_store.begin() as tx:
            assert tx.outbox.claim(seconds=30) == []
        clock.advance(seconds=2)


def test_a_message_nobody_takes_is_set_aside_and_stays_visible(any_store: Store, clock: FixedClock) -> None:
    ticket = stored_ticket(any_store)
    with any_store.begin() as tx:
        tx.outbox.add(ticket_id=ticket.id, kind="report.final", destination="file", payload={})
    for _ in range(MAX_ATTEMPTS):
        clock.advance(seconds=4000)
        with any_store.begin() as tx:
            [message] = tx.outbox.claim(seconds=30)
            tx.outbox.failed(message, error="gone", audit=EVENT)
    with any_store.read() as tx:
        assert tx.outbox.pending() == 0
        assert tx.outbox.of(ticket.id)[0]["dead"] is True


def test_intelligence_is_found_whatever_the_case_and_refreshed_not_doubled(any_store: Store) -> None:
    row = IntelRow(value="Evil.Example", type="domain", source="feed", confidence=50, malicious=True)
    with any_store.begin() as tx:
        tx.intel.add([row], EVENT)
        tx.intel.add([dataclasses.replace(row, confidence=90)], EVENT)
    with any_store.read() as tx:
        [found] = tx.intel.lookup(["EVIL.example", "good.example"])
        assert found["confidence"] == 90
        assert tx.intel.size()["indicators"] == 1


def test_cases_that_share_an_indicator_are_similar_and_the_indicator_is_not_stored(any_store: Store) -> None:
    first, second = stored_ticket(any_store), stored_ticket(any_store, external_id="INC-2")
    with any_store.begin() as tx:
        lease = held(any_store, first.id, tx=tx)
        tx.tickets.keep_verdict(lease, verdict="malicious", severity="high", confidence=0.9)
        tx.tickets.remember_indicators(first.id, ["evil.example", "198.51.100.7"])
        tx.tickets.remember_indicators(second.id, ["EVIL.example ", "198.51.100.9"])
    with any_store.read() as tx:
        [case] = tx.tickets.similar(second.id)
    assert (case["ticket_id"], case["shared"], case["verdict"]) == (first.id, 1, "malicious")


def test_the_kill_switch_stops_and_lets_go(any_store: Store) -> None:
    with any_store.begin() as tx:
        tx.operations.halt(on=True, reason="drill", audit=EVENT)
    with pytest.raises(Halted, match="drill"), any_store.read() as tx:
        tx.operations.check_not_halted()
    with any_store.begin() as tx:
        tx.operations.halt(on=False, reason="", audit=EVENT)
        tx.operations.check_not_halted()


def test_a_read_only_database_says_so_and_loses_nothing(tmp_path: Path, store: Store) -> None:
    ticket = stored_ticket(store)
    reader = Store.open(
        f"sqlite:///file:{tmp_path / 'casemate.db'}?mode=ro&uri=true", clock=store.clock, keyring=store.keyring
    )
    with pytest.raises(Temporary, match="read-only"):
        stored_ticket(reader, external_id="INC-2")
    with reader.read() as tx:
        assert tx.tickets.get(ticket.id).state is TicketState.RECEIVED
    reader.close()


def test_a_database_without_tables_says_what_to_run(tmp_path: Path, clock: FixedClock, keyring: Keyring) -> None:
    empty = Store.open(f"sqlite:///{tmp_path / 'empty.db'}", clock=clock, keyring=keyring)
    with pytest.raises(Temporary, match="casemate up"), empty.read() as tx:
        tx.tickets.recent()
    empty.close()


def test_migrating_twice_and_at_once_is_safe(any_store: Store) -> None:
    threads = [threading.Thread(target=any_store.migrate) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stored_ticket(any_store).sequence == 1


def test_the_migrations_make_exactly_the_tables_of_the_models(any_store: Store) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from core.store.schema import Base

    with any_store._engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, Base.metadata) == []


def test_an_unknown_ticket_is_a_sentence(any_store: Store) -> None:
    with pytest.raises(NotFound, match="casemate ticket list"), any_store.read() as tx:
        tx.tickets.get("tkt_nope")


def test_a_masked_copy_is_kept_with_its_team(any_store: Store) -> None:
    ticket = stored_ticket(any_store)
    masked = MaskedTicket(
        title="t", body="b", fields={"a": 1}, reporter=None, occurred_at=None, attachments=({"i": 0},)
    )
    with any_store.begin() as tx:
        lease = held(any_store, ticket.id, tx=tx)
        tx.tickets.keep_masked(lease, masked, kind="phishing", team="phishing", framework="adk")
    with any_store.read() as tx:
        assert tx.tickets.masked(ticket.id) == masked
        assert tx.tickets.get(ticket.id).framework == "adk"


def test_characters_no_database_holds_are_replaced_not_fatal(any_store: Store) -> None:
    ticket = stored_ticket(any_store, fields={"log": "a\x00b", "nested": [{"k\x00": "\x00"}]})
    masked = MaskedTicket(
        title="t", body="x\ud800y", fields={"log": "a\x00b"}, reporter="r\x00", occurred_at=None, attachments=()
    )
    with any_store.begin() as tx:
        tx.tickets.keep_masked(held(any_store, ticket.id, tx=tx), masked, kind="k", team="t", framework="adk")
    with any_store.read() as tx:
        kept = tx.tickets.masked(ticket.id)
        assert tx.tickets.original(ticket.id).fields["log"] == "a\x00b"
    assert kept is not None
    assert (kept.body, kept.fields, kept.reporter) == ("x\ufffdy", {"log": "a\ufffdb"}, "r\ufffd")
