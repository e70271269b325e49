"""`casemate broker` as it really runs: a process of its own, with the live bundle of a real store."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from core.settings import Settings
from core.store.engine import Store
from policies.bundle import default_bundle_path
from policies.network import Network
from tests.unit.broker.test_addresses import SPELLINGS
from tests.unit.broker.world import TICKET, Site
from tools.broker.client import Behalf, BrokerClient
from tools.registry import default_registry
from workers.live import LiveBundle
from workers.network import NetworkRules
from workers.wiring import open_store

#: A machine under load needs long for what takes two seconds by itself.
READY_SECONDS = 180
TOOL = default_registry().get("query_url")
PERMITTED = "tools: {query_url: {http_get: {any_public: true, schemes: [http, https], ports: [80, 443, PORT]}}}\n"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    folder = tmp_path / "policy"
    shutil.copytree(default_bundle_path(), folder)
    return Settings(home=tmp_path / "home", policy_dir=folder)


@pytest.fixture
def store(settings: Settings) -> Any:
    settings.folder.mkdir(parents=True)
    opened = open_store(settings)
    yield opened
    opened.close()


def go_live(settings: Settings, store: Store, network: str) -> Network:
    """Make the folder's bundle, with these rules, live as a first start does."""
    assert settings.policy_dir is not None
    (settings.policy_dir / "network.yaml").write_text(network)
    return LiveBundle(settings, store, default_registry())().network


class Process:
    """`casemate broker`, and what it said."""

    def __init__(self, process: asyncio.subprocess.Process, socket: Path) -> None:
        self._process = process
        self.client = BrokerClient(socket=socket)
        self.said = b""

    async def ready(self) -> None:
        assert self._process.stdout is not None
        async with asyncio.timeout(READY_SECONDS):
            while b"broker_ready" not in self.said:
                line = await self._process.stdout.readline()
                assert line, self.said
                self.said += line

    async def end(self) -> int:
        """Told to stop, as by `docker stop`."""
        self._process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(READY_SECONDS):
            rest, _ = await self._process.communicate()
        self.said += rest
        assert self._process.returncode is not None
        return self._process.returncode


@asynccontextmanager
async def broker_process(settings: Settings) -> AsyncIterator[Process]:
    """A broker that answers."""
    started = await start(settings)
    broker = Process(started, settings.broker_socket_file)
    try:
        await broker.ready()
        yield broker
    finally:
        if started.returncode is None:
            started.kill()
            await started.communicate()


async def start(settings: Settings) -> asyncio.subprocess.Process:
    env = {name: value for name, value in os.environ.items() if not name.startswith("CASEMATE_")}
    env |= {"CASEMATE_HOME": str(settings.folder), "CASEMATE_POLICY_DIR": str(settings.policy_dir)}
    # What could lead requests elsewhere, were it heeded.
    env |= dict.fromkeys(("http_proxy", "https_proxy", "ALL_PROXY"), "http://127.0.0.1:1/")
    pipe, out = asyncio.subprocess.PIPE, asyncio.subprocess.STDOUT
    return await asyncio.create_subprocess_exec(sys.executable, "-m", "cli", "broker", env=env, stdout=pipe, stderr=out)


async def test_real_broker_reaches_nothing_inner_and_is_alone_on_its_socket(settings: Settings, store: Store) -> None:
    site = Site()
    server = await asyncio.start_server(site.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    network = go_live(settings, store, PERMITTED.replace("PORT", str(port)))
    async with server, broker_process(settings) as broker:
        client = broker.client
        assert (await client.status())["network"] == network.digest
        behalf = Behalf(ticket_id=TICKET, network=network, check=lambda _question: None)
        # Names are left out: here they would go to the resolver of the machine, which these tests leave alone.
        hosts = [host for host in SPELLINGS if "example" not in host]
        for begin in range(0, len(hosts), 10):
            ask = client.ask_for(TOOL, behalf)
            for host in hosts[begin : begin + 10]:
                for url in (f"http://{host}:{port}/", f"https://{host}/"):
                    assert "quota" not in (await ask({"kind": "http_get", "url": url}))["refused"], url
        assert site.connections == 0
        assert oct(settings.broker_socket_file.stat().st_mode)[-3:] == "600"
        second = await start(settings)
        said_by_second, _ = await second.communicate()
        assert second.returncode == 1
        assert b"Another network broker runs on this socket" in said_by_second
        assert await broker.end() == 0
    assert not settings.broker_socket_file.exists()
    said = broker.said.decode()
    assert "network_question" in said
    assert not any(host in said for host in SPELLINGS if len(host) > 8)


async def test_broker_that_starts_first_makes_nothing_live_and_asks_nothing(settings: Settings, store: Store) -> None:
    async with broker_process(settings) as broker:
        client = broker.client
        assert "No policy bundle is live yet" in (await client.status())["trouble"]
        with store.read() as tx:
            assert tx.bundles.live_hash() is None
        network = Network.model_validate({"tools": {"query_url": {"http_get": {"any_public": True}}}})
        ask = client.ask_for(TOOL, Behalf(ticket_id=None, network=network, check=lambda _question: None))
        assert "no rules to go by" in (await ask({"kind": "http_get", "url": "http://example.com/"}))["refused"]
        go_live(settings, store, "tools: {}\n")
        assert "trouble" not in await client.status()


def test_rules_are_those_of_the_live_bundle_and_of_no_last_good_one(settings: Settings, store: Store) -> None:
    from core.bundle_change import StoredBundle
    from core.errors import TriageError

    go_live(settings, store, PERMITTED.replace("PORT", "8080"))
    rules = NetworkRules(settings, store)
    assert rules().network.permits("query_url")
    broken = StoredBundle(
        hash="f" * 64, files={"actions.yaml": "no"}, author="test", reason="test", origin="files",
        created_at=store.clock.now(),
    )  # fmt: skip
    with store.begin() as tx:
        tx.bundles.lock()
        tx.bundles.keep(broken)
        tx.bundles.activate("f" * 64, kind="first", actor="test", reason="test")
    with pytest.raises(TriageError, match="does not load in this process"):
        rules(now=True)
