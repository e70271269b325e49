"""Shredding: originals are gone from every byte, what is masked stays, and retention does it in time."""

from __future__ import annotations

import json
import threading
from functools import cache
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from core.action import EffectState, ProposalState
from core.audit import AuditEvent
from core.clock import FixedClock
from core.errors import NotFound, Shredded, VaultError
from core.settings import Settings
from core.store.engine import Store
from core.store.ticket_vault import TicketVault
from core.ticket import MaskedTicket, TicketState
from core.vault import MasterKeys, TokenEntry, WrappedKey, seal
from policies.bundle import default_bundle_path, load_bundle
from policies.masking.masker import Masker
from policies.masking.opening import open_masker
from tests.samples import effect, held, keep, proposal, stored_ticket, ticket_json, walk
from tests.unit.core.test_decisions import entry
from workflows import intake
from workflows.retry import NotRetriable, retry
from workflows.shred import NotShreddable, Shredding, shred, shred_aged

EVENT = AuditEvent(action="test", actor="test")
NAME = "Anna Lindqvist"
ENTRY = TokenEntry(token="PERSON_K7Q2XB", entity="PERSON", value=NAME, fingerprint="f")
S = TicketState
CLOSED = (S.INVESTIGATING, S.DECIDED, S.REPORTED, S.CLOSED)
DAY = 24 * 3600


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", retention_days=30)


@cache
def masker() -> Masker:
    return open_masker(load_bundle(default_bundle_path()))


def masked_ticket(store: Store, *states: TicketState, **changes: object) -> str:
    """A ticket with an original in every field, a masked copy and a token, walked through `states`."""
    said = {"title": f"Call from {NAME}", "body": f"{NAME} cannot sign in.", "fields": {"user": NAME}, **changes}
    ticket_id = stored_ticket(store, **said).id
    TicketVault(store, ticket_id).add([ENTRY])
    copy = MaskedTicket(
        title=f"Call from {ENTRY.token}", body="", fields={}, reporter=None, occurred_at=None, attachments=()
    )
    with store.begin() as tx:
        lease = held(store, ticket_id, tx=tx)
        tx.tickets.keep_masked(lease, copy, kind="identity", team="identity", framework="adk")
        tx.tickets.move(lease, S.MASKED, audit=EVENT)
    with store.begin() as tx:
        key = tx.vault.data_key(ticket_id)
        tx.decisions.add(entry(ticket_id=ticket_id, sealed=seal(key, NAME.encode(), context="test")))
    walk(store, ticket_id, *states)
    return ticket_id


def order(store: Store, settings: Settings, ticket_id: str, *, force: bool = False) -> Shredding:
    return shred(
        store, settings, ticket_id, actor="user:test", reason="The customer asked.", masker=masker, force=force
    )


def shredded_events(store: Store) -> list[dict[str, object]]:
    with store.read() as tx:
        tx.audit.verify()
        return [event for event in tx.audit.all() if event["action"] == "vault.shredded"]


def test_after_shredding_nothing_opens_and_what_is_masked_stays(any_store: Store, settings: Settings) -> None:
    ticket_id = masked_ticket(any_store, *CLOSED)
    done = order(any_store, settings, ticket_id)
    assert (done.already, done.at) == (False, any_store.clock.now())
    with pytest.raises(Shredded, match="originals are gone"):
        TicketVault(any_store, ticket_id)
    with pytest.raises(Shredded), any_store.read() as tx:
        tx.tickets.original(ticket_id)
    with any_store.read() as tx:
        copy = tx.tickets.masked(ticket_id)
        assert copy is not None
        assert copy.title == "Call from PERSON_K7Q2XB"
        assert tx.tickets.get(ticket_id).state is S.CLOSED
        assert tx.vault.shredded() == 1


def test_the_audit_trail_tells_who_and_why_and_what_was_destroyed(any_store: Store, settings: Settings) -> None:
    ticket_id = masked_ticket(any_store, *CLOSED)
    order(any_store, settings, ticket_id)
    [event] = shredded_events(any_store)
    [key_id] = any_store.keyring.names()
    assert (event["actor"], event["ticket_id"]) == ("user:test", ticket_id)
    assert event["data"] == {"reason": "The customer asked.", "forced": False, "master_key": key_id, "tokens": 1}


def test_an_original_named_in_the_reason_does_not_stay_in_the_audit_trail(store: Store, settings: Settings) -> None:
    ticket_id = masked_ticket(store, *CLOSED)
    reason = f"Asked for by {NAME}."
    shred(store, settings, ticket_id, actor="user:test", reason=reason, masker=masker)
    [event] = shredded_events(store)
    assert NAME not in json.dumps(event)
    assert "PERSON_" in json.dumps(event)


def test_shredding_twice_says_so_and_writes_no_second_event(any_store: Store, settings: Settings) -> None:
    ticket_id = masked_ticket(any_store, *CLOSED)
    first = order(any_store, settings, ticket_id)
    again = order(any_store, settings, ticket_id)
    assert (again.already, again.at) == (True, first.at)
    assert len(shredded_events(any_store)) == 1


def test_an_unknown_ticket_is_a_sentence(any_store: Store, settings: Settings) -> None:
    with pytest.raises(NotFound):
        order(any_store, settings, "tkt_nope")


def secrets_of(store: Store, ticket_id: str) -> list[bytes]:
    """Everything whose bytes must be gone: the wrapped key and what it opens."""
    with store._engine.connect() as connection:
        found = [
            connection.execute(text(query), {"id": ticket_id}).scalar_one()
            for query in (
                "SELECT wrapped FROM ticket_keys WHERE ticket_id = :id",
                "SELECT sealed FROM tickets WHERE id = :id",
                "SELECT sealed FROM tokens WHERE ticket_id = :id",
                "SELECT sealed FROM decisions WHERE ticket_id = :id",
            )
        ]
    return [bytes(value) for value in found]


def dump(store: Store) -> bytes:
    """Every value of every row of every table."""
    rows: list[bytes] = []
    with store._engine.connect() as connection:
        for table in inspect(store._engine).get_table_names():
            for row in connection.execute(text(f'SELECT * FROM "{table}"')):
                rows += [
                    bytes(value) if isinstance(value, bytes | memoryview) else repr(value).encode() for value in row
                ]
    return b"\n".join(rows)


def test_no_row_holds_an_original_its_key_or_what_the_key_opens(any_store: Store, settings: Settings) -> None:
    ticket_id = masked_ticket(any_store, *CLOSED)
    secrets = secrets_of(any_store, ticket_id)
    assert all(secret in dump(any_store) for secret in secrets)
    order(any_store, settings, ticket_id)
    after = dump(any_store)
    assert not any(secret in after for secret in [*secrets, NAME.encode()])


def test_no_byte_of_the_sqlite_files_holds_them_either(store: Store, settings: Settings, tmp_path: Path) -> None:
    large = [{"name": "mail.eml", "content_base64": "QUJD" * 20_000}]  # so that the original fills pages of its own
    ticket_id = masked_ticket(store, *CLOSED, attachments=large)
    masked_ticket(store, external_id="INC-2")
    secrets = secrets_of(store, ticket_id)
    pieces = [secrets[0], *secrets[2:], *(secrets[1][at : at + 64] for at in range(0, len(secrets[1]) - 64, 2_000))]

    def files() -> bytes:
        return b"".join(file.read_bytes() for file in sorted(tmp_path.glob("casemate.db*")))

    assert sum(piece in files() for piece in pieces) == len(pieces)
    assert order(store, settings, ticket_id).log_emptied is True
    after = files()
    assert sum(piece in after for piece in [*pieces, NAME.encode()]) == 0


def test_a_busy_database_says_that_its_log_still_holds_sealed_copies(store: Store, settings: Settings) -> None:
    ticket_id = masked_ticket(store, *CLOSED)
    started, end = threading.Event(), threading.Event()

    def read() -> None:
        with store.read() as tx:
            tx.tickets.counts()
            started.set()
            end.wait(60)

    reader = threading.Thread(target=read)
    reader.start()
    started.wait(60)
    try:
        assert order(store, settings, ticket_id).log_emptied is False
    finally:
        end.set()
        reader.join()
    assert order(store, settings, ticket_id).log_emptied is True


class Away(MasterKeys):
    """Master keys that were lost."""

    def current(self) -> str:
        return "lost"

    def names(self) -> list[str]:
        return []

    def opens(self, key_id: str) -> bool:
        return False

    def wrap(self, place: str, key: bytes) -> WrappedKey:
        raise VaultError("There is no key.")

    def unwrap(self, place: str, wrapped: WrappedKey) -> bytes:
        raise VaultError("There is no key.")


def test_shredding_needs_no_master_key(any_store: Store, settings: Settings) -> None:
    ticket_id = masked_ticket(any_store, *CLOSED)
    keyless = Store(any_store._engine, clock=any_store.clock, keyring=Away())
    assert order(keyless, settings, ticket_id).already is False


# --- what must not be shredded


@pytest.mark.parametrize("states", [(), (S.INVESTIGATING,), (S.INVESTIGATING, S.ESCALATED)])
def test_a_ticket_that_is_not_closed_is_refused(
    any_store: Store, settings: Settings, states: tuple[TicketState, ...]
) -> None:
    ticket_id = masked_ticket(any_store, *states)
    with pytest.raises(NotShreddable, match="--force"):
        order(any_store, settings, ticket_id)
    assert TicketVault(any_store, ticket_id).entries() == [ENTRY]


def test_force_ends_the_work_on_a_ticket_and_tells_its_source(any_store: Store, settings: Settings) -> None:
    ticket_id = masked_ticket(any_store, S.INVESTIGATING, S.DECIDED, S.AWAITING_APPROVAL)
    asked = keep(any_store, proposal(ticket_id))
    order(any_store, settings, ticket_id, force=True)
    with any_store.read() as tx:
        ticket = tx.tickets.get(ticket_id)
        assert ticket.state is S.ESCALATED
        assert "destroyed on order" in str(ticket.trouble)
        assert tx.proposals.get(asked.id).state is ProposalState.SUPERSEDED
        assert [message["kind"] for message in tx.outbox.of(ticket_id)] == ["report.escalated"]
        assert tx.tickets.due() == []
    assert [event["data"]["forced"] for event in shredded_events(any_store)] == [True]  # type: ignore[index]


def test_a_worker_in_the_middle_of_a_step_loses_a_ticket_that_is_shredded(any_store: Store, settings: Settings) -> None:
    ticket_id = masked_ticket(any_store)
    at_work = TicketVault(any_store, ticket_id)
    order(any_store, settings, ticket_id, force=True)
    with pytest.raises(Shredded):
        at_work.add([TokenEntry(token="PERSON_M3R8TD", entity="PERSON", value="Bo Ek", fingerprint="g")])


def test_a_given_up_ticket_that_was_shredded_cannot_start_over(any_store: Store, settings: Settings) -> None:
    ticket_id = masked_ticket(any_store, S.ESCALATED)
    order(any_store, settings, ticket_id, force=True)
    with pytest.raises(NotRetriable, match="shredded"):
        retry(any_store, ticket_id, actor="user:test", ring=lambda _: None)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"state": EffectState.PLANNED}, "is planned"),
        ({"state": EffectState.DISPATCHED}, "is dispatched"),
        ({"state": EffectState.UNKNOWN}, "is unknown"),
        ({"state": EffectState.CONFIRMED, "reverts_at": FixedClock().now()}, "to be undone"),
    ],
)
def test_not_even_force_takes_the_originals_that_an_action_still_needs(
    any_store: Store, settings: Settings, changes: dict[str, object], says: str
) -> None:
    ticket_id = masked_ticket(any_store, *CLOSED)
    carried_out = keep(any_store, proposal(ticket_id, state=ProposalState.EXECUTED))
    with any_store.begin() as tx:
        tx.effects.plan(effect(carried_out, **changes), EVENT)
    with pytest.raises(NotShreddable, match=says):
        order(any_store, settings, ticket_id, force=True)
    assert aged(any_store, settings) == 0
    with any_store.read() as tx:
        assert tx.vault.overage(before=any_store.clock.now()) == 1


def test_a_settled_action_needs_nothing(any_store: Store, settings: Settings) -> None:
    ticket_id = masked_ticket(any_store, *CLOSED)
    for state in (EffectState.CONFIRMED, EffectState.FAILED, EffectState.REVERTED):
        carried_out = keep(any_store, proposal(ticket_id, state=ProposalState.EXECUTED))
        with any_store.begin() as tx:
            tx.effects.plan(effect(carried_out, state=state), EVENT)
    assert order(any_store, settings, ticket_id).already is False


def test_an_open_approval_keeps_the_originals(any_store: Store, settings: Settings) -> None:
    ticket_id = masked_ticket(any_store, *CLOSED)
    keep(any_store, proposal(ticket_id))
    with pytest.raises(NotShreddable, match="still open"):
        order(any_store, settings, ticket_id)
    assert aged(any_store, settings) == 0


# --- around it


def test_reports_that_were_not_picked_up_go_and_those_of_others_stay(any_store: Store, settings: Settings) -> None:
    ticket_id = masked_ticket(any_store, *CLOSED)
    folder = settings.report_folder / "desk"
    folder.mkdir(parents=True)
    contents = {
        f"INC-1.v1.{ticket_id[-8:]}.final.json": json.dumps({"ticket": {"id": ticket_id}, "summary": NAME}),
        f"INC-9.v1.{ticket_id[-8:]}.final.json": json.dumps({"ticket": {"id": "tkt_other"}}),
        f"INC-8.v1.{ticket_id[-8:]}.odd.json": "[]",
        f"INC-7.v1.{ticket_id[-8:]}.broken.json": "{",
    }
    for name, content in contents.items():
        (folder / name).write_text(content)
    assert order(any_store, settings, ticket_id).reports_removed == 1
    assert {file.name for file in folder.iterdir()} == {name for name in contents if not name.startswith("INC-1.")}


def test_a_shredded_ticket_that_is_sent_again_is_the_same_ticket(any_store: Store, settings: Settings) -> None:
    ticket_id = masked_ticket(any_store, *CLOSED)
    order(any_store, settings, ticket_id)
    receipt = intake.submit(any_store, ticket_json(), actor="t", ring=lambda _: None)
    assert (receipt.ticket_id, receipt.replayed) == (ticket_id, True)


def test_similar_cases_still_find_a_shredded_one(any_store: Store, settings: Settings) -> None:
    old = masked_ticket(any_store, *CLOSED)
    with any_store.begin() as tx:
        tx.tickets.remember_indicators(old, ["198.51.100.7"])
    with any_store._engine.begin() as connection:
        connection.execute(text("UPDATE tickets SET verdict = 'benign'"))
    order(any_store, settings, old)
    new = stored_ticket(any_store, external_id="INC-2").id
    with any_store.begin() as tx:
        tx.tickets.remember_indicators(new, ["198.51.100.7"])
        assert [case["ticket_id"] for case in tx.tickets.similar(new)] == [old]


# --- retention


def aged(store: Store, settings: Settings, *, days: float = 31) -> int:
    """What retention shreds after `days` more."""
    assert isinstance(store.clock, FixedClock)
    store.clock.advance(seconds=days * DAY)
    return shred_aged(store, settings)


def test_a_closed_ticket_keeps_its_originals_for_as_long_as_the_setting_says(
    any_store: Store, settings: Settings
) -> None:
    ticket_id = masked_ticket(any_store, *CLOSED)
    assert aged(any_store, settings, days=29.9) == 0
    assert TicketVault(any_store, ticket_id).entries() == [ENTRY]
    assert aged(any_store, settings, days=0.2) == 1
    [event] = shredded_events(any_store)
    assert (event["actor"], event["ticket_id"]) == ("clock", ticket_id)
    assert event["data"]["reason"] == "retention of 30 days"  # type: ignore[index]
    assert shred_aged(any_store, settings) == 0


def test_a_superseded_version_is_shredded_too(any_store: Store, settings: Settings) -> None:
    masked_ticket(any_store, S.SUPERSEDED)
    assert aged(any_store, settings) == 1


@pytest.mark.parametrize("states", [(), (S.ESCALATED,), (S.FAILED,), (S.INVESTIGATING, S.DECIDED, S.AWAITING_APPROVAL)])
def test_a_ticket_that_is_not_closed_keeps_its_originals_and_is_counted(
    any_store: Store, settings: Settings, states: tuple[TicketState, ...]
) -> None:
    masked_ticket(any_store, *states)
    assert aged(any_store, settings) == 0
    with any_store.read() as tx:
        assert tx.vault.overage(before=any_store.clock.now()) == 1


def test_zero_days_keeps_originals_for_ever(any_store: Store, settings: Settings) -> None:
    masked_ticket(any_store, *CLOSED)
    assert aged(any_store, settings.model_copy(update={"retention_days": 0}), days=36500) == 0


def test_many_old_tickets_go_in_small_batches_oldest_first(
    any_store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workflows.shred.SHRED_BATCH", 2)
    ids = []
    for number in range(3):
        ids.append(masked_ticket(any_store, *CLOSED, external_id=f"INC-{number}"))
        assert isinstance(any_store.clock, FixedClock)
        any_store.clock.advance(seconds=60)
    assert aged(any_store, settings) == 2
    assert [event["ticket_id"] for event in shredded_events(any_store)] == ids[:2]
    assert shred_aged(any_store, settings) == 1
