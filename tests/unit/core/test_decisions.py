"""The decision log's table: what is written comes back, is found by everything it can be searched by, and streams."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from core.clock import FixedClock
from core.decision import Decision, Outcome
from core.decision_log import DecisionEntry, LoggedDecision
from core.errors import NotFound
from core.ids import new_id
from core.store.engine import Store
from tests.samples import stored_ticket

FACTS = {"tool": "isolate_host", "args": {"host": {"value": "HOST_K7Q2XB", "trusted": True, "sources": ["E1"]}}}


def entry(**changes: Any) -> DecisionEntry:
    """A decision as the gate would log it."""
    outcome, rules = changes.pop("outcome", Outcome.ALLOW), changes.pop("rules", ("isolate-workstation",))
    decision = Decision(outcome=outcome, rules=rules, reason="So.", bundle_hash=changes.pop("bundle", "b" * 64))
    values: dict[str, Any] = {
        "id": new_id("dec"),
        "ticket_id": None,
        "proposal_id": None,
        "door": "tool",
        "tool": "isolate_host",
        "facts": FACTS,
        "sealed": None,
        "decision": decision,
        "microseconds": 17,
    }
    return DecisionEntry(**{**values, **changes})


def keep(store: Store, *entries: DecisionEntry) -> list[str]:
    with store.begin() as tx:
        for one in entries:
            tx.decisions.add(one)
    return [one.id for one in entries]


def found(store: Store, **wanted: Any) -> list[str]:
    with store.read() as tx:
        return [logged.id for logged in tx.decisions.search(**wanted)]


def test_a_decision_comes_back_as_it_was_written(any_store: Store) -> None:
    ticket_id = stored_ticket(any_store).id
    written = entry(ticket_id=ticket_id, proposal_id="prp_1", door="proposal", sealed=b"\x00\xff")
    keep(any_store, written)
    with any_store.read() as tx:
        read = tx.decisions.get(written.id)
        assert tx.decisions.of(ticket_id) == [read]
        with pytest.raises(NotFound, match="policy log"):
            tx.decisions.get("dec_none")
    assert isinstance(read, LoggedDecision)
    assert {name: getattr(read, name) for name in DecisionEntry.__dataclass_fields__} == {
        name: getattr(written, name) for name in DecisionEntry.__dataclass_fields__
    }
    assert read.created_at == any_store.clock.now()
    assert read.as_json()["exact"] is False
    assert "sealed" not in read.as_json()


def test_the_newest_decision_on_a_proposal_is_found(any_store: Store) -> None:
    ids = keep(any_store, entry(proposal_id="prp_1"), entry(proposal_id="prp_1", door="execution"), entry())
    with any_store.read() as tx:
        latest = tx.decisions.latest_of_proposal("prp_1")
        past = tx.decisions.past_of_proposal("prp_1")
        assert tx.decisions.latest_of_proposal("prp_2") is None
        assert tx.decisions.past_of_proposal("prp_2") is None
    assert latest is not None
    assert past is not None
    assert latest.id == past.id == ids[1]


def test_every_way_to_search_finds_exactly_what_fits(any_store: Store, clock: FixedClock) -> None:
    ticket_id = stored_ticket(any_store).id
    plain = entry()
    changed = {
        "ticket_id": (entry(ticket_id=ticket_id), ticket_id),
        "tool": (entry(tool="block_indicator"), "block_indicator"),
        "outcome": (entry(outcome=Outcome.ASK), "ask"),
        "door": (entry(door="edit"), "edit"),
        "rule": (entry(rules=("other", "second")), "second"),
        "bundle_hash": (entry(bundle="c" * 64), "c" * 12),
    }
    keep(any_store, plain, *(made for made, _ in changed.values()))
    for name, (made, value) in changed.items():
        assert found(any_store, **{name: value}) == [made.id], name
    # A word of a reason is no rule, and a sign that LIKE knows is only a sign.
    assert found(any_store, rule="So.") == []
    assert found(any_store, rule="secon_") == []
    assert found(any_store, bundle_hash="%") == []
    clock.advance(seconds=3600)
    later = entry()
    keep(any_store, later)
    assert found(any_store, since=clock.now() - timedelta(minutes=30)) == [later.id]


def test_a_search_goes_on_where_the_one_before_it_ended(any_store: Store) -> None:
    ids = keep(any_store, *(entry(rules=("r",)) for _ in range(5)))
    for rule in (None, "r"):
        seen: list[str] = []
        before = None
        while True:
            with any_store.read() as tx:
                page = tx.decisions.search(rule=rule, limit=2, before=before)
            if not page:
                break
            seen += [logged.id for logged in page]
            before = page[-1].sequence
        assert seen == ids[::-1]


def test_all_of_them_stream_oldest_first_with_their_text_as_it_is(any_store: Store, clock: FixedClock) -> None:
    ids = keep(any_store, entry(), entry(sealed=b"x", door="edit"))
    clock.advance(seconds=60)
    ids += keep(any_store, entry())
    with any_store.read() as tx:
        past = list(tx.decisions.all_since())
        assert [one.id for one in tx.decisions.all_since(clock.now())] == ids[2:]
    assert [one.id for one in past] == ids
    assert [one.sealed for one in past] == [None, b"x", None]
    assert [one.door for one in past] == ["tool", "edit", "tool"]
    assert [json.loads(one.facts) for one in past] == [FACTS] * 3
    assert Decision.from_json(json.loads(past[0].decision)).rules == ("isolate-workstation",)
    assert past[2].created_at == clock.now()


def test_what_a_transaction_that_fails_had_decided_is_not_in_the_log(any_store: Store) -> None:
    def fail() -> None:
        with any_store.begin() as tx:
            tx.decisions.add(entry())
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert found(any_store) == []
