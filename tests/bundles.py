"""Bundles that tests write, keep and put live."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from core.bundle_change import Activation, ActivationKind, StoredBundle
from core.settings import Settings
from core.store.engine import Store
from policies.bundle import Bundle, BundleSource, default_bundle_path, load_bundle
from tools.registry import default_registry
from workers.live import LiveBundle

#: A further rule, which no ticket of the tests meets: the bundle with it is another one and decides the same.
DRILL = """
  - id: {id}
    tools: [{tool}]
    when: ticket.kind == "{kind}"
    then: deny
    reason: A drill.
    examples:
      - {{given: {{ticket: {{kind: {kind}}}}}, expect: deny}}
"""


class Ticks:
    """Seconds that pass only when a test lets them."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def write_bundle(folder: Path, *drills: str, rules: str = "") -> Path:
    """The shipped bundle with a harmless rule for each name in `drills`, and with these rules."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(default_bundle_path(), folder)
    added = "".join(DRILL.format(id=name, tool="isolate_host", kind=f"drill-{name}") for name in drills)
    actions = folder / "actions.yaml"
    actions.write_text(actions.read_text() + added + rules)
    return folder


def replace_in(folder: Path, file: str, old: str, new: str) -> Path:
    """Change one place of one file of a bundle."""
    text = (folder / file).read_text()
    assert text.count(old) >= 1, f"{file} has no {old!r}"
    (folder / file).write_text(text.replace(old, new, 1))
    return folder


def loaded(folder: Path | None = None) -> Bundle:
    """A bundle checked against the tools there are."""
    return load_bundle(folder or default_bundle_path(), tools=default_registry().shapes())


def source(folder: Path) -> BundleSource:
    return BundleSource.from_folder(folder)


def keep(store: Store, folder: Path, *, hash_: str | None = None) -> str:
    """Keep the files of a folder, whatever they are; gives the hash they are kept under."""
    files = {name: content.decode() for name, content in source(folder).files().items()}
    kept = hash_ or loaded(folder).hash
    with store.begin() as tx:
        tx.bundles.keep(
            StoredBundle(
                hash=kept,
                files=files,
                author="user:test",
                reason="A test.",
                origin="cli",
                created_at=store.clock.now(),
            )
        )
    return kept


def put_live(store: Store, folder: Path, *, hash_: str | None = None, kind: ActivationKind = "change") -> Activation:
    """Make what a folder holds live behind everybody's back."""
    kept = keep(store, folder, hash_=hash_)
    with store.begin() as tx:
        tx.bundles.lock()
        return tx.bundles.activate(kept, kind=kind, actor="user:test", reason="A test.")


def live_of(store: Store, tmp_path: Path, ticks: Ticks | None = None, **settings: Any) -> LiveBundle:
    """The live bundle as one more process sees it."""
    values = Settings(**{"home": tmp_path, **settings})
    return LiveBundle(values, store, default_registry(), ticks=ticks or Ticks())
