"""Bundles in the store, the same on SQLite and PostgreSQL: content, what is live, and the questions about it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from core.audit import AuditEvent
from core.bundle_change import (
    CHANGE_TRANSITIONS,
    Activation,
    ActivationKind,
    BundleAnswer,
    BundleChange,
    ChangeState,
    StoredBundle,
    change_digest,
)
from core.clock import FixedClock
from core.decision import Decision, Outcome
from core.errors import Duplicate, NotFound, TriageError, VaultError
from core.ids import new_id
from core.store.engine import Store
from tests.samples import WHEN

EVENT = AuditEvent(action="test", actor="test")
A, B, C = "a" * 64, "b" * 64, "c" * 64


def bundle(hash_: str, **changes: object) -> StoredBundle:
    kept = StoredBundle(
        hash=hash_,
        files={"organization.yaml": f"name: Anna Lindqvist's {hash_[0]}\n"},
        author="user:alice",
        reason="A drill.",
        origin="cli",
        created_at=WHEN,
    )
    return replace(kept, **changes)  # type: ignore[arg-type]


def change(of: str, base: str, **changes: object) -> BundleChange:
    asked = BundleChange(
        id=new_id("chg"),
        bundle_hash=of,
        base_hash=base,
        author="user:alice",
        reason="A drill.",
        state=ChangeState.PENDING,
        decision=Decision(outcome=Outcome.ASK, rules=(), reason="Two.", bundle_hash=base, approvals=2),
        digest=change_digest(of, base),
        expires_at=WHEN + timedelta(days=7),
        created_at=WHEN,
        updated_at=WHEN,
    )
    return replace(asked, **changes)  # type: ignore[arg-type]


def go_live(store: Store, hash_: str, kind: ActivationKind = "change") -> Activation:
    with store.begin() as tx:
        tx.bundles.lock()
        tx.bundles.keep(bundle(hash_))
        return tx.bundles.activate(hash_, kind=kind, actor="test", reason="A drill.")


def ask(store: Store, asked: BundleChange) -> BundleChange:
    with store.begin() as tx:
        for hash_ in (asked.bundle_hash, asked.base_hash):
            tx.bundles.keep(bundle(hash_))
        tx.bundles.changes.ask(asked, review={"differences": ["Anna Lindqvist"]}, audit=EVENT)
    return asked


def test_a_bundle_comes_back_as_it_was_kept_and_is_kept_once(any_store: Store) -> None:
    with any_store.begin() as tx:
        tx.bundles.keep(bundle(A))
        tx.bundles.keep(bundle(A, author="user:mallory", files={"organization.yaml": "other"}))
    with any_store.read() as tx:
        assert tx.bundles.get(A) == bundle(A)
        with pytest.raises(NotFound):
            tx.bundles.get(B)


def test_no_file_of_the_database_names_the_people_of_a_bundle(tmp_path: Path, store: Store) -> None:
    ask(store, change(B, A))
    store.close()
    raw = b"".join(path.read_bytes() for path in tmp_path.glob("casemate.db*"))
    assert b"Lindqvist" not in raw


def test_files_that_were_changed_in_the_database_do_not_open(store: Store, tmp_path: Path) -> None:
    import sqlite3

    with store.begin() as tx:
        tx.bundles.keep(bundle(A))
        tx.bundles.keep(bundle(B))
    database = sqlite3.connect(tmp_path / "casemate.db")
    with database:
        database.execute("UPDATE bundles SET files = (SELECT files FROM bundles WHERE hash = ?) WHERE hash = ?", (B, A))
    with store.read() as tx, pytest.raises(VaultError):
        tx.bundles.get(A)
    with database:
        database.execute('UPDATE bundles SET files = \'{"actions.yaml": "rules: []"}\' WHERE hash = ?', (A,))
    database.close()
    with store.read() as tx, pytest.raises(VaultError):
        tx.bundles.get(A)


def test_a_hash_is_found_by_how_it_begins(store: Store) -> None:
    with store.begin() as tx:
        tx.bundles.keep(bundle(A))
        tx.bundles.keep(bundle("ab" * 32))
    with store.read() as tx:
        assert tx.bundles.find("aaa") == A
        for start in ("a", "f", "", "%", "a_"):
            with pytest.raises(NotFound):
                tx.bundles.find(start)


def test_the_newest_activation_is_live_and_says_what_was_before(any_store: Store) -> None:
    with any_store.read() as tx:
        assert tx.bundles.live() is None
        assert tx.bundles.live_hash() is None
    go_live(any_store, A, "first")
    second = go_live(any_store, B)
    with any_store.read() as tx:
        assert tx.bundles.live() == second
        assert tx.bundles.live_hash() == B
        assert [(a.bundle_hash, a.previous_hash) for a in tx.bundles.activations()] == [(B, A), (A, None)]
        assert tx.audit.verify() == 2
        assert [e["action"] for e in tx.audit.all()] == ["policy.activated"] * 2


def test_an_activation_outdates_what_waits_for_another_base_and_nothing_else(any_store: Store) -> None:
    go_live(any_store, A, "first")
    stale, settled = ask(any_store, change(B, A)), ask(any_store, change(C, A, state=ChangeState.DENIED))
    ahead = ask(any_store, change(C, B))
    go_live(any_store, B)
    with any_store.read() as tx:
        states = [tx.bundles.changes.get(one.id).state for one in (stale, settled, ahead)]
    assert states == [ChangeState.OUTDATED, ChangeState.DENIED, ChangeState.PENDING]


def test_what_was_rolled_back_from_is_known_until_it_goes_live_again(any_store: Store) -> None:
    go_live(any_store, A, "first")
    go_live(any_store, B)
    go_live(any_store, A, "rollback")
    with any_store.read() as tx:
        assert tx.bundles.rolled_back(B)
        assert not tx.bundles.rolled_back(A)
        assert not tx.bundles.rolled_back(C)
    go_live(any_store, B)
    with any_store.read() as tx:
        assert not tx.bundles.rolled_back(B)


def test_what_a_folder_last_asked_for_is_remembered(any_store: Store, clock: FixedClock) -> None:
    with any_store.read() as tx:
        assert tx.bundles.last_from_folder() is None
    go_live(any_store, A, "first")
    ask(any_store, change(B, A))  # by a person, not by the folder
    with any_store.read() as tx:
        assert tx.bundles.last_from_folder() == (A, "test")
    ask(any_store, change(C, A, author="files", created_at=clock.now()))
    with any_store.read() as tx:
        assert tx.bundles.last_from_folder() == (C, "files")
    clock.advance(seconds=1)
    go_live(any_store, B, "files")
    go_live(any_store, A, "rollback")
    with any_store.read() as tx:
        assert tx.bundles.last_from_folder() == (B, "test")


def test_a_change_comes_back_with_its_review(any_store: Store) -> None:
    asked = ask(any_store, change(B, A))
    with any_store.read() as tx:
        assert tx.bundles.changes.get(asked.id) == asked
        assert tx.bundles.changes.review(asked.id) == {"differences": ["Anna Lindqvist"]}
        assert tx.bundles.changes.waiting() == tx.bundles.changes.recent(state=ChangeState.PENDING) == [asked]
        with pytest.raises(NotFound):
            tx.bundles.changes.get("chg_nothing")


def test_a_change_moves_once(any_store: Store) -> None:
    asked = ask(any_store, change(B, A))
    with any_store.begin() as tx:
        assert tx.bundles.changes.move(asked, ChangeState.DENIED, EVENT)
        assert not tx.bundles.changes.move(asked, ChangeState.LIVE, EVENT)
    with any_store.begin() as tx, pytest.raises(TriageError):
        tx.bundles.changes.move(tx.bundles.changes.get(asked.id), ChangeState.LIVE, EVENT)


def test_time_closes_a_change(any_store: Store, clock: FixedClock) -> None:
    asked = ask(any_store, change(B, A))
    ask(any_store, change(C, A, expires_at=None))
    clock.advance(seconds=7 * 86400 - 1)
    with any_store.read() as tx:
        assert tx.bundles.changes.overdue() == []
    clock.advance(seconds=1)
    with any_store.read() as tx:
        assert [late.id for late in tx.bundles.changes.overdue()] == [asked.id]


def test_one_person_has_one_answer(any_store: Store) -> None:
    asked = ask(any_store, change(B, A))
    given = BundleAnswer(
        id=new_id("apr"),
        change_id=asked.id,
        person="bob",
        roles=("admin",),
        approve=True,
        reason="",
        digest=asked.digest,
        created_at=WHEN,
    )
    with any_store.begin() as tx:
        tx.bundles.changes.answer(given, EVENT)
    with pytest.raises(Duplicate), any_store.begin() as tx:
        tx.bundles.changes.answer(replace(given, id=new_id("apr"), approve=False), EVENT)
    with any_store.read() as tx:
        assert tx.bundles.changes.answers(asked.id) == [given]


def test_every_state_of_a_change_is_in_the_table() -> None:
    assert CHANGE_TRANSITIONS.keys() == set(ChangeState)
