"""Fixtures every level of the suite shares."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from core.clock import FixedClock
from core.store.engine import Store
from core.vault import Keyring
from tests.servers import http_server, postgres_server, redis_server


@pytest.fixture
def clock() -> FixedClock:
    """A clock that a test moves by hand."""
    return FixedClock()


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    return Keyring.from_file(tmp_path / "master.key", create=True)


@pytest.fixture
def store(tmp_path: Path, clock: FixedClock, keyring: Keyring) -> Iterator[Store]:
    """A migrated SQLite store on the fixed clock."""
    opened = Store.open(f"sqlite:///{tmp_path / 'casemate.db'}", clock=clock, keyring=keyring)
    opened.migrate()
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL that this test process started."""
    with postgres_server() as url:
        yield url


@pytest.fixture(scope="session")
def redis() -> Iterator[str]:
    """The URL of a Redis that this test process started."""
    with redis_server() as url:
        yield url


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The playbook model on a loopback port, recording what it is sent; gives its URL and the record."""
    from serving.playbook import create_app

    record = tmp_path_factory.mktemp("model") / "requests.jsonl"
    with http_server(create_app(record=record)) as address:
        yield f"{address}/v1", record


@pytest.fixture
def postgres_url(postgres: str) -> str:
    """The URL of an empty database for one test."""
    import psycopg

    from core.ids import new_id

    name = new_id("ref")
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return postgres.rsplit("/", 1)[0] + f"/{name}"


@pytest.fixture(params=["sqlite", "postgresql"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path, clock: FixedClock, keyring: Keyring) -> Iterator[Store]:
    """The same test on both databases."""
    url = f"sqlite:///{tmp_path / 'any.db'}" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    opened = Store.open(url, clock=clock, keyring=keyring)
    opened.migrate()
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def log_of_its_own() -> Iterator[None]:
    """A test that sets up logging writes to a stream that closes with it; the next one must not log there."""
    yield
    structlog.reset_defaults()
