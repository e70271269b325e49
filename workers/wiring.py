"""Joins the parts of one worker process. The only place that knows all of them."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from core.clock import Clock, SystemClock
from core.errors import CasemateError
from core.keyring import open_keys
from core.settings import Settings
from core.store.engine import Store
from workflows.leases import LeaseKeeper
from workflows.services import Services

if TYPE_CHECKING:
    from policies.bundle import Bundle
    from policies.masking.masker import Masker
    from tools.registry import Registry

T = TypeVar("T")

#: Seconds between two tries of a part that could not be made: a broken bundle, a missing sandbox.
RETRY_SECONDS = 10.0


class Once(Generic[T]):
    """Makes a part when it is first asked for and keeps it; a failure is remembered briefly, then tried again."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: T | None = None
        self._failure: CasemateError | None = None
        self._again_at = 0.0
        self._lock = threading.Lock()

    def __call__(self) -> T:
        with self._lock:
            if self._made is None:
                if self._failure is not None and time.monotonic() < self._again_at:
                    raise self._failure
                try:
                    self._made = self._make()
                except CasemateError as error:
                    self._failure, self._again_at = error, time.monotonic() + RETRY_SECONDS
                    raise
            return self._made


def open_store(settings: Settings, *, clock: Clock | None = None) -> Store:
    """The store of this process, migrated, with the master keys (a first key file is made)."""
    keys = open_keys(settings, create=True)
    store = Store.open(settings.store_url, clock=clock or SystemClock(), keyring=keys)
    store.migrate()
    return store


def start_loop() -> tuple[asyncio.AbstractEventLoop, Callable[[], None]]:
    """The process's one event loop, in a thread of its own (model clients belong to it), and what ends it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="casemate-loop", daemon=True)
    thread.start()

    def end() -> None:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=10)
        loop.close()

    return loop, end


def open_services(settings: Settings, *, ring: Callable[[str], None], store: Store | None = None) -> Services:
    """Everything a worker needs. Slow parts (the masker, the sandbox's self-test) are made at first use."""
    from agents.model import ModelClients
    from agents.spec import load_teams
    from tools.connectors.lab import LabConnector
    from tools.registry import default_registry
    from tools.sandbox.sandbox import open_sandbox

    store = store or open_store(settings)
    registry = default_registry()
    bundle = Once(lambda: load_live_bundle(settings, registry))

    def check_switch() -> None:
        with store.read() as tx:
            tx.operations.check_not_halted()

    loop, end_loop = start_loop()
    keeper = LeaseKeeper(store, seconds=settings.lease_seconds)
    clients = ModelClients(
        url=settings.model_url,
        name=settings.model_name,
        api_key=settings.model_api_key.get_secret_value(),
        timeout=settings.model_timeout,
        before_request=check_switch,
    )

    def close() -> None:
        asyncio.run_coroutine_threadsafe(clients.aclose(), loop).result(timeout=10)
        end_loop()
        keeper.close()
        store.close()

    return Services(
        settings=settings,
        store=store,
        clock=store.clock,
        owner=f"{socket.gethostname()}:{os.getpid()}",
        ring=ring,
        keeper=keeper,
        loop=loop,
        close=close,
        bundle=bundle,
        masker=Once(lambda: make_masker(bundle(), settings)),
        registry=registry,
        sandbox=Once(lambda: open_sandbox(weakest=settings.sandbox_tier, bwrap=settings.bwrap)),
        teams=load_teams(),
        clients=clients,
        connectors={"lab": LabConnector(settings.lab_file, organization=lambda: bundle().organization)},
    )


def make_masker(bundle: Bundle, settings: Settings) -> Masker:
    """The masker of a bundle with the name models of the settings; its recognizers load when it first masks.

    Raises:
        MaskingUnavailable: a name model is not there.
    """
    from policies.masking.opening import open_masker

    return open_masker(bundle, [name.strip() for name in settings.name_models.split(",")])


def load_live_bundle(settings: Settings, registry: Registry) -> Bundle:
    """The bundle of the settings, checked against the tools there are.

    Raises:
        BundleInvalid: every problem, with file, line and column.
    """
    from policies.bundle import default_bundle_path, load_bundle

    return load_bundle(settings.policy_dir or default_bundle_path(), tools=registry.shapes())
