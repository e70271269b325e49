"""What limits count: effects by tool, by what they aim at, by the source of their ticket."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from core.action import EffectState
from core.audit import AuditEvent
from core.clock import FixedClock
from core.store.engine import Store
from tests.samples import downgrade, effect, keep, proposal, stored_ticket

EVENT = AuditEvent(action="test", actor="test")
NOTHING = dict.fromkeys(
    ("last_hour", "last_day", "target_last_hour", "target_last_day", "source_last_hour", "source_last_day"), 0
)


def done(
    store: Store, *, target: str | None, source: str = "siem", ago: timedelta = timedelta(), **changes: Any
) -> None:
    """An effect of a ticket of its own."""
    with store.read() as tx:
        number = tx.effects.total() + sum(tx.tickets.counts().values())
    spent = keep(store, proposal(stored_ticket(store, source=source, external_id=f"INC-{number}").id))
    with store.begin() as tx:
        planned = effect(
            spent,
            target=tx.effects.target_hash(target),
            source=source,
            created_at=store.clock.now() - ago,
            **{"state": EffectState.CONFIRMED, **changes},
        )
        tx.effects.plan(planned, EVENT)


def history(store: Store, *, target: str | None, source: str = "siem", tool: str = "isolate_host") -> dict[str, int]:
    with store.read() as tx:
        return tx.effects.history(tool, target=target, source=source)


def test_before_the_first_effect_there_is_nothing_to_count(any_store: Store) -> None:
    assert history(any_store, target="asset ws-1") == NOTHING


def test_effects_count_by_tool_by_target_and_by_source_over_an_hour_and_a_day(any_store: Store) -> None:
    done(any_store, target="asset ws-1")
    done(any_store, target="asset ws-1", source="mail", ago=timedelta(hours=2))
    done(any_store, target="asset ws-2", ago=timedelta(hours=3))
    done(any_store, target="asset ws-1", ago=timedelta(hours=25))
    assert history(any_store, target="asset ws-1") == {
        "last_hour": 1,
        "last_day": 3,
        "target_last_hour": 1,
        "target_last_day": 2,
        "source_last_hour": 1,
        "source_last_day": 2,
    }
    assert history(any_store, target="asset ws-1", tool="block_indicator") == NOTHING


def test_what_failed_does_not_count_and_what_is_under_way_does(any_store: Store) -> None:
    done(any_store, target="asset ws-1", state=EffectState.FAILED)
    done(any_store, target="asset ws-1", state=EffectState.PLANNED)
    done(any_store, target="asset ws-1", state=EffectState.UNKNOWN)
    assert history(any_store, target="asset ws-1")["target_last_hour"] == 2


def test_an_action_without_a_target_shares_none(any_store: Store) -> None:
    done(any_store, target=None)
    done(any_store, target="asset ws-1")
    found = history(any_store, target=None)
    assert (found["last_hour"], found["target_last_hour"]) == (2, 0)


def test_the_database_shows_no_target(store: Store) -> None:
    done(store, target="asset ws-1")
    with store.begin() as tx:
        [(kept,)] = tx._session.execute(text("SELECT target FROM effects")).all()
        assert kept == tx.effects.target_hash("asset ws-1")
    assert len(kept) == 64
    assert "ws" not in kept


def test_another_key_gives_another_hash(any_store: Store, tmp_path: Any, clock: FixedClock) -> None:
    from core.vault import Keyring

    keyring = Keyring.from_file(tmp_path / "other.key", create=True)
    other = Store.open(f"sqlite:///{tmp_path / 'other.db'}", clock=clock, keyring=keyring)
    other.migrate()
    with any_store.begin() as mine, other.begin() as theirs:
        assert mine.effects.target_hash("asset ws-1") != theirs.effects.target_hash("asset ws-1")
    other.close()


@pytest.mark.parametrize("target", ["asset ws-1", "evil.example"])
def test_the_same_target_has_the_same_hash_in_every_process(store: Store, clock: FixedClock, target: str) -> None:
    with store.begin() as tx:
        first = tx.effects.target_hash(target)
    again = Store(store._engine, clock=clock, keyring=store.keyring)
    with again.read() as tx:
        assert tx.effects.target_hash(target) == first


def test_effects_of_the_release_before_count_for_the_source_of_their_ticket(any_store: Store) -> None:
    done(any_store, target="asset ws-1", source="mail")
    downgrade(any_store, "0002")
    any_store.migrate()
    assert history(any_store, target="asset ws-1", source="mail")["source_last_day"] == 1
    assert history(any_store, target="asset ws-1", source="siem")["source_last_day"] == 0
