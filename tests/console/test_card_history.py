"""What stands behind a proposal: where each argument comes from, and what became of the same action in other cases."""

from __future__ import annotations

import dataclasses
from typing import Any

from sqlalchemy.event import listen

from core.action import Proposal, ProposalState
from core.ids import new_id
from core.store.engine import Store
from tests.console.site import AUDIT, Site
from tests.console.test_card import look, send, words
from tests.samples import keep, proposal, stored_ticket
from tools.registry import default_registry
from workflows import card as cards

SHOP = "host shop-1"


def of_the_demo(site: Site) -> list[Proposal]:
    with site.store.read() as tx:
        return [one for ticket in tx.tickets.recent(limit=100) for one in tx.proposals.of(ticket.id)]


def aimed(store: Store, like: Proposal, ticket_id: str, target: str, state: ProposalState) -> Proposal:
    """A proposal like this one for another ticket, at this real target."""
    fresh = dataclasses.replace(
        like, id=new_id("prp"), ticket_id=ticket_id, state=ProposalState.PROPOSED, created_at=store.clock.now()
    )
    assert like.decision is not None
    with store.begin() as tx:
        hashed = tx.effects.target_hash(target)
        tx.proposals.add(fresh, AUDIT)
        tx.proposals.decide(fresh, like.decision, provenance={}, expires_at=like.expires_at, target=hashed)
        tx.proposals.move(fresh, state, AUDIT)
        return tx.proposals.get(fresh.id)


def plan_of(store: Store, of: Proposal) -> str:
    """How SQLite finds the answers elsewhere; PostgreSQL reads so few rows one after the other."""
    if store._engine.dialect.name != "sqlite":
        return "ix_proposals_target"
    asked: list[tuple[str, Any]] = []
    listen(store._engine, "before_cursor_execute", lambda *event: asked.append((event[2], event[3])))
    with store.read() as tx:
        tx.proposals.elsewhere(of, limit=5)
    statement, parameters = asked[-1]
    with store._engine.connect() as connection:
        return str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all())


def test_every_argument_of_the_demo_says_where_it_comes_from(site: Site) -> None:
    """With a quote of it; only what a tool lets one choose from needs none."""
    registry, proposals = default_registry(), of_the_demo(site)
    assert {one.tool for one in proposals} == set(registry.acting())
    from_nowhere = []
    for one in proposals:
        with site.store.read() as tx:
            card = cards.card_of(tx, one.id, registry, site.clock, person="abe", roles=["approver"])
        from_nowhere += [
            (one.tool, argument.name, argument.text)
            for argument in card.arguments
            if not argument.chosen and not (argument.sources and argument.quotes)
        ]
    assert from_nowhere == []


def test_what_rotates_is_the_id_that_the_target_knows(site: Site) -> None:
    """A token would be nothing that a vendor could look up, and an id that the ticket shows is no secret."""
    (rotation,) = [one for one in of_the_demo(site) if one.tool == "rotate_secret"]
    assert rotation.arguments["secret"] == "tok-payments-deploy-7"
    assert "from nowhere" not in words(look(site, rotation))


def test_a_card_shows_what_was_answered_about_the_same_target_in_other_cases(site: Site) -> None:
    first, second, third = (stored_ticket(site.store, external_id=f"SHOP-{n}").id for n in (1, 2, 3))
    like = next(one for one in site.waiting() if one.decision is not None and one.decision.approvals == 1)
    open_one = aimed(site.store, like, first, SHOP, ProposalState.PENDING)
    assert "In other cases" not in words(look(site, open_one))
    site.clock.advance(seconds=60)
    other = aimed(site.store, like, second, SHOP, ProposalState.PENDING)
    aimed(site.store, like, third, "host shop-2", ProposalState.DENIED)
    assert "In other cases" not in words(look(site, open_one)), "nobody has answered the other one"
    assert send(site, other, "deny", reason="It is <b>ours</b>.").status_code == 303
    page = look(site, open_one)
    seen = words(page).partition("In other cases, at the same target")[2]
    assert "SHOP-2 desk , 0 s ago: denied" in seen
    assert "abe denied 0 s ago: It is <b>ours</b>." in seen
    assert f'href="/cards/{other.id}"' in page
    assert "<b>ours" not in page
    assert "SHOP-3" not in seen


def test_what_policy_allowed_by_itself_is_told_from_what_people_did(site: Site) -> None:
    """The demo blocks the same address for two tickets."""
    blocks = [one for one in of_the_demo(site) if one.arguments == {"indicator": "198.51.100.23"}]
    assert len({one.ticket_id for one in blocks}) == 2
    seen = words(look(site, blocks[0])).partition("In other cases, at the same target")[2]
    assert "done, and a probe saw it policy decided without asking" in seen


def test_no_more_than_the_newest_few_are_shown_and_an_index_finds_them(any_store: Store) -> None:
    kept = []
    for number in range(cards.ELSEWHERE + 3):
        ticket = stored_ticket(any_store, external_id=f"INC-{number}")
        like = keep(any_store, proposal(ticket.id))
        kept.append(aimed(any_store, like, ticket.id, SHOP, ProposalState.DENIED))
    with any_store.read() as tx:
        found = tx.proposals.elsewhere(kept[0], limit=cards.ELSEWHERE)
        assert tx.proposals.elsewhere(like, limit=5) == [], "policy has not said what it aims at"
    assert len(found) == cards.ELSEWHERE
    assert kept[0].id not in {one.id for one in found}
    assert "ix_proposals_target" in plan_of(any_store, kept[0])
