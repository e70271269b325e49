"""The live bundle of one process, and the masker that follows it.

What is live stands in the store. A process looks there every two seconds at most, and keeps the last good bundle when
the new one does not load here or the store is away.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from core.bundle_change import StoredBundle
from core.canonical import digest
from core.clock import SystemClock
from core.errors import BundleInvalid, CasemateError, NoTables, Temporary, VaultError
from core.keyring import open_keys
from core.log import logger
from core.settings import Settings
from core.store.engine import Store
from workers.once import Once
from workflows.policy_folder import PolicyFolder, first_of
from workflows.services import Pinned
from workflows.stored_bundle import load_stored

if TYPE_CHECKING:
    from policies.bundle import Bundle
    from policies.masking.masker import Masker
    from policies.masking.names.model import NameModel
    from tools.registry import Registry

log = logger(__name__)

#: Seconds between two looks at the store; every process that asks has a new bundle within 5 s, loading included.
LOOK_SECONDS = 2.0
#: Seconds until a bundle whose key or store was away is tried again.
RETRY_SECONDS = 10.0
#: Maskers that are kept: the live bundle's, and those of work that began under the ones before.
MASKERS = 3


class LiveBundle:
    """Callable: gives the live bundle. Safe to share between threads; only one of them looks at a time."""

    def __init__(
        self, settings: Settings, store: Store, registry: Registry, *, ticks: Callable[[], float] = time.monotonic
    ) -> None:
        """`ticks` are the seconds that looks are spaced by."""
        self.folder = PolicyFolder(settings, registry)
        self._store = store
        self._registry = registry
        self._ticks = ticks
        self._looking = threading.Lock()
        self._pinned: Pinned | None = None
        self._trouble: str | None = None
        self._look_at = float("-inf")
        #: Why a bundle does not load in this process, and from when on it may be tried again.
        self._broken: dict[str, tuple[CasemateError, float]] = {}

    def __call__(self) -> Bundle:
        return self.pin().bundle

    def pin(self) -> Pinned:
        """See `workflows.services.LiveBundle`."""
        pinned = self._pinned
        if pinned is not None:
            # Whoever comes while another looks goes on with what there is.
            if self._ticks() >= self._look_at and self._looking.acquire(blocking=False):
                try:
                    pinned = self._looked(pinned)
                finally:
                    self._looking.release()
            return pinned
        return self.look()

    def look(self) -> Pinned:
        """See `workflows.services.LiveBundle`."""
        with self._looking:
            return self._looked(self._pinned)

    @property
    def trouble(self) -> str | None:
        """Why another bundle than the live one is in use, in one sentence."""
        return self._trouble

    def _looked(self, pinned: Pinned | None) -> Pinned:
        try:
            found, trouble = self._find(pinned)
        except CasemateError as error:
            if pinned is None:
                raise
            found = pinned
            trouble = f"The last good policy bundle {pinned.bundle.hash[:12]} stays in use: {error}"
        if pinned is None or found.bundle.hash != pinned.bundle.hash:
            log.info("bundle_in_use", bundle=found.bundle.hash)
        if trouble is not None and trouble != self._trouble:
            log.error("bundle_trouble", trouble=trouble)
        self._pinned, self._trouble = found, trouble
        self._look_at = self._ticks() + LOOK_SECONDS
        return found

    def _find(self, pinned: Pinned | None) -> tuple[Pinned, str | None]:
        """What to use now, and why it is not what is live."""
        with self._store.read() as tx:
            live = tx.bundles.live_hash()
        if live is None:
            live = self._begin()
        if pinned is not None and pinned.bundle.hash == live:
            return Pinned(bundle=pinned.bundle, live=live), None
        try:
            return Pinned(bundle=self._load(live), live=live), None
        except Temporary:
            raise
        except CasemateError as error:
            bundle = pinned.bundle if pinned is not None else self._newest_that_loads(error)
            why = first_of(error) if isinstance(error, BundleInvalid) else str(error)
            trouble = (
                f"The live policy bundle {live[:12]} does not load in this process, so {bundle.hash[:12]} stays in "
                f"use: {why}"
            )
            return Pinned(bundle=bundle, live=live), trouble

    def _begin(self) -> str:
        """The first start of all: what is in the folder goes live.

        Raises:
            BundleInvalid: the folder is broken, so nothing is live and tickets wait.
        """
        bundle = self.folder.read()
        with self._store.begin() as tx:
            tx.bundles.lock()
            live = tx.bundles.live_hash()
            if live is not None:  # another process was first
                return live
            tx.bundles.keep(
                StoredBundle(
                    hash=bundle.hash,
                    files=bundle.files,
                    author=self.folder.origin,
                    reason="The first start.",
                    origin=self.folder.origin,
                    created_at=self._store.clock.now(),
                )
            )
            tx.bundles.activate(bundle.hash, kind="first", actor=self.folder.origin, reason="The first start.")
        return bundle.hash

    def _load(self, hash_: str) -> Bundle:
        """A bundle from the store.

        Raises:
            BundleInvalid: it does not load in this release of casemate; it is not tried again.
            VaultError: its files do not open.
        """
        if hash_ in self._broken:
            error, again_at = self._broken[hash_]
            if self._ticks() < again_at:
                raise error
        try:
            return load_stored(self._store, hash_, self._registry)
        except BundleInvalid as error:
            self._broken[hash_] = error, float("inf")
            raise
        except VaultError as error:
            self._broken[hash_] = error, self._ticks() + RETRY_SECONDS
            raise

    def _newest_that_loads(self, error: CasemateError) -> Bundle:
        """At start-up, where no bundle is in use yet.

        Raises:
            CasemateError: the first trouble, when none of those that were ever live loads.
        """
        with self._store.read() as tx:
            before = [activation.bundle_hash for activation in tx.bundles.activations()]
        for hash_ in _once_each(before):
            try:
                return self._load(hash_)
            except (BundleInvalid, VaultError):
                continue
        raise error


class LiveMasker:
    """Callable: gives the masker of a bundle. It is made anew only when what it masks by changed."""

    def __init__(self, live: Callable[[], Bundle], settings: Settings) -> None:
        self._live = live
        # They are large, and know nothing of any bundle.
        self._models = Once(lambda: name_models(settings))
        self._lock = threading.Lock()
        #: Newest last: hash of a bundle → digest of what its masker is made of, and the masker.
        self._made: dict[str, tuple[str, Masker]] = {}

    def __call__(self, bundle: Bundle | None = None) -> Masker:
        """See `workflows.services.MaskerOf`."""
        bundle = bundle or self._live()
        with self._lock:
            if bundle.hash not in self._made:
                self._keep(bundle)
            return self._made[bundle.hash][1]

    def _keep(self, bundle: Bundle) -> None:
        from policies.masking.opening import masker_with

        parts = (bundle.organization, bundle.masking, bundle.models.cloud)
        made_of = digest([part.model_dump(mode="json", by_alias=True) for part in parts])
        same = next((masker for before, masker in self._made.values() if before == made_of), None)
        self._made[bundle.hash] = made_of, same or masker_with(bundle, self._models())
        for old in list(self._made)[:-MASKERS]:
            del self._made[old]


def read_live(settings: Settings, registry: Registry) -> tuple[Bundle, str | None]:
    """The live bundle for a command that changes nothing, and why it is not the one that should be.

    Where casemate was never started, it is the one that would go live then.

    Raises:
        BundleInvalid: none loads.
        Temporary: the store is away.
    """
    folder = PolicyFolder(settings, registry)
    if not Store.is_there(settings.store_url):
        return folder.read(), None
    store = Store.open(settings.store_url, clock=SystemClock(), keyring=open_keys(settings))
    try:
        with store.read() as tx:
            started = tx.bundles.live_hash() is not None
        if not started:
            return folder.read(), None
        live = LiveBundle(settings, store, registry)
        return live(), live.trouble
    except NoTables:
        return folder.read(), None
    finally:
        store.close()


def name_models(settings: Settings) -> list[NameModel]:
    """What reads prose for names, opened: large, so once for each process.

    Raises:
        MaskingUnavailable: a model is not there.
    """
    from policies.masking.names.engines import open_name_models

    return open_name_models([name.strip() for name in settings.name_models.split(",")])


def _once_each(hashes: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(hashes))
