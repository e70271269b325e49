"""What is live comes from the store; a process takes it within seconds, and keeps the last good one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from core.clock import FixedClock
from core.errors import BundleInvalid, Temporary
from core.settings import Settings
from core.store.engine import Store
from core.vault import Keyring, MemoryVault
from policies.bundle import default_bundle_path
from tests.bundles import Ticks, keep, live_of, loaded, put_live, replace_in, write_bundle
from tools.registry import default_registry
from workers.live import LOOK_SECONDS, LiveBundle, LiveMasker, read_live


def test_the_first_start_makes_the_folder_live_and_says_so_in_the_audit_trail(any_store: Store, tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "policy", "first")
    live = live_of(any_store, tmp_path, policy_dir=folder)
    assert live().hash == loaded(folder).hash
    with any_store.read() as tx:
        [only] = tx.bundles.activations()
        assert (only.kind, only.actor, only.previous_hash) == ("first", "files", None)
        assert [e["action"] for e in tx.audit.all()] == ["policy.activated"]
        assert tx.bundles.get(only.bundle_hash).files == loaded(folder).files


def test_many_processes_that_start_at_once_make_one_first_bundle_live(any_store: Store, tmp_path: Path) -> None:
    barrier = threading.Barrier(4)
    seen: list[str] = []

    def start() -> None:
        live = live_of(any_store, tmp_path)
        barrier.wait()
        seen.append(live().hash)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [loaded().hash] * 4
    with any_store.read() as tx:
        assert len(tx.bundles.activations()) == 1


def test_a_broken_folder_at_the_first_start_makes_nothing_live_until_it_is_mended(store: Store, tmp_path: Path) -> None:
    folder = replace_in(write_bundle(tmp_path / "policy"), "actions.yaml", "tools: [isolate_host]", "tolls: [x]")
    live = live_of(store, tmp_path, policy_dir=folder)
    for _ in range(2):
        with pytest.raises(BundleInvalid, match="tolls"):
            live()
    with store.read() as tx:
        assert tx.bundles.live() is None
    write_bundle(folder)
    assert live().hash == loaded(folder).hash


def test_another_bundle_is_taken_at_the_next_look_and_not_before(store: Store, tmp_path: Path) -> None:
    ticks = Ticks()
    live = live_of(store, tmp_path, ticks)
    before = live()
    went = put_live(store, write_bundle(tmp_path / "next", "next"))
    ticks.now += LOOK_SECONDS - 0.1
    assert live() is before
    ticks.now += 0.1
    assert live().hash == went.bundle_hash
    assert live.trouble is None
    assert live.pin().is_live
    assert LOOK_SECONDS <= 2


def test_a_look_that_is_asked_for_sees_it_at_once(store: Store, tmp_path: Path) -> None:
    live = live_of(store, tmp_path)
    live()
    went = put_live(store, write_bundle(tmp_path / "next", "next"))
    assert live.look().bundle.hash == went.bundle_hash


def test_what_is_live_is_what_the_store_says_and_not_what_the_folder_says(store: Store, tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "policy", "first")
    first = live_of(store, tmp_path, policy_dir=folder)()
    write_bundle(folder, "first", "second")
    assert live_of(store, tmp_path, policy_dir=folder)().hash == first.hash
    assert live_of(store, tmp_path)().hash == first.hash


Break = Callable[[Path], object]
#: Ways in which a bundle that is live may not load in a process: another release, other tools, changed rows.
BROKEN: dict[str, Break] = {
    "unknown key": lambda f: replace_in(f, "actions.yaml", "tools: [isolate_host]", "tolls: [isolate_host]"),
    "unknown tool": lambda f: replace_in(f, "actions.yaml", "tools: [isolate_host]", "tools: [isolate_planet]"),
    "bad condition": lambda f: replace_in(f, "actions.yaml", "when: evidence.manipulation", "when: evidence.is_odd("),
    "failing example": lambda f: replace_in(f, "actions.yaml", "expect: deny", "expect: allow"),
    "no YAML": lambda f: (f / "masking.yaml").write_text("sinks: [\n"),
    "empty file": lambda f: (f / "guardrails.yaml").write_text(""),
    "missing file": lambda f: (f / "organization.yaml").unlink(),
    "wrong type": lambda f: replace_in(f, "organization.yaml", "tier: 0", "tier: zero"),
    "a file too many": lambda f: (f / "extra.yaml").write_text("a: 1\n"),
    "another content than its hash says": lambda f: replace_in(f, "actions.yaml", "expires: 4h", "expires: 5h"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_the_last_good_bundle_stays_in_use_when_the_live_one_does_not_load(
    store: Store, tmp_path: Path, how: str
) -> None:
    ticks = Ticks()
    live = live_of(store, tmp_path, ticks)
    good = live()
    broken = write_bundle(tmp_path / "broken")
    BROKEN[how](broken)
    put_live(store, broken, hash_="e" * 64)
    ticks.now += LOOK_SECONDS
    assert live() is good
    assert not live.pin().is_live
    assert live.pin().live == "e" * 64
    assert live.trouble is not None
    assert live.trouble.startswith(
        f"The live policy bundle {'e' * 12} does not load in this process, so {good.hash[:12]}"
    )
    mended = put_live(store, write_bundle(tmp_path / "mended", "mended"))
    ticks.now += LOOK_SECONDS
    assert live().hash == mended.bundle_hash
    assert live.trouble is None


def test_a_process_that_starts_under_a_bundle_it_cannot_load_takes_the_newest_that_loads(
    store: Store, tmp_path: Path
) -> None:
    live_of(store, tmp_path)()
    good = put_live(store, write_bundle(tmp_path / "good", "good"))
    for name in ("d", "e"):
        broken = write_bundle(tmp_path / "broken", name)
        BROKEN["unknown tool"](broken)
        put_live(store, broken, hash_=name * 64)
    live = live_of(store, tmp_path)
    assert live().hash == good.bundle_hash
    assert live.trouble is not None
    assert "isolate_planet" in live.trouble


def test_a_process_in_which_no_bundle_loads_has_none(store: Store, tmp_path: Path) -> None:
    broken = write_bundle(tmp_path / "broken")
    BROKEN["unknown tool"](broken)
    put_live(store, broken, hash_="e" * 64)
    with pytest.raises(BundleInvalid, match="isolate_planet"):
        live_of(store, tmp_path)()


def test_a_store_that_is_away_costs_nothing_but_news(tmp_path: Path, clock: FixedClock, keyring: Keyring) -> None:
    store = Store.open(f"sqlite:///{tmp_path / 'casemate.db'}", clock=clock, keyring=keyring)
    ticks = Ticks()
    live = live_of(store, tmp_path, ticks)
    with pytest.raises(Temporary):
        live()  # nobody made the tables yet
    store.migrate()
    good = live()
    for path in tmp_path.glob("casemate.db*"):
        path.rename(path.with_suffix(".away"))
    store.close()
    ticks.now += LOOK_SECONDS
    assert live() is good
    assert "stays in use" in str(live.trouble)
    store.close()


def test_a_key_that_is_missing_keeps_the_last_good_bundle(store: Store, tmp_path: Path, clock: FixedClock) -> None:
    live_of(store, tmp_path)()
    put_live(store, write_bundle(tmp_path / "next", "next"))
    other = Store.open(
        f"sqlite:///{tmp_path / 'casemate.db'}",
        clock=clock,
        keyring=Keyring.from_file(tmp_path / "other.key", create=True),
    )
    with pytest.raises(Exception, match="not in the keyring"):
        live_of(other, tmp_path)()
    other.close()


def test_who_asks_while_another_looks_goes_on_with_what_there_is(store: Store, tmp_path: Path) -> None:
    ticks = Ticks()
    live = live_of(store, tmp_path, ticks)
    before = live()
    put_live(store, write_bundle(tmp_path / "next", "next"))
    ticks.now += LOOK_SECONDS
    with live._looking:
        assert live() is before
    assert live() is not before


def test_a_command_before_the_first_start_shows_what_would_go_live_and_writes_nothing(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", policy_dir=write_bundle(tmp_path / "policy", "mine"))
    bundle, trouble = read_live(settings, default_registry())
    assert (bundle.hash, trouble) == (loaded(tmp_path / "policy").hash, None)
    assert not (tmp_path / "home").exists()


def masker_of(store: Store, tmp_path: Path) -> tuple[LiveBundle, LiveMasker]:
    live = live_of(store, tmp_path)
    return live, LiveMasker(live, Settings(home=tmp_path))


def test_the_masker_stays_the_same_while_what_it_masks_by_stays_the_same(store: Store, tmp_path: Path) -> None:
    live, masker = masker_of(store, tmp_path)
    before = masker()
    put_live(store, write_bundle(tmp_path / "next", "next"))
    live.look()
    assert masker() is before


def test_the_masker_follows_the_organization_and_shares_the_name_model(store: Store, tmp_path: Path) -> None:
    live, masker = masker_of(store, tmp_path)
    before, old = masker(), live()
    folder = write_bundle(tmp_path / "next")
    replace_in(folder, "organization.yaml", "hostname: WS-TRE-014", "hostname: QX-VAULT-9")
    for file in folder.glob("*.yaml"):
        file.write_text(file.read_text().replace("WS-TRE-014", "QX-VAULT-9"))
    put_live(store, folder)
    live.look()
    after = masker()
    assert after is not before
    assert after._names is not None
    assert before._names is not None
    assert after._names._models[0] is before._names._models[0]
    assert "QX-VAULT-9" not in after.session(MemoryVault()).mask_text("Look at QX-VAULT-9 now.")
    # Work that began under the bundle before goes on under it.
    assert masker(old) is before


def test_the_masker_follows_what_clouds_may_see(store: Store, tmp_path: Path) -> None:
    live, masker = masker_of(store, tmp_path)
    before = masker()
    folder = write_bundle(tmp_path / "next")
    (folder / "models.yaml").write_text("cloud: {indicators: {urls: mask}}\n")
    put_live(store, folder)
    live.look()
    text = "Look at http://harbourbank-login.example/a."
    assert masker() is not before
    assert masker().session(MemoryVault()).mask_text(text) == text
    assert "URL_" in masker().session(MemoryVault(profile="cloud")).mask_text(text)


def test_old_maskers_are_forgotten(store: Store, tmp_path: Path) -> None:
    live, masker = masker_of(store, tmp_path)
    for name in ("a", "b", "c", "d"):
        put_live(store, write_bundle(tmp_path / "next", name))
        live.look()
        masker()
    assert len(masker._made) == 3


def test_a_release_that_stumbles_over_a_bundle_keeps_the_last_good_one(store: Store, tmp_path: Path) -> None:
    class Odd:
        def shapes(self) -> dict[str, object]:
            raise KeyError("odd")

    live = live_of(store, tmp_path)
    good = live()
    put_live(store, write_bundle(tmp_path / "next", "next"))
    live._registry = Odd()  # type: ignore[assignment]
    assert live.look().bundle is good
    assert "breaks the loader of this release (KeyError)" in str(live.trouble)


def test_a_command_reads_what_is_live_and_a_database_without_tables_is_no_start(
    store: Store, tmp_path: Path, clock: FixedClock
) -> None:
    settings = Settings(
        home=tmp_path / "home",
        database_url=f"sqlite:///{tmp_path / 'casemate.db'}",
        master_key_file=tmp_path / "master.key",
    )
    assert read_live(settings, default_registry())[0].hash == loaded().hash
    with store.read() as tx:
        assert tx.bundles.live() is None
    live_of(store, tmp_path)()
    went = put_live(store, write_bundle(tmp_path / "next", "next"))
    assert read_live(settings, default_registry())[0].hash == went.bundle_hash
    empty = settings.model_copy(update={"database_url": f"sqlite:///{tmp_path / 'empty.db'}"})
    (tmp_path / "empty.db").touch()
    assert read_live(empty, default_registry())[0].hash == loaded().hash


def test_the_shipped_folder_is_not_touched_by_tests() -> None:
    assert "isolate_planet" not in (default_bundle_path() / "actions.yaml").read_text()


def test_a_bundle_that_was_kept_loads_as_it_was(store: Store, tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "mine", "mine")
    kept = keep(store, folder)
    from workflows.stored_bundle import load_stored

    assert load_stored(store, kept, default_registry()).hash == kept == loaded(folder).hash
