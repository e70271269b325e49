"""What a person saw at a target settles an action that no probe could see."""

from __future__ import annotations

import pytest

from core.action import EffectState
from core.audit import AuditEvent
from core.errors import ApprovalRefused, NotFound
from core.store.engine import Store
from tests.samples import effect, keep, proposal, stored_ticket
from tests.unit.workflows.test_approvals import default_masker
from workflows.settle import settle, unknown

EVENT = AuditEvent(action="test", actor="test")


def doubtful(store: Store) -> str:
    """An effect that left and was never seen."""
    ticket = stored_ticket(store)
    kept = keep(store, proposal(ticket.id))
    planned = effect(kept)
    with store.begin() as tx:
        tx.effects.plan(planned, EVENT)
        tx.effects.move(planned, EffectState.DISPATCHED, outcome={}, audit=EVENT)
    with store.begin() as tx:
        [sent] = tx.effects.of(ticket.id)
        tx.effects.move(sent, EffectState.UNKNOWN, outcome={"probe": "unknown"}, audit=EVENT)
    return planned.id


@pytest.mark.parametrize(("done", "state"), [(True, EffectState.CONFIRMED), (False, EffectState.FAILED)])
def test_a_person_settles_an_unknown_effect_and_the_ledger_says_who(
    any_store: Store, done: bool, state: EffectState
) -> None:
    effect_id = doubtful(any_store)
    said = settle(any_store, effect_id, done=done, person="ana", reason="Asked Anna Lindqvist.", masker=default_masker)
    assert said is state
    with any_store.read() as tx:
        assert unknown(tx, any_store.clock.now()) == []
        events = [event for event in tx.audit.all() if event["action"] == "effect.settled"]
        [after] = [e for t in tx.tickets.recent() for e in tx.effects.of(t.id)]
    assert [event["actor"] for event in events] == ["user:ana"]
    assert after.state is state
    assert (after.outcome["settled_by"], after.outcome["probe"]) == ("user:ana", "unknown")
    assert "Lindqvist" not in after.outcome["settled_because"]


def test_only_what_is_unknown_is_settled_and_only_with_a_reason(any_store: Store) -> None:
    effect_id = doubtful(any_store)
    with pytest.raises(ApprovalRefused, match="how you know"):
        settle(any_store, effect_id, done=True, person="ana", reason=" ", masker=default_masker)
    settle(any_store, effect_id, done=True, person="ana", reason="Saw it.", masker=default_masker)
    for id_ in (effect_id, "eff_none"):
        with pytest.raises(NotFound, match="effect list"):
            settle(any_store, id_, done=False, person="bob", reason="Saw it not.", masker=default_masker)
