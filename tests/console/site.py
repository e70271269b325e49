"""The console over a copy of a triaged demo, served to a real browser."""

from __future__ import annotations

import shutil
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import argon2
import httpx2
from fastapi import FastAPI

from core.action import Proposal
from core.audit import AuditEvent
from core.clock import FixedClock
from core.identity import new_secret, secret_digest
from core.settings import Settings
from core.store.engine import Store
from gateway.app import create_app
from gateway.console.visit import csrf_token
from policies.masking.masker import Masker
from tests.bundles import live_of
from tests.servers import http_server
from tools.registry import default_registry
from workers.wiring import open_store

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

AUDIT = AuditEvent(action="test", actor="test")
#: Accounts of every site: name → roles. The password of each is `password_of(name)`.
PEOPLE = {
    "ana": ["analyst"],
    "abe": ["approver", "soc-lead"],
    "amy": ["approver", "soc-lead"],
    "ada": ["admin"],
    "adam": ["admin"],
    "aud": ["auditor"],
    "sue": ["submitter"],
}


def password_of(name: str) -> str:
    return f"correct horse battery {name}"


@cache
def _kept(name: str) -> str:
    """What is kept of a password: Argon2id as in the product, with less work, which the kept text itself says."""
    return argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(password_of(name))


@cache
def _trusted() -> ssl.SSLContext:
    """Consoles of tests speak plain HTTP; reading all the world's certificates for each client takes long."""
    return ssl.create_default_context()


@dataclass
class Site:
    """One console with a database of its own."""

    url: str
    app: FastAPI
    store: Store
    settings: Settings
    clock: FixedClock
    rung: list[str] = field(default_factory=list)

    def session_of(self, name: str) -> str:
        """The secret of a new session of this person."""
        secret = new_secret()
        with self.store.begin() as tx:
            user = tx.users.named(name)
            assert user is not None
            until = self.clock.now() + timedelta(hours=8)
            tx.sessions.start(digest=secret_digest(secret), user_id=user.id, expires_at=until, audit=AUDIT)
        return secret

    def sign_in(self, context: BrowserContext, name: str) -> str:
        """Put a person's session into a browser; gives its secret."""
        secret = self.session_of(name)
        context.add_cookies([{"name": "casemate", "value": secret, "url": self.url, "httpOnly": True}])
        return secret

    def client(self, name: str | None) -> httpx2.Client:
        """A client that behaves as this person's browser would; None is somebody who has not signed in."""
        headers = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
        cookies = {}
        if name is not None:
            secret = self.session_of(name)
            cookies, headers = {"casemate": secret}, {**headers, "X-CSRF-Token": csrf_token(secret)}
        return httpx2.Client(
            base_url=self.url, headers=headers, cookies=cookies, verify=_trusted(), trust_env=False, timeout=30
        )

    def waiting(self) -> list[Proposal]:
        """Proposals that wait for a person, oldest first."""
        with self.store.read() as tx:
            return tx.proposals.waiting()


@contextmanager
def site_over(demo: Path, folder: Path, clock: FixedClock, masker: Masker) -> Iterator[Site]:
    """A console over a copy of the home `demo`, at the moment of `clock`."""
    shutil.copytree(demo, folder, ignore=shutil.ignore_patterns("*.sock", "logs"))
    with process_over(Settings(home=folder), clock, masker, folder / "look") as made:
        yield made


@contextmanager
def another(site: Site) -> Iterator[Site]:
    """Another gateway process over the same database: nothing that is in memory is shared."""
    masker = site.app.state.parts.masker(None, None)
    with process_over(site.settings, site.clock, masker, site.settings.folder / "another") as made:
        yield made


@contextmanager
def process_over(settings: Settings, clock: FixedClock, masker: Masker, folder: Path) -> Iterator[Site]:
    """A gateway process over the home of `settings`."""
    store = open_store(settings, clock=clock)
    rung: list[str] = []
    live = live_of(store, folder)
    app = create_app(
        store=store,
        clock=clock,
        ring=rung.append,
        api_keys={},
        masker=lambda *_: masker,
        live=live,
        registry=default_registry(),
        settings=settings,
    )
    with http_server(app) as url:
        yield Site(url=url, app=app, store=store, settings=settings, clock=clock, rung=rung)
    store.close()


def add_people(store: Store) -> None:
    """The accounts of `PEOPLE`."""
    for name, roles in PEOPLE.items():
        with store.begin() as tx:
            tx.users.add(name, roles=roles, password_hash=_kept(name), audit=AUDIT)
