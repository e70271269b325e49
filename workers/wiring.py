"""Joins the parts of one worker process. The only place that knows all of them."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from core.clock import Clock, SystemClock
from core.keyring import open_keys
from core.secret_store import SecretStore
from core.settings import Settings
from core.store.engine import Store
from workers.live import LiveBundle, LiveMasker, name_models
from workers.once import Once
from workflows.leases import LeaseKeeper
from workflows.services import Services

if TYPE_CHECKING:
    from policies.bundle import Bundle
    from policies.masking.masker import Masker
    from tools.connectors.connector import Connector
    from tools.connectors.opening import Opened
    from tools.detection.books import Rulebooks
    from tools.registry import Registry


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
    from agents.chain import open_chain
    from agents.spec import shipped_teams
    from tools.broker.client import BrokerClient
    from tools.connectors.lab import LabConnector
    from tools.mcp.accepted import LiveRegistry
    from tools.mcp.caller import McpCaller
    from tools.mcp.connector import McpConnector
    from tools.mcp.session import Reach
    from tools.sandbox.sandbox import open_sandbox

    store = store or open_store(settings)
    lab = LabConnector(settings.lab_file, organization=lambda: bundle().organization)
    opened = _open_connectors(settings, store, lab)
    registry = LiveRegistry(opened.registry, store)
    mcp = McpCaller(store=store, reach=Reach(secrets=SecretStore(settings.secrets_folder), bwrap=settings.bwrap))
    bundle = LiveBundle(settings, store, registry)

    def check_switch() -> None:
        with store.read() as tx:
            tx.operations.check_not_halted()

    loop, end_loop = start_loop()
    keeper = LeaseKeeper(store, seconds=settings.lease_seconds)
    models = open_chain(settings, before_request=check_switch)

    def close() -> None:
        asyncio.run_coroutine_threadsafe(models.aclose(), loop).result(timeout=10)
        end_loop()
        keeper.close()
        opened.close()
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
        masker=LiveMasker(bundle, settings),
        registry=registry,
        sandbox=Once(
            lambda: open_sandbox(weakest=settings.sandbox_tier, bwrap=settings.bwrap, size=settings.sandbox_pool)
        ),
        teams=shipped_teams(),
        models=models,
        broker=BrokerClient(socket=settings.broker_socket_file),
        rules=open_rules(settings),
        connectors={**opened.connectors, McpConnector.name: McpConnector(mcp, registry.snapshot)},
        mcp=mcp,
    )


def open_registry(settings: Settings, store: Store) -> Registry:
    """The tools as the workers have them, for a process that carries nothing out: an edit is bound to who would.

    Raises:
        BundleInvalid: a connector's file is broken; workers do not start either.
    """
    from tools.mcp.accepted import LiveRegistry

    opened = _open_connectors(settings, store)
    opened.close()
    return LiveRegistry(opened.registry, store)


def _open_connectors(settings: Settings, store: Store, *others: Connector) -> Opened:
    """The connectors of the settings and `others`, and our tools as they are carried out."""
    from tools.connectors.loading import load
    from tools.connectors.opening import open_connectors
    from tools.registry import default_registry

    ours = default_registry()
    shelf = load(settings.connectors_dir, ours.shapes())
    return open_connectors(shelf, ours, SecretStore(settings.secrets_folder), store.clock, *others)


def open_rules(settings: Settings) -> Rulebooks:
    """The rules that ship and those of the admin's folders; they are read when a tool first needs them."""
    from tools.detection.books import Rulebooks

    return Rulebooks(
        yara=[settings.yara_rules] if settings.yara_rules else [],
        sigma=[settings.sigma_rules] if settings.sigma_rules else [],
    )


def make_masker(bundle: Bundle, settings: Settings) -> Masker:
    """The masker of a bundle with the name models of the settings; its recognizers load when it first masks.

    Raises:
        MaskingUnavailable: a name model is not there.
    """
    from policies.masking.opening import masker_with

    return masker_with(bundle, name_models(settings))
