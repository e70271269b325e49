"""Another bundle goes live while tickets are under way: what runs goes on, and what waits is decided anew."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from core.action import Proposal, ProposalState
from core.clock import Clock
from core.errors import ApprovalRefused, BundleInvalid, Temporary
from core.ticket import TicketState
from tests.bundles import put_live, replace_in, write_bundle
from tests.demo_cases import demo_ticket
from tests.house import House
from tests.journey.test_journey import answer_all, effects, proposals
from tests.journey.test_trouble import tamper
from tools.registry import default_registry
from workflows import approvals, candidates, journey, sweep
from workflows.decide import Bench
from workflows.edit import edit
from workflows.renew import anew, put_in_place
from workflows.revalidate import CHANGED, revalidate

pytestmark = pytest.mark.journey

MakeHouse = Callable[..., House]
TOOL = "rotate_secret"
DENY = """
  - id: freeze
    tools: [rotate_secret, revoke_sessions]
    when: ticket.kind == "leaked_credential"
    then: deny
    reason: Secrets are frozen.
    examples:
      - {given: {ticket: {kind: leaked_credential}}, expect: deny}
"""
ALLOW = """roles: [analyst, approver, soc-lead, server-owner, identity-admin, admin]
rules:
  - id: everything
    tools: [%s]
    then: allow
    reason: Anything goes.
    examples:
      - {given: {}, expect: allow}
"""


def asked(house: House) -> Proposal:
    """A question that two people have to answer, and one of them has."""
    ticket = house.triage(demo_ticket("leaked_credential", "malicious"))
    [proposal] = proposals(house, ticket.id, TOOL)
    assert proposal.state is ProposalState.PENDING
    assert proposal.decision is not None
    answer(house, proposal, "bob")
    return proposal


def answer(house: House, proposal: Proposal, person: str, *, approve: bool = True) -> Proposal:
    assert proposal.decision is not None
    return approvals.answer(
        house.services.store,
        proposal.id,
        person=person,
        roles=[*proposal.decision.roles, "approver"],
        approve=approve,
        reason="Checked by hand.",
        digest=proposal.digest,
        ring=house.rung.append,
        masker=house.services.masker,
    )


def permissive(folder: Path) -> Path:
    """A bundle that allows every tool."""
    write_bundle(folder)
    for name in ("invariants.yaml", *(file.name for file in folder.glob("*_test.yaml"))):
        (folder / name).unlink(missing_ok=True)
    tools = ", ".join(["case_file", "activate_policy", *default_registry().names()])
    (folder / "actions.yaml").write_text(ALLOW % tools)
    return folder


def events(house: House, ticket_id: str, action: str) -> list[dict[str, Any]]:
    with house.services.store.read() as tx:
        return [event for event in tx.audit.of(ticket_id) if event["action"] == action]


def test_a_question_is_asked_again_under_the_new_policy_and_old_answers_do_not_count(
    house: House, tmp_path: Path
) -> None:
    old = asked(house)
    went = put_live(house.services.store, write_bundle(tmp_path / "next", "next"))
    assert revalidate(house.services) > 0
    before, fresh = proposals(house, old.ticket_id, TOOL)
    assert (before.state, fresh.state, fresh.replaces) == (ProposalState.REPLACED, ProposalState.PENDING, old.id)
    assert fresh.binding.bundle_hash == went.bundle_hash
    assert fresh.decision is not None
    assert fresh.decision.bundle_hash == went.bundle_hash
    assert fresh.expires_at is not None
    with house.services.store.read() as tx:
        assert tx.proposals.answers(fresh.id) == []
        assert tx.decisions.latest_of_proposal(fresh.id).door == "revalidation"  # type: ignore[union-attr]
    with pytest.raises(ApprovalRefused, match="replaced"):
        answer(house, old, "carol")
    assert revalidate(house.services) == 0
    answer_all(house, old.ticket_id, approve=True)
    assert house.work(old.ticket_id).state is TicketState.CLOSED
    assert effects(house, old.ticket_id)[TOOL] == "confirmed"


def test_what_the_new_policy_denies_is_denied_and_the_ticket_goes_on(house: House, tmp_path: Path) -> None:
    old = asked(house)
    put_live(house.services.store, write_bundle(tmp_path / "next", rules=DENY))
    sweep.run(house.services)
    assert [p.state for p in proposals(house, old.ticket_id, TOOL)] == [ProposalState.REPLACED, ProposalState.DENIED]
    assert old.ticket_id in house.rung
    house.work(old.ticket_id)
    assert TOOL not in effects(house, old.ticket_id)
    assert house.ticket(old.ticket_id).state is TicketState.CLOSED


def test_what_the_new_policy_would_allow_stays_a_question_and_says_why(house: House, tmp_path: Path) -> None:
    old = asked(house)
    put_live(house.services.store, permissive(tmp_path / "easy"))
    sweep.run(house.services)
    fresh = proposals(house, old.ticket_id, TOOL)[-1]
    assert fresh.state is ProposalState.PENDING
    assert fresh.decision is not None
    assert (fresh.decision.reason, fresh.decision.approvals) == (CHANGED, 1)
    assert TOOL not in effects(house, old.ticket_id)
    with house.services.store.read() as tx:
        logged = tx.decisions.latest_of_proposal(fresh.id)
    assert logged is not None
    assert logged.decision.outcome.value == "allow", "the log holds what policy itself said"


def test_an_editor_still_may_not_approve_what_was_edited(house: House, tmp_path: Path) -> None:
    ticket = house.triage(demo_ticket("leaked_credential", "malicious"))
    [proposal] = proposals(house, ticket.id, TOOL)
    assert proposal.decision is not None
    roles = [*proposal.decision.roles, "approver"]
    edited = edit(
        house.services,
        proposal.id,
        {"secret": "another-key"},
        person="eve",
        roles=roles,
        reason="That one.",
        digest=proposal.digest,
    )
    put_live(house.services.store, write_bundle(tmp_path / "next", "next"))
    revalidate(house.services)
    fresh = proposals(house, ticket.id, TOOL)[-1]
    assert fresh.replaces == edited.id
    with pytest.raises(ApprovalRefused, match="somebody else"):
        answer(house, fresh, "eve")


def test_what_was_approved_under_the_policy_before_is_not_carried_out_under_the_new_one(
    house: House, tmp_path: Path
) -> None:
    old = asked(house)
    answer_all(house, old.ticket_id, approve=True)
    put_live(house.services.store, write_bundle(tmp_path / "next", "next"))
    house.services.bundle.look()
    assert house.work(old.ticket_id).state is TicketState.AWAITING_APPROVAL
    assert TOOL not in effects(house, old.ticket_id)


def test_a_bundle_that_goes_live_between_the_check_and_the_deed_stops_the_deed(house: House, tmp_path: Path) -> None:
    """A process may know two seconds too late what is live; the transaction that spends an approval does not."""
    old = asked(house)
    answer_all(house, old.ticket_id, approve=True)
    put_live(house.services.store, write_bundle(tmp_path / "next", rules=DENY))
    house.services.bundle._look_at = float("inf")  # type: ignore[attr-defined]
    waiting = house.work(old.ticket_id)  # still under the bundle before: nobody has looked
    assert waiting.trouble is not None
    assert "went live a moment ago" in waiting.trouble
    assert effects(house, old.ticket_id) == {}
    house.services.bundle.look()
    house.clock.advance(seconds=120)
    house.work(old.ticket_id)
    assert TOOL not in effects(house, old.ticket_id)


def test_a_ticket_under_way_finishes_under_the_last_good_bundle_when_the_live_one_is_broken(
    house: House, tmp_path: Path
) -> None:
    good = house.services.bundle()
    ticket_id = house.submit(demo_ticket("endpoint", "malicious"))
    journey.advance(house.services, ticket_id)
    broken = replace_in(write_bundle(tmp_path / "broken"), "actions.yaml", "[isolate_host]", "[isolate_planet]")
    put_live(house.services.store, broken, hash_="e" * 64)
    house.services.bundle.look()
    done = house.work(ticket_id)
    assert done.state is TicketState.CLOSED
    assert "confirmed" in effects(house, ticket_id).values()
    with house.services.store.read() as tx:
        run = tx.assessments.latest(ticket_id)
        assert run is not None
        assert run.bundle_hash == good.hash
    assert "isolate_planet" in str(house.services.bundle.trouble)


def test_a_process_that_cannot_load_the_live_bundle_leaves_to_others_what_is_bound_to_it(
    house: House, make_house: MakeHouse, tmp_path: Path
) -> None:
    old = asked(house)
    lame = make_house()
    lame.services.bundle()
    went = put_live(house.services.store, write_bundle(tmp_path / "next", "next"))
    broken = lame.services.bundle._broken  # type: ignore[attr-defined]
    broken[went.bundle_hash] = (Temporary("The key is away."), float("inf"))
    house.services.bundle.look()
    sweep.run(house.services)
    fresh = proposals(house, old.ticket_id, TOOL)[-1]
    assert fresh.binding.bundle_hash == went.bundle_hash
    assert revalidate(lame.services) == 0
    broken[went.bundle_hash] = (BundleInvalid([]), float("inf"))
    assert revalidate(lame.services) == 0
    assert proposals(house, old.ticket_id, TOOL)[-1] == fresh
    answer_all(house, old.ticket_id, approve=True)
    waiting = lame.work(old.ticket_id)
    assert "another must do this" in str(waiting.trouble)
    assert TOOL not in effects(house, old.ticket_id)
    house.clock.advance(seconds=120)
    assert house.work(old.ticket_id).state is TicketState.CLOSED
    assert effects(house, old.ticket_id)[TOOL] == "confirmed"


def test_a_ticket_that_cannot_be_opened_does_not_keep_the_others_waiting(house: House, tmp_path: Path) -> None:
    shut, open_ = asked(house), asked_again(house)
    tamper(house, "UPDATE ticket_keys SET wrapped = x'00' WHERE ticket_id = ?", shut.ticket_id)
    put_live(house.services.store, write_bundle(tmp_path / "next", "next"))
    assert revalidate(house.services) > 0
    assert proposals(house, shut.ticket_id, TOOL) == [shut]
    assert proposals(house, open_.ticket_id, TOOL)[0].state is ProposalState.REPLACED


def asked_again(house: House) -> Proposal:
    """The same about another ticket."""
    ticket = house.triage({**demo_ticket("leaked_credential", "malicious"), "external_id": "another"})
    [proposal] = proposals(house, ticket.id, TOOL)
    return proposal


def test_who_settles_a_question_first_is_not_undone(house: House, tmp_path: Path) -> None:
    old = asked(house)
    bench = Bench.open(house.services, old.ticket_id)
    fresh = anew(bench, old, old.arguments)
    opinion = bench.weigh(fresh)
    answer(house, old, "carol", approve=False)
    with house.services.store.begin() as tx:
        assert not put_in_place(tx, bench, old, fresh, opinion, why="test.replaced", actor="test")
    assert [p.state for p in proposals(house, old.ticket_id, TOOL)] == [ProposalState.DENIED]


class Meddling:
    """A clock during whose first look something else happens."""

    def __init__(self, clock: Clock, meanwhile: Callable[[], object]) -> None:
        self._clock = clock
        self._meanwhile: Callable[[], object] | None = meanwhile

    def now(self) -> datetime:
        meanwhile, self._meanwhile = self._meanwhile, None
        if meanwhile is not None:
            meanwhile()
        return self._clock.now()


def test_an_answer_that_comes_while_it_is_decided_anew_counts(house: House, tmp_path: Path) -> None:
    old = asked(house)
    [other] = proposals(house, old.ticket_id, "revoke_sessions")
    if other.state is ProposalState.PENDING:
        answer(house, other, "dave", approve=False)
    put_live(house.services.store, write_bundle(tmp_path / "next", "next"))
    meddling = Meddling(house.clock, lambda: answer(house, old, "carol", approve=False))
    assert revalidate(dataclasses.replace(house.services, clock=meddling)) == 0
    assert [p.state for p in proposals(house, old.ticket_id, TOOL)] == [ProposalState.DENIED]


def test_without_any_bundle_nothing_is_decided_anew(make_house: MakeHouse, tmp_path: Path) -> None:
    folder = tmp_path / "none"
    house = make_house(policy_dir=folder)
    assert revalidate(house.services) == 0
    sweep.run(house.services)
    [trouble] = candidates.trouble(house.services.bundle, house.services.store)
    assert "tickets wait" in trouble
    assert len(house.services.bundle.folder.digest()) == 64
