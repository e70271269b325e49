"""The network broker's process: the live bundle's rules, the secrets of vendors, and a socket."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress

from core.clock import SystemClock
from core.errors import CasemateError, TriageError
from core.keyring import open_keys
from core.log import logger
from core.process import settle
from core.secret_store import SecretStore
from core.settings import Settings
from core.store.engine import Store
from policies.compiled import Bundle
from tools.broker.desk import Broker
from tools.broker.server import listening
from tools.registry import default_registry
from workers.live import LiveBundle

log = logger(__name__)


class NetworkRules:
    """Callable: the live bundle, and no other. A worker goes on with the last good one; the broker asks nobody then."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._store = store
        self._live = LiveBundle(settings, store, default_registry())
        self._started = False

    def __call__(self, *, now: bool = False) -> Bundle:
        """See `tools.broker.desk.Rules`."""
        if not self._started:
            # A broker that looked first would make the folder's bundle live; that is the workers' to do.
            with self._store.read() as tx:
                if tx.bundles.live_hash() is None:
                    raise TriageError("No policy bundle is live yet; start a worker, or run casemate up.")
            self._started = True
        pinned = self._live.look() if now else self._live.pin()
        trouble = self._live.trouble
        if trouble is not None or not pinned.is_live:
            raise TriageError(trouble or "Another policy bundle is live than the one that loads here.")
        return pinned.bundle


def run_broker(settings: Settings) -> None:
    """Answer questions until told to stop (SIGTERM or Ctrl-C).

    Raises:
        SocketTaken: another broker runs.
        CasemateError: the store, its key or the socket cannot be opened.
    """
    settle(settings.log_level)
    store = Store.open(settings.store_url, clock=SystemClock(), keyring=open_keys(settings))
    try:
        rules = NetworkRules(settings, store)
        broker = Broker(rules=rules, secrets=SecretStore(settings.secrets_folder), clock=store.clock)
        asyncio.run(_serve(broker, rules, settings))
    finally:
        store.close()


async def _serve(broker: Broker, rules: NetworkRules, settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with listening(broker, settings.broker_socket_file):
        # Loaded now, so that the first question need not wait; one that comes meanwhile does.
        try:
            await asyncio.to_thread(rules)
        except CasemateError as trouble:
            log.error("not_ready", part="bundle", trouble=str(trouble))
        log.info("broker_ready")
        with suppress(asyncio.CancelledError):
            await stop.wait()
