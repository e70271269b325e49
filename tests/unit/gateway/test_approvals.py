"""`/api/v1/approvals`, driven in process over a real store."""

from __future__ import annotations

import pytest
from httpx2 import Response

from core.action import Proposal
from core.store.ticket_vault import TicketVault
from policies.bundle import default_bundle_path, load_bundle
from policies.masking.opening import open_masker
from tests.samples import keep, proposal, stored_ticket
from tests.unit.gateway.conftest import Gateway
from tests.unit.proposals import pending


def give(gateway: Gateway, caller: str, proposal: Proposal, word: str, **changes: object) -> Response:
    """One answer to a proposal, by default to what it really is."""
    said = {"digest": proposal.digest, "reason": "I looked.", **changes}
    answer: Response = gateway.as_caller(caller).post(f"/api/v1/approvals/{proposal.id}/{word}", json=said)
    return answer


def state(gateway: Gateway, proposal: Proposal) -> str:
    with gateway.store.read() as tx:
        return tx.proposals.get(proposal.id).state.value


def test_the_card_shows_what_an_answer_will_cover(gateway: Gateway) -> None:
    proposal = pending(gateway.store)
    card = gateway.as_caller("ana").get(f"/api/v1/approvals/{proposal.id}").json()
    assert card["digest"] == proposal.digest
    assert card["arguments"] == {"host": "HOST_K7Q2XB"}
    assert card["decision"]["rules"] == ["isolate-server"]


def test_the_list_says_which_ones_the_caller_may_answer(gateway: Gateway) -> None:
    pending(gateway.store)
    assert [card["yours"] for card in gateway.as_caller("abe").get("/api/v1/approvals").json()["approvals"]] == [True]
    assert [card["yours"] for card in gateway.as_caller("aud").get("/api/v1/approvals").json()["approvals"]] == [False]


def test_an_approval_approves_and_rings_the_ticket(gateway: Gateway) -> None:
    proposal = pending(gateway.store)
    answer = give(gateway, "abe", proposal, "approve")
    assert (answer.status_code, answer.json()["state"]) == (200, "approved")
    assert gateway.rung == [proposal.ticket_id]
    with gateway.store.read() as tx:
        assert tx.tickets.get(proposal.ticket_id).state.value == "executing"
        assert "user:abe" in {event["actor"] for event in tx.audit.of(proposal.ticket_id)}


def test_two_different_people_are_needed_when_policy_asks_for_two(gateway: Gateway) -> None:
    proposal = pending(gateway.store, approvals=2)
    assert give(gateway, "abe", proposal, "approve").json()["state"] == "pending"
    again = give(gateway, "abe", proposal, "approve")
    assert (again.status_code, state(gateway, proposal)) == (409, "pending")
    assert give(gateway, "amy", proposal, "approve").json()["state"] == "approved"


def test_one_denial_is_enough(gateway: Gateway) -> None:
    proposal = pending(gateway.store, approvals=2)
    give(gateway, "abe", proposal, "approve")
    assert give(gateway, "amy", proposal, "deny").json()["state"] == "denied"


def test_a_denial_without_a_reason_is_refused(gateway: Gateway) -> None:
    proposal = pending(gateway.store)
    assert give(gateway, "abe", proposal, "deny", reason="").status_code == 422
    assert give(gateway, "abe", proposal, "deny", reason="  ").status_code == 409
    assert state(gateway, proposal) == "pending"


def test_an_answer_to_another_digest_does_not_count(gateway: Gateway) -> None:
    proposal = pending(gateway.store)
    answer = give(gateway, "abe", proposal, "approve", digest="0" * 64)
    assert (answer.status_code, state(gateway, proposal)) == (409, "pending")
    assert "digest" in answer.json()["detail"]


def test_an_answer_without_a_digest_is_refused(gateway: Gateway) -> None:
    proposal = pending(gateway.store)
    answer = gateway.as_caller("abe").post(f"/api/v1/approvals/{proposal.id}/approve", json={})
    assert (answer.status_code, answer.json()["field"]) == (422, "digest")


def test_an_unknown_member_of_an_answer_is_refused(gateway: Gateway) -> None:
    proposal = pending(gateway.store)
    assert give(gateway, "abe", proposal, "approve", person="amy").status_code == 422
    assert state(gateway, proposal) == "pending"


@pytest.mark.parametrize("caller", ["siem", "aud", "nobody"])
def test_who_is_neither_approver_nor_analyst_may_not_answer(gateway: Gateway, caller: str) -> None:
    proposal = pending(gateway.store, roles=())
    assert give(gateway, caller, proposal, "approve").status_code == 403
    assert state(gateway, proposal) == "pending"


def test_an_analyst_may_answer_only_where_the_rule_names_analysts(gateway: Gateway) -> None:
    proposal = pending(gateway.store, roles=())
    assert give(gateway, "ana", proposal, "approve").status_code == 409
    assert state(gateway, proposal) == "pending"


def test_an_analyst_answers_where_the_rule_names_analysts(gateway: Gateway) -> None:
    proposal = pending(gateway.store, roles=("analyst", "soc-lead"))
    assert give(gateway, "ana", proposal, "approve").status_code == 200


def test_an_approver_without_the_role_that_the_rule_names_may_not_answer(gateway: Gateway) -> None:
    proposal = pending(gateway.store, roles=("server-owner",))
    answer = give(gateway, "abe", proposal, "approve")
    assert answer.status_code == 409
    assert "server-owner" in answer.json()["detail"]


def test_nobody_answers_their_own_proposal(gateway: Gateway) -> None:
    proposal = pending(gateway.store, proposed_by="user:abe")
    assert give(gateway, "abe", proposal, "approve").status_code == 409
    assert give(gateway, "amy", proposal, "approve").status_code == 200


def test_an_expired_proposal_takes_no_answer(gateway: Gateway) -> None:
    proposal = pending(gateway.store, expires_seconds=60)
    gateway.clock.advance(seconds=60)
    answer = give(gateway, "abe", proposal, "approve")
    assert (answer.status_code, state(gateway, proposal)) == (409, "pending")
    assert "expired" in answer.json()["detail"]


def test_a_settled_proposal_takes_no_further_answer(gateway: Gateway) -> None:
    proposal = pending(gateway.store)
    give(gateway, "abe", proposal, "deny")
    assert give(gateway, "amy", proposal, "approve").status_code == 409
    assert state(gateway, proposal) == "denied"


def test_an_unknown_proposal_is_not_found(gateway: Gateway) -> None:
    assert gateway.as_caller("ana").get("/api/v1/approvals/prp_nothing").status_code == 404


def masked_proposal(gateway: Gateway) -> Proposal:
    """A pending proposal whose host is a token of the ticket's own vault."""
    bundle = load_bundle(default_bundle_path())
    ticket = stored_ticket(gateway.store, external_id="INC-masked")
    session = open_masker(bundle).session(TicketVault(gateway.store, ticket.id))
    token = session.mask_text("WS-TRE-014")
    assert token != "WS-TRE-014"
    waiting = proposal(ticket.id, arguments={"host": token})
    return keep(gateway.store, waiting)


def test_somebody_who_may_decide_sees_what_the_tokens_stand_for_and_leaves_a_trace(gateway: Gateway) -> None:
    waiting = masked_proposal(gateway)
    shown = gateway.as_caller("abe").post(f"/api/v1/approvals/{waiting.id}/reveal")
    assert shown.json() == {"id": waiting.id, "originals": {"host": "WS-TRE-014"}}
    with gateway.store.read() as tx:
        [look] = [event for event in tx.audit.of(waiting.ticket_id) if event["action"] == "proposal.revealed"]
    assert look["actor"] == "user:abe"
    assert "WS-TRE-014" not in str(look)


@pytest.mark.parametrize(("caller", "status"), [("ana", 409), ("aud", 403), ("siem", 403), (None, 401)])
def test_nobody_else_sees_an_original(gateway: Gateway, caller: str | None, status: int) -> None:
    waiting = masked_proposal(gateway)
    answer = gateway.as_caller(caller).post(f"/api/v1/approvals/{waiting.id}/reveal")
    assert answer.status_code == status
    assert "WS-TRE-014" not in answer.text
    card = gateway.as_caller("abe").get(f"/api/v1/approvals/{waiting.id}")
    assert "WS-TRE-014" not in card.text
