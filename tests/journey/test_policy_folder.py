"""A folder as the source of policy: what changes in it becomes a candidate, or live where the settings say so."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from core.bundle_change import ChangeState
from core.ticket import TicketState
from tests.bundles import keep, loaded, replace_in, write_bundle
from tests.demo_cases import demo_ticket
from tests.house import House
from tools.registry import default_registry
from workflows import activation, candidates, sweep

pytestmark = pytest.mark.journey

MakeHouse = Callable[..., House]


def test_a_changed_folder_waits_for_two_admins(make_house: MakeHouse, tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "policy", "one")
    house = make_house(policy_dir=folder)
    store, first = house.services.store, house.services.bundle().hash
    sweep.run(house.services)
    with store.read() as tx:
        assert tx.bundles.changes.recent() == [], "an unchanged folder says nothing"
    write_bundle(folder, "one", "two")
    for _ in range(2):
        sweep.run(house.services)
    with store.read() as tx:
        [change] = tx.bundles.changes.recent()
    assert (change.author, change.base_hash, change.state) == ("files", first, ChangeState.PENDING)
    assert house.services.bundle.look().bundle.hash == first
    for person in ("bob", "carol"):
        activation.answer(store, change.id, person=person, roles=["admin"], approve=True, reason="")
    assert house.services.bundle.look().bundle.hash == loaded(folder).hash
    sweep.run(house.services)
    with store.read() as tx:
        assert len(tx.bundles.changes.recent()) == 1


def test_a_denied_folder_is_not_asked_about_again_until_it_changes(make_house: MakeHouse, tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "policy", "one")
    house = make_house(policy_dir=folder)
    store = house.services.store
    house.services.bundle()
    write_bundle(folder, "one", "two")
    sweep.run(house.services)
    with store.read() as tx:
        [change] = tx.bundles.changes.recent()
    activation.answer(store, change.id, person="bob", roles=["admin"], approve=False, reason="No.")
    sweep.run(house.services)
    with store.read() as tx:
        assert len(tx.bundles.changes.recent()) == 1
    write_bundle(folder, "one", "three")
    house.clock.advance(seconds=1)
    sweep.run(house.services)
    with store.read() as tx:
        assert len(tx.bundles.changes.recent()) == 2


def test_a_broken_folder_changes_nothing_and_is_trouble_until_it_is_mended(
    make_house: MakeHouse, tmp_path: Path
) -> None:
    folder = write_bundle(tmp_path / "policy", "one")
    house = make_house(policy_dir=folder, policy_activation="files")
    first = house.services.bundle().hash
    replace_in(folder, "actions.yaml", "tools: [isolate_host]", "tools: [isolate_planet]")
    sweep.run(house.services)
    assert house.services.bundle.look().bundle.hash == first
    [trouble] = candidates.trouble(house.services.bundle, house.services.store)
    assert "isolate_planet" in trouble
    assert house.triage(demo_ticket("endpoint", "benign")).state is TicketState.CLOSED
    write_bundle(folder, "one")
    assert candidates.trouble(house.services.bundle, house.services.store) == []


def test_a_sound_folder_goes_live_by_itself_where_the_settings_say_so(make_house: MakeHouse, tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "policy", "one")
    house = make_house(policy_dir=folder, policy_activation="files")
    store, first = house.services.store, house.services.bundle().hash
    write_bundle(folder, "one", "two")
    sweep.run(house.services)
    second = house.services.bundle().hash
    assert second == loaded(folder).hash
    with store.read() as tx:
        newest = tx.bundles.live()
        assert newest is not None
        assert (newest.kind, newest.actor, newest.previous_hash) == ("files", "files", first)
        assert [e["actor"] for e in tx.audit.all() if e["action"] == "policy.activated"] == ["files", "files"]
    # What an admin rolled back from does not come back by itself, also when it is put there again.
    activation.rollback(store, default_registry(), person="ada", roles=["admin"], reason="It broke.")
    sweep.run(house.services)
    assert house.services.bundle.look().bundle.hash == first
    assert any("rolled back" in sentence for sentence in candidates.trouble(house.services.bundle, store))
    house.clock.advance(seconds=60)
    write_bundle(folder, "three")
    sweep.run(house.services)
    house.clock.advance(seconds=60)
    write_bundle(folder, "one", "two")
    sweep.run(house.services)
    assert house.services.bundle.look().bundle.hash == loaded(write_bundle(tmp_path / "three", "three")).hash
    with store.read() as tx:
        [waiting] = tx.bundles.changes.waiting()
    assert waiting.bundle_hash == second


@pytest.mark.parametrize(
    ("name", "never"),
    [
        ("no-lies", 'allow when tool == "quarantine_email"'),  # does not hold
        # Cannot be proved.
        (
            "vague",
            'allow when tool == "quarantine_email" && ticket.source.matches("^a$") && ticket.source.matches("^b$")',
        ),
    ],
)
def test_a_folder_whose_invariants_are_not_proved_does_not_go_live_by_itself(
    make_house: MakeHouse, tmp_path: Path, name: str, never: str
) -> None:
    folder = write_bundle(tmp_path / "policy", "one")
    house = make_house(policy_dir=folder, policy_activation="files")
    first = house.services.bundle().hash
    invariants = folder / "invariants.yaml"
    invariants.write_text(invariants.read_text() + f"  - id: {name}\n    never: {never}\n    reason: A drill.\n")
    sweep.run(house.services)
    assert house.services.bundle.look().bundle.hash == first
    assert any(name in sentence for sentence in candidates.trouble(house.services.bundle, house.services.store))


def test_a_new_release_with_another_bundle_makes_a_candidate_of_it_once(
    house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import policies.bundle

    house.services.bundle()
    newer = write_bundle(tmp_path / "newer", "newer")
    monkeypatch.setattr(policies.bundle, "default_bundle_path", lambda: newer)
    for _ in range(2):
        sweep.run(house.services)
    with house.services.store.read() as tx:
        [change] = tx.bundles.changes.recent()
    assert (change.author, change.bundle_hash) == ("shipped", loaded(newer).hash)


def test_while_processes_see_different_folders_no_candidate_is_made(make_house: MakeHouse, tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "policy", "one")
    house = make_house(policy_dir=folder)
    house.services.bundle()
    write_bundle(folder, "one", "two")
    with house.services.store.begin() as tx:
        tx.operations.beat("old:1", "worker", {"folder": "f" * 64})
    sweep.run(house.services)
    with house.services.store.read() as tx:
        assert tx.bundles.changes.recent() == []
    house.clock.advance(seconds=candidates.SILENT_SECONDS + 1)
    sweep.run(house.services)
    with house.services.store.read() as tx:
        assert len(tx.bundles.changes.recent()) == 1


def test_where_a_folder_was_the_source_the_shipped_bundle_is_no_candidate(
    make_house: MakeHouse, tmp_path: Path
) -> None:
    house = make_house(policy_dir=write_bundle(tmp_path / "policy", "one"))
    house.services.bundle()
    unset = make_house()
    sweep.run(unset.services)
    with house.services.store.read() as tx:
        assert tx.bundles.changes.recent() == []
    shutil.rmtree(tmp_path / "policy")
    keep(house.services.store, write_bundle(tmp_path / "other", "other"))
    sweep.run(house.services)
    assert house.services.bundle.look().is_live
