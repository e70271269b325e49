"""Proposing, answering and rolling back changes of the policy, as tests do it again and again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from core.bundle_change import Activation, BundleChange
from core.store.engine import Store
from policies.vocabulary import ToolShape
from tests.bundles import live_of, source
from tools.registry import Registry, default_registry
from workflows import activation


def propose(store: Store, folder: Path, **changes: Any) -> BundleChange:
    values: dict[str, Any] = {"author": "user:alice", "reason": "A drill.", "origin": "cli", **changes}
    live = live_of(store, folder.parent).look()
    return activation.propose(store, default_registry(), live, source(folder), **values)


def answer(store: Store, change: BundleChange, person: str, *, approve: bool = True, **changes: Any) -> BundleChange:
    values: dict[str, Any] = {"roles": ["admin"], "reason": "Looked at it.", "digest": change.digest, **changes}
    return activation.answer(store, change.id, person=person, approve=approve, **values)


def roll_back(store: Store, **changes: Any) -> Activation:
    values: dict[str, Any] = {"person": "ada", "roles": ["admin"], "reason": "It asks too much.", **changes}
    return activation.rollback(store, default_registry(), **values)


def live_hash(store: Store) -> str | None:
    with store.read() as tx:
        return tx.bundles.live_hash()


def actions(store: Store) -> list[tuple[str, str]]:
    with store.read() as tx:
        return [(event["action"], event["actor"]) for event in tx.audit.all()]


def approved(store: Store, folder: Path) -> BundleChange:
    change = propose(store, folder)
    answer(store, change, "bob")
    return answer(store, change, "carol")


class Busy:
    """The registry of somebody who is interrupted: what happens meanwhile happens when the tools are asked for."""

    def __init__(self, meanwhile: Callable[[], object], *, at: int) -> None:
        self._meanwhile = meanwhile
        self._left = at

    def shapes(self) -> dict[str, ToolShape]:
        self._left -= 1
        if self._left == 0:
            self._meanwhile()
        return default_registry().shapes()


def busy_registry(meanwhile: Callable[[], object], *, at: int) -> Registry:
    return cast("Registry", Busy(meanwhile, at=at))
