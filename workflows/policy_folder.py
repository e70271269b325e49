"""The folder that bundles come from: `CASEMATE_POLICY_DIR`, or the one that ships. Read anew only when it changed."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from core.bundle_change import FILES, SHIPPED, Origin
from core.errors import BundleInvalid
from core.settings import Settings

if TYPE_CHECKING:
    from policies.bundle import Bundle
    from policies.source import BundleSource
    from tools.registry import Registry


class PolicyFolder:
    """One process's view of the folder. Safe to share between threads."""

    def __init__(self, settings: Settings, registry: Registry) -> None:
        self._settings = settings
        self._registry = registry
        self._lock = threading.Lock()
        self._digest = ""
        self._read: Bundle | BundleInvalid | None = None
        #: Why the folder's bundle may not even be asked about, by the bundle and the one it would replace.
        self._refused: dict[tuple[str, str], str] = {}

    @property
    def path(self) -> Path:
        from policies.bundle import default_bundle_path

        return self._settings.policy_dir or default_bundle_path()

    @property
    def origin(self) -> Origin:
        """Who its bundles come from: `files` for the folder of the settings, `shipped` for ours."""
        return FILES if self._settings.policy_dir is not None else SHIPPED

    def digest(self) -> str:
        """SHA-256 over names and bytes of its files: a cheap way for processes to see that they look at the same."""
        from policies.source import BundleSource

        try:
            return _digest(BundleSource.from_folder(self.path))
        except BundleInvalid as error:
            return hashlib.sha256(str(error).encode()).hexdigest()

    def read(self) -> Bundle:
        """What is in the folder now.

        Raises:
            BundleInvalid: with every problem of every file.
        """
        from policies.bundle import load_bundle
        from policies.source import BundleSource

        source = BundleSource.from_folder(self.path)
        digest = _digest(source)
        with self._lock:
            if digest != self._digest or self._read is None:
                try:
                    self._read = load_bundle(source, tools=self._registry.shapes())
                except BundleInvalid as error:
                    self._read = error
                self._digest = digest
            if isinstance(self._read, BundleInvalid):
                raise self._read
            return self._read

    @property
    def trouble(self) -> str | None:
        """What is wrong with the folder, in one sentence; what is live is not touched by it."""
        try:
            self.read()
        except BundleInvalid as error:
            return f"The policy folder {self.path} is broken and changes nothing: {first_of(error)}"
        return None

    def refuse(self, bundle: str, live: str, why: str) -> None:
        """Remember that this bundle may not replace that one, so that it is not weighed again at every look."""
        with self._lock:
            self._refused = {(bundle, live): why}

    def refused(self, bundle: str, live: str) -> str | None:
        """Why this bundle may not replace that one, as far as this process has found out."""
        with self._lock:
            return self._refused.get((bundle, live))


def first_of(error: BundleInvalid) -> str:
    """The first problem of a bundle, and how many there are."""
    problems = error.problems
    more = f" (and {len(problems) - 1} more; `casemate policy check FOLDER` lists them)" if len(problems) > 1 else ""
    return f"{problems[0]}{more}" if problems else "it does not load"


def _digest(source: BundleSource) -> str:
    summed = hashlib.sha256()
    for name, content in sorted(source.files().items()):
        summed.update(f"{name}\0{len(content)}\0".encode())
        summed.update(content)
    return summed.hexdigest()
