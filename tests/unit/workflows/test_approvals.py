"""Who may answer a proposal, when an answer counts, and what it sets in motion."""

from __future__ import annotations

import dataclasses
import threading
from datetime import timedelta
from functools import cache
from typing import Any

import pytest

from core.action import Proposal, ProposalState
from core.clock import FixedClock
from core.errors import ApprovalRefused, ReauthenticationNeeded
from core.store.engine import Store
from core.ticket import TicketState
from policies.bundle import default_bundle_path, load_bundle
from policies.masking.masker import Masker
from policies.masking.opening import open_masker
from tests.samples import keep, proposal, stored_ticket, walk
from workflows import approvals

ON_THE_WAY = (TicketState.MASKED, TicketState.INVESTIGATING, TicketState.DECIDED, TicketState.AWAITING_APPROVAL)


def waiting(store: Store, **changes: Any) -> Proposal:
    """A proposal of a ticket that waits for people."""
    ticket = stored_ticket(store)
    kept = keep(store, proposal(ticket.id, **changes))
    walk(store, ticket.id, *ON_THE_WAY)
    return kept


@cache
def default_masker() -> Masker:
    return open_masker(load_bundle(default_bundle_path()))


def answer(store: Store, to: Proposal, person: str, *, approve: bool = True, **changes: Any) -> Proposal:
    values: dict[str, Any] = {
        "roles": ["soc-lead"],
        "reason": "Looked at it.",
        "digest": to.digest,
        "ring": lambda _: None,
        "masker": default_masker,
        **changes,
    }
    return approvals.answer(store, to.id, person=person, approve=approve, **values)


def test_two_different_people_make_a_quorum_of_two(any_store: Store) -> None:
    asked = waiting(any_store)
    rung: list[str] = []
    assert answer(any_store, asked, "alice").state is ProposalState.PENDING
    assert answer(any_store, asked, "bob", ring=rung.append).state is ProposalState.APPROVED
    assert rung == [asked.ticket_id]
    with any_store.read() as tx:
        assert tx.tickets.get(asked.ticket_id).state is TicketState.EXECUTING


def test_one_person_answers_once(any_store: Store) -> None:
    asked = waiting(any_store)
    answer(any_store, asked, "alice")
    with pytest.raises(ApprovalRefused, match="already"):
        answer(any_store, asked, "alice")
    with pytest.raises(ApprovalRefused, match="already"):
        answer(any_store, asked, "alice", approve=False)


def test_a_double_click_from_many_windows_counts_once(any_store: Store) -> None:
    asked = waiting(any_store)
    outcomes: list[str] = []
    barrier = threading.Barrier(8)

    def click() -> None:
        barrier.wait()
        try:
            outcomes.append(answer(any_store, asked, "alice").state.value)
        except ApprovalRefused:
            outcomes.append("refused")

    threads = [threading.Thread(target=click) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["pending"] + ["refused"] * 7


def test_one_denial_denies_and_the_ticket_goes_on(any_store: Store) -> None:
    asked = waiting(any_store)
    answer(any_store, asked, "alice")
    assert answer(any_store, asked, "bob", approve=False).state is ProposalState.DENIED
    with pytest.raises(ApprovalRefused, match="denied"):
        answer(any_store, asked, "carol")


def test_a_denial_needs_a_reason(store: Store) -> None:
    with pytest.raises(ApprovalRefused, match="reason"):
        answer(store, waiting(store), "alice", approve=False, reason="  ")


def test_nobody_approves_their_own_proposal(store: Store) -> None:
    with pytest.raises(ApprovalRefused, match="somebody else"):
        answer(store, waiting(store, proposed_by="user:alice"), "alice")


@pytest.mark.parametrize("roles", [[], ["analyst"], ["approver", "admin"]])
def test_only_a_role_the_rule_names_may_answer(store: Store, roles: list[str]) -> None:
    with pytest.raises(ApprovalRefused, match="soc-lead"):
        answer(store, waiting(store), "alice", roles=roles)


def test_a_rule_that_names_no_role_takes_any_approver_but_not_an_analyst(store: Store) -> None:
    anyone = waiting(store)
    assert anyone.decision is not None
    opened = dataclasses.replace(anyone.decision, roles=(), approvals=1)
    with store.begin() as tx:
        tx.proposals.decide(anyone, opened, provenance={}, expires_at=None)
    with pytest.raises(ApprovalRefused, match="approver"):
        answer(store, anyone, "alice", roles=["analyst"])
    assert answer(store, anyone, "alice", roles=["approver"]).state is ProposalState.APPROVED


def test_the_digest_that_was_seen_must_be_the_digest_that_waits(store: Store) -> None:
    with pytest.raises(ApprovalRefused, match="digest"):
        answer(store, waiting(store), "alice", digest="0" * 64)


def test_a_late_answer_is_told_that_time_is_up(store: Store, clock: FixedClock) -> None:
    asked = waiting(store, expires_at=clock.now() + timedelta(minutes=30))
    clock.advance(seconds=1800)
    with pytest.raises(ApprovalRefused, match="expired"):
        answer(store, asked, "alice")


def test_the_ticket_waits_while_another_question_is_open(store: Store) -> None:
    first = waiting(store)
    keep(store, proposal(first.ticket_id))
    answer(store, first, "alice", approve=False)
    with store.read() as tx:
        assert tx.tickets.get(first.ticket_id).state is TicketState.AWAITING_APPROVAL


def test_every_answer_is_in_the_audit_trail_with_its_digest(store: Store) -> None:
    asked = waiting(store)
    answer(store, asked, "alice")
    answer(store, asked, "bob")
    with store.read() as tx:
        events = [e for e in tx.audit.of(asked.ticket_id) if e["action"].startswith("proposal.")]
    assert [(e["action"], e["actor"]) for e in events[-3:]] == [
        ("proposal.answered", "user:alice"),
        ("proposal.answered", "user:bob"),
        ("proposal.approved", "user:bob"),
    ]
    assert events[-2]["data"]["digest"] == asked.digest


def test_a_reason_that_names_somebody_is_kept_masked(store: Store) -> None:
    asked = waiting(store)
    answer(store, asked, "alice", approve=False, reason="Anna Lindqvist (anna.lindqvist@harbourbank.example) says no.")
    with store.read() as tx:
        [given] = tx.proposals.answers(asked.id)
    assert "indqvist" not in given.reason
    assert given.reason.startswith("PERSON_")
    assert given.reason.endswith("says no.")


@pytest.mark.parametrize("approve", [True, False])
def test_where_policy_asks_for_a_fresh_sign_in_an_old_one_changes_nothing(
    store: Store, clock: FixedClock, approve: bool
) -> None:
    plain = proposal("tkt_1").decision
    assert plain is not None
    asked = waiting(store, decision=dataclasses.replace(plain, reauthenticate_seconds=300))
    signed_in = clock.now()
    clock.advance(seconds=301)
    for at in (None, signed_in):
        with pytest.raises(ReauthenticationNeeded, match="5 min"):
            answer(store, asked, "alice", approve=approve, authenticated_at=at)
    with pytest.raises(ApprovalRefused, match="none of them") as refused:
        answer(store, asked, "alice", approve=approve, roles=["approver"], authenticated_at=None)
    assert not isinstance(refused.value, ReauthenticationNeeded)
    with store.read() as tx:
        assert tx.proposals.answers(asked.id) == []
    answer(store, asked, "alice", approve=approve, authenticated_at=clock.now())
    with store.read() as tx:
        assert len(tx.proposals.answers(asked.id)) == 1
