"""Claims: one person says that they work on a ticket, on both databases."""

from __future__ import annotations

import pytest

from core.audit import AuditEvent
from core.clock import FixedClock
from core.errors import NotFound
from core.store.engine import Store
from tests.samples import stored_ticket
from workflows import claims


def actions(store: Store, ticket_id: str) -> list[str]:
    with store.read() as tx:
        return [event["action"] for event in tx.audit.of(ticket_id) if event["action"].startswith("claim.")]


def holder(store: Store, ticket_id: str) -> str | None:
    with store.read() as tx:
        held = tx.claims.of(ticket_id)
    return held.person if held else None


def test_the_first_to_claim_holds_and_a_second_learns_who_it_is(any_store: Store) -> None:
    ticket = stored_ticket(any_store)
    assert claims.claim(any_store, ticket.id, "ana").person == "ana"
    assert claims.claim(any_store, ticket.id, "abe").person == "ana"
    assert holder(any_store, ticket.id) == "ana"
    assert actions(any_store, ticket.id) == ["claim.made"]


def test_a_claim_is_taken_over_only_by_who_says_so_and_the_trail_tells_from_whom(any_store: Store) -> None:
    ticket = stored_ticket(any_store)
    claims.claim(any_store, ticket.id, "ana")
    assert claims.claim(any_store, ticket.id, "abe", over=True).person == "abe"
    with any_store.read() as tx:
        last = tx.audit.of(ticket.id)[-1]
    assert (last["action"], last["actor"], last["data"]) == ("claim.taken_over", "user:abe", {"from": "ana"})


def test_only_the_holder_releases(any_store: Store) -> None:
    ticket = stored_ticket(any_store)
    claims.claim(any_store, ticket.id, "ana")
    assert claims.release(any_store, ticket.id, "abe") is False
    assert claims.release(any_store, ticket.id, "ana") is True
    assert holder(any_store, ticket.id) is None
    assert actions(any_store, ticket.id) == ["claim.made", "claim.released"]


def test_a_claim_runs_out_unless_its_holder_opens_the_case(any_store: Store, clock: FixedClock) -> None:
    ticket = stored_ticket(any_store)
    claims.claim(any_store, ticket.id, "ana")
    clock.advance(seconds=claims.LASTS.total_seconds() - 1)
    renewed = claims.renew(any_store, ticket.id, "ana")
    assert renewed is not None
    assert renewed.until == clock.now() + claims.LASTS
    someone = claims.renew(any_store, ticket.id, "abe")
    assert someone is not None
    assert someone.person == "ana"
    clock.advance(seconds=claims.LASTS.total_seconds())
    assert claims.renew(any_store, ticket.id, "ana") is None
    assert claims.claim(any_store, ticket.id, "abe").person == "abe"


def test_opening_a_page_again_at_once_writes_nothing(any_store: Store) -> None:
    ticket = stored_ticket(any_store)
    made = claims.claim(any_store, ticket.id, "ana")
    assert claims.renew(any_store, ticket.id, "ana") == made
    assert actions(any_store, ticket.id) == ["claim.made"]


def test_nobody_claims_a_ticket_that_is_not_there(any_store: Store) -> None:
    with pytest.raises(NotFound):
        claims.claim(any_store, "tkt_nope", "ana")


def test_views_are_each_persons_own_and_a_name_stands_once(any_store: Store) -> None:
    event = AuditEvent(action="test", actor="test")
    with any_store.begin() as tx:
        ana = tx.users.add("ana", roles=["analyst"], password_hash=None, audit=event)
        abe = tx.users.add("abe", roles=["approver"], password_hash=None, audit=event)
        tx.saved_views.keep(ana.id, name="Bad", query="verdict=malicious", audit=event)
        kept = tx.saved_views.keep(ana.id, name="Bad", query="severity=high", audit=event)
    with any_store.begin() as tx:
        assert [(view.name, view.query) for view in tx.saved_views.of(ana.id)] == [("Bad", "severity=high")]
        assert tx.saved_views.of(abe.id) == []
        assert tx.saved_views.remove(abe.id, kept.id, event) is False
        assert tx.saved_views.remove(ana.id, kept.id, event) is True
        assert tx.saved_views.of(ana.id) == []
