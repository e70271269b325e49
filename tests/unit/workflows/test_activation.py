"""Changing the policy is an action under the rules of approval: nobody does it alone, and all of it is in the trail."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from core.audit import AuditEvent
from core.bundle_change import ACTIVATE, BundleChange, ChangeState, change_digest
from core.clock import FixedClock
from core.errors import ApprovalRefused, BundleInvalid, NotFound, ReauthenticationNeeded, Temporary
from core.ids import new_id
from core.store.engine import Store
from tests.bundles import keep, live_of, loaded, put_live, replace_in, source, write_bundle
from tests.unit.workflows.changes import actions, answer, approved, busy_registry, live_hash, propose
from tools.registry import default_registry
from workflows import activation
from workflows.review import InvariantBroken

#: The live policy's own rule about its change, and others in its place.
RULE = "then: {approvals: 2, from: [admin], expires: 7d}"
EXPECTED = "expect: ask, approvals: 2"


def test_two_admins_who_did_not_write_it_make_it_live(started: Store, tmp_path: Path) -> None:
    change = propose(started, write_bundle(tmp_path / "next", "next"))
    assert (change.state, change.decision.approvals, change.decision.roles) == (ChangeState.PENDING, 2, ("admin",))
    assert answer(started, change, "bob").state is ChangeState.PENDING
    assert live_hash(started) == change.base_hash
    assert answer(started, change, "carol").state is ChangeState.LIVE
    assert live_hash(started) == change.bundle_hash == loaded(tmp_path / "next").hash
    with started.read() as tx:
        newest = tx.bundles.live()
        assert newest is not None
        assert (newest.kind, newest.change_id, newest.previous_hash) == ("change", change.id, change.base_hash)
        assert tx.audit.verify() > 0
    assert actions(started)[1:] == [
        ("policy.change_proposed", "user:alice"),
        ("policy.change_answered", "user:bob"),
        ("policy.change_answered", "user:carol"),
        ("policy.change_approved", "user:carol"),
        ("policy.activated", "user:carol"),
    ]


def test_the_author_cannot_answer_neither_way(started: Store, tmp_path: Path) -> None:
    change = propose(started, write_bundle(tmp_path / "next", "next"))
    for approve in (True, False):
        with pytest.raises(ApprovalRefused, match="somebody else"):
            answer(started, change, "alice", approve=approve)


def test_one_person_answers_once(started: Store, tmp_path: Path) -> None:
    change = propose(started, write_bundle(tmp_path / "next", "next"))
    answer(started, change, "bob")
    with pytest.raises(ApprovalRefused, match="already"):
        answer(started, change, "bob")
    assert live_hash(started) == change.base_hash


def test_a_double_click_from_many_windows_counts_once(started: Store, tmp_path: Path) -> None:
    change = propose(started, write_bundle(tmp_path / "next", "next"))
    outcomes: list[str] = []
    barrier = threading.Barrier(6)

    def click() -> None:
        barrier.wait()
        try:
            outcomes.append(answer(started, change, "bob").state.value)
        except ApprovalRefused:
            outcomes.append("refused")

    threads = [threading.Thread(target=click) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["pending"] + ["refused"] * 5


@pytest.mark.parametrize("roles", [[], ["approver"], ["soc-lead", "analyst"]])
def test_only_the_roles_of_the_rule_count(started: Store, tmp_path: Path, roles: list[str]) -> None:
    change = propose(started, write_bundle(tmp_path / "next", "next"))
    with pytest.raises(ApprovalRefused, match="admin"):
        answer(started, change, "bob", roles=roles)


def test_one_denial_denies_and_needs_a_reason(started: Store, tmp_path: Path) -> None:
    change = propose(started, write_bundle(tmp_path / "next", "next"))
    answer(started, change, "bob")
    with pytest.raises(ApprovalRefused, match="reason"):
        answer(started, change, "carol", approve=False, reason=" ")
    assert answer(started, change, "carol", approve=False).state is ChangeState.DENIED
    with pytest.raises(ApprovalRefused, match="denied"):
        answer(started, change, "dave")
    assert live_hash(started) == change.base_hash


def test_an_answer_to_another_digest_does_not_count(started: Store, tmp_path: Path) -> None:
    change = propose(started, write_bundle(tmp_path / "next", "next"))
    with pytest.raises(ApprovalRefused, match="digest"):
        answer(started, change, "bob", digest="0" * 64)


def test_a_change_whose_row_was_pointed_at_another_bundle_takes_no_answer(store: Store, tmp_path: Path) -> None:
    import sqlite3

    live_of(store, tmp_path)()
    change = propose(store, write_bundle(tmp_path / "next", "next"))
    other = keep(store, write_bundle(tmp_path / "other", "other"))
    database = sqlite3.connect(tmp_path / "casemate.db")
    with database:
        database.execute("UPDATE bundle_changes SET bundle_hash = ? WHERE id = ?", (other, change.id))
    database.close()
    with pytest.raises(ApprovalRefused, match="digest"):
        answer(store, change, "bob")


def test_nobody_answers_in_time_and_it_expires(started: Store, tmp_path: Path, clock: FixedClock) -> None:
    change = propose(started, write_bundle(tmp_path / "next", "next"))
    clock.advance(seconds=7 * 86400)
    with pytest.raises(ApprovalRefused, match="expired"):
        answer(started, change, "bob")
    again = propose(started, tmp_path / "next")
    assert again.id != change.id
    activation.expire(started)
    with started.read() as tx:
        assert tx.bundles.changes.get(change.id).state is ChangeState.EXPIRED
        assert tx.bundles.changes.get(again.id).state is ChangeState.PENDING


def test_a_change_is_outdated_when_another_bundle_went_live(started: Store, tmp_path: Path) -> None:
    late = propose(started, write_bundle(tmp_path / "late", "late"))
    answer(started, late, "bob")
    approved(started, write_bundle(tmp_path / "quick", "quick"))
    with started.read() as tx:
        assert tx.bundles.changes.get(late.id).state is ChangeState.OUTDATED
    with pytest.raises(ApprovalRefused, match="outdated"):
        answer(started, late, "carol")
    again = propose(started, tmp_path / "late")
    assert again.digest != late.digest
    with started.read() as tx:
        assert tx.bundles.changes.answers(again.id) == []


def test_what_is_live_is_not_proposed_whatever_its_comments_say(started: Store, tmp_path: Path) -> None:
    same = write_bundle(tmp_path / "same")
    (same / "actions.yaml").write_text("# A comment.\n" + (same / "actions.yaml").read_text())
    with pytest.raises(ApprovalRefused, match="already live"):
        propose(started, same)


def test_the_same_question_is_asked_once(started: Store, tmp_path: Path) -> None:
    change = propose(started, write_bundle(tmp_path / "next", "next"))
    assert propose(started, tmp_path / "next", author="user:bob") == change
    with started.read() as tx:
        assert [waiting.id for waiting in tx.bundles.changes.waiting()] == [change.id]


def test_a_broken_bundle_is_refused_with_all_its_problems_and_nothing_is_kept(started: Store, tmp_path: Path) -> None:
    broken = write_bundle(tmp_path / "broken")
    replace_in(broken, "actions.yaml", "tools: [isolate_host]", "tools: [isolate_planet]")
    replace_in(broken, "organization.yaml", "tier: 0", "tier: zero")
    with pytest.raises(BundleInvalid) as caught:
        propose(started, broken)
    assert len(caught.value.problems) >= 2
    with started.read() as tx:
        assert tx.bundles.changes.recent() == []
    assert actions(started) == [("policy.activated", "shipped")]


def test_a_bundle_that_breaks_its_own_invariant_is_refused_with_a_counterexample(
    started: Store, tmp_path: Path
) -> None:
    liar = write_bundle(tmp_path / "liar")
    invariants = liar / "invariants.yaml"
    invariants.write_text(
        invariants.read_text()
        + '  - id: no-lies\n    never: allow when tool == "quarantine_email"\n    reason: A lie.\n'
    )
    with pytest.raises(InvariantBroken, match=r"no-lies.*violated.*quarantine-malicious.*for example when"):
        propose(started, liar)
    with started.read() as tx:
        assert tx.bundles.changes.recent() == []


def test_the_review_says_what_changes_and_holds_the_live_promises_against_it(started: Store, tmp_path: Path) -> None:
    loose = write_bundle(tmp_path / "loose")
    invariants = (loose / "invariants.yaml").read_text()
    (loose / "invariants.yaml").unlink()
    assert "never:" in invariants
    change = propose(started, loose)
    with started.read() as tx:
        review = tx.bundles.changes.review(change.id)
    assert review["files"] == {"added": [], "removed": ["invariants.yaml"], "changed": []}
    assert review["proof"]["invariants"] == []
    assert len(review["live_invariants"]["invariants"]) == len(loaded().invariants)
    assert {one["kind"] for one in review["difference"]["invariants"]} == {"removed"}
    assert review["simulation"]["replayed"] == 0


def test_a_policy_without_a_rule_for_its_own_change_asks_two_admins_for_a_week(
    any_store: Store, tmp_path: Path
) -> None:
    silent = write_bundle(tmp_path / "silent")
    text = (silent / "actions.yaml").read_text()
    start = text.index("  - id: activate-policy")
    (silent / "actions.yaml").write_text(text[:start])
    for file in silent.glob("*_test.yaml"):
        file.unlink()
    drop_invariants_about(silent, ACTIVATE)
    put_live(any_store, silent, kind="first")
    change = propose(any_store, write_bundle(tmp_path / "next"))
    assert (change.decision.approvals, change.decision.roles) == (2, ("admin",))
    assert change.expires_at is not None
    assert (change.expires_at - change.created_at).total_seconds() == 7 * 86400


def drop_invariants_about(folder: Path, word: str) -> None:
    """A bundle whose promises do not stand in the way of a test."""
    if word in (folder / "invariants.yaml").read_text():
        (folder / "invariants.yaml").unlink()


def with_rule(folder: Path, then: str, expected: str) -> Path:
    """A bundle with another answer to its own change."""
    write_bundle(folder)
    for file in folder.glob("*_test.yaml"):
        file.unlink()
    drop_invariants_about(folder, ACTIVATE)
    text = (folder / "actions.yaml").read_text()
    start = text.index("  - id: activate-policy")
    own = text[start:].replace(RULE, then).replace(EXPECTED, expected)
    (folder / "actions.yaml").write_text(text[:start] + own)
    return folder


def test_an_author_never_activates_alone_whatever_the_policy_allows(any_store: Store, tmp_path: Path) -> None:
    put_live(any_store, with_rule(tmp_path / "easy", "then: allow", "expect: allow"), kind="first")
    change = propose(any_store, write_bundle(tmp_path / "next"))
    assert (change.decision.outcome.value, change.decision.approvals, change.decision.roles) == ("ask", 1, ("admin",))
    with pytest.raises(ApprovalRefused, match="somebody else"):
        answer(any_store, change, "alice")
    assert answer(any_store, change, "bob").state is ChangeState.LIVE


def test_a_policy_that_denies_its_own_change_is_obeyed_and_the_answer_is_logged(
    any_store: Store, tmp_path: Path
) -> None:
    put_live(any_store, with_rule(tmp_path / "rigid", "then: deny", "expect: deny"), kind="first")
    with pytest.raises(ApprovalRefused, match="denies this change"):
        propose(any_store, write_bundle(tmp_path / "next"))
    with any_store.read() as tx:
        [logged] = tx.decisions.search(door="activation")
        assert (logged.tool, logged.decision.outcome.value, logged.ticket_id) == (ACTIVATE, "deny", None)
        assert tx.bundles.changes.recent() == []


def test_the_policy_may_name_other_roles(any_store: Store, tmp_path: Path) -> None:
    other = with_rule(tmp_path / "leads", "then: {approvals: 1, from: [soc-lead]}", "expect: ask, approvals: 1")
    put_live(any_store, other, kind="first")
    change = propose(any_store, write_bundle(tmp_path / "next"))
    with pytest.raises(ApprovalRefused, match="soc-lead"):
        answer(any_store, change, "bob", roles=["admin"])
    assert answer(any_store, change, "bob", roles=["soc-lead"]).state is ChangeState.LIVE


def test_a_proposal_under_a_bundle_that_is_live_no_more_is_put_off(started: Store, tmp_path: Path) -> None:
    stale = live_of(started, tmp_path).look()
    put_live(started, write_bundle(tmp_path / "quick", "quick"))
    with pytest.raises(Temporary, match="went live"):
        activation.propose(
            started,
            default_registry(),
            stale,
            source(write_bundle(tmp_path / "next", "next")),
            author="user:alice",
            reason="A drill.",
            origin="cli",
        )


def test_two_who_propose_the_same_at_once_ask_one_question(started: Store, tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "next", "next")
    first: list[BundleChange] = []
    busy = busy_registry(lambda: first.append(propose(started, folder, author="user:bob")), at=2)
    live = live_of(started, tmp_path).look()
    second = activation.propose(
        started,
        busy,
        live,
        source(folder),
        author="user:alice",
        reason="A drill.",
        origin="cli",
    )
    assert [second] == first


def test_a_folder_does_not_go_live_in_the_place_of_a_bundle_it_was_not_meant_for(
    started: Store, tmp_path: Path
) -> None:
    stale = live_of(started, tmp_path).look()
    put_live(started, write_bundle(tmp_path / "quick", "quick"))
    late = loaded(write_bundle(tmp_path / "late", "late"))
    assert activation.go_live_from_folder(started, stale, late, origin="files") is None
    assert live_hash(started) == loaded(tmp_path / "quick").hash


def test_a_question_about_another_base_than_what_is_live_closes_when_somebody_answers(
    started: Store, tmp_path: Path
) -> None:
    change = propose(started, write_bundle(tmp_path / "next", "next"))
    other = keep(started, write_bundle(tmp_path / "other", "other"))
    digest = change_digest(change.bundle_hash, other)
    stray = replace(change, id=new_id("chg"), base_hash=other, digest=digest)
    with started.begin() as tx:
        tx.bundles.changes.ask(stray, review={}, audit=AuditEvent(action="test", actor="test"))
    with pytest.raises(ApprovalRefused, match="propose it again"):
        answer(started, stray, "bob")
    with started.read() as tx:
        assert tx.bundles.changes.get(stray.id).state is ChangeState.OUTDATED


def test_a_policy_may_take_silence_for_a_no(any_store: Store, tmp_path: Path, clock: FixedClock) -> None:
    then = "then: {approvals: 2, from: [admin], expires: 1h, on_expiry: deny}"
    put_live(any_store, with_rule(tmp_path / "strict", then, EXPECTED), kind="first")
    change = propose(any_store, write_bundle(tmp_path / "next"))
    clock.advance(seconds=3600)
    activation.expire(any_store)
    with any_store.read() as tx:
        assert tx.bundles.changes.get(change.id).state is ChangeState.DENIED


def test_a_change_needs_a_reason_and_must_be_there(started: Store, tmp_path: Path) -> None:
    with pytest.raises(ApprovalRefused, match="reason"):
        propose(started, write_bundle(tmp_path / "next", "next"), reason="  ")
    with pytest.raises(NotFound):
        activation.answer(started, "chg_nothing", person="bob", roles=["admin"], approve=True, reason="")


def test_from_a_fallback_a_mended_bundle_can_be_proposed(started: Store, tmp_path: Path) -> None:
    broken = write_bundle(tmp_path / "broken")
    replace_in(broken, "actions.yaml", "tools: [isolate_host]", "tools: [isolate_planet]")
    put_live(started, broken, hash_="e" * 64)
    change = propose(started, write_bundle(tmp_path / "mended", "mended"))
    assert change.base_hash == "e" * 64
    answer(started, change, "bob")
    assert answer(started, change, "carol").state is ChangeState.LIVE


def test_a_policy_may_ask_for_a_fresh_sign_in_before_it_is_changed(
    any_store: Store, tmp_path: Path, clock: FixedClock
) -> None:
    then = "then: {approvals: 1, from: [admin], reauthenticate: 5m}"
    put_live(any_store, with_rule(tmp_path / "strict", then, "expect: ask"), kind="first")
    change = propose(any_store, write_bundle(tmp_path / "next"))
    with pytest.raises(ReauthenticationNeeded):
        answer(any_store, change, "bob")
    assert answer(any_store, change, "bob", authenticated_at=clock.now()).state is ChangeState.LIVE
