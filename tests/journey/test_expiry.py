"""A question that nobody answers: it lapses, it counts as a no, or a person takes the ticket, as its rule says."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from core.action import Proposal, ProposalState
from core.audit import AuditEvent
from core.decision import OnExpiry
from core.ticket import TicketState
from gateway.cases import case
from tests.demo_cases import demo_ticket
from tests.house import House
from tests.journey.test_journey import answer_all, proposals, reports
from workflows import sweep
from workflows.retry import retry

pytestmark = pytest.mark.journey


def asked(house: House, on_expiry: OnExpiry, *, only: str | None = None) -> Proposal:
    """A ticket that waits for people, whose questions (or the one of this tool) do that when nobody answers."""
    waiting = house.triage(demo_ticket("leaked_credential", "malicious"))
    assert waiting.state is TicketState.AWAITING_APPROVAL
    with house.services.store.begin() as tx:
        for proposal in tx.proposals.of(waiting.id):
            if proposal.state is ProposalState.PENDING and only in {None, proposal.tool}:
                assert proposal.decision is not None
                decision = dataclasses.replace(proposal.decision, on_expiry=on_expiry)
                tx.proposals.decide(proposal, decision, provenance=proposal.provenance, expires_at=proposal.expires_at)
    [rotate] = proposals(house, waiting.id, "rotate_secret")
    return rotate


def lapse(house: House, proposal: Proposal) -> None:
    """Let the time of a question pass, sweep, and work what was rung for."""
    assert proposal.expires_at is not None
    house.clock.advance(seconds=(proposal.expires_at - house.clock.now()).total_seconds() + 1)
    sweep.run(house.services)
    house.work(proposal.ticket_id)


def events(house: House, ticket_id: str, action: str) -> list[dict[str, Any]]:
    with house.services.store.read() as tx:
        return [event for event in tx.audit.of(ticket_id) if event["action"] == action]


def means(house: House, proposal: Proposal) -> str:
    with house.services.store.read() as tx:
        shown = case(tx, proposal.ticket_id)["actions"]
    return str(next(a["means"] for a in shown if a["proposal"] == proposal.id))


def test_silence_is_not_a_denial_unless_the_rule_says_so(house: House) -> None:
    question = asked(house, "expire")
    lapse(house, question)
    [left] = proposals(house, question.ticket_id, "rotate_secret")
    assert (left.state, left.lapsed) == (ProposalState.EXPIRED, "expire")
    assert "denied" not in means(house, question)
    assert house.ticket(question.ticket_id).state is TicketState.CLOSED


def test_silence_that_counts_as_a_no_denies_and_says_that_nobody_answered(house: House) -> None:
    question = asked(house, "deny")
    lapse(house, question)
    [left] = proposals(house, question.ticket_id, "rotate_secret")
    assert (left.state, left.lapsed) == (ProposalState.DENIED, "deny")
    assert means(house, question) == "denied: nobody answered in time, and the policy takes silence for a no"
    [event] = [e for e in events(house, question.ticket_id, "proposal.denied") if e["data"]["proposal"] == question.id]
    assert event["actor"] == "clock"
    assert event["data"]["reason"].startswith("rotate_secret: denied: nobody answered")
    assert house.ticket(question.ticket_id).state is TicketState.CLOSED


def test_a_denial_by_a_person_is_not_taken_for_silence(house: House) -> None:
    question = asked(house, "deny")
    answer_all(house, question.ticket_id, approve=False)
    house.work(question.ticket_id)
    [left] = proposals(house, question.ticket_id, "rotate_secret")
    assert (left.state, left.lapsed) == (ProposalState.DENIED, None)
    assert means(house, question) == "denied"


def test_silence_can_hand_the_ticket_to_a_person(house: House) -> None:
    question = asked(house, "escalate")
    lapse(house, question)
    taken = house.ticket(question.ticket_id)
    [left] = proposals(house, question.ticket_id, "rotate_secret")
    assert taken.state is TicketState.ESCALATED
    assert left.state is ProposalState.EXPIRED, "nobody denied it"
    assert taken.trouble is not None
    assert "Nobody answered in time about rotate_secret" in taken.trouble
    last = reports(house)[-1]
    assert (last["type"], last["note"]) == ("report.escalated", taken.trouble)
    assert last["ticket"]["state"] == "escalated"


def test_a_question_that_is_still_open_can_be_answered_before_the_ticket_goes_to_a_person(house: House) -> None:
    question = asked(house, "escalate", only="rotate_secret")
    with house.services.store.begin() as tx:  # a second question, which never closes
        [other] = [p for p in tx.proposals.of(question.ticket_id) if p.tool == "rotate_secret"]
        copy = dataclasses.replace(other, id="prp_other", tool="disable_account", state=ProposalState.PENDING,
                                   expires_at=None)  # fmt: skip
        tx.proposals.add(copy, AuditEvent(action="test", actor="test"))
    lapse(house, question)
    assert house.ticket(question.ticket_id).state is TicketState.AWAITING_APPROVAL
    told = reports(house)[-1]
    assert told["type"] == "report.interim"
    assert "wants a person to take the ticket" in told["note"]
    answer_all(house, question.ticket_id, approve=False)
    house.work(question.ticket_id)
    assert house.ticket(question.ticket_id).state is TicketState.ESCALATED


def test_a_ticket_that_was_sent_round_again_is_not_handed_over_for_the_old_question(house: House) -> None:
    question = asked(house, "escalate")
    lapse(house, question)
    retry(house.services.store, question.ticket_id, actor="user:ana", ring=house.rung.append)
    house.clock.advance(seconds=1)
    again = house.work(question.ticket_id)
    assert again.state is TicketState.AWAITING_APPROVAL
    answer_all(house, question.ticket_id, approve=False)
    assert house.work(question.ticket_id).state is TicketState.CLOSED
