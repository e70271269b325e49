"""Files as the source of policy: a changed folder becomes a candidate, or goes live by itself if the settings say so.

A folder says something only when it changed. That is told from the store, so it holds for any number of processes.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from core.bundle_change import SHIPPED, Activation, BundleChange
from core.canonical import JsonObject
from core.errors import ApprovalRefused, BundleInvalid
from core.log import logger
from core.store.engine import Store
from core.store.transaction import Transaction
from workflows import activation
from workflows.policy_folder import first_of
from workflows.services import LiveBundle, Pinned, Services

if TYPE_CHECKING:
    from core.settings import Settings
    from policies.bundle import Bundle
    from tools.registry import Registry

log = logger(__name__)

#: Seconds after which a process that says nothing is gone; a sign of life comes every 5 s.
SILENT_SECONDS = 20
#: Why a folder's bundle became a candidate.
REASONS = {"files": "The policy folder changed.", SHIPPED: "A new release of casemate ships another bundle."}


def look_at_folder(services: Services) -> None:
    """The chore of the sweep: do with the folder what its content asks for."""
    consider(services.settings, services.store, services.registry, services.bundle)


def consider(
    settings: Settings, store: Store, registry: Registry, live: LiveBundle
) -> BundleChange | Activation | None:
    """Make a changed folder a candidate, or live; what came of it, or None when the folder asks for nothing.

    Raises:
        Temporary: the store is away.
    """
    try:
        pinned = live.look()
        candidate = live.folder.read()
    except BundleInvalid:  # `trouble` says so to everybody who looks
        return None
    if candidate.hash == pinned.live or live.folder.refused(candidate.hash, pinned.live) is not None:
        return None
    with store.read() as tx:
        if not _changed(tx, candidate.hash, live.folder.origin) or not _agreed(tx, store, live.folder.digest()):
            return None
    try:
        if settings.policy_dir is not None and settings.policy_activation == "files":
            return _go_live(store, registry, live, pinned, candidate)
        return _propose(store, registry, live, pinned, candidate)
    except ApprovalRefused as refused:
        live.folder.refuse(candidate.hash, pinned.live, str(refused))
        log.error("folder_refused", bundle=candidate.hash, trouble=str(refused))
        return None


def trouble(live: LiveBundle, store: Store) -> list[str]:
    """Everything about the policy of this process that somebody must look at, one sentence each."""
    try:
        pinned = live.pin()
    except BundleInvalid as error:
        return [f"No policy bundle loads, so tickets wait: {first_of(error)}"]
    found = [live.trouble, live.folder.trouble]
    try:
        candidate = live.folder.read()
        why = live.folder.refused(candidate.hash, pinned.live)
        found.append(f"The bundle in {live.folder.path} cannot go live: {why}" if why else None)
        with store.read() as tx:
            rolled_back = candidate.hash != pinned.live and tx.bundles.rolled_back(candidate.hash)
        if rolled_back:
            found.append(
                f"The folder {live.folder.path} still holds the bundle {candidate.hash[:12]}, which was rolled back "
                "from: change the folder, or propose it with `casemate policy propose`."
            )
    except BundleInvalid:  # the folder's trouble says so
        pass
    return [sentence for sentence in found if sentence is not None]


def processes(tx: Transaction, store: Store) -> list[JsonObject]:
    """Processes that show signs of life, with the bundle each of them uses."""
    live = tx.bundles.live_hash()
    since = store.clock.now() - timedelta(seconds=SILENT_SECONDS)
    return [
        {
            "process": process["process"],
            "kind": process["kind"],
            "at": process["at"],
            "bundle": process["data"].get("bundle"),
            "live": process["data"].get("bundle") == live,
            "trouble": process["data"].get("policy", []),
        }
        for process in tx.operations.alive(since=since)
    ]


def _go_live(
    store: Store, registry: Registry, live: LiveBundle, pinned: Pinned, candidate: Bundle
) -> BundleChange | Activation | None:
    from policies.prove import prove
    from workflows.review import check_kept

    proof = prove(candidate, registry.shapes())
    check_kept(proof)
    if not proof.ok:
        names = ", ".join(shown.invariant.id for shown in proof.invariants if shown.status != "proved")
        raise ApprovalRefused(f"Its invariants {names} cannot be proved, so it does not go live by itself.")
    with store.read() as tx:
        rolled_back = tx.bundles.rolled_back(candidate.hash)
    if rolled_back:
        return _propose(store, registry, live, pinned, candidate)
    went = activation.go_live_from_folder(store, pinned, candidate, origin=live.folder.origin)
    live.look()
    return went


def _propose(store: Store, registry: Registry, live: LiveBundle, pinned: Pinned, candidate: Bundle) -> BundleChange:
    from policies.bundle import BundleSource

    origin = live.folder.origin
    source = BundleSource.from_files(candidate.files, name=candidate.name)
    return activation.propose(store, registry, pinned, source, author=origin, reason=REASONS[origin], origin=origin)


def _changed(tx: Transaction, candidate: str, origin: str) -> bool:
    """Whether the folder says something that it did not say before.

    Where a folder of the settings was the source, our own bundle says nothing: the variable may be unset by mistake.
    """
    last = tx.bundles.last_from_folder()
    return last is None or (last[0] != candidate and (origin != SHIPPED or last[1] == SHIPPED))


def _agreed(tx: Transaction, store: Store, digest: str) -> bool:
    """Whether all processes see the same folder: while a new release rolls out, the old one must not ask to go back."""
    since = store.clock.now() - timedelta(seconds=SILENT_SECONDS)
    seen = (process["data"].get("folder") for process in tx.operations.alive(since=since))
    return all(theirs in (None, digest) for theirs in seen)
