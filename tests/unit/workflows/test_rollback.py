"""Going back is one command by one admin, one step, and never a way around approval."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.bundle_change import ChangeState
from core.errors import ApprovalRefused, BundleInvalid, Temporary
from core.store.engine import Store
from tests.bundles import loaded, put_live, replace_in, write_bundle
from tests.unit.workflows.changes import actions, answer, approved, busy_registry, live_hash, propose, roll_back
from workflows import activation


def test_a_rollback_goes_back_one_step_by_one_admin_and_says_so(started: Store, tmp_path: Path) -> None:
    change = approved(started, write_bundle(tmp_path / "next", "next"))
    went = roll_back(started)
    assert (went.kind, went.bundle_hash, went.previous_hash) == ("rollback", change.base_hash, change.bundle_hash)
    assert live_hash(started) == change.base_hash
    assert actions(started)[-1] == ("policy.activated", "user:ada")


def test_a_second_rollback_does_not_bring_back_what_was_rolled_back_from(started: Store, tmp_path: Path) -> None:
    change = approved(started, write_bundle(tmp_path / "next", "next"))
    roll_back(started)
    with pytest.raises(ApprovalRefused, match="policy propose --hash"):
        roll_back(started)
    assert live_hash(started) == change.base_hash
    # As a new change it may come back, with new answers.
    again = propose(started, tmp_path / "next")
    assert again.id != change.id
    answer(started, again, "bob")
    assert answer(started, again, "carol").state is ChangeState.LIVE
    assert roll_back(started).bundle_hash == change.base_hash


def test_a_rollback_after_a_rollback_and_a_change_goes_back_to_what_was_restored(
    started: Store, tmp_path: Path
) -> None:
    first = approved(started, write_bundle(tmp_path / "one", "one"))
    approved(started, write_bundle(tmp_path / "two", "two"))
    roll_back(started)
    approved(started, write_bundle(tmp_path / "three", "three"))
    assert roll_back(started).bundle_hash == first.bundle_hash


def test_a_rollback_takes_an_admin_a_reason_and_something_to_go_back_to(started: Store, tmp_path: Path) -> None:
    with pytest.raises(ApprovalRefused, match="nothing to go back to"):
        roll_back(started)
    approved(started, write_bundle(tmp_path / "next", "next"))
    with pytest.raises(ApprovalRefused, match="role admin"):
        roll_back(started, roles=["approver"])
    with pytest.raises(ApprovalRefused, match="reason"):
        roll_back(started, reason=" ")


def test_a_rollback_to_a_bundle_that_does_not_load_any_more_is_refused(started: Store, tmp_path: Path) -> None:
    broken = write_bundle(tmp_path / "broken")
    replace_in(broken, "actions.yaml", "tools: [isolate_host]", "tools: [isolate_planet]")
    put_live(started, broken, hash_="e" * 64)
    put_live(started, write_bundle(tmp_path / "next", "next"))
    with pytest.raises(BundleInvalid, match="isolate_planet"):
        roll_back(started)
    assert live_hash(started) == loaded(tmp_path / "next").hash


def test_a_rollback_outdates_what_waited_for_the_bundle_it_left(started: Store, tmp_path: Path) -> None:
    approved(started, write_bundle(tmp_path / "one", "one"))
    waiting = propose(started, write_bundle(tmp_path / "two", "two"))
    roll_back(started)
    with started.read() as tx:
        assert tx.bundles.changes.get(waiting.id).state is ChangeState.OUTDATED


def test_a_rollback_that_comes_too_late_is_put_off(started: Store, tmp_path: Path) -> None:
    approved(started, write_bundle(tmp_path / "next", "next"))
    busy = busy_registry(lambda: put_live(started, write_bundle(tmp_path / "quick", "quick")), at=1)
    with pytest.raises(Temporary, match="went live"):
        activation.rollback(started, busy, person="ada", roles=["admin"], reason="Enough.")
    assert live_hash(started) == loaded(tmp_path / "quick").hash
