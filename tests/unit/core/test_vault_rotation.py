"""Rotation: every data key comes under the new master key, beside workers, and nothing of the old is lost."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from core import keyfile
from core.audit import AuditEvent
from core.clock import FixedClock
from core.errors import Temporary, VaultError
from core.store.engine import Store
from core.store.ticket_vault import TicketVault
from core.ticket import TicketIn, TicketState
from core.vault import Keyring, MasterKeys, TokenEntry, WrappedKey, new_line, seal
from tests.samples import downgrade, stored_ticket, ticket_json, walk
from workflows import intake
from workflows.rotate import Rotated, rotate

EVENT = AuditEvent(action="test", actor="test")
ENTRY = TokenEntry(token="PERSON_K7Q2XB", entity="PERSON", value="Anna Lindqvist", fingerprint="f")
INDICATOR = "198.51.100.7"


def tickets(store: Store, count: int) -> list[str]:
    """Tickets with a token each."""
    ids = [stored_ticket(store, external_id=f"INC-{number}").id for number in range(count)]
    for ticket_id in ids:
        TicketVault(store, ticket_id).add([ENTRY])
    return ids


def add_key(tmp_path: Path) -> None:
    keyfile.prepend(tmp_path / "master.key", new_line())


def usage(store: Store) -> dict[str, dict[str, int]]:
    with store.read() as tx:
        return tx.vault.usage()


def test_every_ticket_comes_under_the_new_key_and_still_opens(any_store: Store, tmp_path: Path) -> None:
    ids = tickets(any_store, 5)
    [old] = any_store.keyring.names()
    add_key(tmp_path)
    done = rotate(any_store, actor="user:test", batch=2)
    assert done == Rotated(current=any_store.keyring.current(), rewrapped={old: 5}, left={})
    assert usage(any_store) == {done.current: {"tickets": 5, "secrets": 0}}
    file = tmp_path / "master.key"
    file.write_text(file.read_text().splitlines()[0])
    for ticket_id in ids:
        assert TicketVault(any_store, ticket_id).entries() == [ENTRY]
        with any_store.read() as tx:
            assert tx.tickets.original(ticket_id).title


def test_a_second_rotation_finds_nothing_to_do(any_store: Store, tmp_path: Path) -> None:
    tickets(any_store, 2)
    add_key(tmp_path)
    rotate(any_store, actor="user:test")
    assert rotate(any_store, actor="user:test").rewrapped == {}


def test_the_audit_trail_tells_counts_and_key_ids_and_no_key(any_store: Store, tmp_path: Path) -> None:
    tickets(any_store, 3)
    [old] = any_store.keyring.names()
    add_key(tmp_path)
    done = rotate(any_store, actor="user:test", batch=2)
    with any_store.read() as tx:
        events = [event for event in tx.audit.all() if event["action"] == "vault.rotated"]
        assert tx.audit.verify()
    assert [event["data"] for event in events] == [
        {"from": {old: 2}, "to": done.current},
        {"from": {old: 1}, "to": done.current},
    ]
    said = json.dumps(events)
    assert not any(key in said for key in (tmp_path / "master.key").read_text().split())


def test_a_worker_that_started_before_goes_on_through_a_rotation(any_store: Store, tmp_path: Path) -> None:
    [first] = tickets(any_store, 1)
    at_work = TicketVault(any_store, first)
    operator = Store(any_store._engine, clock=any_store.clock, keyring=Keyring.from_file(tmp_path / "master.key"))
    add_key(tmp_path)
    done = rotate(operator, actor="user:test")
    late = TokenEntry(token="PERSON_M3R8TD", entity="PERSON", value="Bo Ek", fingerprint="g")
    at_work.add([late])
    assert TicketVault(any_store, first).entries() == [ENTRY, late]
    stored_ticket(any_store, external_id="INC-late")
    assert usage(any_store) == {done.current: {"tickets": 2, "secrets": 0}}


class FailsAfter(MasterKeys):
    """Master keys behind a line that breaks."""

    def __init__(self, keys: MasterKeys, *, wraps: int) -> None:
        self._keys = keys
        self._wraps = wraps

    def current(self) -> str:
        return self._keys.current()

    def names(self) -> list[str]:
        return self._keys.names()

    def opens(self, key_id: str) -> bool:
        return self._keys.opens(key_id)

    def wrap(self, place: str, key: bytes) -> WrappedKey:
        if not self._wraps:
            raise Temporary("The line is broken.")
        self._wraps -= 1
        return self._keys.wrap(place, key)

    def unwrap(self, place: str, wrapped: WrappedKey) -> bytes:
        return self._keys.unwrap(place, wrapped)


def test_a_rotation_that_was_stopped_goes_on_where_it_was(any_store: Store, tmp_path: Path) -> None:
    tickets(any_store, 5)
    [old] = any_store.keyring.names()
    add_key(tmp_path)
    broken = Store(any_store._engine, clock=any_store.clock, keyring=FailsAfter(any_store.keyring, wraps=3))
    with pytest.raises(Temporary):
        rotate(broken, actor="user:test", batch=2)
    assert usage(any_store)[old]["tickets"] == 3
    assert rotate(any_store, actor="user:test", batch=2).rewrapped == {old: 3}


def test_a_ticket_shredded_meanwhile_stays_shredded(any_store: Store, tmp_path: Path) -> None:
    [ticket_id] = tickets(any_store, 1)
    add_key(tmp_path)
    with any_store.read() as tx:
        [held] = tx.vault.keys_not_under(any_store.keyring.current(), after="", limit=10)
    with any_store.begin() as tx:
        tx.vault.shred(ticket_id, EVENT)
    with any_store.begin() as tx:
        assert tx.vault.replace(held, any_store.keyring.rewrap(held.place, held.wrapped)) is False
    assert usage(any_store) == {}


def test_what_is_under_a_missing_key_is_counted_and_left_as_it_is(any_store: Store, tmp_path: Path) -> None:
    tickets(any_store, 3)
    [lost] = any_store.keyring.names()
    (tmp_path / "master.key").write_text(new_line())
    done = rotate(any_store, actor="user:test", batch=2)
    assert (done.rewrapped, done.left) == ({}, {lost: 3})
    assert usage(any_store) == {lost: {"tickets": 3, "secrets": 0}}


def decided(store: Store, external_id: str) -> str:
    """A ticket with a verdict that mentions the indicator."""
    ticket_id = stored_ticket(store, external_id=external_id).id
    with store.begin() as tx:
        tx.tickets.remember_indicators(ticket_id, [INDICATOR])
        lease = tx.tickets.lease(ticket_id, owner="w", seconds=30)
        assert lease is not None
        tx.tickets.keep_verdict(lease, verdict="benign", severity="low", confidence=0.5)
        tx.tickets.move(lease, TicketState.MASKED, audit=EVENT)
    return ticket_id


def similar(store: Store, external_id: str) -> list[str]:
    ticket_id = stored_ticket(store, external_id=external_id).id
    with store.begin() as tx:
        tx.tickets.remember_indicators(ticket_id, [INDICATOR])
        return [case["ticket_id"] for case in tx.tickets.similar(ticket_id)]


def test_similar_cases_are_found_across_a_rotation_and_after_the_old_key_has_gone(
    any_store: Store, tmp_path: Path
) -> None:
    before = decided(any_store, "INC-before")
    add_key(tmp_path)
    assert similar(any_store, "INC-1") == [before]
    rotate(any_store, actor="user:test")
    file = tmp_path / "master.key"
    file.write_text(file.read_text().splitlines()[0])
    assert similar(any_store, "INC-2") == [before]


def test_secrets_differ_by_purpose_and_by_house(any_store: Store) -> None:
    with any_store.begin() as tx:
        one, two = tx.vault.secret("one"), tx.vault.secret("two")
        assert tx.vault.secret("one") == one != two
    assert one != any_store.keyring.former_secret("one")


def test_a_database_of_the_first_release_keeps_its_tickets_and_similar_cases(
    any_store: Store, tmp_path: Path, clock: FixedClock
) -> None:
    old = decided(any_store, "INC-old")
    gone = decided(any_store, "INC-gone")
    master = any_store.keyring
    assert isinstance(master, Keyring)
    [key] = master._keys.values()
    sent = TicketIn.model_validate(ticket_json(external_id="INC-old"))
    with any_store.read() as tx:
        data_key = tx.vault.data_key(old)
    fingerprint_key = hmac.new(key, b"indicator-fingerprints\x01", hashlib.sha256).digest()
    written: dict[str, dict[str, Any]] = {
        "UPDATE ticket_keys SET wrapped = :wrapped WHERE ticket_id = :old": {
            "wrapped": seal(key, data_key, context=f"key:{old}")
        },
        "DELETE FROM ticket_keys WHERE ticket_id = :gone": {},
        "UPDATE tickets SET content_digest = :digest WHERE id = :old": {"digest": sent.content_digest},
        "UPDATE sightings SET fingerprint = :hash WHERE ticket_id = :old": {
            "hash": hmac.new(fingerprint_key, INDICATOR.encode(), hashlib.sha256).hexdigest()
        },
    }
    with any_store._engine.begin() as connection:
        for sql, values in written.items():
            names = {name: value for name, value in {"old": old, "gone": gone}.items() if f":{name}" in sql}
            connection.execute(text(sql), {**values, **names})
    downgrade(any_store, "0001")

    any_store.migrate()
    with any_store.read() as tx:
        assert tx.tickets.original(old).title == sent.title
        assert tx.tickets.get(old).shredded_at is None
        assert tx.tickets.get(gone).shredded_at == tx.tickets.get(gone).updated_at
    assert intake.submit(any_store, ticket_json(external_id="INC-old"), actor="t", ring=lambda _: None).replayed
    assert similar(any_store, "INC-new") == [old]


def test_another_key_ring_opens_nothing_after_a_rotation(any_store: Store, tmp_path: Path) -> None:
    [ticket_id] = tickets(any_store, 1)
    walk(any_store, ticket_id, TicketState.MASKED)
    before = Keyring.from_base64((tmp_path / "master.key").read_text())
    add_key(tmp_path)
    rotate(any_store, actor="user:test")
    stale = Store(any_store._engine, clock=any_store.clock, keyring=before)
    with pytest.raises(VaultError, match="not in the keyring"):
        TicketVault(stale, ticket_id)
