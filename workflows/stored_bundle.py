"""A bundle that the store kept, loaded again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.errors import BundleInvalid, CasemateError, Problem
from core.store.engine import Store

if TYPE_CHECKING:
    from policies.bundle import Bundle
    from tools.registry import Registry


def load_stored(store: Store, hash_: str, registry: Registry) -> Bundle:
    """A bundle as it was kept, checked against the tools there are.

    Raises:
        BundleInvalid: it does not load in this release of casemate.
        NotFound: there is no such bundle.
        VaultError: its files do not open.
    """
    from policies.bundle import BundleSource, load_bundle

    with store.read() as tx:
        stored = tx.bundles.get(hash_)
    name = f"bundle {hash_[:12]}"
    try:
        bundle = load_bundle(BundleSource.from_files(stored.files, name=name), tools=registry.shapes())
    except CasemateError:
        raise
    except Exception as error:  # noqa: BLE001 - a release that stumbles over an old bundle keeps the last good one
        message = f"breaks the loader of this release ({type(error).__name__}); report this as a bug"
        raise BundleInvalid([Problem(file=name, line=1, column=1, message=message)]) from None
    if bundle.hash != hash_:
        message = "has another hash in this release of casemate than when it was kept; export it and propose it again"
        raise BundleInvalid([Problem(file=name, line=1, column=1, message=message)])
    return bundle
