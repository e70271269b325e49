"""A gateway in this process, over a real store in a temporary folder."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from core.clock import FixedClock
from core.settings import ApiKey, ModelEndpoint
from core.store.engine import Store
from gateway.app import create_app
from policies.bundle import default_bundle_path, load_bundle
from policies.masking.opening import open_masker
from tests.bundles import live_of
from tools.registry import default_registry
from workers.live import LiveBundle

#: Callers of the tests: name → roles; the key is the name with "-key".
CALLERS = {
    "siem": ["submitter"],
    "ana": ["analyst"],
    "abe": ["approver", "soc-lead"],
    "amy": ["approver", "soc-lead"],
    "ada": ["admin"],
    "adam": ["admin"],
    "adele": ["admin"],
    "aud": ["auditor"],
    "nobody": [],
}


@dataclass
class Gateway:
    """The application under test, what it rang for, and a client for each caller."""

    store: Store
    clock: FixedClock
    path: Path
    rung: list[str] = field(default_factory=list)
    max_request: int = 1_000_000
    chain: tuple[ModelEndpoint, ...] = ()

    @cached_property
    def live(self) -> LiveBundle:
        return live_of(self.store, self.path)

    def as_caller(self, name: str | None) -> TestClient:
        app = create_app(
            store=self.store,
            clock=self.clock,
            ring=self.rung.append,
            api_keys={
                who: ApiKey(key_sha256=hashlib.sha256(f"{who}-key".encode()).hexdigest(), roles=roles)
                for who, roles in CALLERS.items()
            },
            masker=lambda *_: open_masker(load_bundle(default_bundle_path())),
            live=self.live,
            registry=default_registry(),
            max_request=self.max_request,
            chain=self.chain,
        )
        headers = {"Authorization": f"Bearer {name}-key"} if name else {}
        return TestClient(app, headers=headers, raise_server_exceptions=False)


@pytest.fixture
def gateway(store: Store, clock: FixedClock, tmp_path: Path) -> Gateway:
    return Gateway(store=store, clock=clock, path=tmp_path)


def ticket(**changes: object) -> dict[str, object]:
    """A ticket as a sender writes it."""
    plain = {"source": "siem", "external_id": "A-1", "title": "Odd mail", "body": "Please look at this."}
    return {**plain, **changes}
